"""Fewer, larger discs where a surface is flat and of one colour.

A wall needs no disc every centimetre. Discs in one cell of a grid become one when they lie in a
plane and look alike; then again in cells of twice the edge. What is merged has the members' common
mean and covariance, so the surface stays where it was measured.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grounding3d.geometry.pointcloud import voxel_keys
from grounding3d.geometry.transforms import matrix_from_wxyz, wxyz_from_matrix
from grounding3d.scene.base import Gaussians

_ALIKE = 0.03  # standard deviation of a colour channel in a cell
_FLAT = 0.1  # standard deviation off the plane, in edges of the cell
_WIDEN = 1.44  # a square's standard deviation times this covers the space to its neighbours
_PARALLEL = 0.98  # mean cosine between normals of a cell


def coarsened(
    discs: Gaussians, anchor: np.ndarray, voxel_size_m: float, levels: int
) -> tuple[Gaussians, np.ndarray]:
    """Merge discs `levels` times, in cells of 2, 4, ... voxels.

    Args:
        discs: fused surfels, without view-dependent colour.
        anchor: [N] keyframe of each.

    Returns:
        Discs and anchors, those that stay before those that were made.
    """
    for level in range(1, levels + 1):
        discs, anchor = _merge(discs, anchor, voxel_size_m * 2**level)
    return discs, anchor


def _merge(discs: Gaussians, anchor: np.ndarray, edge_m: float) -> tuple[Gaussians, np.ndarray]:
    if len(discs) == 0:
        return discs, anchor
    _, first, cell, count = np.unique(
        voxel_keys(discs.means.astype(np.float64), edge_m),
        return_index=True, return_inverse=True, return_counts=True,
    )  # fmt: skip
    cell, n = cell.ravel(), len(count)

    def mean(values: np.ndarray) -> np.ndarray:
        flat = values.reshape(len(values), -1).astype(np.float64)
        sums = np.stack([np.bincount(cell, column, n) for column in flat.T], axis=1)
        return (sums / count[:, None]).reshape(n, *values.shape[1:])

    normals = discs.normals.astype(np.float64)
    normals *= np.sign(np.einsum("ij,ij->i", normals, normals[first][cell]))[:, None]
    normal = mean(normals)
    parallel = np.linalg.norm(normal, axis=1)
    centre = mean(discs.means)
    offset = discs.means - centre[cell]
    R = matrix_from_wxyz(discs.wxyz)
    own = np.einsum("nij,nj,nkj->nik", R, np.square(discs.scales.astype(np.float64)), R)
    covariance = mean(own + offset[:, :, None] * offset[:, None, :])
    colour = mean(discs.rgb)
    spread = np.sqrt(mean(np.square(discs.rgb - colour[cell])).max(axis=1))
    variances, axes = np.linalg.eigh(covariance)
    off_plane = np.sqrt(mean(np.square(np.einsum("ni,ni->n", offset, axes[cell, :, 0]))[:, None]))
    good = (count > 2) & (parallel > _PARALLEL) & (spread < _ALIKE)
    good &= off_plane[:, 0] < _FLAT * edge_m
    axes = axes[:, :, ::-1].copy()  # the thin axis last
    axes[:, :, 0] *= np.sign(np.linalg.det(axes))[:, None]
    stay = ~good[cell]
    made = Gaussians(
        means=centre[good].astype(np.float32),
        wxyz=wxyz_from_matrix(axes[good]).astype(np.float32).reshape(-1, 4),
        scales=(np.sqrt(np.maximum(variances[good][:, ::-1], 1e-10)) * (_WIDEN, _WIDEN, 1)).astype(
            np.float32
        ),
        opacities=mean(discs.opacities[:, None])[good, 0].astype(np.float32),
        sh0=mean(discs.sh0)[good].astype(np.float32),
        shN=np.zeros((int(good.sum()), discs.shN.shape[1], 3), np.float32),
    )
    kept = discs.select(stay)
    both = {k: np.concatenate([v, vars(made)[k]]) for k, v in vars(kept).items()}
    return replace(kept, **both), np.concatenate([anchor[stay], anchor[first[good]]])
