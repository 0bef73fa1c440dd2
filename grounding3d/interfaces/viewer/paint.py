"""Colours of Gaussians: as recorded, by depth, normal or object, and what a query lights up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from grounding3d.interfaces.viewer.model import ViewModel

Surface = Literal["colour", "depth", "normals", "objects"]
SURFACES: tuple[Surface, ...] = ("colour", "depth", "normals", "objects")

QUERY_COLOURS = ((240, 90, 20), (20, 130, 230))
"""RGB of the first and of the second question: orange and blue, told apart by the colour-blind."""

NEUTRAL = 0.5
"""Relevancy at which a place prefers the query to nothing."""

_FADE = 0.65  # how far colours go to grey beside what a query lights up
_UNKNOWN = (128, 128, 128)
# dark blue, teal, green, yellow: the viridis map of matplotlib (CC0) at equal steps
_RAMP = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], float)


def surface_colours(
    model: ViewModel, rows: np.ndarray, surface: Surface, eye: np.ndarray | None
) -> np.ndarray:
    """[n,3] uint8 colours of the Gaussians `rows`; depth is the distance from `eye` [3]."""
    if surface == "depth" and eye is not None:
        return ramp(*depth_share(model, rows, eye)[:1])
    if surface == "normals":
        return np.rint(127.5 * (model.normals[rows] + 1)).astype(np.uint8)
    if surface == "objects":
        return thing_colours(model.thing[rows])
    return model.rgb[rows]


def depth_share(
    model: ViewModel, rows: np.ndarray, eye: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """Distance from `eye` [n] from 0 (nearest) to 1, and the metres that these two mean."""
    distance = np.linalg.norm(model.means[rows] - eye.astype(np.float32), axis=1)
    if not len(distance):
        return distance, 0.0, 1.0
    near, far = (float(x) for x in np.percentile(distance, [1, 99]))
    return np.clip((distance - near) / max(far - near, 1e-6), 0, 1), near, far


def ramp(share: np.ndarray) -> np.ndarray:
    """[n,3] uint8 colours of values [n] from 0 (bright, near) to 1 (dark, far)."""
    steps = np.linspace(1, 0, len(_RAMP))[::-1]
    colours = [np.interp(share, steps, _RAMP[::-1, channel]) for channel in range(3)]
    return np.rint(np.stack(colours, axis=1)).astype(np.uint8)


def thing_colours(things: np.ndarray) -> np.ndarray:
    """[n,3] uint8: a colour of its own for every row of the codebook, grey for -1."""
    hue = (things * 0.61803398875) % 1.0  # the golden ratio keeps neighbours apart
    tone = 0.75 + 0.2 * (things % 3 - 1)
    colours = np.clip(np.abs((hue[:, None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    colours = 255 * (0.15 + 0.85 * colours) * tone[:, None]
    return np.where(things[:, None] < 0, _UNKNOWN, np.rint(colours)).astype(np.uint8)


def strength(relevancy: np.ndarray) -> np.ndarray:
    """How strongly a relevancy [n] is painted: 0 at neutral and below, 1 at 1; squared between
    them, so that the eye goes to what fits best."""
    return np.square(np.clip((relevancy - NEUTRAL) / (1 - NEUTRAL), 0, 1))


def faded(rgb: np.ndarray) -> np.ndarray:
    """Colours [n,3] uint8 that have stepped back towards grey, so that a question stands out."""
    base = rgb.astype(np.float32)
    grey = base @ np.full((3, 1), 0.7 / 3, np.float32) + 40
    return (base + _FADE * (grey - base)).astype(np.uint8)


def light_up(background: np.ndarray, relevancies: Sequence[np.ndarray | None]) -> np.ndarray:
    """Each question's relevancy in its colour over a background that has been `faded`.

    Args:
        background: [n,3] uint8.
        relevancies: [n] for each question in order, None for one that is not asked.

    Returns:
        [n,3] uint8; where two questions fit, their colours are mixed by strength.
    """
    strengths = [np.zeros(0) if r is None else strength(r) for r in relevancies]
    asked = [i for i, r in enumerate(relevancies) if r is not None]
    painted = background.copy()
    if not asked:
        return painted
    peak = np.maximum.reduce([strengths[i] for i in asked])
    rows = np.flatnonzero(peak > 0.01)
    base = background[rows].astype(np.float32)
    total = np.sum([strengths[i][rows] for i in asked], axis=0)
    mixed = np.zeros_like(base)
    for i in asked:
        share = (strengths[i][rows] / total).astype(np.float32)
        mixed += share[:, None] * np.array(QUERY_COLOURS[i], np.float32)
    # a little of the shading stays, so that shapes can still be told
    mixed *= 0.75 + 0.25 * base.mean(axis=1, keepdims=True) / 255
    base += peak[rows, None].astype(np.float32) * (mixed - base)
    painted[rows] = np.clip(np.rint(base), 0, 255).astype(np.uint8)
    return painted
