"""Boxes of observed things, completed down to what they stand on or lie in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grounding3d.fusion.base import FusedSegment
from grounding3d.fusion.memo import Memo
from grounding3d.geometry.boxes import OBB
from grounding3d.objects.config import ObjectConfig
from grounding3d.objects.containment import container_of
from grounding3d.objects.extent import height_range, observed_box, with_bottom
from grounding3d.objects.support import Carrier, Surface, carrier_of, floor_under
from grounding3d.scene.base import Scene

_TABLE_M = 0.75  # height of a usual table
_STEP_M = 0.1  # supports this near in height are parts of one
_FOOT_SHARE = 0.3  # of a low thing's height, at most this is taken for its support's surface


@dataclass(frozen=True, eq=False)
class Stand:
    """A thing's completed box, and what carries and holds it.

    Attributes:
        box: completed box.
        support_id: object it rests on, None if none or unknown.
        container_id: object it lies in, likewise.
        hidden_m: how far it may reach down below the box where nothing was seen of it: a table of
            which only the top was mapped.
    """

    box: OBB
    support_id: int | None = None
    container_id: int | None = None
    hidden_m: float = 0.0


def complete(
    fused: Sequence[FusedSegment],
    ids: Sequence[int],
    scene: Scene,
    config: ObjectConfig,
    memo: Memo | None = None,
) -> list[Stand]:
    """For each thing its completed box and what carries it.

    Args:
        fused: things.
        ids: their object ids.
        scene: its up direction, and its surface, which tells whether a table has legs.
        config: thresholds.
        memo: what was worked out for the map before.
    """
    up, memo = scene.up_world, Memo() if memo is None else memo
    id_of = {segment.id: i for i, segment in zip(ids, fused, strict=True)}
    items = [
        memo.recall(
            Carrier, i, segment.kind,
            memo.recall(observed_box, segment.points, segment.counts, up, config.trim),
            segment.points, id_of.get(segment.body_id) if segment.body_id is not None else None,
        )
        for i, segment in zip(ids, fused, strict=True)
    ]  # fmt: skip
    if up is None:
        return [Stand(item.box) for item in items]
    supports = [item for item in items if item.kind == "support"]
    bodies = {item.body_id for item in supports if item.body_id is not None}
    nearby = Neighbours(items, up, config)
    surface = Surface(scene.gaussians.means, scene.gaussians.means @ up)
    return [
        _complete_support(item, supports, surface, up, memo)
        if item.kind == "support"
        else memo.recall(
            _complete_object, item, segment.counts, up, config, memo,
            *_carrying(item, nearby.of(n), bodies),
        )
        for n, (item, segment) in enumerate(zip(items, fused, strict=True))
    ]  # fmt: skip


class Neighbours:
    """Finds the few things that could carry or hold one; thousands are compared at once."""

    def __init__(self, items: list[Carrier], up_world: np.ndarray, config: ObjectConfig) -> None:
        self._items, self._up, self._config = items, up_world, config
        bounds = [item.box.aabb() for item in items]
        self._low = np.array([low for low, _ in bounds]).reshape(-1, 3)
        self._high = np.array([high for _, high in bounds]).reshape(-1, 3)

    def of(self, n: int) -> list[Carrier]:
        """Things whose boxes come so near to the n-th that it may rest on them, or lie in them."""
        config, item = self._config, self._items[n]
        tall = float(item.box.size[2])
        reach = max(config.unseen_foot_m, config.unseen_foot_share * tall, config.support_gap_m)
        # a support's surface may be over its box's trimmed upper face
        margin = np.full(3, config.support_gap_m) + reach * np.abs(self._up)
        near = (self._low <= self._high[n] + margin) & (self._high >= self._low[n] - margin)
        return [self._items[k] for k in np.flatnonzero(near.all(axis=1)) if k != n]


def _carrying(item: Carrier, nearby: list[Carrier], bodies: set[int]) -> list[Carrier]:
    """Those that may carry or hold an item: what is in a shelf stands on its boards.

    Args:
        item: a thing; nothing stands on its own boards.
        nearby: other things.
        bodies: ids of objects that have boards.
    """
    return [o for o in nearby if o.id not in bodies and o.body_id != item.id]


def _complete_object(
    item: Carrier,
    counts: np.ndarray,
    up: np.ndarray,
    config: ObjectConfig,
    memo: Memo,
    *nearby: Carrier,
) -> Stand:
    container = container_of(item, nearby, up)
    if container is not None:
        holder, floor = container
        low = height_range(item.box, up)[0]
        # what cannot be seen under it, it may reach down to; never up
        box = item.box if floor is None or floor > low else with_bottom(item.box, up, floor)
        return Stand(box, holder.id, holder.id)
    found = carrier_of(item, nearby, up, config)
    if found is None:
        return Stand(item.box)
    carrier, height = found
    top = height_range(item.box, up)[1]
    foot = height + min(config.contact_m, _FOOT_SHARE * max(0.0, top - height))
    above = item.points @ up > foot
    box = item.box
    if above.sum() >= 8:
        # a floor is another one after every frame, but the same points lie above it
        box = memo.recall(_box_of_some, item.points, counts, above.tobytes(), up, config.trim)
    return Stand(
        with_bottom(box, up, height), carrier.id if carrier.body_id is None else carrier.body_id
    )


def _box_of_some(
    points: np.ndarray, counts: np.ndarray, some: bytes, up: np.ndarray, trim: float
) -> OBB:
    """`observed_box` of the points at a mask."""
    rows = np.frombuffer(some, bool)
    return observed_box(points[rows], counts[rows], up, trim)


def _complete_support(
    item: Carrier, supports: list[Carrier], surface: Surface, up: np.ndarray, memo: Memo
) -> Stand:
    found = floor_under(item, supports, surface, up, memo)
    if found is None:
        return Stand(item.box, hidden_m=_hidden(item, supports, up))
    floor, height = found
    return Stand(with_bottom(item.box, up, height), floor.id)


def _hidden(item: Carrier, supports: list[Carrier], up: np.ndarray) -> float:
    """How far a slab is over the next lower support; a lone slab may be any table's top.

    The lowest of several supports is a floor, which hides nothing.
    """
    bottom = height_range(item.box, up)[0]
    tops = [height_range(other.box, up)[1] for other in supports if other.id != item.id]
    lower = [top for top in tops if top < bottom - _STEP_M]
    if lower:
        return bottom - max(lower)
    return _TABLE_M if not tops else 0.0
