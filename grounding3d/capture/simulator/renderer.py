"""Draws a pybullet world as a metric RGB-D image with instance ids.

TinyRenderer, measured: the depth buffer is OpenGL's, exact to 1e-5 m; pixel (i, j) samples the
image point (i - 0.5, j + 0.5), where ours is (i, j). The shift is undone in `projection_matrix`
and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.extras import require
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose

_NEAR_M, _FAR_M = 0.05, 12.0
_SAMPLE_SHIFT_PX = (-0.5, 0.5)
# OpenGL's camera looks along -z with y up; ours along +z with y down.
_OPENGL_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Light:
    """One distant light and the ambient light: direction towards it, colour 0 to 1, shares."""

    direction: tuple[float, float, float] = (0.5, -0.5, 1.5)
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)
    ambient: float = 0.6
    diffuse: float = 0.45
    shadows: bool = True


@dataclass(frozen=True)
class Rendering:
    """rgb uint8 [H, W, 3]; depth_m float32 [H, W], 0 = nothing; body int32 [H, W], -1 = nothing."""

    rgb: np.ndarray
    depth_m: np.ndarray
    body: np.ndarray


def projection_matrix(camera: Camera) -> np.ndarray:
    """OpenGL projection [4, 4] of a pinhole camera whose pixel centres are integers."""
    cx, cy = camera.cx + _SAMPLE_SHIFT_PX[0], camera.cy + _SAMPLE_SHIFT_PX[1]
    P = np.zeros((4, 4))
    P[0, 0] = 2 * camera.fx / camera.width
    P[1, 1] = 2 * camera.fy / camera.height
    P[0, 2] = 1 - 2 * (cx + 0.5) / camera.width
    P[1, 2] = 2 * (cy + 0.5) / camera.height - 1
    P[2, 2] = -(_FAR_M + _NEAR_M) / (_FAR_M - _NEAR_M)
    P[2, 3] = -2 * _FAR_M * _NEAR_M / (_FAR_M - _NEAR_M)
    P[3, 2] = -1
    return P


def render(client: int, camera: Camera, T_bullet_cam: np.ndarray, light: Light) -> Rendering:
    """Render a world without noise.

    Args:
        client: pybullet physics client id.
        camera: Intrinsics and size.
        T_bullet_cam: Camera to the client's world [4, 4], OpenCV axes.
        light: Illumination.
    """
    bullet = require("pybullet", purpose="The simulator")
    view = _OPENGL_FROM_OPENCV @ invert_pose(np.asarray(T_bullet_cam, float))
    _, _, rgba, buffer, body = bullet.getCameraImage(
        camera.width,
        camera.height,
        view.T.ravel().tolist(),
        projection_matrix(camera).T.ravel().tolist(),
        lightDirection=list(light.direction),
        lightColor=list(light.colour),
        lightDistance=3.0,
        shadow=int(light.shadows),
        lightAmbientCoeff=light.ambient,
        lightDiffuseCoeff=light.diffuse,
        lightSpecularCoeff=0.05,
        renderer=bullet.ER_TINY_RENDERER,
        physicsClientId=client,
    )
    shape = (camera.height, camera.width)
    body = np.asarray(body, dtype=np.int32).reshape(shape)
    buffer = np.asarray(buffer, dtype=np.float64).reshape(shape)
    depth = _FAR_M * _NEAR_M / (_FAR_M - (_FAR_M - _NEAR_M) * buffer)
    depth[body < 0] = 0.0
    rgb = np.asarray(rgba, dtype=np.uint8).reshape(*shape, 4)[..., :3]
    return Rendering(np.ascontiguousarray(rgb), depth.astype(np.float32), body)
