"""Rigid transforms as 4x4 matrices, and unit quaternions as wxyz.

`T_a_b` maps coordinates of b into a: `p_a = T_a_b @ p_b`.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from grounding3d.checks import as_float
from grounding3d.errors import TransformError

_ROTATION_TOLERANCE = 1e-3  # text formats with 4 decimals stay within this


def check_pose(T: np.ndarray, name: str = "pose") -> np.ndarray:
    """Return `T` as float64 [4,4] with an exact rotation part.

    Rounding of text formats is repaired by projecting onto the nearest rotation.

    Raises:
        TransformError: the matrix is not rigid (scale, shear, reflection, wrong last row).
    """
    T = as_float(T, name, (4, 4)).copy()
    R = T[:3, :3]
    error = np.abs(R @ R.T - np.eye(3)).max()
    if error > _ROTATION_TOLERANCE or np.linalg.det(R) < 0:
        raise TransformError(
            f"{name} is not a rigid transform",
            expected="a rotation matrix with determinant 1",
            found=f"determinant {np.linalg.det(R):.4f}, |R R^T - I| up to {error:.2g}",
            hint="Check that the file holds camera-to-world matrices without scale.",
        )
    if np.abs(T[3] - [0, 0, 0, 1]).max() > 1e-6:
        raise TransformError(f"{name} has a wrong last row", expected="0 0 0 1", found=str(T[3]))
    U, _, Vt = np.linalg.svd(R)
    T[:3, :3] = U @ Vt
    return T


def make_pose(R: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Stack a rotation [3,3] and a translation [3] into a [4,4] pose."""
    T = np.eye(4)
    T[:3, :3] = R
    T[:3, 3] = t
    return T


def pose_from_quaternion(wxyz: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Pose [4,4] from a quaternion (normalised here) and a translation [3]."""
    return make_pose(matrix_from_wxyz(wxyz), t)


def invert_pose(T: np.ndarray) -> np.ndarray:
    """Inverse of a rigid transform [..., 4, 4]."""
    R_t = np.swapaxes(T[..., :3, :3], -1, -2)
    inverse = np.zeros_like(T)
    inverse[..., :3, :3] = R_t
    inverse[..., :3, 3] = -(R_t @ T[..., :3, 3:])[..., 0]
    inverse[..., 3, 3] = 1
    return inverse


def transform_points(T_a_b: np.ndarray, points_b: np.ndarray) -> np.ndarray:
    """Map points [..., 3] from b to a; float32 stays float32."""
    if points_b.dtype.kind != "f":
        points_b = points_b.astype(np.float64)
    R, t = T_a_b[:3, :3].astype(points_b.dtype), T_a_b[:3, 3].astype(points_b.dtype)
    return points_b @ R.T + t


def matrix_from_wxyz(wxyz: np.ndarray) -> np.ndarray:
    """Rotation matrices [..., 3, 3] from quaternions wxyz [..., 4] of any positive norm.

    Raises:
        TransformError: a quaternion is (nearly) zero or not finite.
    """
    wxyz = np.asarray(wxyz, dtype=np.float64)
    norm = np.linalg.norm(wxyz, axis=-1)
    if not np.isfinite(norm).all() or (norm < 1e-6).any():
        raise TransformError("a quaternion is not a rotation", found=f"norm {norm.min():.3g}")
    xyzw = np.roll(wxyz, -1, axis=-1).reshape(-1, 4)
    return Rotation.from_quat(xyzw).as_matrix().reshape(*wxyz.shape[:-1], 3, 3)


def wxyz_from_matrix(R: np.ndarray) -> np.ndarray:
    """Unit quaternions wxyz [..., 4], w >= 0, from rotation matrices [..., 3, 3]."""
    R = np.asarray(R, dtype=np.float64)
    xyzw = Rotation.from_matrix(R.reshape(-1, 3, 3)).as_quat()
    wxyz = np.roll(xyzw, 1, axis=-1).reshape(*R.shape[:-2], 4)
    return np.where(wxyz[..., :1] < 0, -wxyz, wxyz)


def interpolate_pose(T_0: np.ndarray, T_1: np.ndarray, fraction: float) -> np.ndarray:
    """Pose between two poses: slerp of the rotation, linear in the translation.

    Args:
        fraction: 0 gives T_0, 1 gives T_1; values outside [0, 1] are refused.
    """
    if not 0.0 <= fraction <= 1.0:
        raise TransformError("a pose is never extrapolated", found=f"fraction {fraction:.4f}")
    R_0, R_1 = Rotation.from_matrix(T_0[:3, :3]), Rotation.from_matrix(T_1[:3, :3])
    step = (R_0.inv() * R_1).as_rotvec() * fraction
    R = (R_0 * Rotation.from_rotvec(step)).as_matrix()
    return make_pose(R, (1 - fraction) * T_0[:3, 3] + fraction * T_1[:3, 3])


def motion_between(T_a: np.ndarray, T_b: np.ndarray) -> tuple[float, float]:
    """How far apart two poses [4,4] of one frame are: metres, radians."""
    moved_m = float(np.linalg.norm(T_a[:3, 3] - T_b[:3, 3]))
    cosine = (np.trace(T_a[:3, :3].T @ T_b[:3, :3]) - 1) / 2
    return moved_m, float(np.arccos(np.clip(cosine, -1.0, 1.0)))


def look_at(eye: np.ndarray, target: np.ndarray, up_world: np.ndarray) -> np.ndarray:
    """Pose `T_world_cam` (OpenCV axes) at `eye` looking at `target`, image up along `up_world`."""
    forward = np.asarray(target, float) - np.asarray(eye, float)
    distance = np.linalg.norm(forward)
    if distance < 1e-9:
        raise TransformError("a camera cannot look at its own place", found=str(eye))
    forward /= distance
    right = np.cross(forward, np.asarray(up_world, float))
    if np.linalg.norm(right) < 1e-9:
        raise TransformError("the viewing direction is parallel to up", found=str(forward))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    return make_pose(np.stack([right, down, forward], axis=1), np.asarray(eye, float))


def rotation_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The smallest rotation [3,3] that turns direction `a` into direction `b`."""
    a = np.asarray(a, float) / np.linalg.norm(a)
    b = np.asarray(b, float) / np.linalg.norm(b)
    axis = np.cross(a, b)
    sine, cosine = np.linalg.norm(axis), float(a @ b)
    if sine < 1e-12:
        if cosine > 0:
            return np.eye(3)
        axis = np.cross(a, np.eye(3)[np.abs(a).argmin()])
        return Rotation.from_rotvec(np.pi * axis / np.linalg.norm(axis)).as_matrix()
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, cosine)).as_matrix()
