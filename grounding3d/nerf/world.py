"""The way between the capture's world in metres and nerfstudio's world, and back exactly.

nerfstudio's parsers move, turn and scale the world: p_nerf = scale * (T p_world). What a parser
says of that in its outputs is undone here; what cannot be undone is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.errors import TransformError
from grounding3d.geometry.frames import opencv_from_opengl, opengl_from_opencv
from grounding3d.geometry.transforms import check_pose, invert_pose, transform_points


@dataclass(frozen=True, eq=False)
class NerfWorld:
    """The similarity p_nerf = scale * (T_nerf_world p_world).

    Attributes:
        T_nerf_world: [4,4] rigid, metres.
        scale: nerfstudio's units in a metre.
    """

    T_nerf_world: np.ndarray
    scale: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise TransformError(
                "the data's scale cannot be undone",
                expected="a positive number of units in a metre",
                found=str(self.scale),
                hint="Let the data parser record its scale, or switch its scaling off.",
            )
        T = check_pose(self.T_nerf_world, "the data parser's transform")
        object.__setattr__(self, "T_nerf_world", T)

    @classmethod
    def of_parser(cls, dataparser_transform: np.ndarray, dataparser_scale: float) -> NerfWorld:
        """From what a nerfstudio parser records.

        Args:
            dataparser_transform: [3,4] or [4,4]; a uniform scale in it is taken out.
            dataparser_scale: applied after it.

        Raises:
            TransformError: sheared, mirrored, flat or not finite: no metres can be had from it.
        """
        T = np.eye(4)
        T[:3] = np.asarray(dataparser_transform, np.float64)[:3]
        inner = float(np.cbrt(np.linalg.det(T[:3, :3]))) if np.isfinite(T).all() else float("nan")
        if not (np.isfinite(inner) and inner > 1e-9):
            raise TransformError(
                "the data parser's transform cannot be undone",
                expected="a rotation and a translation",
                found=str(T[:3].tolist()),
                hint="Choose another parser, or nerfstudio-data with --orientation-method none.",
            )
        T[:3] /= inner
        return cls(T, inner * float(dataparser_scale))

    def to_nerf(self, points: np.ndarray) -> np.ndarray:
        """Points [...,3] of the capture's world in nerfstudio's."""
        return transform_points(self.T_nerf_world, points) * self.scale

    def to_world(self, points: np.ndarray) -> np.ndarray:
        """Points [...,3] of nerfstudio's world in the capture's, metres."""
        return transform_points(invert_pose(self.T_nerf_world), points / self.scale)

    def nerf_pose(self, T_world_cam: np.ndarray) -> np.ndarray:
        """nerfstudio's camera-to-world [3,4] (OpenGL axes) of a pose [4,4] (OpenCV, metres)."""
        T = self.T_nerf_world @ opengl_from_opencv(T_world_cam)
        T[:3, 3] *= self.scale
        return T[:3]

    def world_pose(self, camera_to_world: np.ndarray) -> np.ndarray:
        """Pose [4,4] (OpenCV axes, metres) of nerfstudio's camera-to-world [3,4]."""
        T = np.eye(4)
        T[:3] = camera_to_world[:3]
        T[:3, 3] /= self.scale
        return opencv_from_opengl(invert_pose(self.T_nerf_world) @ T)
