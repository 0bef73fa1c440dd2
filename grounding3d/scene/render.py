"""A small surfel renderer in numpy: pictures and depth of a scene without a rasteriser.

Surface splatting in two passes (Zwicker et al. 2001, "Surface Splatting"): discs fill a depth
buffer, then the colours of all discs near the front surface are blended with Gaussian weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose
from grounding3d.scene.base import Scene

_DISC_SIGMAS = 1.7  # radius of a disc, in its Gaussian's standard deviations
_MAX_RADIUS_PX = 40
_NEAR_M = 0.05


@dataclass(frozen=True, eq=False)
class _Discs:
    """Discs in the camera frame, largest in the image first."""

    points: np.ndarray  # [N,3]
    normals: np.ndarray  # [N,3]
    radius_m: np.ndarray  # [N]
    radius_px: np.ndarray  # [N] int
    u: np.ndarray  # [N] int
    v: np.ndarray  # [N] int
    rgb: np.ndarray  # [N,3] in [0, 1]


def render_points(
    scene: Scene,
    camera: Camera,
    T_world_cam: np.ndarray,
    *,
    background: tuple[int, int, int] = (255, 255, 255),
    cull_back: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Picture of a scene's surfels.

    Args:
        camera: what looks; any size.
        T_world_cam: [4,4] its pose, OpenCV axes.
        background: colour where nothing is.
        cull_back: leave out surfels that face away, so that one looks into a room from outside.

    Returns:
        rgb [H,W,3] uint8 and depth_m [H,W] float32 (z, 0 where nothing is).
    """
    discs = _visible_discs(scene, camera, T_world_cam, cull_back)
    size = camera.width * camera.height
    front = np.full(size, np.inf, np.float32)
    for pixels, _, z, _ in _fragments(discs, camera):
        np.minimum.at(front, pixels, z)
    total = np.zeros((4, size))
    for pixels, rows, z, weights in _fragments(discs, camera):
        shown = z <= front[pixels] + discs.radius_m[rows]
        pixels, rows, weights = pixels[shown], rows[shown], weights[shown]
        for channel in range(3):
            np.add.at(total[channel], pixels, weights * discs.rgb[rows, channel])
        np.add.at(total[3], pixels, weights)
    hit = np.isfinite(front)
    rgb = np.empty((size, 3), np.uint8)
    rgb[:] = background
    rgb[hit] = np.rint(255 * total[:3, hit] / total[3, hit]).T.astype(np.uint8)
    depth = np.where(hit, front, 0).astype(np.float32)
    return rgb.reshape(camera.height, camera.width, 3), depth.reshape(camera.height, camera.width)


def _visible_discs(
    scene: Scene, camera: Camera, T_world_cam: np.ndarray, cull_back: bool
) -> _Discs:
    gaussians = scene.gaussians
    T = invert_pose(np.asarray(T_world_cam, np.float64))
    points = (gaussians.means @ T[:3, :3].T + T[:3, 3]).astype(np.float32)
    normals = gaussians.normals @ T[:3, :3].T.astype(np.float32)
    radius = np.float32(_DISC_SIGMAS) * np.sort(gaussians.scales, axis=1)[:, 1]
    z = np.maximum(points[:, 2], 1e-6)
    uv, _ = camera.project(points)
    px = np.clip(np.ceil(radius * max(camera.fx, abs(camera.fy)) / z), 1, _MAX_RADIUS_PX)
    keep = points[:, 2] > _NEAR_M
    for axis, length in ((0, camera.width), (1, camera.height)):
        keep &= (uv[:, axis] > -px - 0.5) & (uv[:, axis] < length + px - 0.5)
    if cull_back:
        keep &= np.einsum("ij,ij->i", points, normals) < 0
    rows = np.flatnonzero(keep)
    rows = rows[np.argsort(-px[rows], kind="stable")]
    uv = np.rint(uv[rows]).astype(np.int32)
    return _Discs(
        points=points[rows],
        normals=normals[rows],
        radius_m=radius[rows],
        radius_px=px[rows].astype(np.int32),
        u=uv[:, 0],
        v=uv[:, 1],
        rgb=gaussians.rgb[rows],
    )


def _fragments(
    discs: _Discs, camera: Camera
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """For each offset from the disc centres: flat pixels, disc rows, depths and weights there."""
    if len(discs.points) == 0:
        return
    offset = np.einsum("ij,ij->i", discs.points, discs.normals)
    largest = int(discs.radius_px[0])
    # discs are sorted by size, so those that reach an offset come first
    reach = [int((discs.radius_px >= r).sum()) for r in range(largest + 1)]
    for dv in range(-largest, largest + 1):
        for du in range(-largest, largest + 1):
            n = reach[max(abs(du), abs(dv))]
            u, v = discs.u[:n] + du, discs.v[:n] + dv
            rows = np.flatnonzero((u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height))
            if len(rows) == 0:
                continue
            u, v = u[rows], v[rows]
            hit, z, weights = _intersect(discs, rows, camera.rays[v, u], offset[rows])
            yield v[hit] * camera.width + u[hit], rows[hit], z, weights
            if du == 0 and dv == 0:  # a disc seen edge-on, or under a pixel, paints its centre
                missed = np.setdiff1d(np.arange(len(rows)), hit, assume_unique=True)
                if len(missed):
                    z = discs.points[rows[missed], 2]
                    pixels = v[missed] * camera.width + u[missed]
                    yield pixels, rows[missed], z, np.full(len(missed), 1e-3, np.float32)


def _intersect(
    discs: _Discs, rows: np.ndarray, rays: np.ndarray, offset: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which rays [M,3] meet their disc, at which depth, and the disc's weight there."""
    slope = np.einsum("ij,ij->i", discs.normals[rows], rays)
    z = np.divide(offset, slope, out=np.zeros_like(offset), where=np.abs(slope) > 0.05)
    gap = rays * z[:, None] - discs.points[rows]
    distance2 = np.einsum("ij,ij->i", gap, gap) / np.square(discs.radius_m[rows])
    hit = np.flatnonzero((distance2 < 1) & (z > _NEAR_M))
    return hit, z[hit], np.exp(np.float32(-0.5 * _DISC_SIGMAS**2) * distance2[hit])
