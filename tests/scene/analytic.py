"""Exact depth images of a plane and a sphere, seen from poses around them."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import look_at
from grounding3d.scene.surfels import axial_sigma

CAMERA = Camera.from_focal(260, 260, 159.5, 119.5, 320, 240)
UP = np.array([0.0, 0.0, 1.0])


def plane_depth(T_world_cam: np.ndarray, camera: Camera = CAMERA) -> np.ndarray:
    """Depth [H,W] of the world's plane z = 0."""
    rays = camera.rays.astype(float) @ T_world_cam[:3, :3].T
    with np.errstate(divide="ignore"):
        depth = -T_world_cam[2, 3] / rays[..., 2]
    return np.where(depth > 0, depth, 0)


def sphere_depth(
    T_world_cam: np.ndarray, center: np.ndarray, radius: float, camera: Camera = CAMERA
) -> np.ndarray:
    """Depth [H,W] of a sphere, 0 beside it."""
    rays = camera.rays.astype(float) @ T_world_cam[:3, :3].T
    to_center = np.asarray(center, float) - T_world_cam[:3, 3]
    a, b = (rays**2).sum(-1), rays @ to_center
    under = b**2 - a * (to_center @ to_center - radius**2)
    return np.where(under > 0, (b - np.sqrt(np.maximum(under, 0))) / a, 0)


def make_frame(
    depth: np.ndarray,
    T_world_cam: np.ndarray,
    index: int,
    colour: tuple[int, int, int] = (200, 100, 50),
    noise: np.random.Generator | None = None,
) -> RGBDFrame:
    """A frame of one colour, its depth with Kinect noise where a generator is given."""
    if noise is not None:
        depth = np.where(depth > 0, depth + axial_sigma(depth) * noise.normal(size=depth.shape), 0)
    rgb = np.zeros((*depth.shape, 3), np.uint8) + np.array(colour, np.uint8)
    return RGBDFrame(rgb, depth.astype(np.float32), CAMERA, T_world_cam, index, stamp_s=index / 30)


def orbit(n: int, radius: float = 0.7, height: float = 0.8) -> list[np.ndarray]:
    """Poses on a quarter circle looking at the origin."""
    angles = np.linspace(0, np.pi / 2, n)
    eyes = np.stack([radius * np.cos(angles), radius * np.sin(angles), np.full(n, height)], axis=1)
    return [look_at(eye, np.zeros(3), UP) for eye in eyes]


def table_frames(n: int = 8, seed: int = 0) -> list[RGBDFrame]:
    """Noisy frames of a plane with a ball of radius 0.15 m on it."""
    noise = np.random.default_rng(seed)
    frames = []
    for index, pose in enumerate(orbit(n)):
        plane, ball = plane_depth(pose), sphere_depth(pose, np.array([0, 0, 0.15]), 0.15)
        depth = np.where(ball > 0, np.minimum(ball, plane), plane)
        frames.append(make_frame(depth, pose, index, noise=noise))
    return frames
