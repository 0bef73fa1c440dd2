"""The pinhole camera: projection, back-projection, resizing.

Pixels are (u, v) = (column, row); the centre of the top-left pixel is (0, 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from grounding3d.checks import as_float, check_shape
from grounding3d.errors import ArrayError


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera without distortion.

    Attributes:
        K: [3,3] intrinsics in pixels, zero skew; fy may be negative (synthetic data with a flipped
            image axis).
        width, height: image size in pixels.
    """

    K: np.ndarray
    width: int
    height: int

    def __post_init__(self) -> None:
        K = as_float(self.K, "K", (3, 3))
        if (
            K[0, 0] <= 0
            or K[1, 1] == 0
            or not np.allclose(K[2], [0, 0, 1])
            or K[0, 1] != 0
            or K[1, 0] != 0
        ):
            raise ArrayError(
                "K is not a pinhole matrix",
                expected="[[fx, 0, cx], [0, fy, cy], [0, 0, 1]]",
                found=K.tolist().__repr__(),
            )
        if self.width < 1 or self.height < 1:
            raise ArrayError("a camera needs pixels", found=f"{self.width}x{self.height}")
        object.__setattr__(self, "K", K)

    @classmethod
    def from_focal(
        cls, fx: float, fy: float, cx: float, cy: float, width: int, height: int
    ) -> Camera:
        """Camera from its four intrinsics in pixels."""
        return cls(np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]]), width, height)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Camera)
            and (self.width, self.height) == (other.width, other.height)
            and np.array_equal(self.K, other.K)
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def fx(self) -> float:
        return float(self.K[0, 0])

    @property
    def fy(self) -> float:
        return float(self.K[1, 1])

    @property
    def cx(self) -> float:
        return float(self.K[0, 2])

    @property
    def cy(self) -> float:
        return float(self.K[1, 2])

    @cached_property
    def rays(self) -> np.ndarray:
        """[H,W,3] float32: the point on each pixel's ray at z = 1, camera frame."""
        u = (np.arange(self.width) - self.cx) / self.fx
        v = (np.arange(self.height) - self.cy) / self.fy
        rays = np.empty((self.height, self.width, 3), np.float32)
        rays[..., 0], rays[..., 1], rays[..., 2] = u[None, :], v[:, None], 1.0
        return rays

    def backproject(self, depth_m: np.ndarray) -> np.ndarray:
        """Points [H,W,3] float32 in the camera frame; (0,0,0) where depth is 0 (unknown)."""
        check_shape(depth_m, (self.height, self.width), "depth_m")
        return self.rays * depth_m[..., None].astype(np.float32)

    def project(self, points_cam: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels and depths of points.

        Args:
            points_cam: [..., 3] camera frame, metres.

        Returns:
            uv [..., 2] float (meaningless where z <= 0) and z [...] in metres.
        """
        z = points_cam[..., 2]
        safe = np.where(z > 0, z, 1.0)
        u = points_cam[..., 0] / safe * self.fx + self.cx
        v = points_cam[..., 1] / safe * self.fy + self.cy
        return np.stack([u, v], axis=-1), z

    def contains(self, uv: np.ndarray) -> np.ndarray:
        """Whether pixels [..., 2] fall onto the image (rounded to the nearest pixel)."""
        u, v = uv[..., 0], uv[..., 1]
        return (u >= -0.5) & (u < self.width - 0.5) & (v >= -0.5) & (v < self.height - 0.5)

    def resized(self, width: int, height: int) -> Camera:
        """The same view sampled with another number of pixels."""
        sx, sy = width / self.width, height / self.height
        K = self.K.copy()
        K[0, 0] *= sx
        K[1, 1] *= sy
        # pixel centres are integers, so scaling happens about the image corner at (-0.5, -0.5)
        K[0, 2] = (K[0, 2] + 0.5) * sx - 0.5
        K[1, 2] = (K[1, 2] + 0.5) * sy - 0.5
        return Camera(K, width, height)
