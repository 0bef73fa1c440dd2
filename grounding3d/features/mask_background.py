"""What objects stand out from: supports with their edges and legs, walls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.features.mask_pieces import connect
from grounding3d.features.mask_thin import thin_things
from grounding3d.features.masks import MaskConfig
from grounding3d.features.planes import (
    Plane,
    Surface,
    box_mean,
    find_supports,
    find_walls,
    widen,
)
from grounding3d.features.upright import Upright, outline, within

_OVERHANG_M = 0.04
_EDGE_M, _LEG_M, _LEG_WIDTH_M = 0.1, 0.5, 0.2


@dataclass(frozen=True)
class Background:
    """What objects stand out from.

    Attributes:
        labels: [h,w] int32, 0 none, -1 wall, k + 1 support k.
        supports: planes, the largest first.
        walls: vertical planes.
        thin: [h,w] bool, proved to be a thin thing on a support.
    """

    labels: np.ndarray
    supports: list[Plane]
    walls: list[Plane]
    thin: np.ndarray


def find_background(
    surface: Surface, rgb: np.ndarray, up: np.ndarray, config: MaskConfig
) -> Background:
    """Supports and walls of a reduced frame.

    Args:
        surface: the depth image.
        rgb: [h,w,3] float32 colour of the same size.
        up: [3] unit, camera frame.
        config: thresholds.
    """
    labels = np.zeros(surface.valid.shape, np.int32)
    thin = np.zeros(labels.shape, bool)
    supports = _true_supports(
        surface,
        find_supports(surface, up, config.min_support_area_m2, config.max_support_tilt),
    )
    for number, plane in enumerate(supports, 1):
        lying = _lies_on(surface, plane, config.min_height_m) & (labels == 0)
        thin_here = thin_things(surface, rgb, plane, lying)
        labels[lying & ~thin_here] = number
        thin |= thin_here
    free = surface.valid & (labels == 0)
    walls = find_walls(surface, up, free, config.min_wall_area_m2)
    for wall in walls:
        labels[wall.bits & (labels == 0)] = -1
    return Background(labels, supports, walls, thin)


def hang_below(surface: Surface, background: Background, upright: Upright) -> np.ndarray:
    """Label the edges, frames and legs of supports; tell what else is below a support.

    Returns:
        [h,w] bool pixels below a support and within its outline that are not part of it.
    """
    labels = background.labels
    below = np.zeros(labels.shape, bool)
    for number, plane in enumerate(background.supports, 1):
        under = surface.valid & (labels == 0) & _under(surface, plane, upright)
        pieces, _ = connect(surface, under)
        labels[_hanging(surface, plane, labels == number, pieces, upright)] = number
        below |= under
    return below & (labels == 0)


def give_back(surface: Surface, background: Background, pieces: np.ndarray) -> None:
    """Label the pieces [h,w] that are no more than a ragged or noisy part of a plane."""
    if not pieces.any():
        return
    index = np.arange(pieces.max() + 1)
    inside = pieces > 0
    labels = pieces[inside]
    size = np.maximum(np.bincount(labels, minlength=len(index)), 1)
    proved = np.bincount(labels, weights=background.thin[inside], minlength=len(index)) > 0.3 * size
    points, z, sigma = surface.points[inside], surface.z[inside], surface.sigma_m[inside]
    numbered = [(plane, number) for number, plane in enumerate(background.supports, 1)]
    for plane, number in [*numbered, *((wall, -1) for wall in background.walls)]:
        height = plane.height(points)
        noise = sigma * np.abs(points @ plane.normal.astype(np.float32)) / z
        slack = (0.02 if number < 0 else 0.006) + 3 * noise + 0.003 * z**2
        close = np.bincount(labels, weights=np.abs(height) < slack, minlength=len(index)) / size
        mean = np.bincount(labels, weights=height, minlength=len(index)) / size
        error = np.sqrt(np.bincount(labels, weights=noise**2, minlength=len(index))) / size
        distortion = np.bincount(labels, weights=0.0007 * z**2, minlength=len(index)) / size
        proof = (0.02 if number < 0 else 0.0015) + distortion + 4 * error
        ragged = (close > 0.9) & (mean < proof) & ~proved
        ragged[0] = False
        background.labels[ragged[pieces] & (background.labels == 0)] = number


def _true_supports(surface: Surface, planes: list[Plane]) -> list[Plane]:
    """Leave out what is no support of its own.

    That is a second reading of a noisy plane, and what lies on a larger support and is small: the
    tops of books and boxes.
    """
    kept: list[Plane] = []
    for plane in planes:
        middle = surface.points[plane.bits].mean(axis=0)
        noise = float(surface.sigma_m[plane.bits].mean())
        heights = [float(other.height(middle)) for other in kept]
        if any(abs(height) < 0.015 + 4 * noise for height in heights):
            continue
        if any(_is_top_of_thing(plane, height) for height in heights):
            continue
        kept.append(plane)
    return kept


def _lies_on(surface: Surface, plane: Plane, min_height_m: float) -> np.ndarray:
    """Pixels [h,w] of the plane, by the height smoothed over a window against the noise."""
    height = plane.height(surface.points)
    facing = np.abs(surface.camera.rays @ plane.normal.astype(np.float32))
    sigma = surface.sigma_m * facing
    near = surface.valid & (np.abs(height) < 0.01 + 3 * sigma)
    smooth = box_mean(height, near, 3)
    limit = min_height_m + sigma
    low = near & (np.abs(smooth) < limit) & (np.abs(height) < limit + 3 * sigma)
    return low & widen(widen(plane.bits))


def _is_top_of_thing(plane: Plane, height_m: float) -> bool:
    """Whether a plane at this height over a larger support is too small to carry anything."""
    if 0 < height_m < 0.06:
        return plane.area_m2 < 0.6
    return 0 < height_m < 0.5 and plane.area_m2 < 0.15


def _under(surface: Surface, plane: Plane, upright: Upright) -> np.ndarray:
    """Pixels [h,w] below a support and within its outline seen from above."""
    height = plane.height(surface.points)
    low = surface.valid & (height < -0.001 - surface.sigma_m) & ~plane.bits
    hull = outline(upright.ground[plane.bits][::3])
    if hull is None:
        return low & False
    low[low] = within(upright.ground[low], hull.astype(np.float32), _OVERHANG_M)
    return low


def _hanging(
    surface: Surface, plane: Plane, own: np.ndarray, pieces: np.ndarray, upright: Upright
) -> np.ndarray:
    """Pixels [h,w] of the pieces below a plane that belong to it: its edge, frame and legs.

    They border on it in the image, possibly by way of its edge, and begin close below it, or lower
    where they are narrow.

    Args:
        surface: the depth image.
        plane: the support.
        own: [h,w] bool pixels labelled as the support.
        pieces: [h,w] int pieces of what is below it.
        upright: level frame of the image.
    """
    taken = pieces < 0
    if not pieces.any():
        return taken
    height = plane.height(surface.points)
    tops = np.full(pieces.max() + 1, -np.inf)
    np.maximum.at(tops, pieces[pieces > 0], height[pieces > 0])
    for _ in range(2):
        for piece in np.unique(pieces[widen(widen(widen(own | taken)))]):
            if piece == 0 or tops[piece] < -_LEG_M:
                continue
            inside = pieces == piece
            begin = upright.ground[inside & (height > tops[piece] - 0.1)]
            if tops[piece] > -_EDGE_M or np.ptp(begin, axis=0).max() < _LEG_WIDTH_M:
                taken |= inside
    return taken
