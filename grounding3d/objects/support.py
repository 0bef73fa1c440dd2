"""What rests on what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from grounding3d.fusion.memo import Memo
from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.pointcloud import in_bounds
from grounding3d.objects.config import ObjectConfig
from grounding3d.objects.extent import footprint_share, height_range

_LOCAL_RADIUS_M = 0.25


@dataclass(frozen=True, eq=False)
class Carrier:
    """Something that others may rest on.

    Attributes:
        id: object id.
        kind: "object" or "support".
        box: its upright box.
        points: [n,3] observed surface.
        body_id: of a support, the object that it is a face of, None if it is no object's.
    """

    id: int
    kind: Literal["object", "support"]
    box: OBB
    points: np.ndarray
    body_id: int | None = None


def carrier_of(
    item: Carrier, carriers: Sequence[Carrier], up_world: np.ndarray, config: ObjectConfig
) -> tuple[Carrier, float] | None:
    """What an item rests on, and the height of the surface under it.

    The highest surface that has the item over it and lies near its lower face. A gap is
    bridged because the foot of a thing is often hidden, by its own belly or by a neighbour; a
    support may bridge a wider one than another object's top, which is only taken when the item all
    but touches it.
    """
    bottom, top = height_range(item.box, up_world)
    reach = max(config.unseen_foot_m, config.unseen_foot_share * (top - bottom))
    best: tuple[Carrier, float] | None = None
    for carrier in carriers:
        if carrier.id == item.id:
            continue
        height = surface_height(carrier, item.box.center, up_world)
        gap = bottom - height
        limit = reach if carrier.kind == "support" else config.support_gap_m
        # it may start a little below: masks leak onto what is under a thing
        sunk = min(config.support_gap_m, 0.5 * (top - bottom) + 0.005)
        if not -sunk <= gap <= limit:
            continue
        if footprint_share(item.points, carrier.box) < config.footprint_share:
            continue
        if best is None or height > best[1]:
            best = carrier, height
    return best


def surface_height(carrier: Carrier, over: np.ndarray, up_world: np.ndarray) -> float:
    """Height of a carrier's upper surface near the point `over` [3], along `up_world`."""
    if carrier.kind == "object":
        return height_range(carrier.box, up_world)[1]
    offset = carrier.points - over
    heights = carrier.points @ up_world
    flat = offset - (offset @ up_world)[:, None] * up_world
    near = (flat**2).sum(axis=1) <= _LOCAL_RADIUS_M**2
    return float(np.median(heights[near] if near.sum() >= 20 else heights))


_LEG_CLEARANCE_M = 0.08
_LEG_POINTS = 30
_LEG_WIDTH_M = 0.1
_LEG_SLENDER, _BOTTLE_SLENDER = 6.0, 4.0  # height by width
_LEG_LEVELS = 4  # legs are a column, not a thing that lies under the table


@dataclass(frozen=True, eq=False)
class Surface:
    """Observed surface of a whole scene: points [N,3] and their heights [N] along up."""

    points: np.ndarray
    heights: np.ndarray


def floor_under(
    table: Carrier, items: list[Carrier], surface: Surface, up_world: np.ndarray, memo: Memo
) -> tuple[Carrier, float] | None:
    """The support a table stands on and its height, if something between the two was observed.

    Args:
        table: a support.
        items: all things; the highest support below the table is its floor.
        surface: observed surface of the whole scene, world.
        up_world: direction against gravity.
        memo: what was worked out for the map before.
    """
    bottom = height_range(table.box, up_world)[0]
    lower = [
        (memo.recall(surface_height, other, table.box.center, up_world), other)
        for other in items
        if other.kind == "support" and other.id != table.id
    ]
    lower = [(h, o) for h, o in lower if h < bottom - 3 * _LEG_CLEARANCE_M]
    if not lower:
        return None
    height, floor = max(lower, key=lambda pair: pair[0])
    heights = surface.heights
    low, high = height + _LEG_CLEARANCE_M, bottom - _LEG_CLEARANCE_M
    between = (heights > low) & (heights < high)
    local = (surface.points[between] - table.box.center) @ table.box.R
    reach = table.box.size[:2] / 2 + 0.02
    column = heights[between][in_bounds(local[:, :2], -reach, reach)]
    levels = np.histogram(column, bins=_LEG_LEVELS, range=(low, high))[0]
    enough = len(column) >= _LEG_POINTS and np.count_nonzero(levels) >= _LEG_LEVELS / 2
    return (floor, height) if enough else None


def is_leg(box: OBB, table: OBB) -> bool:
    """Whether an upright box is a thin post inside a table's body, near the rim of its top.

    One that is no thinner than a bottle, which may stand between the boards of a shelf, must reach
    into the upper third.
    """
    local = (box.center - table.center) @ table.R
    outward = np.abs(local) / np.maximum(table.size / 2, 1e-6)
    below_m = table.size[2] / 2 - local[2] - box.size[2] / 2
    width = box.size[:2].max()
    slender = box.size[2] / max(width, 1e-6)
    thinnest = _BOTTLE_SLENDER if below_m <= table.size[2] / 3 else _LEG_SLENDER
    is_post = below_m >= 0.01 and width <= _LEG_WIDTH_M and slender >= thinnest
    return bool(is_post and (outward <= 1.05).all() and outward[:2].max() >= 0.6)
