"""Which level planes of a frame are supports of their own: tables, shelves' boards, floors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from grounding3d.features.mask_furniture import closing_panels
from grounding3d.features.planes import Plane
from grounding3d.features.surface import Surface, widen

BOARD_SHARE = 0.4
"""Of the smallest support's area is enough for a board that ends at a panel."""

_GAP_CELL_M = 0.06  # parts of a plane are one if no more than two such cells lie between them


@dataclass(frozen=True)
class UprightPlanes:
    """Vertical planes: walls, and those that stand before others, by number.

    `numbers` [h,w] int32 tells which of the latter a pixel lies in, 0 = none.
    """

    walls: list[Plane]
    panels: dict[int, Plane]
    numbers: np.ndarray


def true_supports(
    surface: Surface,
    planes: list[Plane],
    up: np.ndarray,
    upright: UprightPlanes,
    min_area_m2: float,
) -> list[Plane]:
    """Leave out what is no support of its own.

    That is a second reading of a noisy plane, and what lies on a larger support and is small: the
    tops of books and boxes. The boards of a shelf are as small, but end at its back.
    """
    kept: list[Plane] = []
    for whole in planes:
        for plane in _patches(surface, whole, up, upright, min_area_m2):
            board = _is_board(surface, plane, upright)
            if plane.area_m2 < min_area_m2 and not board:
                continue
            middle = surface.points[plane.bits].mean(axis=0)
            noise = float(surface.sigma_m[plane.bits].mean())
            heights = [float(other.height(middle)) for other in kept]
            if any(
                abs(height) < 0.015 + 4 * noise and _beside(surface, plane, other)
                for height, other in zip(heights, kept, strict=True)
            ):
                continue
            if not board and any(_is_top_of_thing(plane, height) for height in heights):
                continue
            kept.append(plane)
    return kept


def _patches(
    surface: Surface, plane: Plane, up: np.ndarray, upright: UprightPlanes, min_area_m2: float
) -> list[Plane]:
    """A level plane, or its parts where a table and a shelf's board are of one height.

    Parts lie apart seen from above. What is too small for a part of its own stays with the largest.
    """
    points = surface.points[plane.bits]
    first = np.cross(up, np.eye(3)[np.abs(up).argmin()])
    axes = np.stack([first, np.cross(up, first)], axis=1).astype(np.float32)
    cells = np.floor(points @ (axes / np.linalg.norm(axes, axis=0)) / _GAP_CELL_M).astype(np.int64)
    cells -= cells.min(axis=0)
    grid = np.zeros(cells.max(axis=0) + 3, bool)
    grid[cells[:, 0] + 1, cells[:, 1] + 1] = True
    parts, count = ndimage.label(widen(grid), np.ones((3, 3)))
    if count < 2:
        return [plane]
    part = parts[cells[:, 0] + 1, cells[:, 1] + 1]
    area = np.bincount(part, weights=surface.area_m2[plane.bits], minlength=count + 1)
    largest, found, rest = int(area.argmax()), [], np.zeros(len(part), bool)
    for number in range(1, count + 1):
        bits = np.zeros(plane.bits.shape, bool)
        bits[plane.bits] = part == number
        piece = Plane(plane.normal, plane.offset, bits, float(area[number]))
        if number == largest:
            continue
        small = area[number] < BOARD_SHARE * min_area_m2
        if area[number] >= min_area_m2 or (not small and _is_board(surface, piece, upright)):
            found.append(piece)
        else:
            rest |= part == number
    bits = np.zeros(plane.bits.shape, bool)
    bits[plane.bits] = (part == largest) | rest
    return [Plane(plane.normal, plane.offset, bits, float(area[largest])), *found]


def _is_board(surface: Surface, plane: Plane, upright: UprightPlanes) -> bool:
    return bool(closing_panels(surface, plane, upright.panels, upright.numbers))


def _beside(surface: Surface, plane: Plane, other: Plane) -> bool:
    """Whether the boxes around two planes come near each other."""
    one, two = (surface.points[p.bits] for p in (plane, other))
    return bool(
        (one.min(axis=0) <= two.max(axis=0) + 0.1).all()
        and (two.min(axis=0) <= one.max(axis=0) + 0.1).all()
    )


def _is_top_of_thing(plane: Plane, height_m: float) -> bool:
    """Whether a plane at this height over a larger support is too small to carry anything."""
    if 0 < height_m < 0.06:
        return plane.area_m2 < 0.6
    return 0 < height_m < 0.5 and plane.area_m2 < 0.15
