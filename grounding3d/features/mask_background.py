"""What objects stand out from: supports and walls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.features.mask_furniture import closing_panels, is_floor, is_panel
from grounding3d.features.mask_supports import BOARD_SHARE, UprightPlanes, true_supports
from grounding3d.features.mask_thin import thin_things
from grounding3d.features.masks import MaskConfig
from grounding3d.features.planes import Plane, find_supports, find_walls
from grounding3d.features.surface import Surface, box_mean, widen


@dataclass(frozen=True)
class Background:
    """What objects stand out from.

    Attributes:
        labels: [h,w] int32, 0 none, -1 wall, k + 1 support k.
        supports: planes, the largest first.
        walls: vertical planes.
        thin: [h,w] bool, proved to be a thin thing on a support.
        panels: [h,w] int32 number of the panel a pixel lies in, 0 = none; its label is 0.
    """

    labels: np.ndarray
    supports: list[Plane]
    walls: list[Plane]
    thin: np.ndarray
    panels: np.ndarray


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
    upright = _upright_planes(surface, up, config)
    found = find_supports(
        surface, up, BOARD_SHARE * config.min_support_area_m2, config.max_support_tilt
    )
    supports = true_supports(surface, found, up, upright, config.min_support_area_m2)
    panels = _furniture_panels(surface, supports, upright, config)
    for number, plane in enumerate(supports, 1):
        lying = _lies_on(surface, plane, config.min_height_m) & (labels == 0)
        thin_here = thin_things(surface, rgb, plane, lying)
        labels[lying & ~thin_here] = number
        thin |= thin_here
    panels[labels != 0] = 0
    for wall in upright.walls:
        labels[wall.bits & (labels == 0) & (panels == 0)] = -1
    return Background(labels, supports, upright.walls, thin, panels)


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


def _upright_planes(surface: Surface, up: np.ndarray, config: MaskConfig) -> UprightPlanes:
    numbers = np.zeros(surface.valid.shape, np.int32)
    walls: list[Plane] = []
    panels: dict[int, Plane] = {}
    for plane in find_walls(surface, up, surface.valid, config.min_panel_area_m2):
        if is_panel(surface, plane, up):
            panels[len(panels) + 1] = plane
            numbers[plane.bits & (numbers == 0)] = len(panels)
        elif plane.area_m2 >= config.min_wall_area_m2:
            walls.append(plane)
    return UprightPlanes(walls, panels, numbers)


def _furniture_panels(
    surface: Surface, supports: list[Plane], upright: UprightPlanes, config: MaskConfig
) -> np.ndarray:
    """Numbers [h,w] int32 of the panels that are furniture's, 0 = none.

    They are large, or boards end at them; any other vertical face is that of some box.
    """
    kept = {n for n, plane in upright.panels.items() if plane.area_m2 >= config.min_wall_area_m2}
    for plane in supports:
        if not is_floor(surface, plane):
            kept |= closing_panels(surface, plane, upright.panels, upright.numbers)
    return np.where(np.isin(upright.numbers, list(kept)), upright.numbers, 0)


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
