"""Support planes and walls of one depth image.

Heights along the up direction are histogrammed by surface area, each peak is refined by least
squares weighted with the depth camera's noise. Normals come from inverse depth, which is linear in
the pixel on any plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from grounding3d.features.native import mask_core
from grounding3d.geometry.camera import Camera

_CANDIDATES = 96
_TRIALS = 100
_FIT_PIXELS = 4000
_DIRECTION_SAMPLES = 3000
_SLACK_M, _LEAST_M2 = 0.004, 0.004  # of a plane's pixels, and of their pieces
_UP_HINT_CAMERA = np.array([0.0, -1.0, 0.0])


@dataclass(frozen=True, eq=False)
class Surface:
    """Geometry of one depth image, all in the camera frame.

    Attributes:
        camera: of these images.
        points: [h,w,3] float32 metres, zeros where unknown.
        normals: [h,w,3] float32 unit normals towards the camera, zeros where unknown.
        valid: [h,w] bool, depth known.
        sigma_m: [h,w] float32 standard deviation of the depth.
        area_m2: [h,w] float32 surface seen by each pixel, 0 where there is no normal.
    """

    camera: Camera
    points: np.ndarray
    normals: np.ndarray
    valid: np.ndarray
    sigma_m: np.ndarray
    area_m2: np.ndarray

    @property
    def z(self) -> np.ndarray:
        """[h,w] depth in metres, 0 = unknown."""
        return self.points[..., 2]


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


def depth_noise_m(z: np.ndarray) -> np.ndarray:
    """Standard deviation of a structured-light camera's depth.

    Nguyen, Izadi, Lovell, "Modeling Kinect sensor noise", 3DIMPVT 2012, eq. 2.
    """
    return (0.0012 + 0.0019 * (z - 0.4) ** 2).astype(np.float32)


def box_mean(values: np.ndarray, mask: np.ndarray, size: int) -> np.ndarray:
    """Mean of `values` [h,w] over the masked pixels of each window, 0 where there are none."""
    weight = ndimage.uniform_filter(mask.astype(np.float32), size, mode="constant")
    total = ndimage.uniform_filter(
        np.where(mask, values, 0).astype(np.float32), size, mode="constant"
    )
    few = weight < 0.5 / size**2
    return np.where(few, 0, total / np.where(few, 1, weight))


def make_surface(depth_m: np.ndarray, camera: Camera, pixels_averaged: int = 1) -> Surface:
    """Points, normals and noise of a depth image.

    Args:
        depth_m: [h,w] float32, 0 = unknown.
        camera: of that image.
        pixels_averaged: sensor pixels behind each value; the noise shrinks with its root.
    """
    valid = depth_m > 0
    points = camera.backproject(depth_m)
    rays = camera.rays
    core = mask_core()
    if core is not None:
        normals = core.normals(*map(np.ascontiguousarray, (depth_m, rays)), camera.fx, camera.fy)
    else:
        normals = normals_of(depth_m, rays, camera.fx, camera.fy)
    known = normals[..., 2] != 0
    facing = np.abs(np.einsum("...i,...i", normals, rays))
    area = depth_m**2 / abs(camera.fx * camera.fy) / np.maximum(facing, 0.1)
    # what neighbours share, such as the steps of the disparity, does not average out
    sigma = np.hypot(depth_noise_m(depth_m) / np.sqrt(pixels_averaged), 8e-4 * depth_m**2)
    return Surface(
        camera, points, normals, valid, sigma.astype(np.float32), np.where(known, area, 0)
    )


def normals_of(depth_m: np.ndarray, rays: np.ndarray, fx: float, fy: float) -> np.ndarray:
    """Normals [h,w,3] float32 towards the camera, zeros where there are none.

    Without the compiled core.
    """
    valid = depth_m > 0
    inverse = np.where(valid, 1.0 / np.where(valid, depth_m, 1), 0).astype(np.float32)
    smooth = box_mean(inverse, valid, 5)
    slope_u, slope_v = np.zeros_like(smooth), np.zeros_like(smooth)
    slope_u[:, 2:-2] = (smooth[:, 4:] - smooth[:, :-4]) / 4
    slope_v[2:-2] = (smooth[4:] - smooth[:-4]) / 4
    gx, gy = slope_u * np.float32(fx), slope_v * np.float32(fy)
    # 1/z = -(n . ray)/offset on a plane, so its gradient gives n up to the sign
    normals = -np.stack([gx, gy, smooth - rays[..., 0] * gx - rays[..., 1] * gy], axis=-1)
    length = np.sqrt(np.einsum("...i,...i", normals, normals))
    near, far = _depth_range(depth_m, valid)
    known = valid & (length > 0) & (far - near < 0.03 + 0.25 * depth_m)
    return np.where(known[..., None], normals / np.maximum(length, 1e-9)[..., None], 0)


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


def widen(bits: np.ndarray) -> np.ndarray:
    """Dilation by the eight neighbours; scipy's own takes ten times as long."""
    rows = bits.copy()
    rows[1:] |= bits[:-1]
    rows[:-1] |= bits[1:]
    wide = rows.copy()
    wide[:, 1:] |= rows[:, :-1]
    wide[:, :-1] |= rows[:, 1:]
    return wide


def _depth_range(depth_m: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest known depth in each 5x5 window."""
    near = ndimage.minimum_filter(np.where(valid, depth_m, np.float32(1e9)), 5)
    return near, ndimage.maximum_filter(depth_m, 5)


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
