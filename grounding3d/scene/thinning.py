"""Merging of the layers that depth noise spreads a surface over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grounding3d.geometry.pointcloud import voxel_keys
from grounding3d.scene.accumulator import COLUMNS, NORMAL, WEIGHT, VoxelRows
from grounding3d.scene.voxels import VoxelTable

_SAME_NORMAL = 0.7  # cosine
_BESIDE = 0.6  # voxels along the surface within which two surfels are one
_REACH_SIGMAS = 2.5  # of the depth noise, within which layers are one surface
_MAX_REACH = 5  # voxels
_CHAIN = 4  # rounds of following a surfel to the stronger one: chains of 2^4


def merge_layers(rows: VoxelRows, voxel_size_m: float, sigma_m: np.ndarray) -> VoxelRows:
    """Merge each surfel into the strongest one in front of or behind it, within the noise.

    Noise of more than a voxel spreads a surface over several layers of voxels, each a mean of its
    own slice. Merged, the position is the weighted mean of all of them again. Opposite sides of a
    thin thing have opposite normals and stay apart.

    Args:
        rows: voxels with distinct mean positions.
        voxel_size_m: their edge.
        sigma_m: [N] standard deviation of one depth measurement of each.

    Returns:
        New rows, a subset of the old in their order, with the sums of those merged into them.
    """
    if len(rows) == 0:
        return rows
    positions = rows.positions
    normals = rows.sums[:, NORMAL]
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True).clip(1e-12)
    table = VoxelTable()
    at = table.find_or_add(voxel_keys(positions, voxel_size_m))
    row_of = np.zeros(len(table), np.int64)
    row_of[at] = np.arange(len(rows))
    target = np.arange(len(rows))
    weight = rows.sums[:, WEIGHT].copy()  # in one piece in memory
    strength = weight.copy()
    reach = np.clip(np.ceil(_REACH_SIGMAS * sigma_m / voxel_size_m), 1, _MAX_REACH)
    for step in (s * side for s in range(1, _MAX_REACH + 1) for side in (-1, 1)):
        mine = np.flatnonzero(reach >= abs(step))
        beyond = positions[mine] + step * voxel_size_m * normals[mine]
        other = table.find(voxel_keys(beyond, voxel_size_m))
        mine, theirs = mine[other >= 0], row_of[other[other >= 0]]
        stronger = weight[theirs] > strength[mine]  # strictly: no two swap
        mine, theirs = mine[stronger], theirs[stronger]
        gap = positions[theirs] - positions[mine]
        along = np.einsum("ij,ij->i", gap, normals[mine])
        beside2 = np.einsum("ij,ij->i", gap, gap) - along**2
        use = np.einsum("ij,ij->i", normals[theirs], normals[mine]) > _SAME_NORMAL
        use &= beside2 < (_BESIDE * voxel_size_m) ** 2
        target[mine[use]] = theirs[use]
        strength[mine[use]] = weight[theirs[use]]
    for _ in range(_CHAIN):
        target = target[target]
    return _merged(rows, target)


def _merged(rows: VoxelRows, target: np.ndarray) -> VoxelRows:
    n = len(rows)
    keep = np.zeros(n, bool)
    keep[target] = True
    sums = np.stack(
        [np.bincount(target, rows.sums[:, column], n)[keep] for column in range(COLUMNS)], axis=1
    )
    views = rows.views.copy()
    np.maximum.at(views, target, rows.views)
    return replace(rows.select(keep), sums=sums, views=views[keep])
