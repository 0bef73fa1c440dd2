"""The surface that one depth image shows: points, normals and noise.

Normals come from inverse depth, which is linear in the pixel on any plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from grounding3d.features.native import mask_core
from grounding3d.geometry.camera import Camera


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


def _depth_range(depth_m: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest known depth in each 5x5 window."""
    near = ndimage.minimum_filter(np.where(valid, depth_m, np.float32(1e9)), 5)
    return near, ndimage.maximum_filter(depth_m, 5)


def widen(bits: np.ndarray) -> np.ndarray:
    """Dilation by the eight neighbours; scipy's own takes ten times as long."""
    rows = bits.copy()
    rows[1:] |= bits[:-1]
    rows[:-1] |= bits[1:]
    wide = rows.copy()
    wide[:, 1:] |= rows[:, :-1]
    wide[:, :-1] |= rows[:, 1:]
    return wide
