"""A level frame for one depth image: heights, and positions seen from above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from grounding3d.features.surface import Surface

_HULL_POINTS = 1500


@dataclass(frozen=True)
class Upright:
    """A level frame for one image.

    Attributes:
        height: [h,w] float32 metres along up, from the camera.
        ground: [h,w,2] float32 metres, position seen from above.
        level: [h,w] bool, the surface faces up.
    """

    height: np.ndarray
    ground: np.ndarray
    level: np.ndarray


def make_upright(surface: Surface, up: np.ndarray) -> Upright:
    """Heights and ground positions of all pixels for an up direction [3] in the camera frame."""
    first = np.cross(up, np.eye(3)[np.abs(up).argmin()])
    first /= np.linalg.norm(first)
    axes = np.stack([up, first, np.cross(up, first)], axis=1).astype(np.float32)
    turned = surface.points @ axes
    level = (surface.area_m2 > 0) & (surface.normals @ axes[:, 0] > 0.9)
    return Upright(turned[..., 0], np.ascontiguousarray(turned[..., 1:]), level)


def outline(points: np.ndarray) -> np.ndarray | None:
    """Half-planes [k,3] of the convex hull of points [n,2], of a sample where they are many."""
    try:
        return ConvexHull(points[:: 1 + len(points) // _HULL_POINTS]).equations
    except (QhullError, ValueError):
        return None


def within(points: np.ndarray, hull: np.ndarray, margin: float) -> np.ndarray:
    """Whether points [n,2] lie inside a hull widened by `margin` metres."""
    return (points @ hull[:, :2].T + hull[:, 2]).max(axis=1) < margin
