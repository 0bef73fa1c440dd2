"""Merging of the layers that depth noise spreads a surface over."""

from __future__ import annotations

import numpy as np

from grounding3d.geometry.pointcloud import voxel_keys
from grounding3d.scene.accumulator import COLUMNS, NORMAL, WEIGHT, VoxelRows
from grounding3d.scene.voxels import VoxelTable

_SAME_NORMAL = 0.7  # cosine
_BESIDE = 0.6  # voxels along the surface within which two surfels are one
_CHAIN = 3  # rounds of following a surfel to the stronger one: 2^3 layers


def merge_layers(rows: VoxelRows, voxel_size_m: float) -> VoxelRows:
    """Merge each surfel into a stronger one in the voxel in front of or behind it.

    Noise of more than a voxel spreads a surface over several layers of voxels, each a mean of its
    own slice. Merged, the position is the weighted mean of all of them again. Opposite sides of a
    thin thing have opposite normals and stay apart.

    Args:
        rows: voxels with distinct mean positions.
        voxel_size_m: their edge.

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
    strength = rows.sums[:, WEIGHT].copy()
    for side in (-1.0, 1.0):
        beyond = voxel_keys(positions + side * voxel_size_m * normals, voxel_size_m)
        other = table.find(beyond)
        mine = np.flatnonzero(other >= 0)
        theirs = row_of[other[mine]]
        gap = positions[theirs] - positions[mine]
        along = np.einsum("ij,ij->i", gap, normals[mine])
        beside2 = np.einsum("ij,ij->i", gap, gap) - along**2
        agree = np.einsum("ij,ij->i", normals[theirs], normals[mine]) > _SAME_NORMAL
        agree &= beside2 < (_BESIDE * voxel_size_m) ** 2
        use = agree & (rows.sums[theirs, WEIGHT] > strength[mine])  # strictly: no two swap
        target[mine[use]] = theirs[use]
        strength[mine[use]] = rows.sums[theirs[use], WEIGHT]
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
    return VoxelRows(sums, views[keep], rows.misses[keep], rows.best[keep], rows.anchor[keep])
