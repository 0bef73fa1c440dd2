"""Feet that masks gave to the wrong thing: the ring around a mug that stands on a book.

Where a thing stands on a flat one, noise hides for a centimetre or two which of them a pixel is of,
so that masks give the foot to what is below in every view and no vote over views can undo it. The
shape can: what is below is a level slab, and what rises over its top, close to something that
stands there, is the foot of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from grounding3d.fusion.base import FusedSegment
from grounding3d.fusion.memo import Memo
from grounding3d.geometry.pointcloud import bounds, in_bounds

_BIN_M = 0.004
_LAYER_M = 0.008  # half the thickness of a level layer of noisy points
_LEVEL_SHARE = 0.4  # of a slab's points lie in its top layer, or
_LEVEL_PEAK = 4.0  # times as many as in other layers, as on a tall box
_FOOT_SHARE = 0.25  # of what rises over a slab is near what stands there: a plate's rim is not
_LEAKED_SHARE = 0.35  # of a slab's points may be others' feet
_RING_M = 0.02  # masks leak this far around a foot
_START_M = 0.06  # over the slab, at most, lie the lowest points that a thing has got of its own
_FOOT_M = 0.03  # most of what leaks is lower; a tissue is taller, and of the box it sticks out of
_MOST = 0.8
_ON_SHARE = 0.5  # of a standing thing's points lie over the slab


def return_feet(
    fused: Sequence[FusedSegment], up_world: np.ndarray, memo: Memo | None = None
) -> list[FusedSegment]:
    """Give points of flat things that are the feet of things standing on them to those things.

    Args:
        fused: things; only objects give and take.
        up_world: direction against gravity.
        memo: what was worked out for the map before.

    Returns:
        The things in the same order; those concerned with other points, counts and colours.
    """
    memo = Memo() if memo is None else memo
    things = list(fused)
    objects = [n for n, s in enumerate(things) if s.kind == "object" and len(s.points) >= 8]
    if len(objects) < 2:
        return things
    boxes = [memo.recall(bounds, things[n].points) for n in objects]
    low, high = np.array(boxes).swapaxes(0, 1)
    low, high = low - _RING_M, high + _RING_M
    for row, slab in enumerate(objects):
        meets = (low <= high[row]).all(axis=1) & (high >= low[row]).all(axis=1)
        meets[row] = False
        if not meets.any():
            continue
        top = memo.recall(_top, things[slab].points, up_world)
        if top is None:
            continue
        for n in np.flatnonzero(meets):
            standing = objects[n]
            giver, taker = _Cloud.of(things[slab]), _Cloud.of(things[standing])
            foot = memo.recall(_foot, giver.points, giver.counts, taker.points, up_world, top)
            if foot.any():
                moved = memo.recall(_move, foot, *vars(giver).values(), *vars(taker).values())
                things[slab], things[standing] = (
                    replace(thing, **vars(cloud))
                    for thing, cloud in zip((things[slab], things[standing]), moved, strict=True)
                )
    return things


@dataclass(frozen=True, eq=False)
class _Cloud:
    """Points, how often each was seen, and colours of a thing."""

    points: np.ndarray
    counts: np.ndarray
    rgb: np.ndarray

    @classmethod
    def of(cls, thing: FusedSegment) -> _Cloud:
        return cls(thing.points, thing.counts, thing.rgb)


def _top(points: np.ndarray, up: np.ndarray) -> float | None:
    return top_layer(points @ up)


def top_layer(heights: np.ndarray) -> float | None:
    """Height of the level layer that holds most of a slab's points; None for what is no slab."""
    lowest = float(heights.min())
    bins = ((heights - lowest) / _BIN_M).astype(np.int64)
    count = np.bincount(bins)
    around = np.convolve(count, np.ones(3), "same")
    middle = lowest + (int(around.argmax()) + 0.5) * _BIN_M
    level = np.abs(heights - middle) <= _LAYER_M
    above = heights > middle + _LAYER_M
    peak = around.max() / max(1.0, 3 * float(np.median(count[count > 0])))
    if above.mean() > _LEAKED_SHARE or (level.mean() < _LEVEL_SHARE and peak < _LEVEL_PEAK):
        return None
    return float(np.median(heights[level]))


def _foot(
    slab: np.ndarray, counts: np.ndarray, standing: np.ndarray, up: np.ndarray, top: float
) -> np.ndarray:
    """[n] bool: points of a slab that belong to a thing that stands on it."""
    heights = slab @ up
    rising = heights > top + _LAYER_M
    if not rising.any() or not _stands_on(slab, standing, up, top):
        return np.zeros(len(slab), bool)
    level = np.eye(3) - np.outer(up, up)
    near, _ = cKDTree(standing @ level).query(slab[rising] @ level, distance_upper_bound=_RING_M)
    foot = np.isfinite(near)
    low = heights[rising][foot] <= top + _FOOT_M
    often = counts[rising][foot]
    is_foot = foot.mean() >= _FOOT_SHARE and often[low].sum() >= _MOST * often.sum()
    rising[rising] = foot & bool(is_foot)
    return rising


def _stands_on(slab: np.ndarray, standing: np.ndarray, up: np.ndarray, top: float) -> bool:
    """Whether a thing starts about where a slab ends, over it."""
    heights = standing @ up
    start = float(np.percentile(heights, 2))
    if not -_RING_M <= start - top <= _START_M or np.median(heights) < top:
        return False
    level = np.eye(3) - np.outer(up, up)
    surface = slab[np.abs(slab @ up - top) <= _LAYER_M] @ level
    # the slab is hidden where the thing stands, so its outline counts
    flat = standing @ level
    low, high = bounds(surface)
    inside = in_bounds(flat, low - _LAYER_M, high + _LAYER_M)
    return bool(inside.mean() >= _ON_SHARE)


def _move(rows: np.ndarray, *of_both: np.ndarray) -> tuple[_Cloud, _Cloud]:
    """Giver's and taker's clouds after the giver's points at the boolean `rows` have moved."""
    giver, taker = of_both[:3], of_both[3:]
    kept = _Cloud(*(array[~rows] for array in giver))
    joined = [np.concatenate([t, g[rows]]) for t, g in zip(taker, giver, strict=True)]
    return kept, _Cloud(*joined)
