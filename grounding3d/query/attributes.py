"""What is measured on an object instead of asked from its embedding: colours and sizes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from grounding3d.objects.base import MapObject
from grounding3d.query.words import COLOURS

CLEAR_SHARE = 0.3
"""Share of an object's surface from which a colour is surely one of its colours."""
MATCH = 0.5
"""Match from which an object has a colour: it covers half of the clear share."""
COULD = 0.1
"""Affinity below which an object cannot be meant by a colour: it shows next to none of it."""
UNKNOWN_MATCH = 0.7
"""Match of an object whose colours were not observed: neither a reason for nor against."""
DOUBT = 0.2
"""How likely an object is meant although its colour seems to be another one: people and cameras
disagree about colours in shade, and on the border of two names."""
_MAX_POINTS = 400
_WIDTH_L, _WIDTH_AB = 16.0, 11.0

_BASIC: dict[str, tuple[tuple[int, int, int], ...]] = {
    "red": ((205, 30, 35), (180, 30, 30)),
    "orange": ((240, 130, 20), (235, 110, 40)),
    "yellow": ((240, 215, 50), (245, 225, 110)),
    "green": ((60, 150, 60), (40, 110, 50), (120, 180, 90)),
    "teal": ((30, 140, 140), (60, 180, 190)),
    "blue": ((40, 90, 190), (60, 130, 215), (30, 50, 130)),
    "purple": ((115, 60, 150), (150, 90, 190)),
    "pink": ((240, 150, 190), (230, 90, 150)),
    "brown": ((120, 75, 40), (150, 100, 60), (90, 55, 35)),
    "beige": ((225, 200, 165), (205, 180, 145)),
    "black": ((22, 22, 22), (45, 45, 45)),
    "grey": ((125, 125, 125), (160, 160, 160), (85, 85, 85)),
    "white": ((245, 245, 245), (215, 215, 215)),
}
"""sRGB of the basic colours as people name them in daylight; shading is added below."""
_SHADES = (1.0, 0.62, 0.38)  # linear light on a face turned away, of a chromatic colour
_NEUTRAL = frozenset(("black", "grey", "white"))
_MEANS: dict[str, tuple[str, ...]] = {
    "gray": ("grey",), "silver": ("grey", "white"), "gold": ("yellow", "brown", "beige"),
    "golden": ("yellow", "brown", "beige"), "cyan": ("teal",), "turquoise": ("teal",),
    "navy": ("blue",), "violet": ("purple",), "magenta": ("pink", "purple"),
    "maroon": ("red", "brown"), "olive": ("green", "brown"), "lime": ("green", "yellow"),
    "tan": ("beige", "brown"), "cream": ("beige", "white"),
}  # fmt: skip
"""What other names stand for, in basic colours."""
_NEIGHBOURS: dict[str, dict[str, float]] = {
    "red": {"orange": 0.3, "pink": 0.4, "brown": 0.3},
    "orange": {"red": 0.4, "yellow": 0.4, "brown": 0.3},
    "yellow": {"orange": 0.4, "beige": 0.3, "green": 0.2},
    "green": {"teal": 0.5, "yellow": 0.2},
    "teal": {"green": 0.5, "blue": 0.5},
    "blue": {"teal": 0.6, "purple": 0.4},
    "purple": {"blue": 0.4, "pink": 0.4},
    "pink": {"red": 0.4, "purple": 0.4, "beige": 0.2},
    "brown": {"beige": 0.5, "orange": 0.3, "red": 0.2},
    "beige": {"brown": 0.4, "white": 0.3, "grey": 0.2, "yellow": 0.2},
    "black": {"grey": 0.3},
    "grey": {"black": 0.3, "white": 0.3},
    "white": {"grey": 0.5, "beige": 0.3},
}
"""Names that light, shade and people take for each other, and how readily."""
_NAMES = tuple(_BASIC)


def lab_from_rgb(rgb: np.ndarray) -> np.ndarray:
    """CIELAB [...,3] (D65) of sRGB values [...,3] from 0 to 255 (IEC 61966-2-1, CIE 15)."""
    value = np.asarray(rgb, float) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return _lab(linear)


def _lab(linear: np.ndarray) -> np.ndarray:
    matrix = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
         [0.0193339, 0.1191920, 0.9503041]]
    )  # fmt: skip
    xyz = linear @ matrix.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    L = 116 * f[..., 1] - 16
    return np.stack([L, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


@lru_cache(maxsize=1)
def _prototypes() -> tuple[np.ndarray, np.ndarray]:
    """[P,3] CIELAB of every name's examples in light and shade, and [P] rising rows of `_NAMES`."""
    colours, owners = [], []
    for row, (name, examples) in enumerate(_BASIC.items()):
        for example in examples:
            value = np.array(example, float) / 255
            linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
            for shade in (1.0,) if name in _NEUTRAL else _SHADES:
                colours.append(_lab(linear * shade))
                owners.append(row)
    return np.array(colours), np.array(owners)


def colour_shares(rgb: np.ndarray) -> np.ndarray:
    """Shares of a surface that have each basic colour.

    Every point is named by the nearest example in CIELAB, softly; examples come in light and in
    shade, so that a shadow does not rename a thing.

    Args:
        rgb: [n,3] uint8 colours of observed points.

    Returns:
        [C] shares that add up to 1; zeros without points.
    """
    if not len(rgb):
        return np.zeros(len(_NAMES))
    step = max(len(rgb) // _MAX_POINTS, 1)
    points = lab_from_rgb(rgb[::step])
    prototypes, owners = _prototypes()
    widths = np.array([_WIDTH_L, _WIDTH_AB, _WIDTH_AB])
    a, b = points / widths, prototypes / widths
    distance = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    first = np.searchsorted(owners, np.arange(len(_NAMES)))  # of each name's examples
    nearest = np.minimum.reduceat(distance, first, axis=1)
    weight = np.exp(-0.5 * (nearest - nearest.min(axis=1, keepdims=True)))
    return np.asarray((weight / weight.sum(axis=1, keepdims=True)).mean(axis=0))


@lru_cache(maxsize=64)
def _weights(colour: str, neighbours: bool = False) -> np.ndarray:
    """[C] what the share of each basic colour is worth for a colour word."""
    weights = np.zeros(len(_NAMES))
    for name in _MEANS.get(colour, (colour,)):
        if neighbours:
            for other, worth in _NEIGHBOURS[name].items():
                weights[_NAMES.index(other)] = max(weights[_NAMES.index(other)], worth)
        weights[_NAMES.index(name)] = 1
    return weights


class ColourIndex:
    """The colours of M objects, measured when first asked for.

    Args:
        objects: whose `rgb` is looked at.
    """

    def __init__(self, objects: Sequence[MapObject]) -> None:
        self._objects = objects
        self._shares: np.ndarray | None = None

    @property
    def shares(self) -> np.ndarray:
        """[M,C] as `colour_shares`."""
        if self._shares is None:
            self._shares = np.array([colour_shares(item.rgb) for item in self._objects])
        return self._shares

    def match(self, colour: str) -> np.ndarray:
        """[M] in [0, 1]: 1 where a colour covers a clear share of the object."""
        return self._match(_weights(colour))

    def affinity(self, colour: str) -> np.ndarray:
        """[M] in [0, 1] as `match`, with part of the shares of the colour's neighbours."""
        return self._match(_weights(colour, neighbours=True))

    def _match(self, weights: np.ndarray) -> np.ndarray:
        observed = self.shares.sum(axis=1) > 0
        match = np.clip(self.shares @ weights / CLEAR_SHARE, 0, 1)
        return np.where(observed, match, UNKNOWN_MATCH)

    def likelihood(
        self, colours: Sequence[str], rows: slice | np.ndarray = slice(None)
    ) -> np.ndarray:
        """[M], or [m] for some rows: log-likelihood of all asked colours together."""
        value = np.zeros(len(self._objects))
        for colour in colours:
            value += np.log(DOUBT + (1 - DOUBT) * self.affinity(colour))
        return value[rows]

    def possible(self, colours: Sequence[str]) -> np.ndarray:
        """[M] whether an object may be meant by all of some colours."""
        possible = np.ones(len(self._objects), bool)
        for colour in colours:
            possible &= self.affinity(colour) >= COULD
        return possible


def is_colour(word: str) -> bool:
    """Whether a word names a colour that is measured."""
    return word in COLOURS
