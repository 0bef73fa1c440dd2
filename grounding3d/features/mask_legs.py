"""What is below a support: its edge, frame and legs, its body, and the things that stand there."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from grounding3d.features.mask_background import Background
from grounding3d.features.mask_furniture import connect_apart, is_body, is_floor
from grounding3d.features.planes import Plane
from grounding3d.features.surface import Surface, widen
from grounding3d.features.upright import Upright, outline, within

_OVERHANG_M = 0.04
_EDGE_M, _LEG_M, _LEG_WIDTH_M = 0.1, 0.5, 0.2
_TOUCH_M = 0.025


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
        standing = standing_pieces(surface, background, number, pieces, upright)
        hanging = _hanging(surface, plane, labels == number, pieces, standing, upright)
        height = plane.height(surface.points)
        body = is_body(plane, hanging, height)
        labels[hanging] = number + count if body else number
        below |= under
        if not body:
            legs |= hanging
    return below & (labels == 0), legs


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
    at = np.flatnonzero(pieces)
    index, points = pieces.ravel()[at], surface.points.reshape(-1, 3)[at]
    ground, sigma = upright.ground.reshape(-1, 2), surface.sigma_m.ravel()[at]
    size = np.maximum(np.bincount(index, minlength=len(found)), 1)
    for other, plane in enumerate(background.supports, 1):
        if other == number or (number is None and is_floor(surface, plane)):
            continue
        height = plane.height(points)
        near = np.flatnonzero(np.abs(height) < 0.02 + 2 * sigma)
        if not len(near):
            continue
        hull = outline(ground[np.flatnonzero(background.labels == other)[::3]])
        if hull is None:
            continue
        feet = near[within(ground[at[near]], hull.astype(np.float32), 0.02)]
        low = np.bincount(index[height < -0.03], minlength=len(found)) / size
        foot = np.bincount(index[feet], minlength=len(found))
        found |= (foot > 3) & (low < 0.05)
    found[0] = False
    return found


def _under(surface: Surface, plane: Plane, upright: Upright) -> np.ndarray:
    """Pixels [h,w] below a support and within its outline seen from above."""
    height = plane.height(surface.points)
    low = surface.valid & (height < -0.001 - surface.sigma_m) & ~plane.bits
    ground = upright.ground.reshape(-1, 2)
    hull = outline(ground[np.flatnonzero(plane.bits)[::3]])
    under = np.zeros_like(low)
    if hull is not None:
        at = np.flatnonzero(low)
        under.ravel()[at] = within(ground[at], hull.astype(np.float32), _OVERHANG_M)
    return under


def _hanging(
    surface: Surface,
    plane: Plane,
    own: np.ndarray,
    pieces: np.ndarray,
    standing: np.ndarray,
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
        standing: [n + 1] bool, which pieces stand on another support: a bottle in a shelf, unless
            it reaches up to this one as a shelf's side does.
        upright: level frame of the image.
    """
    taken = pieces < 0
    if not pieces.any():
        return taken
    height = plane.height(surface.points)
    boxes = ndimage.find_objects(pieces)
    tops = np.full(len(boxes) + 1, -np.inf)
    at = np.flatnonzero(pieces)
    np.maximum.at(tops, pieces.ravel()[at], height.ravel()[at])
    for _ in range(2):
        for piece in np.unique(pieces[widen(widen(widen(own | taken)))]):
            if piece == 0 or tops[piece] < -_LEG_M:
                continue
            if standing[piece] and tops[piece] < -_TOUCH_M:
                continue
            box = boxes[piece - 1]
            inside = pieces[box] == piece
            begin = upright.ground[box][inside & (height[box] > tops[piece] - 0.1)]
            if tops[piece] > -_EDGE_M or np.ptp(begin, axis=0).max() < _LEG_WIDTH_M:
                taken[box] |= inside
    return taken
