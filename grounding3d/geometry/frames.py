"""Conversions between axis conventions; the only place where they are written down.

Inside the package a camera has OpenCV axes (x right, y down, z forward). OpenGL cameras
(nerfstudio, Blender, ARKit, pybullet) have x right, y up, z backward: the two differ by half a turn
about x.
"""

from __future__ import annotations

import numpy as np

_FLIP_YZ = np.diag([1.0, -1.0, -1.0, 1.0])


def opencv_from_opengl(T_world_glcam: np.ndarray) -> np.ndarray:
    """Camera-to-world pose with OpenCV axes, from one with OpenGL axes [..., 4, 4]."""
    return T_world_glcam @ _FLIP_YZ


def opengl_from_opencv(T_world_cam: np.ndarray) -> np.ndarray:
    """Camera-to-world pose with OpenGL axes, from one with OpenCV axes [..., 4, 4]."""
    return T_world_cam @ _FLIP_YZ


def wxyz_from_xyzw(xyzw: np.ndarray) -> np.ndarray:
    """Quaternion order of this package from that of ROS messages and TUM files."""
    return np.roll(np.asarray(xyzw, dtype=np.float64), 1, axis=-1)


def xyzw_from_wxyz(wxyz: np.ndarray) -> np.ndarray:
    """Quaternion order of ROS messages and TUM files from that of this package."""
    return np.roll(np.asarray(wxyz, dtype=np.float64), -1, axis=-1)


def pixel_center_from_corner(principal_point: float) -> float:
    """Principal point for pixel centres at integers, from one for centres at +0.5."""
    return principal_point - 0.5


def pixel_corner_from_center(principal_point: float) -> float:
    """Principal point for pixel centres at +0.5, from one for centres at integers."""
    return principal_point + 0.5
