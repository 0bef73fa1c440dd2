"""From fused segments to the object map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from grounding3d.features.base import Vocabulary
from grounding3d.features.vocabulary import FLOOR_NOUNS, RAISED_NOUNS
from grounding3d.fusion.base import FusedSegment
from grounding3d.fusion.memo import Memo
from grounding3d.geometry.boxes import OBB
from grounding3d.objects.base import MapObject, ObjectMap
from grounding3d.objects.completion import Stand, complete
from grounding3d.objects.config import ObjectConfig
from grounding3d.objects.covariance import HIDDEN_FOOT_M, center_covariance, topping
from grounding3d.objects.embedding import keep_nouns, nearest_noun, robust_mean
from grounding3d.objects.feet import return_feet
from grounding3d.objects.identity import assign_ids
from grounding3d.objects.roundness import round_out
from grounding3d.objects.sight import Sight
from grounding3d.objects.support import is_leg
from grounding3d.scene.base import Keyframe, Scene


def build_objects(
    fused: Sequence[FusedSegment],
    scene: Scene,
    config: ObjectConfig | None = None,
    vocabulary: Vocabulary | None = None,
    previous: ObjectMap | None = None,
    memo: Memo | None = None,
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
        memo: what was worked out for the map before, and will be used by the next.
    """
    config = config or ObjectConfig()
    memo = Memo() if memo is None else memo
    fused = [segment for segment in fused if len(segment.points)]
    if scene.up_world is not None:
        fused = return_feet(fused, scene.up_world, memo)
    ids, next_id = assign_ids(fused, previous, config.same_share, memo)
    fused.sort(key=lambda segment: ids[segment.id])
    dim = max((segment.embeddings.shape[1] for segment in fused), default=0)
    boxes = complete(fused, [ids[s.id] for s in fused], scene, config, memo)
    legs = _legs(fused, boxes, scene.up_world)
    fused_ids = {segment.id for segment in fused}
    nouns = _Nouns(vocabulary, floors=_floors(fused, boxes))
    kept = [
        (segment, stand)
        for segment, stand in zip(fused, boxes, strict=True)
        if segment.id not in legs and segment.body_id not in fused_ids
    ]
    objects = [
        _object(segment, ids[segment.id], stand, covariance, scene, nouns, dim, config)
        for segment, stand, covariance in _judge(kept, ids, scene, config)
    ]
    return ObjectMap(tuple(objects), next_id)


def _legs(fused: list[FusedSegment], boxes: list[Stand], up: np.ndarray | None) -> set[int]:
    """Fused ids of objects that are legs of a table and no things of their own.

    A table's box holds legs where it was completed down to the floor, or where masks gave it some.
    """
    if up is None:
        return set()
    tables = [
        stand.box for segment, stand in zip(fused, boxes, strict=True) if segment.kind == "support"
    ]
    return {
        segment.id
        for segment, stand in zip(fused, boxes, strict=True)
        if segment.kind == "object" and any(is_leg(stand.box, table) for table in tables)
    }


def _floors(fused: list[FusedSegment], boxes: list[Stand]) -> set[int]:
    """Ids of the supports that carry other supports."""
    carriers = (b.support_id for s, b in zip(fused, boxes, strict=True) if s.kind == "support")
    return {carrier for carrier in carriers if carrier is not None}


def _judge(
    things: Sequence[tuple[FusedSegment, Stand]],
    ids: dict[int, int],
    scene: Scene,
    config: ObjectConfig,
) -> Iterator[tuple[FusedSegment, Stand, np.ndarray]]:
    """By what nobody saw: round things made whole, and each position's covariance [3,3], m^2."""
    sight = Sight(scene)
    at = np.array([k.T_world_cam[:3, 3] for k in scene.keyframes]).reshape(-1, 3)
    reach = sight.reach(
        [stand.box for _, stand in things],
        [segment.points for segment, _ in things],
        [segment.keyframes for segment, _ in things],
    )
    on_top: dict[int, list[OBB]] = {}
    for segment, stand in things:
        if segment.kind == "object" and stand.support_id is not None:
            on_top.setdefault(stand.support_id, []).append(stand.box)
    for (segment, stand), beyond in zip(things, reach, strict=True):
        points: np.ndarray | None = segment.points
        if segment.kind == "object" and scene.up_world is not None:
            box, beyond = round_out(stand.box, segment.points, beyond)
            if box is not stand.box:  # a disc is not lopsided, whatever was seen of it
                stand, points = replace(stand, box=box), None
        covariance = center_covariance(
            stand.box,
            at[segment.keyframes[segment.keyframes < len(at)]],
            stand.support_id is not None,
            config.pose_sigma_m,
            points=points,
            reach_m=beyond,
            misfit_m=segment.misfit_m,
            hidden_m=_hidden_foot(segment, stand, sight, scene.up_world),
            topped_m=topping(stand.box, on_top.get(ids[segment.id], []))
            if segment.kind == "object"
            else 0.0,
        )
        yield segment, stand, covariance


def _hidden_foot(segment: FusedSegment, stand: Stand, sight: Sight, up: np.ndarray | None) -> float:
    """How far a thing may reach down below its box: something must carry it."""
    if segment.kind == "support" or stand.support_id is not None or up is None:
        return stand.hidden_m
    return sight.drop(stand.box, segment.points, HIDDEN_FOOT_M)


class _Nouns:
    """Labels: a floor is called a floor, a table some kind of table, a thing any other noun."""

    def __init__(self, vocabulary: Vocabulary | None, floors: set[int]) -> None:
        supports = (*RAISED_NOUNS, *FLOOR_NOUNS)
        self._floors = floors
        self._raised = keep_nouns(vocabulary, lambda name: name in RAISED_NOUNS)
        self._ground = keep_nouns(vocabulary, lambda name: name in FLOOR_NOUNS)
        self._things = keep_nouns(vocabulary, lambda name: name not in supports)

    def label(self, kind: str, object_id: int, embedding: np.ndarray, length_m: float) -> str:
        """The noun nearest to an embedding [D] among those that kind and longest side allow."""
        nouns = self._things
        if kind == "support":
            nouns = self._ground if object_id in self._floors else self._raised
        return nearest_noun(embedding, length_m, nouns)


def _object(
    segment: FusedSegment,
    object_id: int,
    stand: Stand,
    covariance: np.ndarray,
    scene: Scene,
    nouns: _Nouns,
    dim: int,
    config: ObjectConfig,
) -> MapObject:
    embedding, best = _embed(segment, dim, config.best_views)
    seen_from = [scene.keyframes[k] for k in segment.keyframes if k < len(scene.keyframes)]
    views = segment.view_keyframes if len(segment.view_keyframes) else segment.keyframes
    return MapObject(
        id=object_id,
        kind=segment.kind,
        box=stand.box,
        covariance=covariance,
        embedding=embedding,
        view_embeddings=best,
        label=nouns.label(segment.kind, object_id, embedding, float(stand.box.size.max())),
        points=segment.points,
        rgb=segment.rgb,
        n_views=len(segment.keyframes),
        support_id=stand.support_id,
        container_id=stand.container_id,
        crops=segment.crops,
        keyframes=np.asarray(segment.keyframes, np.int32),
        misfit_m=segment.misfit_m,
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
