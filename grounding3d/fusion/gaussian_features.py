"""Language features of Gaussians, taken from the things they lie on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from scipy.spatial import cKDTree

from grounding3d.errors import ArrayError
from grounding3d.fusion.base import NO_CODE, GaussianFeatures
from grounding3d.fusion.memo import Memo
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
    scene: Scene,
    things: Iterable[Thing],
    reach_m: float = _REACH_M,
    memo: Memo | None = None,
) -> GaussianFeatures:
    """Codes of the nearest things: the codebook is their embeddings, in the order they come.

    A Gaussian within `reach_m` of two things, as at a mug's foot, carries both, the nearer one
    heavier.

    Args:
        scene: N Gaussians.
        things: K things with points [n,3], embedding [D] and number of views.
        reach_m: farthest a Gaussian may be from a thing's observed points, metres.
        memo: what was worked out for the map before.

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
    memo = Memo() if memo is None else memo
    distance = _nearest_two(scene.gaussians.means, things, reach_m, memo)
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
    means: np.ndarray, things: list[Thing], reach_m: float, memo: Memo
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(distance [N], inf where none; thing [N]) of the nearest and of the second nearest thing."""
    best = [(np.full(len(means), np.inf), np.zeros(len(means), np.int64)) for _ in range(_SLOTS)]
    (gap1, code1), (gap2, code2) = best
    around = _Slabs(means)
    for code, thing in enumerate(things):
        # a thing that was never encoded has no language to give
        if not len(thing.points) or not np.any(thing.embedding):
            continue
        low, high = memo.recall(bounds, thing.points)
        rows = around.within(low - reach_m, high + reach_m)
        tree = memo.recall(cKDTree, thing.points)
        # as bytes, Gaussians that are where they were are the same
        gap = memo.recall(_gaps, tree, means[rows].tobytes(), means.dtype.str, reach_m)
        closer = gap < gap1[rows]
        second = ~closer & (gap < gap2[rows])
        r, s = rows[closer], rows[second]
        gap2[r], code2[r] = gap1[r], code1[r]
        gap1[r], code1[r] = gap[closer], code
        gap2[s], code2[s] = gap[second], code
    return best


def _gaps(tree: cKDTree, means: bytes, dtype: str, reach_m: float) -> np.ndarray:
    """Distances [n] of points, given as bytes, to the nearest of a thing's; inf beyond reach."""
    points = np.frombuffer(means, dtype).reshape(-1, 3)
    return np.asarray(tree.query(points, distance_upper_bound=reach_m)[0])


class _Slabs:
    """Points [N,3] in order of x, so that of most of them it need not be asked where they are."""

    def __init__(self, points: np.ndarray) -> None:
        self._order = np.argsort(points[:, 0], kind="stable")
        self._points = points[self._order]
        self._x = np.ascontiguousarray(self._points[:, 0])

    def within(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Rows of the points in a box, ascending."""
        first, last = np.searchsorted(self._x, low[0]), np.searchsorted(self._x, high[0], "right")
        slab = slice(int(first), int(last))
        inside = in_bounds(self._points[slab, 1:], low[1:], high[1:])
        return np.sort(self._order[slab][inside])
