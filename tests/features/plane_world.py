"""Depth images of planes."""

from __future__ import annotations

import numpy as np

from grounding3d.features.surface import depth_noise_m
from grounding3d.geometry.camera import Camera

CAMERA = Camera.from_focal(262, 262, 159.5, 119.5, 320, 240)


def plane_depth(normal, distance, camera: Camera = CAMERA, noise_seed: int | None = None):
    """Depth of the plane `normal . p = -distance` with a normal towards the camera."""
    facing = camera.rays @ np.asarray(normal, float)
    depth = np.where(facing < -0.05, -distance / np.minimum(facing, -0.05), 0)
    depth[depth > 4] = 0
    if noise_seed is not None:
        noise = np.random.default_rng(noise_seed).normal(size=depth.shape)
        depth = np.where(depth > 0, depth + noise * depth_noise_m(depth), 0)
    return depth.astype(np.float32)


def tilted(degrees: float, roll: float = 0.0) -> np.ndarray:
    """Up in the camera frame of a camera looking down by so many degrees."""
    a, r = np.radians(degrees), np.radians(roll)
    return np.array([np.sin(r) * np.cos(a), -np.cos(r) * np.cos(a), -np.sin(a)])
