"""Depth of one camera seen from another."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from grounding3d.checks import check_shape
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import check_pose

_SLACK_PX = 0.25  # footprints overlap by this much, so that parallax opens no cracks in a surface
_SAME_SURFACE = 0.02  # of the depth: samples this close behind the front one belong to its surface
_LARGEST_FOOTPRINT_PX = 24.0


def register_depth(
    depth_m: np.ndarray, depth_camera: Camera, color_camera: Camera, T_color_depth: np.ndarray
) -> np.ndarray:
    """Depth as the colour camera would have measured it.

    Every measurement covers the colour pixels that its own pixel covers in the colour image, so a
    finer colour image gets no holes. Each colour pixel takes the front surface, and of that surface
    the measurement whose centre lies nearest: depths are never mixed, and no background
    shows through.

    Args:
        depth_m: [H,W] z in the depth camera, metres, 0 = unknown.
        depth_camera: pinhole camera of `depth_m`.
        color_camera: pinhole camera of the result.
        T_color_depth: [4,4] maps points of the depth camera into the colour camera.

    Returns:
        [H',W'] float32 z in the colour camera, metres, 0 = unknown.
    """
    check_shape(depth_m, (depth_camera.height, depth_camera.width), "depth_m")
    T = check_pose(T_color_depth, "T_color_depth")
    if depth_camera == color_camera and np.array_equal(T, np.eye(4)):
        return np.asarray(depth_m, np.float32)
    u, v, z, half = _project_measurements(depth_m, depth_camera, color_camera, T)
    samples = list(_covered_pixels(u, v, half, color_camera))

    shape = (color_camera.height, color_camera.width)
    front = np.full(shape[0] * shape[1], np.inf, np.float32)
    for pixel, which, _ in samples:
        np.minimum.at(front, pixel, z[which])

    nearest = np.full(front.shape, np.inf, np.float32)
    visible = [
        (pixel[keep], which[keep], offset[keep])
        for pixel, which, offset in samples
        for keep in [z[which] <= front[pixel] * np.float32(1 + _SAME_SURFACE)]
    ]
    for pixel, _, offset in visible:
        np.minimum.at(nearest, pixel, offset)
    registered = np.zeros(front.shape, np.float32)
    for pixel, which, offset in visible:
        wins = offset <= nearest[pixel]
        registered[pixel[wins]] = z[which[wins]]
    return registered.reshape(shape)


def _project_measurements(
    depth_m: np.ndarray, depth_camera: Camera, color_camera: Camera, T_color_depth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Colour pixel u, v, depth z and half footprint in pixels of each measurement, all [n]."""
    row, column = np.nonzero(depth_m > 0)
    z_depth = depth_m[row, column].astype(np.float32)
    ray_x, ray_y = depth_camera.rays[0, :, 0], depth_camera.rays[:, 0, 1]
    x, y = ray_x[column] * z_depth, ray_y[row] * z_depth
    R, t = T_color_depth[:3, :3].astype(np.float32), T_color_depth[:3, 3].astype(np.float32)
    # by coordinate: numpy's product of [n,3] with [3,3] takes several times as long
    x, y, z = (R[i, 0] * x + R[i, 1] * y + R[i, 2] * z_depth + t[i] for i in range(3))
    ahead = z > 1e-3
    inverse = 1 / np.where(ahead, z, np.float32(1))
    u = x * inverse * np.float32(color_camera.fx) + np.float32(color_camera.cx)
    v = y * inverse * np.float32(color_camera.fy) + np.float32(color_camera.cy)
    scale = max(color_camera.fx / depth_camera.fx, abs(color_camera.fy) / abs(depth_camera.fy))
    half = np.float32(0.5 * scale) * z_depth * inverse + np.float32(_SLACK_PX)
    half = np.minimum(half, np.float32(_LARGEST_FOOTPRINT_PX / 2))
    keep = ahead & (u > -half) & (u < color_camera.width - 1 + half)
    keep &= (v > -half) & (v < color_camera.height - 1 + half)
    return u[keep], v[keep], z[keep], half[keep]


def _covered_pixels(
    u: np.ndarray, v: np.ndarray, half: np.ndarray, camera: Camera
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield (flat pixel, measurement, squared centre distance), one step of the footprint each."""
    if len(u) == 0:
        return
    left, top = np.ceil(u - half), np.ceil(v - half)
    steps = int(np.floor(2 * half.max())) + 1
    for down in range(steps):
        row = top + down
        in_row = (row <= v + half) & (row >= 0) & (row < camera.height)
        for right in range(steps):
            column = left + right
            keep = in_row & (column <= u + half) & (column >= 0) & (column < camera.width)
            which = np.flatnonzero(keep)
            pixel = row[which].astype(np.intp) * camera.width + column[which].astype(np.intp)
            offset = (column[which] - u[which]) ** 2 + (row[which] - v[which]) ** 2
            yield pixel, which, offset.astype(np.float32)
