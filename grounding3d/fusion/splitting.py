"""Cutting point sets: connected clusters, and a track that several masks divide."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from grounding3d.fusion.tracks import Track
from grounding3d.fusion.voxels import VoxelHistogram
from grounding3d.geometry.pointcloud import bounds

_MAX_GRID_CELLS = 8_000_000


def connected(
    points: np.ndarray, weights: np.ndarray, cell_m: float, min_share: float
) -> np.ndarray:
    """Which points belong to a large 26-connected cluster of cells.

    Args:
        points: [n,3] metres.
        weights: [n] weight of each.
        cell_m: grid, metres; clusters further apart than two cells are told apart.
        min_share: weight a cluster needs as a share of the heaviest one's; 1 keeps that one only.

    Returns:
        [n] bool.
    """
    index = np.floor(points / cell_m).astype(np.int64)
    low, high = bounds(index)
    index -= low
    shape = high - low + 1
    if shape.prod() > _MAX_GRID_CELLS:  # a plane that crosses a hall; nothing to gain there
        return np.ones(len(points), bool)
    grid = np.zeros(shape, bool)
    grid[tuple(index.T)] = True
    labels, n = ndimage.label(grid, structure=np.ones((3, 3, 3)))
    label = labels[tuple(index.T)]
    weight = np.bincount(label, weights=weights, minlength=n + 1)
    return (weight >= min_share * weight.max())[label]


def nearest_label(points: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Give points [n,3] without a label (-1) that of the nearest point with one."""
    known = label >= 0
    if known.all() or not known.any():
        return label
    label = label.copy()
    _, at = cKDTree(points[known]).query(points[~known])
    label[~known] = label[known][at]
    return label


def split_voxels(track: Track, segments: list[VoxelHistogram], min_points: int) -> list[np.ndarray]:
    """Divide a track's voxels among segments of one frame that lie in it.

    Args:
        track: the track.
        segments: voxels of each segment.
        min_points: a part needs this many voxels that no other segment claims.

    Returns:
        One [n] bool row mask a part, largest first; fewer than two where the segments do not divide
        it.
    """
    near = np.stack([segment.near(track.voxels)[1] for segment in segments])
    alone = near & (near.sum(axis=0) == 1)
    real = alone.sum(axis=1) >= min_points
    label = np.full(len(track.voxels), -1)
    for n in np.flatnonzero(real):
        label[alone[n]] = n
    label = nearest_label(track.points, label)
    parts = [label == n for n in np.flatnonzero(real)]
    return sorted(parts, key=lambda rows: -int(rows.sum()))
