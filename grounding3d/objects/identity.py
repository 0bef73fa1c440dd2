"""Object ids that stay with the thing from one map to the next."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from grounding3d.fusion.base import FusedSegment
from grounding3d.objects.base import MapObject, ObjectMap

_NEAR_M = 0.02


def assign_ids(
    fused: list[FusedSegment], previous: ObjectMap | None, same_share: float
) -> tuple[dict[int, int], int]:
    """Object ids for fused segments: that of the overlapping object of `previous`, else a new one.

    Returns:
        fused id -> object id, and the smallest id never given.
    """
    next_id = previous.next_id if previous is not None else 1
    pairs = []
    for item in previous or ():
        tree = cKDTree(item.points) if len(item.points) else None
        for segment in fused:
            if tree is not None and segment.kind == item.kind and _boxes_meet(segment, item):
                near = tree.query(segment.points, distance_upper_bound=_NEAR_M)[0]
                pairs.append((float(np.isfinite(near).mean()), segment.id, item.id))
    ids: dict[int, int] = {}
    for share, segment_id, object_id in sorted(pairs, key=lambda p: (-p[0], p[2], p[1])):
        if share >= same_share and segment_id not in ids and object_id not in ids.values():
            ids[segment_id] = object_id
    for segment in fused:
        if segment.id not in ids:
            ids[segment.id] = next_id
            next_id += 1
    return ids, next_id


def _boxes_meet(segment: FusedSegment, item: MapObject) -> bool:
    low, high = item.points.min(axis=0) - _NEAR_M, item.points.max(axis=0) + _NEAR_M
    return bool(
        (segment.points.min(axis=0) <= high).all() and (segment.points.max(axis=0) >= low).all()
    )
