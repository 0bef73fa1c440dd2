"""Language features of Gaussians, taken from the things they lie on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from scipy.spatial import cKDTree

from grounding3d.errors import ArrayError
from grounding3d.fusion.base import NO_CODE, GaussianFeatures
from grounding3d.geometry.pointcloud import bounds, in_bounds
from grounding3d.scene.base import Scene

_SLOTS = 2
_REACH_M = 0.02
_SURE_VIEWS = 5  # half the confidence at this many views


class Thing(Protocol):
    """What a Gaussian can lie on: a map object, or anything with its points and vector."""

    @property
    def points(self) -> np.ndarray: ...

    @property
    def embedding(self) -> np.ndarray: ...

    @property
    def n_views(self) -> int: ...


def gaussian_features(
    scene: Scene, things: Iterable[Thing], reach_m: float = _REACH_M
) -> GaussianFeatures:
    """Codes of the nearest things: the codebook is their embeddings, in the order they come.

    A Gaussian within `reach_m` of two things, as at a mug's foot, carries both, the nearer one
    heavier.

    Args:
        scene: N Gaussians.
        things: K things with points [n,3], embedding [D] and number of views.
        reach_m: farthest a Gaussian may be from a thing's observed points, metres.

    Raises:
        ArrayError: more things than 16-bit codes can name.
    """
    things = list(things)
    n = len(scene.gaussians)
    if len(things) >= NO_CODE:
        raise ArrayError("too many things for 16-bit codes", found=str(len(things)))
    codes = np.full((n, _SLOTS), NO_CODE, np.uint16)
    weights = np.zeros((n, _SLOTS), np.float16)
    confidence = np.zeros(n, np.float16)
    codebook = [t.embedding for t in things]
    if not things:
        return GaussianFeatures(np.zeros((0, 0), np.float16), codes, weights, confidence)
    distance = _nearest_two(scene.gaussians.means, things, reach_m)
    for k, (gap, code) in enumerate(distance):
        found = np.isfinite(gap)
        codes[found, k] = code[found]
        weights[found, k] = 1 - 0.5 * gap[found] / reach_m
    total = weights.sum(axis=1, dtype=np.float32)
    weights = (weights / np.maximum(total, 1e-6)[:, None]).astype(np.float16)
    views = np.array([t.n_views for t in things], np.float32)
    first = codes[:, 0] != NO_CODE
    sure = views / (views + _SURE_VIEWS)
    confidence[first] = sure[codes[first, 0]]
    return GaussianFeatures(np.stack(codebook).astype(np.float16), codes, weights, confidence)


def _nearest_two(
    means: np.ndarray, things: list[Thing], reach_m: float
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(distance [N], inf where none; thing [N]) of the nearest and of the second nearest thing."""
    best = [(np.full(len(means), np.inf), np.zeros(len(means), np.int64)) for _ in range(_SLOTS)]
    for code, thing in enumerate(things):
        # a thing that was never encoded has no language to give
        if not len(thing.points) or not np.any(thing.embedding):
            continue
        low, high = bounds(thing.points)
        rows = np.flatnonzero(in_bounds(means, low - reach_m, high + reach_m))
        gap = np.asarray(cKDTree(thing.points).query(means[rows], distance_upper_bound=reach_m)[0])
        (gap1, code1), (gap2, code2) = best
        closer = gap < gap1[rows]
        second = ~closer & (gap < gap2[rows])
        r, s = rows[closer], rows[second]
        gap2[r], code2[r] = gap1[r], code1[r]
        gap1[r], code1[r] = gap[closer], code
        gap2[s], code2[s] = gap[second], code
    return best
