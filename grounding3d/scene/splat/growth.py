"""What new frames change of a set of Gaussians that is already being trained."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from grounding3d.scene.base import Gaussians

_SAME_VOXELS = 1.0  # a surfel moves less than this when new frames sharpen its mean
_NEAR_VOXELS = 2.0  # a trained Gaussian this near a surfel stands for it


@dataclass(frozen=True, eq=False)
class Growth:
    """Rows of trained Gaussians that stay, and rows of surfels that come in.

    Attributes:
        keep: indices into the trained Gaussians.
        fresh: indices into the new surfels.
    """

    keep: np.ndarray
    fresh: np.ndarray


def growth(trained: np.ndarray, before: np.ndarray, now: np.ndarray, voxel_size_m: float) -> Growth:
    """Compare the surfels that training started from with those there are now.

    Surfels where there were none come in. Gaussians whose surfels have vanished, because later
    frames look through them, go.

    Args:
        trained: [N,3] means of the Gaussians in training.
        before: [B,3] surfels that they come from.
        now: [S,3] surfels now.
    """
    everything = np.arange(len(trained))
    if len(before) == 0:
        return Growth(everything, np.arange(len(now)))
    known, _ = cKDTree(before).query(now, distance_upper_bound=_SAME_VOXELS * voxel_size_m)
    fresh = np.flatnonzero(~np.isfinite(known))
    if len(now) == 0:
        return Growth(everything, fresh)
    still, _ = cKDTree(now).query(before, distance_upper_bound=_SAME_VOXELS * voxel_size_m)
    gone = ~np.isfinite(still)
    if not gone.any():
        return Growth(everything, fresh)
    _, source = cKDTree(before).query(trained, distance_upper_bound=_NEAR_VOXELS * voxel_size_m)
    leaves = np.append(gone, False)[source]
    return Growth(np.flatnonzero(~leaves), fresh)


def joined(a: Gaussians, b: Gaussians) -> Gaussians:
    """One after the other; the lower degree of colour is filled up with zeros."""
    count = max(a.shN.shape[1], b.shN.shape[1])
    parts = [replace(g, shN=_filled(g.shN, count)) for g in (a, b)]
    names = vars(a)
    return Gaussians(**{n: np.concatenate([vars(part)[n] for part in parts]) for n in names})


def _filled(shN: np.ndarray, count: int) -> np.ndarray:
    return np.pad(shN, ((0, 0), (0, count - shN.shape[1]), (0, 0)))
