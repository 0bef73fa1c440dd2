"""How things lie to each other, judged so that nobody would argue.

Every judgement is True, False, or None where people could disagree. Left, right, in front of and
behind are seen from a viewpoint that looks at the anchor; +z is up; metres.
"""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np

from grounding3d.capture.simulator.placement import polygon_gap
from grounding3d.capture.simulator.queries.base import Thing, Verdict, agreed

_SIDE_M, _FRONT_M = 0.08, 0.1  # offset that counts
_NOT_SIDE_M = -0.04  # offset to the other side that rules it out
_REACH_M = 0.8  # farther apart nobody says "left of"
_NEXT_M = (0.12, 0.4)  # a gap that counts as next to, for small and for big things
_LEVEL_M = 0.12  # resting heights of neighbours
_NEAREST, _NEAREST_M = 1.5, 0.1
_FARTHEST, _FARTHEST_M = 1.3, 0.2
_BETWEEN_M = 1.2  # the two anchors are not farther apart


@lru_cache(maxsize=4096)
def gap_between(a: Thing, b: Thing) -> float:
    """Distance of two things' outlines seen from above; 0 if they overlap."""
    return polygon_gap(a.outline, b.outline)


def beside(side: str, thing: Thing, anchor: Thing, viewpoints: np.ndarray) -> Verdict:
    """Whether a thing is "left", "right", "front" or "back" of another, from all viewpoints."""
    if _stacked(thing, anchor) or thing.id == anchor.id:
        return None if thing.id != anchor.id else False
    if abs(thing.bottom_m - anchor.bottom_m) > 0.3:
        return None
    return agreed(_beside(side, thing, anchor, v) for v in viewpoints)


def _beside(side: str, thing: Thing, anchor: Thing, viewpoint: np.ndarray) -> Verdict:
    ahead = anchor.centre[:2] - viewpoint[:2]
    far = float(np.linalg.norm(ahead))
    if far < 0.3:
        return None
    ahead /= far
    axis = np.array([ahead[1], -ahead[0]])
    if side in ("front", "back"):
        axis, ahead = ahead, axis
    sign = 1.0 if side in ("right", "back") else -1.0
    offset = thing.centre[:2] - anchor.centre[:2]
    along, across = sign * float(offset @ axis), abs(float(offset @ ahead))
    if along <= _NOT_SIDE_M:
        return False
    edge = float((sign * (anchor.outline - anchor.centre[:2]) @ axis).max())
    least = _SIDE_M if side in ("left", "right") else _FRONT_M
    clear = along >= least and along >= edge + 0.02 and across <= 0.6 * along
    near = gap_between(thing, anchor) <= _REACH_M
    behind_camera = float((thing.centre[:2] - viewpoint[:2]) @ (anchor.centre[:2] - viewpoint[:2]))
    return True if clear and near and behind_camera > 0 else None


def next_to(thing: Thing, anchor: Thing, others: list[Thing]) -> Verdict:
    """Whether a thing stands beside another with little and nothing between them."""
    if thing.id == anchor.id:
        return False
    if _stacked(thing, anchor):
        return None
    gap = gap_between(thing, anchor)
    longest = max(*thing.size_m[:2], *anchor.size_m[:2])
    near = float(np.clip(0.45 * longest, *_NEXT_M))
    if gap >= max(3 * near, 0.4):
        return False
    if gap > near or abs(thing.bottom_m - anchor.bottom_m) > _LEVEL_M:
        return None
    return None if _blocked(thing, anchor, others) else True


def rests_on(thing: Thing, anchor: Thing, things: list[Thing]) -> Verdict:
    """Whether a thing stands directly on another; None where something lies between them."""
    if thing.id == anchor.id or thing.rests_on is None:
        return False
    if thing.inside is not None:
        return None if anchor.id in (thing.inside, *_chain(thing, things)) else False
    if thing.rests_on == anchor.id:
        return True
    return None if anchor.id in _chain(thing, things) else False


def lies_in(thing: Thing, anchor: Thing, things: list[Thing]) -> Verdict:
    """Whether a thing lies in a container."""
    if thing.inside == anchor.id:
        return True
    return None if anchor.id in _chain(thing, things) else False


def is_under(thing: Thing, anchor: Thing) -> Verdict:
    """Whether a thing carries another, or lies below a table's top."""
    if thing.id == anchor.id:
        return False
    if anchor.rests_on == thing.id and anchor.inside is None:
        return True if thing.rests_on is not None else None  # nobody looks under a cup for a table
    gap = gap_between(thing, anchor)
    if gap > 0.03 or thing.bottom_m > anchor.top_m - 0.03:
        return False
    return None


def is_between(thing: Thing, first: Thing, second: Thing) -> Verdict:
    """Whether a thing stands between two others."""
    if thing.id in (first.id, second.id):
        return False
    a, b, p = first.centre, second.centre, thing.centre
    span = b[:2] - a[:2]
    length = float(np.linalg.norm(span))
    if length < 0.2 or length > _BETWEEN_M:
        return None
    t = float((p[:2] - a[:2]) @ span) / length**2
    off = float(np.linalg.norm(p[:2] - a[:2] - t * span))
    if t < -0.05 or t > 1.05 or off > 0.6 * length:
        return False
    level = max(abs(p[2] - a[2]), abs(p[2] - b[2])) < 0.25
    apart = min(gap_between(thing, first), gap_between(thing, second))
    clear = 0.25 <= t <= 0.75 and off <= min(0.15 * length, 0.1) and level and apart > 0.01
    return True if clear else None


def nearest_of(group: list[Thing], anchor: Thing, *, farthest: bool = False) -> int | None:
    """Id of the one of a kind that is nearest to (farthest from) an anchor, None if arguable."""
    group = [t for t in group if t.id != anchor.id]
    if len(group) < 2:
        return None
    measures = (
        [float(np.linalg.norm(t.centre - anchor.centre)) for t in group],
        [float(np.linalg.norm(t.centre[:2] - anchor.centre[:2])) for t in group],
        [gap_between(t, anchor) for t in group],
    )
    found = {_extreme(m, farthest) for m in measures}
    index = found.pop() if len(found) == 1 else None
    return None if index is None else group[index].id


def _extreme(distance: list[float], farthest: bool) -> int | None:
    order = np.argsort(distance)
    if farthest:
        order = order[::-1]
    low, high = sorted((distance[order[0]], distance[order[1]]))
    ratio, least = (_FARTHEST, _FARTHEST_M) if farthest else (_NEAREST, _NEAREST_M)
    return int(order[0]) if high >= ratio * low and high - low >= least else None


def _chain(thing: Thing, things: list[Thing]) -> set[int]:
    """Ids of everything below a thing."""
    by_id = {t.id: t for t in things}
    below: set[int] = set()
    at: int | None = thing.inside if thing.inside is not None else thing.rests_on
    while at is not None and at not in below:
        below.add(at)
        at = by_id[at].rests_on if at in by_id else None
    return below


def _stacked(a: Thing, b: Thing) -> bool:
    """Whether one lies on, in or over the other."""
    related = {a.rests_on, a.inside} & {b.id} or {b.rests_on, b.inside} & {a.id}
    return bool(related) or gap_between(a, b) == 0.0


def _blocked(a: Thing, b: Thing, others: list[Thing]) -> bool:
    """Whether something else crosses the line between two things' centres."""
    line = a.centre[:2] + np.linspace(0, 1, 25)[:, None] * (b.centre[:2] - a.centre[:2])
    blocks = partial(_contains, points=line)
    low, high = max(a.bottom_m, b.bottom_m), min(a.top_m, b.top_m)
    between = (o for o in others if o.id not in (a.id, b.id) and not _stacked_any(o, a, b))
    return any(o.bottom_m < high and o.top_m > low and blocks(o.outline) for o in between)


def _stacked_any(other: Thing, a: Thing, b: Thing) -> bool:
    """Whether something carries both (a table), so that it is no obstacle."""
    return other.id in (a.rests_on, b.rests_on, a.inside, b.inside)


def _contains(outline: np.ndarray, points: np.ndarray) -> bool:
    edge = np.roll(outline, -1, axis=0) - outline
    to = points[:, None] - outline[None]
    return bool(((edge[:, 0] * to[..., 1] - edge[:, 1] * to[..., 0]) >= 0).all(axis=1).any())
