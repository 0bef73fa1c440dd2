"""Relations between objects from geometry: soft truths in [0, 1], 0.5 where one would argue.

Nothing here knows words or embeddings. Left, right, front and back are seen from a viewpoint,
horizontally: d points from it to the anchor, right is d x up. Turning the world about up changes
nothing; a viewpoint on the other side swaps left and right, front and back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from grounding3d.features.relevancy import sigmoid
from grounding3d.query.layout import Layout

TRUE = 0.5
"""From this on a relation holds."""
TOUCH_M = 0.05
"""Largest vertical gap between a thing and what it rests on: boxes are this sharp."""
REACH_M = 0.3
"""Things of no size are next to each other up to here; the anchor's half size is added."""
SHARPNESS_M = 0.03
"""Differences of distance from which one thing is surely nearer than another."""
_MIN_LENGTH_M = 0.01
_SIDE_SHARE = 0.3  # of the anchor's half extent that its neighbour must be off its middle


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """Where left, right, front, back and near are seen from.

    Attributes:
        position: [3] metres, world.
        heading: [3] viewing direction, None where only the place is known.
        source: "the last camera" or "the given viewpoint", for people.
    """

    position: np.ndarray
    heading: np.ndarray | None
    source: str


class Pairs:
    """T targets against A anchors, rows of a layout.

    Args:
        layout: all objects.
        targets: [T] rows.
        anchors: [A] rows.
        viewpoint: None where there is none.
    """

    def __init__(
        self,
        layout: Layout,
        targets: np.ndarray,
        anchors: np.ndarray,
        viewpoint: Viewpoint | None = None,
    ) -> None:
        self.layout, self.t, self.a, self.viewpoint = layout, targets, anchors, viewpoint

    @cached_property
    def gap_m(self) -> np.ndarray:
        """[T,A] distance between the boxes."""
        return self.layout.gap_m(self.t, self.a)

    @cached_property
    def share(self) -> np.ndarray:
        """[T,A] share of the target's footprint over the anchor's."""
        return self.layout.share_over(self.t, self.a)

    @cached_property
    def on(self) -> np.ndarray:
        """[T,A] whether the target rests on the anchor."""
        layout = self.layout
        gap = layout.bottom[self.t][:, None] - layout.top[self.a][None]
        touching = np.exp(-((gap / TOUCH_M) ** 2) * np.log(2)) * _rising(self.share, 0.5, 0.15)
        higher = layout.top[self.t][:, None] > layout.top[self.a][None]
        # a shelf's boards lie inside its box; what stands on the floor below it is not on it
        height = (layout.top - layout.bottom)[self.a][None]
        raised = layout.bottom[self.t][:, None] - layout.bottom[self.a][None]
        on_board = _rising(raised, 0.1 * height, 0.05 * height + _MIN_LENGTH_M)
        on_board = 0.8 * on_board * self._inside * layout.is_support[self.a][None]
        return np.maximum.reduce([self._carried, touching * higher, on_board])

    @cached_property
    def _carried(self) -> np.ndarray:
        """[T,A] 1 for what the anchor carries, a little less for what stands on that."""
        layout = self.layout
        carried = np.zeros((len(self.t), len(self.a)))
        rows, worth = layout.supports[self.t], 1.0
        for _ in range(4):
            carried = np.maximum(
                carried, worth * ((rows[:, None] == self.a) & (rows >= 0)[:, None])
            )
            rows = np.where(rows >= 0, layout.supports[rows], -1)
            worth *= 0.9
        return carried

    @cached_property
    def _inside(self) -> np.ndarray:
        """[T,A] whether the target is within the anchor's box in plan and starts within it."""
        layout = self.layout
        bottom, top = layout.bottom[self.a][None], layout.top[self.a][None]
        low = layout.bottom[self.t][:, None]
        slack = np.maximum(0.1 * (top - bottom), _MIN_LENGTH_M)
        above = _rising(low - bottom, -2 * slack, slack)
        below = _rising(top - low, 1.5 * slack, slack)
        middle = layout.centers[self.t][:, None] - layout.centers[self.a][None]
        axes, sizes = layout.plan(self.a)
        off = np.abs(np.einsum("tai,aji->taj", middle, axes)) / np.maximum(sizes / 2, 1e-6)
        centred = _rising(1 - off.max(axis=-1), 0.0, 0.1)
        smaller = _rising(self.share, 0.4, 0.15)
        return np.asarray(above * below * centred * smaller)

    @cached_property
    def inside(self) -> np.ndarray:
        """[T,A] whether the anchor is a vessel that holds the target."""
        board = self.layout.is_support[self.a][None] & (self._carried >= 1)
        return np.where(board, np.minimum(self._inside, 0.6), self._inside)

    @cached_property
    def under(self) -> np.ndarray:
        """[T,A] whether the target is below the anchor: carries it, or lies beneath its top."""
        layout = self.layout
        carries = Pairs(layout, self.a, self.t)._carried.T
        drop = layout.top[self.a][None] - layout.top[self.t][:, None]
        clear = layout.bottom[self.a][None] - layout.top[self.t][:, None]
        # a table's box reaches down to the floor where its legs were seen
        beneath = np.where(
            layout.is_support[self.a][None],
            _rising(drop, 0.03, 0.015),
            _rising(clear, -0.02, 0.01),
        )
        return np.maximum(carries, beneath * _rising(self.share, 0.4, 0.15))

    @cached_property
    def above(self) -> np.ndarray:
        """[T,A] whether the target is higher than the anchor, over it."""
        layout = self.layout
        clear = layout.bottom[self.t][:, None] - layout.top[self.a][None]
        share = np.maximum(self.share, layout.share_over(self.a, self.t).T)
        return _rising(clear, -0.03, 0.015) * _rising(share, 0.25, 0.1)

    @cached_property
    def below(self) -> np.ndarray:
        """[T,A] whether the anchor is above the target, or it lies under it."""
        return np.maximum(Pairs(self.layout, self.a, self.t).above.T, self.under)

    @cached_property
    def close(self) -> np.ndarray:
        """[T,A] how close, for what neither rests on nor lies in the other."""
        size = self.layout.sizes[self.a].max(axis=1).clip(0, 1.0)
        apart = 1 / (1 + (self.gap_m / (REACH_M + 0.5 * size)) ** 2)
        if self.layout.up is None:
            return np.asarray(apart)
        other = Pairs(self.layout, self.a, self.t)
        stacked = np.maximum.reduce([self.on, self._inside, other.on.T, other._inside.T])
        return np.asarray(apart * (1 - 0.8 * stacked.clip(0, 1)))

    @cached_property
    def near(self) -> np.ndarray:
        """[T,A] as `close`, at twice the distance; what rests on it counts."""
        size = self.layout.sizes[self.a].max(axis=1).clip(0, 1.0)
        return np.asarray(1 / (1 + (self.gap_m / (2 * REACH_M + size)) ** 2))

    @cached_property
    def _frame(self) -> tuple[np.ndarray, np.ndarray]:
        """[A,3] directions from the viewpoint to the anchors, and to the right of those."""
        assert self.viewpoint is not None
        assert self.layout.up is not None
        away = self.layout.horizontal(self.layout.centers[self.a] - self.viewpoint.position)
        d = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-9)
        return d, np.cross(d, self.layout.up)

    def _offset(self, axis: np.ndarray) -> np.ndarray:
        """[T,A] how far the target's middle is off the anchor's along directions [A,3]."""
        offset = self.layout.centers[self.t][:, None] - self.layout.centers[self.a][None]
        return np.asarray(np.einsum("tai,ai->ta", offset, axis))

    def to_side(self, sign: float) -> np.ndarray:
        """[T,A] whether the target is to the right (1) or left (-1) of the anchor."""
        d, right = self._frame
        half = self.layout.extent_along(self.a, right)[None]
        along, across = sign * self._offset(right), self._offset(d)
        return self._directed(along, 0.5 * across, half)

    def in_depth(self, sign: float) -> np.ndarray:
        """[T,A] whether the target is behind (1) or in front of (-1) the anchor."""
        d, right = self._frame
        half = self.layout.extent_along(self.a, d)[None]
        width = self.layout.extent_along(self.a, right)[None]
        aside = np.maximum(np.abs(self._offset(right)) - width, 0)
        return self._directed(sign * self._offset(d), aside, half)

    def _directed(self, along: np.ndarray, across: np.ndarray, half: np.ndarray) -> np.ndarray:
        straight = along.clip(0) / np.maximum(np.hypot(along, across), 1e-9)
        beyond = _rising(along, _SIDE_SHARE * half, 0.25 * half + _MIN_LENGTH_M)
        return np.asarray(beyond * straight / (1 + (self.gap_m / 2.0) ** 2))

    def seen_from(self, axis: np.ndarray) -> np.ndarray:
        """[T] whether targets lie in a direction [3] from the viewpoint itself."""
        assert self.viewpoint is not None
        offset = self.layout.horizontal(self.layout.centers[self.t] - self.viewpoint.position)
        cosine = (offset @ axis) / np.maximum(np.linalg.norm(offset, axis=1), 1e-9)
        return _rising(cosine, 0.1, 0.1)

    def compared(self, measure: np.ndarray) -> np.ndarray:
        """[T,A] whether the target's measure [M] is greater than the anchor's."""
        logs = np.log(np.maximum(measure, 1e-12))
        return sigmoid((logs[self.t][:, None] - logs[self.a][None]) / 0.1)


def between(layout: Layout, targets: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[T,A,B] whether targets lie between rows `a` and rows `b`, in plan where up is known."""
    flat = layout.horizontal if layout.up is not None else np.asarray
    start, end = layout.centers[a], layout.centers[b]
    line = flat(end[None] - start[:, None])  # [A,B,3]
    length = np.maximum(np.linalg.norm(line, axis=-1), 1e-6)
    offset = flat(layout.centers[targets][:, None] - start[None])  # [T,A,3]
    along = np.einsum("tai,abi->tab", offset, line) / length**2
    foot = along[..., None] * line
    aside = np.linalg.norm(offset[:, :, None] - foot, axis=-1)
    inner = _rising(along, 0.08, 0.05) * _rising(1 - along, 0.08, 0.05)
    return np.asarray(inner * np.exp(-((aside / (0.45 * length)) ** 2)))


def _rising(value: np.ndarray, middle: np.ndarray | float, width: np.ndarray | float) -> np.ndarray:
    """Logistic step: 0.5 at `middle`, about 0.98 one `width` beyond it."""
    return sigmoid(4 * (np.asarray(value, float) - middle) / width)


_BY_NAME: dict[str, Callable[[Pairs], np.ndarray]] = {
    "on": lambda p: p.on,
    "in": lambda p: p.inside,
    "under": lambda p: p.under,
    "below": lambda p: p.below,
    "above": lambda p: p.above,
    "next_to": lambda p: p.close,
    "near": lambda p: p.near,
    "opposite": lambda p: p.near,
    "nearest": lambda p: np.ones_like(p.gap_m),
    "farthest": lambda p: np.ones_like(p.gap_m),
    "far": lambda p: _rising(p.gap_m, 1.0, 0.5),
    "left_of": lambda p: p.to_side(-1),
    "right_of": lambda p: p.to_side(1),
    "in_front_of": lambda p: p.in_depth(-1),
    "behind": lambda p: p.in_depth(1),
    "bigger_than": lambda p: p.compared(p.layout.sizes.prod(axis=1)),
    "smaller_than": lambda p: 1 - p.compared(p.layout.sizes.prod(axis=1)),
    "taller_than": lambda p: p.compared(p.layout.top - p.layout.bottom),
    "shorter_than": lambda p: 1 - p.compared(p.layout.top - p.layout.bottom),
}
NAMES = frozenset((*_BY_NAME, "between"))
"""Relations that can be computed."""
WITHOUT_UP = frozenset(
    ("next_to", "near", "opposite", "nearest", "farthest", "far", "between", "bigger_than",
     "smaller_than")
)  # fmt: skip
"""Relations that need no up direction."""
FROM_VIEWPOINT = frozenset(("left_of", "right_of", "in_front_of", "behind"))
"""Relations that depend on where they are seen from."""
_CLOSEST_WINS = {"next_to": 1.0, "near": 1.0, "nearest": 1.0, "farthest": -1.0, "far": -1.0}


def relation_truth(name: str, pairs: Pairs) -> np.ndarray:
    """[T,A] in [0, 1] how true a relation is; an object has none to itself."""
    truth = np.asarray(_BY_NAME[name](pairs), float).clip(0, 1)
    return np.where(pairs.t[:, None] == pairs.a[None], 0.0, truth)


def camera_truth(name: str, pairs: Pairs) -> np.ndarray:
    """[T] how true "to my left", "in front of me" and the like are; ones for distances."""
    view, layout = pairs.viewpoint, pairs.layout
    if name not in FROM_VIEWPOINT or view is None or layout.up is None:
        return np.ones(len(pairs.t))
    ahead = view.heading
    if ahead is None:
        ahead = layout.centers.mean(axis=0) - view.position
    ahead = layout.horizontal(ahead)
    ahead = ahead / max(float(np.linalg.norm(ahead)), 1e-9)
    right = np.cross(ahead, layout.up)
    axes = {"left_of": -right, "right_of": right, "in_front_of": ahead, "behind": -ahead}
    return pairs.seen_from(axes[name])


def relation_key(name: str, pairs: Pairs) -> np.ndarray | None:
    """[T,A] metres to sort by where the one that is most so is meant, None where all are."""
    if name not in _CLOSEST_WINS:
        return None
    return np.asarray(_CLOSEST_WINS[name] * pairs.gap_m)
