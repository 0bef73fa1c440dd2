"""The usual mix-ups of poses, axes, units and intrinsics, each with what would put it right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from grounding3d.geometry.camera import Camera
from grounding3d.geometry.frames import opencv_from_opengl
from grounding3d.geometry.transforms import (
    invert_pose,
    make_pose,
    matrix_from_wxyz,
    wxyz_from_matrix,
)

DEPTH_SCALES = (0.001, 0.1, 0.2, 0.5, 2.0, 5.0, 10.0, 1000.0)
_IMAGE_SCALES = (0.25, 1 / 3, 0.5, 2 / 3, 1.5, 2.0, 3.0, 4.0)
_T_BODY_OPTICAL = make_pose(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.zeros(3))  # REP 103
_FLIP_Y = np.diag([1.0, -1.0, 1.0, 1.0])
SCALES = ("depth_scale", "pose_scale", "image_scale")
"""Fields of a `MixUp` that are numbers, 1 for as recorded."""


def _as_recorded(T: np.ndarray) -> np.ndarray:
    return T


@dataclass(frozen=True)
class MixUp:
    """What may have gone wrong, as what would put it right.

    Attributes:
        name: for the list of what was tried.
        advice: what it is and what to do.
        mend: the right pose [4,4] from the recorded one.
        depth_scale: the right depth over the recorded one.
        pose_scale: the right translation over the recorded one.
        image_scale: the right intrinsics over the recorded ones.
    """

    name: str
    advice: str
    mend: Callable[[np.ndarray], np.ndarray] = _as_recorded
    depth_scale: float = 1.0
    pose_scale: float = 1.0
    image_scale: float = 1.0

    def pose(self, T_world_cam: np.ndarray) -> np.ndarray:
        """A recorded pose, put right."""
        T = self.mend(T_world_cam).copy()
        T[:3, 3] *= self.pose_scale
        return T

    def camera(self, camera: Camera) -> Camera:
        """A recorded camera, put right."""
        scale = self.image_scale
        if scale == 1:
            return camera
        K = camera.K.copy()
        K[:2, :2] *= scale
        K[:2, 2] = (K[:2, 2] + 0.5) * scale - 0.5  # pixels' centres are integers
        return Camera(K, camera.width, camera.height)

    @property
    def scaled(self) -> str | None:
        """The field that is a scale other than 1."""
        return next((name for name in SCALES if getattr(self, name) != 1), None)

    def times(self, factor: float) -> MixUp:
        """The same with its scale multiplied."""
        assert self.scaled is not None, "only scales have neighbours"
        return replace(self, **{self.scaled: getattr(self, self.scaled) * factor})


def _quaternion_reordered(T: np.ndarray) -> np.ndarray:
    """The pose of a quaternion that was written w x y z and read as x y z w."""
    w, x, y, z = wxyz_from_matrix(T[:3, :3])
    return make_pose(matrix_from_wxyz(np.array([x, y, z, w])), T[:3, 3])


AS_IT_IS = MixUp("as it is", "")

MIX_UPS = (
    MixUp("inverse poses", "the poses are world to camera; invert them", invert_pose),
    MixUp("OpenGL axes", "the camera axes are OpenGL's; negate columns 2, 3", opencv_from_opengl),
    MixUp(
        "inverse poses with OpenGL axes",
        "the poses are world to camera with OpenGL axes; invert them, then negate columns 2, 3",
        lambda T: opencv_from_opengl(invert_pose(T)),
    ),
    MixUp(
        "body axes",
        "the poses are of a body frame, x forward and z up; name the optical frame instead, in a "
        "bag with --set capture.camera_frame=...",
        lambda T: T @ _T_BODY_OPTICAL,
    ),
    MixUp(
        "quaternions w x y z",
        "the quaternions are written w x y z and read x y z w; reorder them",
        _quaternion_reordered,
    ),
    MixUp(
        "transposed rotations",
        "the rotations are world to camera, while the translations are the camera's places; "
        "transpose the rotations",
        lambda T: make_pose(T[:3, :3].T, T[:3, 3]),
    ),
    MixUp(
        "left-handed axes",
        "the poses are left-handed, with y up, as Unity's; negate row 2 and then column 2",
        lambda T: _FLIP_Y @ T @ _FLIP_Y,
    ),
    MixUp(
        "poses in millimetres",
        "the poses are in millimetres; divide their translations by 1000",
        pose_scale=0.001,
    ),
    MixUp(
        "poses in centimetres",
        "the poses are in centimetres; divide their translations by 100",
        pose_scale=0.01,
    ),
    *(
        MixUp(
            f"depth times {scale:g}",
            f"the depth unit is wrong; multiply it by {scale:g} with --set "
            "capture.depth_unit_m=...",
            depth_scale=scale,
        )
        for scale in DEPTH_SCALES
    ),
    *(
        MixUp(
            f"intrinsics times {scale:.3g}",
            f"the intrinsics are of images of another size; multiply them by {scale:.3g}, in a "
            "bag with --set capture.color_intrinsics='[fx, fy, cx, cy]'",
            image_scale=scale,
        )
        for scale in _IMAGE_SCALES
    ),
)


def poses_shifted(shift: float, unit: str) -> str:
    """Advice for poses that fit their images at another time."""
    return (
        f"the poses are {abs(shift):.3g} {unit} {'late' if shift > 0 else 'early'}: the images fit "
        f"those of so much {'later' if shift > 0 else 'earlier'}; mend the stamps"
    )


def depth_times(scale: float) -> MixUp:
    """Depth and poses of different scales, as from a monocular tracker or of an unusual unit."""
    return MixUp(
        f"depth times {scale:.3g}",
        f"depth and poses are of different scales; multiply the depth unit by {scale:.3g} with "
        "--set capture.depth_unit_m=..., or, if it is right, divide the poses' translations by "
        f"{scale:.3g}",
        depth_scale=scale,
    )
