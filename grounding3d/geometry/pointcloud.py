"""Small operations on point clouds: voxel keys, averages per voxel, plane fits."""

from __future__ import annotations

import numpy as np

from grounding3d.errors import ArrayError

_BITS = 21  # three signed 21-bit indices fit one int64
_HALF = 1 << (_BITS - 1)


def bounds(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest coordinates [3], [3] of points [N,3], N > 0.

    Axis by axis: reductions along the first axis of a narrow array take many times as long.
    """
    axes = points.T
    return np.array([x.min() for x in axes]), np.array([x.max() for x in axes])


def in_bounds(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """[N] bool: points [N,D] with low <= point <= high on every axis; limits [D] or a number."""
    low, high = (np.broadcast_to(limit, points.shape[1:]) for limit in (low, high))
    inside = np.ones(len(points), bool)
    for x, least, most in zip(points.T, low, high, strict=True):
        inside &= (x >= least) & (x <= most)
    return inside


def voxel_keys(points: np.ndarray, voxel_size_m: float) -> np.ndarray:
    """One int64 key a voxel for points [N,3]; equal keys mean the same voxel.

    Raises:
        ArrayError: a point lies further than 2^20 voxels from the origin, or is not finite.
    """
    farthest = np.abs(points).max(initial=0.0)
    if not farthest < (_HALF - 1) * voxel_size_m:  # NaN comes here too
        raise ArrayError(
            "a point is too far from the world's origin for the voxel grid",
            expected=f"within {(_HALF - 1) * voxel_size_m:.0f} m",
            found=f"{farthest:.0f} m",
            hint="Coordinates so far away would be rounded. Take a nearer frame as the world "
            "(--world-frame odom), or subtract an offset from all poses and add it to the answers.",
        )
    index = np.floor(points / voxel_size_m).astype(np.int64)
    index += _HALF
    return (index[:, 0] << (2 * _BITS)) | (index[:, 1] << _BITS) | index[:, 2]


def voxel_centers(keys: np.ndarray, voxel_size_m: float) -> np.ndarray:
    """Centres [N,3] of the voxels with these keys."""
    mask = (1 << _BITS) - 1
    index = np.stack([keys >> (2 * _BITS), (keys >> _BITS) & mask, keys & mask], axis=-1)
    return (index - _HALF + 0.5) * voxel_size_m


def voxel_downsample(points: np.ndarray, voxel_size_m: float) -> np.ndarray:
    """Mean point [M,3] of each occupied voxel, ordered by key."""
    _, inverse, counts = np.unique(
        voxel_keys(points, voxel_size_m), return_inverse=True, return_counts=True
    )
    sums = np.stack(
        [np.bincount(inverse, weights=points[:, axis], minlength=len(counts)) for axis in range(3)],
        axis=-1,
    )
    return sums / counts[:, None]


def fit_plane(points: np.ndarray) -> np.ndarray:
    """Least-squares plane [4] through points [N,3]: unit normal n and offset d with n.p + d = 0."""
    center = points.mean(axis=0)
    spread = points - center
    normal = np.linalg.eigh(spread.T @ spread)[1][:, 0]
    return np.append(normal, -normal @ center)
