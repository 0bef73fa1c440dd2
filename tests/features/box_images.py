"""Images of upright boxes, with labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.geometry.camera import Camera

Solid = tuple[Sequence[float], Sequence[float], Sequence[int], int]
"""Centre and size in metres, colour, label."""


def render_boxes(
    solids: Sequence[Solid], camera: Camera, pose: np.ndarray, noise: bool = True
) -> tuple[RGBDFrame, np.ndarray]:
    """A frame of boxes parallel to the world's axes, and its labels [H,W], 0 = nothing."""
    rays, eye = camera.rays.astype(float) @ pose[:3, :3].T, pose[:3, 3]
    shape = (camera.height, camera.width)
    depth = np.full(shape, np.inf)
    labels, rgb = np.zeros(shape, int), np.zeros((*shape, 3), np.uint8)
    for center, size, color, label in solids:
        with np.errstate(divide="ignore"):
            a = (np.subtract(center, np.divide(size, 2)) - eye) / rays
            b = (np.add(center, np.divide(size, 2)) - eye) / rays
        enter, leave = np.minimum(a, b).max(axis=-1), np.maximum(a, b).min(axis=-1)
        hit = (enter < leave) & (enter > 0) & (enter < depth)
        depth[hit], labels[hit], rgb[hit] = enter[hit], label, color
    rng = np.random.default_rng(0)
    known = np.isfinite(depth)
    depth[~known] = 0
    if noise:
        depth += known * rng.normal(size=depth.shape) * (0.0012 + 0.0019 * (depth - 0.4) ** 2)
        rgb = np.clip(rgb + rng.normal(size=rgb.shape) * 4, 0, 255).astype(np.uint8)
    return RGBDFrame(rgb, depth.astype(np.float32), camera, pose, 0), labels
