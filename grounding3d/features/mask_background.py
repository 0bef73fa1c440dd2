"""What objects stand out from: supports with their edges and legs, walls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from grounding3d.features.mask_furniture import (
    closing_panels,
    connect_apart,
    is_body,
    is_floor,
    is_panel,
)
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
_TOUCH_M = 0.025
_GAP_CELL_M = 0.06  # parts of a plane are one if no more than two such cells lie between them
_BOARD_SHARE = 0.4  # of the smallest support's area is enough for a board that ends at a panel


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
        surface, up, _BOARD_SHARE * config.min_support_area_m2, config.max_support_tilt
    )
    supports = _true_supports(surface, found, up, upright, config.min_support_area_m2)
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


def hang_below(
    surface: Surface, background: Background, upright: Upright
) -> tuple[np.ndarray, np.ndarray]:
    """Label the edges, frames and legs of supports; tell what else is below a support.

    What hangs below support k and fills its width is the support's body, labelled S + k for S
    supports.

    Returns:
        [h,w] bool pixels below a support and within its outline that are not part of it; and those
        of edges and legs.
    """
    labels = background.labels
    below, legs = np.zeros(labels.shape, bool), np.zeros(labels.shape, bool)
    count = len(background.supports)
    for number, plane in enumerate(background.supports, 1):
        under = surface.valid & (labels == 0) & _under(surface, plane, upright)
        pieces = connect_apart(surface, under, background.panels)
        standing = (
            standing_pieces(surface, background, number, pieces, upright),
            standing_pieces(surface, background, None, pieces, upright),
        )
        hanging = _hanging(surface, plane, labels == number, pieces, standing, upright)
        height = plane.height(surface.points)
        body = is_body(plane, hanging, height)
        labels[hanging] = number + count if body else number
        below |= under
        if not body:
            legs |= hanging
    return below & (labels == 0), legs


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


@dataclass(frozen=True)
class _UprightPlanes:
    """Vertical planes: walls, and those that stand before others, by number.

    `numbers` [h,w] int32 tells which of the latter a pixel lies in, 0 = none.
    """

    walls: list[Plane]
    panels: dict[int, Plane]
    numbers: np.ndarray


def _upright_planes(surface: Surface, up: np.ndarray, config: MaskConfig) -> _UprightPlanes:
    numbers = np.zeros(surface.valid.shape, np.int32)
    walls: list[Plane] = []
    panels: dict[int, Plane] = {}
    for plane in find_walls(surface, up, surface.valid, config.min_panel_area_m2):
        if is_panel(surface, plane, up):
            panels[len(panels) + 1] = plane
            numbers[plane.bits & (numbers == 0)] = len(panels)
        elif plane.area_m2 >= config.min_wall_area_m2:
            walls.append(plane)
    return _UprightPlanes(walls, panels, numbers)


def _furniture_panels(
    surface: Surface, supports: list[Plane], upright: _UprightPlanes, config: MaskConfig
) -> np.ndarray:
    """Numbers [h,w] int32 of the panels that are furniture's, 0 = none.

    They are large, or boards end at them; any other vertical face is that of some box.
    """
    kept = {n for n, plane in upright.panels.items() if plane.area_m2 >= config.min_wall_area_m2}
    for plane in supports:
        if not is_floor(surface, plane):
            kept |= closing_panels(surface, plane, upright.panels, upright.numbers)
    return np.where(np.isin(upright.numbers, list(kept)), upright.numbers, 0)


def _true_supports(
    surface: Surface,
    planes: list[Plane],
    up: np.ndarray,
    upright: _UprightPlanes,
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
    surface: Surface, plane: Plane, up: np.ndarray, upright: _UprightPlanes, min_area_m2: float
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
        small = area[number] < _BOARD_SHARE * min_area_m2
        if area[number] >= min_area_m2 or (not small and _is_board(surface, piece, upright)):
            found.append(piece)
        else:
            rest |= part == number
    bits = np.zeros(plane.bits.shape, bool)
    bits[plane.bits] = (part == largest) | rest
    return [Plane(plane.normal, plane.offset, bits, float(area[largest])), *found]


def _is_board(surface: Surface, plane: Plane, upright: _UprightPlanes) -> bool:
    return bool(closing_panels(surface, plane, upright.panels, upright.numbers))


def _beside(surface: Surface, plane: Plane, other: Plane) -> bool:
    """Whether the boxes around two planes come near each other."""
    one, two = (surface.points[p.bits] for p in (plane, other))
    return bool(
        (one.min(axis=0) <= two.max(axis=0) + 0.1).all()
        and (two.min(axis=0) <= one.max(axis=0) + 0.1).all()
    )


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


def standing_pieces(
    surface: Surface,
    background: Background,
    number: int | None,
    pieces: np.ndarray,
    upright: Upright,
) -> np.ndarray:
    """[n + 1] bool: which of n pieces [h,w] stand on a support.

    Args:
        surface: the depth image.
        background: supports and their pixels.
        number: of the support that does not count; None: floors do not.
        pieces: [h,w] int, 0 elsewhere.
        upright: level frame of the image.
    """
    found = np.zeros(pieces.max() + 1, bool)
    if len(found) == 1:
        return found
    for other, plane in enumerate(background.supports, 1):
        if other == number or (number is None and is_floor(surface, plane)):
            continue
        hull = outline(upright.ground[background.labels == other][::3])
        if hull is None:
            continue
        inside = pieces > 0
        height = plane.height(surface.points[inside])
        index = pieces[inside]
        near = (np.abs(height) < 0.02 + 2 * surface.sigma_m[inside]) & within(
            upright.ground[inside], hull.astype(np.float32), 0.02
        )
        size = np.maximum(np.bincount(index, minlength=len(found)), 1)
        low = np.bincount(index, weights=height < -0.03, minlength=len(found)) / size
        foot = np.bincount(index, weights=near, minlength=len(found))
        found |= (foot > 3) & (low < 0.05)
    found[0] = False
    return found


def _hanging(
    surface: Surface,
    plane: Plane,
    own: np.ndarray,
    pieces: np.ndarray,
    standing: tuple[np.ndarray, np.ndarray],
    upright: Upright,
) -> np.ndarray:
    """Pixels [h,w] of the pieces below a plane that belong to it: its edge, frame and legs.

    They border on it in the image, possibly by way of its edge, and begin close below it, or lower
    where they are narrow.

    Args:
        surface: the depth image.
        plane: the support.
        own: [h,w] bool pixels labelled as the support.
        pieces: [h,w] int pieces of what is below it.
        standing: two of [n + 1] bool, which pieces stand on another support, and on one that is no
            floor. They are things, as a bottle in a shelf, unless they reach up to this support as
            a shelf's side does, or are a leg on the floor whose upper end cannot be seen.
        upright: level frame of the image.
    """
    taken = pieces < 0
    if not pieces.any():
        return taken
    stands, on_board = standing
    height = plane.height(surface.points)
    tops = np.full(pieces.max() + 1, -np.inf)
    np.maximum.at(tops, pieces[pieces > 0], height[pieces > 0])
    for _ in range(2):
        for piece in np.unique(pieces[widen(widen(widen(own | taken)))]):
            if piece == 0 or tops[piece] < -_LEG_M:
                continue
            inside = pieces == piece
            begin = upright.ground[inside & (height > tops[piece] - 0.1)]
            narrow = np.ptp(begin, axis=0).max() < _LEG_WIDTH_M
            if stands[piece] and tops[piece] < -_TOUCH_M and (on_board[piece] or not narrow):
                continue
            if tops[piece] > -_EDGE_M or narrow:
                taken |= inside
    return taken
