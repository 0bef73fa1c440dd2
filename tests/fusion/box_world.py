"""Boxes on a table, seen by a noisy depth camera: frames and masks with known truth."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import Mask
from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import look_at, wxyz_from_matrix

CAMERA = Camera.from_focal(262, 262, 159.5, 119.5, 320, 240)
UP = np.array([0.0, 0, 1])
TABLE = OBB.from_aabb([-0.6, -0.4, 0.70], [0.6, 0.4, 0.74])
FLOOR = OBB.from_aabb([-3, -3, -0.05], [3, 3, 0.0])


def standing_box(x: float, y: float, size: tuple[float, float, float], yaw: float = 0.0) -> OBB:
    """A box of `size` standing on the table at (x, y), turned by `yaw` radians."""
    c, s = np.cos(yaw), np.sin(yaw)
    R = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    return OBB(np.array([x, y, 0.74 + size[2] / 2]), wxyz_from_matrix(R), np.array(size))


THREE_BOXES = (
    standing_box(-0.25, 0.0, (0.10, 0.08, 0.12), 0.3),
    standing_box(0.0, 0.05, (0.08, 0.08, 0.20), 0.0),
    standing_box(0.25, -0.05, (0.14, 0.10, 0.06), 1.0),
)


def arc_poses(n: int, span_deg: float = 150, radius: float = 0.9, height: float = 1.25) -> list:
    """`n` camera poses on an arc about the table's middle."""
    angles = np.radians(np.linspace(-90 - span_deg / 2, -90 + span_deg / 2, n))
    return [
        look_at([radius * np.cos(a), radius * np.sin(a), height], [0, 0, 0.78], UP) for a in angles
    ]


def render(things: list[OBB], T_world_cam: np.ndarray, camera: Camera = CAMERA) -> tuple:
    """Exact depth [H,W] (0 = nothing) and the index [H,W] of the thing seen (-1 = none)."""
    origin = T_world_cam[:3, 3]
    rays = camera.rays.reshape(-1, 3).astype(float) @ T_world_cam[:3, :3].T
    depth = np.full(len(rays), np.inf)
    index = np.full(len(rays), -1)
    for n, box in enumerate(things):
        start, step = (origin - box.center) @ box.R, rays @ box.R
        step = np.where(np.abs(step) < 1e-12, 1e-12, step)
        a, b = (-box.size / 2 - start) / step, (box.size / 2 - start) / step
        near, far = np.minimum(a, b).max(axis=1), np.maximum(a, b).min(axis=1)
        hit = (near <= far) & (near > 0) & (near < depth)
        depth[hit], index[hit] = near[hit], n
    depth[~np.isfinite(depth)] = 0
    shape = (camera.height, camera.width)
    return depth.reshape(shape).astype(np.float32), index.reshape(shape)


def noisy_frame(
    depth: np.ndarray, T_world_cam: np.ndarray, frame_index: int, rng: np.random.Generator
) -> RGBDFrame:
    """A frame with a structured-light camera's noise, about 1.3 mm at 0.8 m, 2.5 mm at 1.2 m."""
    sigma = 0.0012 + 0.0019 * (depth - 0.4) ** 2
    noisy = np.where(depth > 0, depth + rng.normal(size=depth.shape) * sigma, 0)
    rgb = np.full((*depth.shape, 3), 128, np.uint8)
    return RGBDFrame(
        rgb, noisy.astype(np.float32), CAMERA, T_world_cam, frame_index, stamp_s=float(frame_index)
    )


def masks_of(index: np.ndarray, things: list[int], min_pixels: int = 60) -> list[Mask]:
    """One mask for every thing of which enough is seen."""
    return [
        Mask.from_image(index == n) for n in things if np.count_nonzero(index == n) >= min_pixels
    ]


def unit(n: int, dim: int = 16) -> np.ndarray:
    """The n-th of some nearly orthogonal unit vectors."""
    vector = np.random.default_rng(n).normal(size=dim)
    return (vector / np.linalg.norm(vector)).astype(np.float32)
