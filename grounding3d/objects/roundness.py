"""Round things that were seen from one side: bottles, vases, plates, stools, balls.

What is seen of a cylinder from the front is a box half as deep as the thing, with its centre in the
front half. Its outline from above tells: more than half of it lies on a circle, and the circle ends
where nobody looked.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from grounding3d.geometry.boxes import OBB

_FEW = 3000  # points from which the outline is taken
_EDGES = 72  # places on the outline
_STEPS = (8, 12, 16, 20)  # between the three places a circle is laid through
_REFITS = 2
_NEAR = 0.04  # of half the longer side, or
_NEAR_M = 0.003  # metres from the circle a place lies on it
_ON_SHARE = 0.55  # of the outline on the circle; of a half disc's it is 0.61
_OUTSIDE = 0.12  # of the radius, at most, a place may lie outside: handles, corners
_LARGEST = 1.3  # radius over half the longer side; a flat arc is no sign of a disc
_STILL_OPEN = 0.5  # of what was added may be wrong
_LEAST_OPEN_M = 0.03


def round_out(box: OBB, points: np.ndarray, reach_m: np.ndarray) -> tuple[OBB, np.ndarray]:
    """The box of a round thing with the parts that nobody saw, and how far it may still reach.

    Args:
        box: upright box of what was observed, its third axis up.
        points: [n,3] observed surface.
        reach_m: [2,3] how far the thing may reach beyond each face, as `sight.Sight` tells; only
            faces that nobody saw move, and no farther than that.

    Returns:
        The box, and [2,3] metres. Both as they were for what is not round.
    """
    if not (reach_m[:, :2] > 0).any():
        return box, reach_m
    local = (points[:: max(1, len(points) // _FEW)] - box.center) @ box.R
    inside = (np.abs(local) <= box.size / 2).all(axis=1)
    circle = circle_of(local[inside, :2])
    half = box.size[:2] / 2
    if circle is None:
        return box, reach_m
    center, radius = circle
    more = np.stack([radius - center - half, radius + center - half])
    more = np.clip(more, 0, reach_m[:, :2])
    shift = np.append((more[1] - more[0]) / 2, 0.0)
    size = box.size + np.append(more.sum(axis=0), 0.0)
    still = reach_m.copy()
    left = np.minimum(reach_m[:, :2], np.maximum(_STILL_OPEN * more, _LEAST_OPEN_M))
    still[:, :2] = np.where(more > 0, left, reach_m[:, :2])
    return OBB(box.center + box.R @ shift, box.wxyz, size), still


def circle_of(flat: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Centre [2] and radius of the circle that most of the outline of points [n,2] lies on.

    None where the outline is not round. Circles through three places each are tried, and the one
    with most of the outline is fitted again to all of it (least squares, Kasa 1976).
    """
    outline = _outline(flat)
    if outline is None:
        return None
    first = np.arange(0, _EDGES, 2)
    rows = np.concatenate([first[:, None] + step * np.arange(3) for step in _STEPS]) % _EDGES
    chosen = outline[rows]
    matrix = np.concatenate([2 * chosen, np.ones((*rows.shape, 1))], axis=2)
    proper = np.abs(np.linalg.det(matrix)) > 1e-9
    if not proper.any():
        return None
    right = (chosen[proper] ** 2).sum(axis=2)
    centers, radii = _centers(np.linalg.solve(matrix[proper], right[..., None])[..., 0])
    half = float(np.ptp(outline, axis=0).max()) / 2
    near = max(_NEAR_M, _NEAR * half)
    off = np.linalg.norm(outline - centers[:, None], axis=2) - radii[:, None]
    on = (np.abs(off) < near) & (radii < _LARGEST * half)[:, None]
    is_on = on[on.sum(axis=1).argmax()]
    if is_on.sum() < 3:
        return None
    for _ in range(_REFITS):
        fitted = np.column_stack([2 * outline[is_on], np.ones(is_on.sum())])
        solved = np.linalg.lstsq(fitted, (outline[is_on] ** 2).sum(axis=1), rcond=None)[0]
        (center,), (radius,) = _centers(solved[None])
        off = np.linalg.norm(outline - center, axis=1) - radius
        is_on = np.abs(off) < near
    if is_on.mean() < _ON_SHARE or radius > _LARGEST * half or off.max() > _OUTSIDE * radius:
        return None
    return center, float(radius)


def _centers(solved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres [n,2] and radii [n] from solutions [n,3] of 2 x c + (r^2 - c^2) = x^2."""
    centers = solved[:, :2]
    return centers, np.sqrt(np.maximum(solved[:, 2] + (centers**2).sum(axis=1), 0.0))


def _outline(flat: np.ndarray) -> np.ndarray | None:
    """[_EDGES,2] places at even distances along the convex outline of points [n,2]."""
    if len(flat) < 8:
        return None
    try:
        corners = flat[ConvexHull(flat).vertices]
    except QhullError:  # all on one line
        return None
    edge = np.roll(corners, -1, axis=0) - corners
    length = np.linalg.norm(edge, axis=1)
    start = np.concatenate([[0.0], np.cumsum(length)])
    at = np.linspace(0, start[-1], _EDGES, endpoint=False)
    row = np.searchsorted(start, at, side="right") - 1
    return np.asarray(corners[row] + ((at - start[row]) / length[row])[:, None] * edge[row])
