"""The record of one simulated object: what it looks like and what people call it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class ObjectModel:
    """One textured object, upright, +Z up, its origin at the bottom centre.

    Attributes:
        name: Unique name of the instance.
        category: Noun of its class ("mug", "food box").
        captions: Two to four natural phrases that describe it.
        vertices: float32 [V, 3], metres, in the object's own frame.
        faces: int32 [F, 3], counter-clockwise seen from outside.
        uv: float32 [V, 2]; (0, 0) is the bottom left of the texture, (1, 1) its top right.
        normals: float32 [V, 3], unit length.
        texture: uint8 [h, w, 3], row 0 is the top of the picture.
        colour: The main colour's name, or None when no single colour describes it.
        size_m: Extents along x, y, z in metres.
    """

    name: str
    category: str
    captions: tuple[str, ...]
    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    normals: np.ndarray
    texture: np.ndarray
    colour: str | None
    size_m: tuple[float, float, float]


def extents(low: np.ndarray, high: np.ndarray) -> tuple[float, float, float]:
    """Size along x, y, z between two corners."""
    x, y, z = (float(d) for d in high - low)
    return x, y, z
