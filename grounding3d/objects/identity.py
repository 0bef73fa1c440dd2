"""Object ids that stay with the thing from one map to the next."""

from __future__ import annotations

import numpy as np

from grounding3d.fusion.base import FusedSegment
from grounding3d.fusion.memo import Memo
from grounding3d.fusion.nearness import near_share
from grounding3d.geometry.pointcloud import bounds
from grounding3d.objects.base import ObjectMap

_NEAR_M = 0.02
_FEW = 1000  # points that tell how much of a thing lies in another


def assign_ids(
    fused: list[FusedSegment], previous: ObjectMap | None, same_share: float, memo: Memo
) -> tuple[dict[int, int], int]:
    """Object ids for fused segments: that of the overlapping object of `previous`, else a new one.

    Returns:
        fused id -> object id, and the smallest id never given.
    """
    next_id = previous.next_id if previous is not None else 1
    pairs = []
    low, high = _bounds([segment.points for segment in fused], memo)
    for item in previous or ():
        if not len(item.points) or not fused:
            continue
        least, most = memo.recall(bounds, item.points)
        meeting = np.flatnonzero(((low <= most + _NEAR_M) & (high >= least - _NEAR_M)).all(axis=1))
        for segment in (fused[n] for n in meeting if fused[n].kind == item.kind):
            unchanged = segment.points is item.points
            few = memo.recall(_some, segment.points)
            share = 1.0 if unchanged else near_share(few, item.points, _NEAR_M, memo)
            pairs.append((share, segment.id, item.id))
    ids: dict[int, int] = {}
    given: set[int] = set()
    for share, segment_id, object_id in sorted(pairs, key=lambda p: (-p[0], p[2], p[1])):
        if share >= same_share and segment_id not in ids and object_id not in given:
            ids[segment_id] = object_id
            given.add(object_id)
    for segment in fused:
        if segment.id not in ids:
            ids[segment.id] = next_id
            next_id += 1
    return ids, next_id


def _some(points: np.ndarray) -> np.ndarray:
    return points[:: max(1, len(points) // _FEW)]


def _bounds(clouds: list[np.ndarray], memo: Memo) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest coordinates [n,3] of clouds that have points."""
    low, high = (
        np.array([memo.recall(bounds, cloud) for cloud in clouds]).reshape(-1, 2, 3).swapaxes(0, 1)
    )
    return low, high
