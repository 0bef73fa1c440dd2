"""From fused segments to the object map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grounding3d.features.base import Vocabulary
from grounding3d.features.vocabulary import FLOOR_NOUNS, RAISED_NOUNS
from grounding3d.fusion.base import FusedSegment
from grounding3d.geometry.boxes import OBB
from grounding3d.objects.base import MapObject, ObjectMap
from grounding3d.objects.config import ObjectConfig
from grounding3d.objects.covariance import center_covariance
from grounding3d.objects.embedding import keep_nouns, nearest_noun, robust_mean
from grounding3d.objects.extent import height_range, observed_box, with_bottom
from grounding3d.objects.feet import return_feet
from grounding3d.objects.identity import assign_ids
from grounding3d.objects.support import Carrier, carrier_of, floor_under, is_leg
from grounding3d.scene.base import Keyframe, Scene

_FOOT_SHARE = 0.3  # of a low thing's height, at most this is taken for its support's surface


def build_objects(
    fused: Sequence[FusedSegment],
    scene: Scene,
    config: ObjectConfig | None = None,
    vocabulary: Vocabulary | None = None,
    previous: ObjectMap | None = None,
) -> ObjectMap:
    """Objects with completed boxes, covariances, embeddings, labels and supports.

    With `up_world` known, boxes are upright; a thing that stands on a support reaches down to it
    even where its foot was never seen, and points that near the support's surface do not widen it.
    Without it, boxes follow the principal axes of what was observed and nothing rests on anything.

    Tables: a support under which something was observed (legs, a cupboard) on the way down to a
    lower support reaches down to that; any other is the slab that was seen. Asked where a table is,
    the middle of its whole body is the answer people give, and the slab's middle lies in that
    body's upper rim, so both are inside; but for a shelf on a wall the completed box would be
    centred in the air, which is why legs must have been seen.

    Args:
        fused: things of the fuser; their keyframes index `scene.keyframes`.
        scene: geometry, keyframes, up.
        config: thresholds; the defaults if None.
        vocabulary: nouns for labels, all "unknown" if None.
        previous: the map before; its ids stay with what overlaps, and are never given to another
            thing.
    """
    config = config or ObjectConfig()
    fused = [segment for segment in fused if len(segment.points)]
    if scene.up_world is not None:
        fused = return_feet(fused, scene.up_world)
    ids, next_id = assign_ids(fused, previous, config.same_share)
    fused.sort(key=lambda segment: ids[segment.id])
    dim = max((segment.embeddings.shape[1] for segment in fused), default=0)
    boxes = _complete(fused, [ids[s.id] for s in fused], scene, config)
    legs = _legs(fused, boxes, scene.up_world)
    nouns = _Nouns(vocabulary, floors=_floors(fused, boxes))
    objects = [
        _object(segment, ids[segment.id], box, support_id, scene, nouns, dim, config)
        for segment, (box, support_id) in zip(fused, boxes, strict=True)
        if segment.id not in legs
    ]
    return ObjectMap(tuple(objects), next_id)


def _complete(
    fused: list[FusedSegment], ids: list[int], scene: Scene, config: ObjectConfig
) -> list[tuple[OBB, int | None]]:
    """For each segment its completed box and the id of what it rests on."""
    up = scene.up_world
    items = [
        Carrier(
            i, segment.kind, observed_box(segment.points, segment.counts, up, config.trim),
            segment.points,
        )
        for i, segment in zip(ids, fused, strict=True)
    ]  # fmt: skip
    if up is None:
        return [(item.box, None) for item in items]
    return [
        _complete_support(item, items, scene, config)
        if item.kind == "support"
        else _complete_object(item, segment, items, up, config)
        for item, segment in zip(items, fused, strict=True)
    ]


def _complete_object(
    item: Carrier,
    segment: FusedSegment,
    items: list[Carrier],
    up: np.ndarray,
    config: ObjectConfig,
) -> tuple[OBB, int | None]:
    found = carrier_of(item, items, up, config)
    if found is None:
        return item.box, None
    carrier, height = found
    top = height_range(item.box, up)[1]
    foot = height + min(config.contact_m, _FOOT_SHARE * max(0.0, top - height))
    above = segment.points @ up > foot
    box = item.box
    if above.sum() >= 8:
        box = observed_box(segment.points[above], segment.counts[above], up, config.trim)
    return with_bottom(box, up, height), carrier.id


def _complete_support(
    item: Carrier, items: list[Carrier], scene: Scene, config: ObjectConfig
) -> tuple[OBB, int | None]:
    assert scene.up_world is not None
    found = floor_under(item, items, scene.gaussians.means, scene.up_world)
    if found is None:
        return item.box, None
    floor, height = found
    return with_bottom(item.box, scene.up_world, height), floor.id


def _legs(
    fused: list[FusedSegment], boxes: list[tuple[OBB, int | None]], up: np.ndarray | None
) -> set[int]:
    """Fused ids of objects that are legs of a completed table and no things of their own."""
    if up is None:
        return set()
    tables = [
        box
        for segment, (box, carrier) in zip(fused, boxes, strict=True)
        if segment.kind == "support" and carrier is not None
    ]
    return {
        segment.id
        for segment, (box, _) in zip(fused, boxes, strict=True)
        if segment.kind == "object" and any(is_leg(box, table) for table in tables)
    }


def _floors(fused: list[FusedSegment], boxes: list[tuple[OBB, int | None]]) -> set[int]:
    """Ids of the supports that carry other supports."""
    carriers = (c for s, (_, c) in zip(fused, boxes, strict=True) if s.kind == "support")
    return {carrier for carrier in carriers if carrier is not None}


class _Nouns:
    """Labels: a floor is called a floor, a table some kind of table, a thing any other noun."""

    def __init__(self, vocabulary: Vocabulary | None, floors: set[int]) -> None:
        supports = (*RAISED_NOUNS, *FLOOR_NOUNS)
        self._floors = floors
        self._raised = keep_nouns(vocabulary, lambda name: name in RAISED_NOUNS)
        self._ground = keep_nouns(vocabulary, lambda name: name in FLOOR_NOUNS)
        self._things = keep_nouns(vocabulary, lambda name: name not in supports)

    def label(self, kind: str, object_id: int, embedding: np.ndarray) -> str:
        """The noun nearest to an embedding [D] among those that the kind of thing allows."""
        if kind != "support":
            return nearest_noun(embedding, self._things)
        return nearest_noun(embedding, self._ground if object_id in self._floors else self._raised)


def _object(
    segment: FusedSegment,
    object_id: int,
    box: OBB,
    support_id: int | None,
    scene: Scene,
    nouns: _Nouns,
    dim: int,
    config: ObjectConfig,
) -> MapObject:
    embedding, best = _embed(segment, dim, config.best_views)
    seen_from = [scene.keyframes[k] for k in segment.keyframes if k < len(scene.keyframes)]
    cameras = np.array([k.T_world_cam[:3, 3] for k in seen_from]).reshape(-1, 3)
    covariance = center_covariance(box, cameras, support_id is not None, config.pose_sigma_m)
    views = segment.view_keyframes if len(segment.view_keyframes) else segment.keyframes
    return MapObject(
        id=object_id,
        kind=segment.kind,
        box=box,
        covariance=covariance,
        embedding=embedding,
        view_embeddings=best,
        label=nouns.label(segment.kind, object_id, embedding),
        points=segment.points,
        rgb=segment.rgb,
        n_views=len(segment.keyframes),
        support_id=support_id,
        anchor=int(views[0]) if len(views) else 0,
        stamp_s=_last_stamp(seen_from),
    )


def _embed(segment: FusedSegment, dim: int, n_best: int) -> tuple[np.ndarray, np.ndarray]:
    """The thing's vector and its best views; zeros for a thing that was never encoded."""
    if not len(segment.embeddings):
        return np.zeros(dim, np.float32), np.zeros((0, dim), np.float32)
    mean, weight = robust_mean(segment.embeddings, segment.view_quality)
    best = np.argsort(-weight, kind="stable")[:n_best]
    return mean, np.asarray(segment.embeddings[best], np.float32)


def _last_stamp(keyframes: list[Keyframe]) -> float | None:
    stamps = [k.stamp_s for k in keyframes if k.stamp_s is not None]
    return max(stamps) if stamps else None
