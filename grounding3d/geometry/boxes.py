"""Oriented and axis-aligned boxes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from grounding3d.checks import as_float
from grounding3d.errors import ArrayError
from grounding3d.geometry.pointcloud import bounds
from grounding3d.geometry.transforms import matrix_from_wxyz, rotation_between, wxyz_from_matrix

_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])


@dataclass(frozen=True, eq=False)
class OBB:
    """An oriented box.

    Attributes:
        center: [3] metres.
        wxyz: [4] unit quaternion, box axes to parent frame.
        size: [3] full extents along the box's own axes, metres.
    """

    center: np.ndarray
    wxyz: np.ndarray
    size: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", as_float(self.center, "box center", (3,)))
        object.__setattr__(self, "wxyz", as_float(self.wxyz, "box wxyz", (4,)))
        object.__setattr__(self, "size", as_float(self.size, "box size", (3,)))
        if (self.size < 0).any():
            raise ArrayError("a box has a negative size", found=str(self.size))

    @classmethod
    def from_aabb(cls, minimum: np.ndarray, maximum: np.ndarray) -> OBB:
        """Box with the parent's axes spanning [minimum, maximum]."""
        minimum, maximum = np.asarray(minimum, float), np.asarray(maximum, float)
        return cls((minimum + maximum) / 2, np.array([1.0, 0, 0, 0]), maximum - minimum)

    @cached_property
    def R(self) -> np.ndarray:
        """Rotation [3,3], box axes as columns in the parent frame."""
        return matrix_from_wxyz(self.wxyz)

    @property
    def corners(self) -> np.ndarray:
        """[8,3] corners in the parent frame."""
        return (_CORNERS * self.size) @ self.R.T + self.center

    @property
    def volume(self) -> float:
        """Cubic metres."""
        return float(np.prod(self.size))

    def aabb(self) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest coordinates [3], [3] along the parent's axes."""
        corners = self.corners
        return corners.min(axis=0), corners.max(axis=0)

    def contains(self, points: np.ndarray, margin_m: float = 0.0) -> np.ndarray:
        """Whether points [..., 3] lie in the box grown by `margin_m` on every side."""
        local = (np.asarray(points, float) - self.center) @ self.R
        return (np.abs(local) <= self.size / 2 + margin_m).all(axis=-1)

    def transformed(self, T_a_b: np.ndarray) -> OBB:
        """The box expressed in frame a; its size stays, its pose turns."""
        center = T_a_b[:3, :3] @ self.center + T_a_b[:3, 3]
        return OBB(center, wxyz_from_matrix(T_a_b[:3, :3] @ self.R), self.size)


def upright_box(points: np.ndarray, up_world: np.ndarray) -> OBB:
    """Smallest-footprint box of points [N,3] whose third axis is `up_world`."""
    R = upright_axes(points, up_world)
    low, high = bounds(np.asarray(points, np.float64) @ R)
    return OBB(R @ ((low + high) / 2), wxyz_from_matrix(R), high - low)


def upright_axes(points: np.ndarray, up_world: np.ndarray) -> np.ndarray:
    """[3,3] axes, as columns, of the smallest-footprint box whose third axis is `up_world`.

    The footprint is the minimum-area rectangle of the convex hull; one of its sides lies along a
    hull edge (Freeman and Shapira 1975).
    """
    up = np.asarray(up_world, float) / np.linalg.norm(up_world)
    R_up = rotation_between(np.array([0, 0, 1.0]), up)  # columns: two horizontal axes, then up
    local = np.asarray(points, np.float64) @ R_up
    yaw = _min_area_yaw(local[:, :2])
    c, s = np.cos(yaw), np.sin(yaw)
    return np.asarray(R_up @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]))


def _min_area_yaw(xy: np.ndarray) -> float:
    """Angle of the minimum-area rectangle around points [N,2]."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        hull = xy[ConvexHull(xy).vertices]
    except (QhullError, ValueError):  # fewer than three points, or all on one line
        spread = xy - xy.mean(axis=0)
        axis = np.linalg.svd(spread, full_matrices=False)[2][0]
        return float(np.arctan2(axis[1], axis[0]))
    edges = np.roll(hull, -1, axis=0) - hull
    yaws = np.arctan2(edges[:, 1], edges[:, 0])
    c, s = np.cos(yaws), np.sin(yaws)
    along = np.stack([c, s], axis=1) @ hull.T
    across = np.stack([-s, c], axis=1) @ hull.T
    return float(yaws[(np.ptp(along, axis=1) * np.ptp(across, axis=1)).argmin()])


def aabb_iou(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> float:
    """Intersection over union of two axis-aligned boxes given as (minimum, maximum)."""
    overlap = np.clip(np.minimum(a[1], b[1]) - np.maximum(a[0], b[0]), 0, None).prod()
    union = (a[1] - a[0]).prod() + (b[1] - b[0]).prod() - overlap
    return float(overlap / union) if union > 0 else 0.0
