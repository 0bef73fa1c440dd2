"""Which one of several: the leftmost, the second biggest, the last from the right."""

from __future__ import annotations

import numpy as np

from grounding3d.query.layout import Layout
from grounding3d.query.relations import Viewpoint
from grounding3d.query.spatial_words import ordinal_digits

NEEDS_UP = frozenset(("left", "right", "front", "back", "top", "bottom", "middle", "height"))
"""Orders that need an up direction."""
NEEDS_VIEW = frozenset(("left", "right", "front", "back", "middle", "distance"))
"""Orders that need a viewpoint."""
OPPOSITE = {"left": "right", "right": "left", "front": "back", "back": "front", "top": "bottom"}


def order_key(by: str, rows: np.ndarray, layout: Layout, viewpoint: Viewpoint | None) -> np.ndarray:
    """[n] what to sort rows of a layout by; the smallest comes first.

    Left and right are seen from the viewpoint towards the middle of the rows.
    """
    centers, sizes = layout.centers[rows], layout.sizes[rows]
    if by == "size":
        return np.asarray(-np.cbrt(sizes.prod(axis=1)))
    if by == "length":
        return np.asarray(-sizes.max(axis=1))
    if by == "width":
        return np.asarray(-np.sort(sizes, axis=1)[:, 1])
    if by == "height":
        return np.asarray(layout.bottom[rows] - layout.top[rows])
    if by in ("top", "bottom"):
        middle = 0.5 * (layout.bottom + layout.top)[rows]
        return np.asarray(-middle if by == "top" else middle)
    assert viewpoint is not None
    if by == "distance":
        return np.asarray(np.linalg.norm(centers - viewpoint.position, axis=1))
    ahead = layout.horizontal(centers.mean(axis=0) - viewpoint.position)
    ahead = ahead / max(float(np.linalg.norm(ahead)), 1e-9)
    assert layout.up is not None
    side = centers @ np.cross(ahead, layout.up)
    keys = {"left": side, "right": -side, "front": centers @ ahead, "back": -centers @ ahead}
    if by == "middle":
        return np.asarray(np.abs(side - np.median(side)))
    return np.asarray(keys[by])


def rank_probability(key: np.ndarray, probability: np.ndarray, rank: int) -> np.ndarray:
    """[n] probability that each of n candidates is the one of a rank.

    Candidate i is if it is what was asked for and exactly rank - 1 of those before it are: the
    number of these is Poisson-binomial. So a doubtful candidate on the outside does not shift the
    count as a certain one would.

    Args:
        key: the smallest comes first.
        probability: that each is what was asked for.
        rank: 1 = first, -1 = last.
    """
    order = np.argsort(key if rank > 0 else -key, kind="stable")
    before = np.zeros(abs(rank))  # probabilities of 0 .. rank-1 so far
    before[0] = 1.0
    found = np.zeros(len(key))
    for row in order:
        p = float(probability[row])
        found[row] = p * before[-1]
        before[1:] = before[1:] * (1 - p) + before[:-1] * p
        before[0] *= 1 - p
    return found


def in_order(key: np.ndarray, rank: int) -> np.ndarray:
    """Rows from the asked one on: for "the two leftmost" the first two are taken."""
    order = np.argsort(key if rank > 0 else -key, kind="stable")
    return np.asarray(order[abs(rank) - 1 :])


def on_that_side(key: np.ndarray, rank: int) -> np.ndarray:
    """[n] whether each lies on the asked side of the middle: "the cups on the left"."""
    middle = 0.5 * (key.min() + key.max())
    return np.asarray(key <= middle if rank > 0 else key >= middle)


_ORDINALS = {1: "first", 2: "second", 3: "third"}
_MOST = {
    "left": "leftmost", "right": "rightmost", "front": "front", "back": "rearmost",
    "top": "highest", "bottom": "lowest", "middle": "middle", "size": "biggest",
    "height": "tallest", "length": "longest", "width": "thickest", "distance": "nearest",
}  # fmt: skip
_LEAST = {
    "left": "rightmost", "right": "leftmost", "front": "rearmost", "back": "front",
    "top": "lowest", "bottom": "highest", "middle": "outermost", "size": "smallest",
    "height": "shortest", "length": "shortest", "width": "thinnest", "distance": "farthest",
}  # fmt: skip


def order_words(by: str, rank: int) -> str:
    """An order for people: "second biggest", "third from the left"."""
    if abs(rank) == 1:
        return (_MOST if rank > 0 else _LEAST)[by]
    ordinal = _ORDINALS.get(abs(rank), ordinal_digits(abs(rank)))
    if by in OPPOSITE:
        return f"{ordinal} from the {by if rank > 0 else OPPOSITE.get(by, by)}"
    return f"{ordinal} {(_MOST if rank > 0 else _LEAST)[by]}"
