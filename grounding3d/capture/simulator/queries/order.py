"""Questions for all of a kind, and for one by its place in a row."""

from __future__ import annotations

from functools import partial

import numpy as np

from grounding3d.capture.simulator.queries.attributes import (
    COLOURS,
    certain_group,
    is_coloured_one,
)
from grounding3d.capture.simulator.queries.base import (
    Thing,
    TruthQuery,
    decide,
    several,
)
from grounding3d.capture.simulator.wording import is_plural

_PLURAL = ("all {}", "the {}", "where are the {}", "all the {}", "find all {}", "where are all {}")
_RANKS = {1: "second", 2: "third", 3: "fourth"}
_APART_M, _APART_RAD = 0.06, 0.05  # of neighbours in a row
_CONE = np.cos(np.radians(60))  # a row is looked at, not stood in
_NEARER, _NEARER_M = 1.2, 0.15
_HIGHER_M = 0.2


def plural_queries(rng: np.random.Generator, things: list[Thing]) -> list[TruthQuery]:
    """Ask for all of a kind, and for all of a colour where the kind has others too."""
    queries = []
    for noun in sorted({t.category for t in things}):
        if is_plural(noun):
            continue
        group = certain_group(things, noun)
        for pattern in rng.permutation(_PLURAL)[:2]:
            if len(group) > 1:
                text = str(pattern).format(several(noun))
                queries.append(TruthQuery(text, "plural", tuple(t.id for t in group)))
        for colour in COLOURS:
            some = decide(things, partial(is_coloured_one, noun, colour))
            if 1 < len(some) < len([t for t in things if t.category == noun]):
                text = str(rng.choice(_PLURAL)).format(f"{colour} {several(noun)}")
                queries.append(TruthQuery(text, "plural", some))
    return queries


def ordinal_queries(
    rng: np.random.Generator, things: list[Thing], viewpoints: np.ndarray
) -> list[TruthQuery]:
    """Ask for one of a kind by its place from left to right, its distance or its height.

    Args:
        viewpoints: [k, 3] where it is seen from; the order must be the same from all of them.
    """
    queries = []
    for noun in sorted({t.category for t in things}):
        group = certain_group(things, noun)
        if len(group) < 2 or is_plural(noun):
            continue
        named = _in_a_row(group, noun, viewpoints)
        named += _by_distance(group, noun, viewpoints) + _by_height(group, noun)
        for text, target in named:
            asked = text if rng.random() < 0.6 else f"where is {text}"
            queries.append(TruthQuery(asked, "ordinal", (target,)))
    return queries


def left_to_right(group: list[Thing], viewpoint: np.ndarray) -> list[int] | None:
    """Ids from left to right as seen from a point, None where that is not clear."""
    centres = np.array([t.centre[:2] for t in group])
    to = centres - viewpoint[:2]
    ahead = centres.mean(axis=0) - viewpoint[:2]
    ahead /= np.linalg.norm(ahead)
    right = np.array([ahead[1], -ahead[0]])
    if (to @ ahead < _CONE * np.linalg.norm(to, axis=1)).any() or (to @ ahead < 0.2).any():
        return None
    offset, bearing = to @ right, np.arctan2(to @ right, to @ ahead)
    order = np.argsort(offset)
    if (np.diff(offset[order]) < _APART_M).any() or (np.diff(bearing[order]) < _APART_RAD).any():
        return None
    return [group[k].id for k in order]


def _in_a_row(group: list[Thing], noun: str, viewpoints: np.ndarray) -> list[tuple[str, int]]:
    rows = [left_to_right(group, v) for v in viewpoints]
    row = rows[0]
    if row is None or any(other != row for other in rows):
        return []
    named = [(f"the leftmost {noun}", row[0]), (f"the rightmost {noun}", row[-1])]
    if len(row) > 2:
        for k in range(1, len(row) - 1):
            named.append((f"the {_RANKS[k]} {noun} from the left", row[k]))
            named.append((f"the {_RANKS[k]} {noun} from the right", row[-1 - k]))
        if len(row) == 3:
            named.append((f"the middle {noun}", row[1]))
    else:
        named.append((f"the first {noun} from the left", row[0]))
        named.append((f"the second {noun} from the left", row[1]))
    return named


def _by_distance(group: list[Thing], noun: str, viewpoints: np.ndarray) -> list[tuple[str, int]]:
    """The closest and the farthest of a kind as seen by the camera."""
    named = []
    for sign, text in (
        (1, "the closest {} to the camera"),
        (-1, "the farthest {} from the camera"),
    ):
        found = {_extreme_distance(group, sign, v) for v in viewpoints}
        if len(found) == 1 and (extreme := found.pop()) is not None:
            named.append((text.format(noun), extreme))
    return named


def _extreme_distance(group: list[Thing], sign: int, viewpoint: np.ndarray) -> int | None:
    distance = [float(np.linalg.norm(t.centre - viewpoint)) for t in group]
    first, second = np.argsort(sign * np.array(distance))[:2]
    near, far = sorted((distance[first], distance[second]))
    clear = far >= _NEARER * near and far - near >= _NEARER_M
    return group[first].id if clear else None


def _by_height(group: list[Thing], noun: str) -> list[tuple[str, int]]:
    """The highest and lowest, where they stand on different levels."""
    order = sorted(group, key=lambda t: t.bottom_m)
    named = []
    if order[-1].bottom_m - order[-2].bottom_m >= _HIGHER_M:
        named.append((f"the highest {noun}", order[-1].id))
    if order[1].bottom_m - order[0].bottom_m >= _HIGHER_M:
        named.append((f"the lowest {noun}", order[0].id))
    return named
