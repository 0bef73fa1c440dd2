"""From a click to a point in the scene, and from two points to a measure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.geometry.boxes import OBB
from grounding3d.interfaces.viewer.model import ViewModel
from grounding3d.objects.base import MapObject

_SIGMAS = 1.7  # radius of a disc that a ray can hit, in its Gaussian's standard deviations
_EDGE_ON = 0.05  # sine of the angle under which a disc is too thin to be hit
_SLACK_RAD = 0.004  # or within this angle: what lies under the mouse pointer
_MARGIN_M = 0.01
_NEAR_M = 0.01


@dataclass(frozen=True, eq=False)
class Picked:
    """What was clicked.

    Attributes:
        point: [3] metres, world: where the ray meets the surface.
        item: the object there, None beside all objects.
    """

    point: np.ndarray
    item: MapObject | None


@dataclass(frozen=True)
class Measure:
    """Two points, apart by so many metres.

    Attributes:
        distance_m: straight.
        along_m: differences along the world's axes, signed.
        horizontal_m, vertical_m: across and along gravity, None where up is unknown.
    """

    distance_m: float
    along_m: tuple[float, float, float]
    horizontal_m: float | None
    vertical_m: float | None


def pick(
    model: ViewModel, origin: np.ndarray, direction: np.ndarray, rows: np.ndarray | None = None
) -> Picked | None:
    """The first surface that a ray meets, None if it meets nothing.

    Args:
        model: N Gaussians and the objects.
        origin: [3] metres, world.
        direction: [3], of any length.
        rows: Gaussians that can be seen, None for all.
    """
    origin = np.asarray(origin, np.float32)
    direction = np.asarray(direction, np.float32)
    direction = direction / np.linalg.norm(direction)
    rows = np.arange(len(model)) if rows is None else rows
    offset = model.means[rows] - origin
    along = offset @ direction
    aside = np.sqrt(np.maximum(np.einsum("ni,ni->n", offset, offset) - along**2, 0))
    reach = _SIGMAS * np.sqrt(model.area[rows])
    near = np.flatnonzero((along > _NEAR_M) & (aside < np.maximum(reach, _SLACK_RAD * along)))
    if not len(near):
        return None
    distance, hit = _meet_discs(offset[near], model.normals[rows[near]], direction, reach[near])
    if hit.any():
        point = origin + distance[hit].min() * direction
    else:  # between the discs, or past their edges: the one that lies closest to the ray
        point = model.means[rows[near[aside[near].argmin()]]]
    point = np.asarray(point, float)
    return Picked(point, object_at(model, point))


def object_at(model: ViewModel, point: np.ndarray) -> MapObject | None:
    """The smallest object whose box, grown by a centimetre, holds the point."""
    holding = [o for o in model.scene.objects if o.box.contains(point, margin_m=_MARGIN_M)]
    return min(holding, key=lambda item: item.box.volume, default=None)


def measure(a: np.ndarray, b: np.ndarray, up_world: np.ndarray | None) -> Measure:
    """Distances between two points [3], metres."""
    gap = np.asarray(b, float) - np.asarray(a, float)
    distance = float(np.linalg.norm(gap))
    along = (float(gap[0]), float(gap[1]), float(gap[2]))
    if up_world is None:
        return Measure(distance, along, None, None)
    vertical = float(gap @ up_world)
    horizontal = float(np.linalg.norm(gap - vertical * np.asarray(up_world, float)))
    return Measure(distance, along, horizontal, vertical)


def view_of_box(
    box: OBB, up: np.ndarray, eye: np.ndarray, fov: float, aspect: float
) -> tuple[np.ndarray, np.ndarray]:
    """Camera position [3] and point to look at [3] that frame a box.

    The camera stays on the side it looks from, but comes down or up to look from 40 degrees above.

    Args:
        box: what to frame.
        up: [3] unit vector.
        eye: [3] where the camera is now.
        fov: vertical field of view, radians.
        aspect: width over height of the picture.
    """
    flat = np.asarray(eye, float) - box.center
    flat -= (flat @ up) * up
    length = float(np.linalg.norm(flat))
    if length < 1e-3:
        flat = np.cross(up, [1.0, 0.0, 0.0] if abs(up[0]) < 0.9 else [0.0, 1.0, 0.0])
        length = float(np.linalg.norm(flat))
    angle = np.deg2rad(40)
    back = np.cos(angle) * flat / length + np.sin(angle) * up
    radius = max(float(np.linalg.norm(box.size)) / 2, 0.05)
    narrow = min(fov, 2 * np.arctan(np.tan(fov / 2) * aspect))
    distance = max(2.2 * radius / np.tan(narrow / 2), 0.45)
    return box.center + distance * back, box.center


def _meet_discs(
    offset: np.ndarray, normal: np.ndarray, direction: np.ndarray, reach: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where a ray meets the planes of n discs, metres along it, and whether within the disc."""
    slope = normal @ direction
    height = np.einsum("ni,ni->n", offset, normal)
    steep = np.abs(slope) > _EDGE_ON
    distance = np.divide(height, slope, out=np.zeros_like(height), where=steep)
    gap = np.linalg.norm(distance[:, None] * direction - offset, axis=1)
    return distance, steep & (gap < reach) & (distance > _NEAR_M)
