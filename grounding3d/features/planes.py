"""Support planes and walls of one depth image.

Heights along the up direction are histogrammed by surface area, each peak is refined by least
squares weighted with the depth camera's noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from grounding3d.features.native import mask_core
from grounding3d.features.surface import Surface, widen

_CANDIDATES = 96
_TRIALS = 100
_FIT_PIXELS = 4000
_DIRECTION_SAMPLES = 3000
_SLACK_M, _LEAST_M2 = 0.004, 0.004  # of a plane's pixels, and of their pieces


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane of the image: `normal . p + offset = 0` in the camera frame.

    Attributes:
        normal: [3] unit; against gravity for a support, towards the camera for a wall.
        offset: metres.
        bits: [h,w] bool pixels that lie on it.
        area_m2: visible surface.
    """

    normal: np.ndarray
    offset: float
    bits: np.ndarray
    area_m2: float

    def height(self, points: np.ndarray) -> np.ndarray:
        """Signed distances [...] of points [..., 3] in metres, positive on the normal's side."""
        return points @ self.normal.astype(points.dtype) + points.dtype.type(self.offset)


def up_from_image(surface: Surface) -> np.ndarray | None:
    """Up direction [3] in the camera frame, guessed from the widest surface that faces image up.

    A camera is assumed to be held with little roll. None where nothing faces up.
    """
    n = surface.normals
    facing = (surface.area_m2 > 0) & (n[..., 1] < -0.25) & (np.abs(n[..., 0]) < 0.4)
    return _dominant_direction(n[facing], surface.area_m2[facing])


def find_supports(
    surface: Surface, up: np.ndarray, min_area_m2: float, max_tilt: float, limit: int = 7
) -> list[Plane]:
    """Horizontal planes of at least `min_area_m2`, the largest first.

    Args:
        surface: the depth image.
        up: [3] unit, camera frame.
        min_area_m2: smallest visible area.
        max_tilt: radians between a plane's normal and `up`.
        limit: at most so many planes.
    """
    level = (surface.area_m2 > 0) & (
        surface.normals @ up.astype(np.float32) > np.cos(max_tilt + 0.15)
    )
    return _find_planes(surface, level, up, np.cos(max_tilt), min_area_m2, limit)


def find_walls(
    surface: Surface,
    up: np.ndarray,
    free: np.ndarray,
    min_area_m2: float,
    limit: int = 3,
    per_direction: int = 4,
) -> list[Plane]:
    """Vertical planes of at least `min_area_m2` among the `free` pixels [h,w].

    Several may be parallel: a room's wall, and the back of a shelf before it.

    Args:
        surface: the depth image.
        up: [3] unit, camera frame.
        free: [h,w] bool.
        min_area_m2: smallest visible area.
        limit: at most so many directions.
        per_direction: at most so many planes in each.
    """
    tilt = np.abs(surface.normals @ up.astype(np.float32))
    upright = (surface.area_m2 > 0) & (tilt < 0.35) & free
    walls: list[Plane] = []
    for _ in range(limit):
        direction = _dominant_direction(surface.normals[upright], surface.area_m2[upright])
        if direction is None:
            break
        aligned = upright & (surface.normals @ direction.astype(np.float32) > 0.9)
        found = _find_planes(surface, aligned, direction, 0.95, min_area_m2, per_direction)
        if not found:
            break
        walls += found
        upright &= ~aligned
    return walls


def _find_planes(
    surface: Surface,
    candidates: np.ndarray,
    direction: np.ndarray,
    min_cosine: float,
    min_area_m2: float,
    limit: int,
    bin_m: float = 0.01,
) -> list[Plane]:
    """Peaks of the area over the position along `direction`, each refined and made a plane."""
    planes: list[Plane] = []
    at = np.flatnonzero(candidates)
    points, area = surface.points.reshape(-1, 3)[at], surface.area_m2.ravel()[at]
    position = points @ direction.astype(np.float32)
    left = np.ones(len(at), bool)
    for _ in range(2 * limit):
        if len(planes) == limit or area[left].sum() < min_area_m2:
            break
        lowest = float(position[left].min())
        bins = ((position[left] - lowest) / bin_m).astype(np.int32)
        sums = np.bincount(bins, weights=area[left], minlength=5)
        around = np.convolve(sums, np.ones(5), "same")
        if around.max() < 0.5 * min_area_m2:
            break
        peak = int(np.convolve(sums, np.ones(3), "same").argmax())
        middle = lowest + (peak + 0.5) * bin_m
        near = left & (np.abs(position - middle) < 0.05 + 0.02 * points[:, 2])
        found = _refine(surface, at[near], direction, middle, min_cosine)
        left &= np.abs(position - middle) > 1.5 * bin_m
        if found is None:
            continue
        bits = _band(surface, *found)
        on_it = bits.ravel()[at]
        plane = Plane(*found, bits, float(area[on_it & (left | near)].sum()))
        left &= ~on_it
        if plane.area_m2 >= min_area_m2:
            planes.append(plane)
    return sorted(planes, key=lambda plane: -plane.area_m2)


def _refine(
    surface: Surface, chosen: np.ndarray, direction: np.ndarray, middle: float, min_cosine: float
) -> tuple[np.ndarray, float] | None:
    """Normal and offset of a plane near `direction . p = middle`.

    The best of samples, then least squares. None where it tilts too much or is too small.

    Args:
        surface: the depth image.
        chosen: [n] flat indices of the pixels it may go through.
        direction: [3] unit.
        middle: metres.
        min_cosine: of the angle to the direction.
    """
    if len(chosen) < 50:
        return None
    chosen = chosen[:: 1 + len(chosen) // _FIT_PIXELS]
    points = surface.points.reshape(-1, 3)[chosen].astype(np.float64)
    sigma = surface.sigma_m.ravel()[chosen] * np.abs(points @ direction) / points[:, 2]
    area = surface.area_m2.ravel()[chosen]
    normal, offset = _best_sample(points, sigma, area, direction, middle, min_cosine)
    for slack in (0.005, 0.004, 0.004):
        inside = np.abs(points @ normal + offset) < slack + 3 * sigma
        if inside.sum() < 50:
            return None
        weights = area[inside] / np.maximum(sigma[inside], 5e-4) ** 2
        center = weights @ points[inside] / weights.sum()
        spread = (points[inside] - center) * np.sqrt(weights)[:, None]
        fitted = np.linalg.eigh(spread.T @ spread)[1][:, 0]
        fitted *= np.sign(fitted @ direction) or 1.0
        if fitted @ direction < min_cosine:
            return None
        normal, offset = fitted, float(-fitted @ center)
    return normal, offset


def _best_sample(
    points: np.ndarray,
    sigma: np.ndarray,
    area: np.ndarray,
    direction: np.ndarray,
    middle: float,
    min_cosine: float,
) -> tuple[np.ndarray, float]:
    """The plane through three points that holds the most area within the noise (RANSAC, seeded).

    Thin things on a table would tilt a least-squares plane; they do not win a vote.
    """
    rng = np.random.default_rng(0)
    some = rng.integers(0, len(points), min(len(points), 1200))
    corners = points[rng.integers(0, len(points), (_TRIALS, 3))]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    normals *= np.where(normals @ direction < 0, -1.0, 1.0)[:, None]
    offsets = -(normals * corners[:, 0]).sum(axis=1)
    level = normals @ direction > min_cosine
    normals = np.vstack([direction, normals[level]])
    offsets = np.append(-middle, offsets[level])
    inside = np.abs(points[some] @ normals.T + offsets) < 0.003 + 2 * sigma[some, None]
    best = int((inside * area[some, None]).sum(axis=0).argmax())
    return normals[best], float(offsets[best])


def _band(surface: Surface, normal: np.ndarray, offset: float) -> np.ndarray:
    """Pixels on the plane within noise, in pieces that are more than a strip of something else."""
    core = mask_core()
    if core is None:
        return plane_band(surface, normal, offset)
    images = (surface.points, surface.valid.view(np.uint8), surface.sigma_m, surface.area_m2)
    bits: np.ndarray = core.band(
        *map(np.ascontiguousarray, images), [*map(float, normal), offset], _SLACK_M, _LEAST_M2
    )
    return bits.view(bool)


def plane_band(surface: Surface, normal: np.ndarray, offset: float) -> np.ndarray:
    """What `_band` does, without the compiled core."""
    along = surface.points @ normal.astype(np.float32)
    near = np.abs(along + np.float32(offset)) - np.float32(_SLACK_M)
    # noise along the ray, seen along the normal, is sigma |along| / z
    bits = surface.valid & (near * surface.z < 3 * surface.sigma_m * np.abs(along))
    core = widen(~widen(~bits))
    pieces, count = ndimage.label(core, np.ones((3, 3)))
    size = np.bincount(pieces.ravel(), weights=surface.area_m2.ravel(), minlength=count + 1)
    big = size > _LEAST_M2
    big[0] = False
    return bits & widen(widen(big[pieces]))


def _dominant_direction(normals: np.ndarray, weights: np.ndarray) -> np.ndarray | None:
    """The unit direction most of the weighted normals [n,3] agree on; None for under 50 normals."""
    if len(normals) < 50:
        return None
    some = np.linspace(0, len(normals) - 1, min(len(normals), _DIRECTION_SAMPLES)).astype(int)
    sample, weight = normals[some].astype(np.float64), weights[some]
    seeds = sample[np.linspace(0, len(sample) - 1, _CANDIDATES).astype(int)]
    votes = ((seeds @ sample.T) > np.cos(0.15)) @ weight
    direction = seeds[votes.argmax()]
    for _ in range(3):
        close = sample @ direction > np.cos(0.15)
        direction = (sample[close] * weight[close, None]).sum(axis=0)
        direction /= np.linalg.norm(direction)
    return direction
