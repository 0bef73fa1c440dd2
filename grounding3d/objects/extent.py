"""Boxes around observed points: robust, upright where up is known."""

from __future__ import annotations

import numpy as np

from grounding3d.geometry.boxes import OBB, upright_axes
from grounding3d.geometry.pointcloud import in_bounds
from grounding3d.geometry.transforms import wxyz_from_matrix

_MIN_SIZE_M = 0.002


def observed_box(
    points: np.ndarray, counts: np.ndarray, up_world: np.ndarray | None, trim: float
) -> OBB:
    """Box of points [n,3] seen `counts` [n] times each, without the share `trim` beyond each face.

    Upright with the smallest footprint where `up_world` is known, else along the principal axes.
    """
    points = np.asarray(points, np.float64)
    R = _axes(points, counts, up_world, trim)
    low, high = robust_range(points @ R, trim)
    size = np.maximum(high - low, _MIN_SIZE_M)
    return OBB(R @ ((low + high) / 2), wxyz_from_matrix(R), size)


def robust_range(local: np.ndarray, trim: float) -> tuple[np.ndarray, np.ndarray]:
    """Percentiles `trim` and 1 - `trim` of points [n,3] along each axis.

    Every voxel weighs the same however often it was seen: the often seen front must not pull the
    box off the seldom seen back.
    """
    low, high = np.quantile(local, [trim, 1 - trim], axis=0)
    return low, high


def with_bottom(box: OBB, up_world: np.ndarray, height_m: float) -> OBB:
    """The upright box with its lower face moved to `height_m` along `up_world`; its top stays."""
    up = np.asarray(up_world, float)
    top = float(box.center @ up) + box.size[2] / 2
    tall = max(top - height_m, _MIN_SIZE_M)
    center = box.center + up * (top - tall / 2 - float(box.center @ up))
    return OBB(center, box.wxyz, np.array([box.size[0], box.size[1], tall]))


def height_range(box: OBB, up_world: np.ndarray) -> tuple[float, float]:
    """Heights of an upright box's lower and upper face along `up_world`, metres."""
    middle = float(box.center @ up_world)
    return middle - box.size[2] / 2, middle + box.size[2] / 2


def footprint_share(points: np.ndarray, under: OBB, margin_m: float = 0.01) -> float:
    """Share of points [n,3] that lie over (or under) the footprint of an upright box."""
    local = (np.asarray(points, float) - under.center) @ under.R
    reach = under.size[:2] / 2 + margin_m
    return float(in_bounds(local[:, :2], -reach, reach).mean())


def _axes(
    points: np.ndarray, counts: np.ndarray, up_world: np.ndarray | None, trim: float
) -> np.ndarray:
    """[3,3] rotation whose columns are the box's axes."""
    if up_world is None:
        center = np.average(points, axis=0, weights=counts)
        spread = points - center
        axes = np.linalg.eigh(spread.T @ spread)[1][:, ::-1]
        if np.linalg.det(axes) < 0:
            axes[:, 2] = -axes[:, 2]
        return axes
    # the smallest rectangle hangs on its outermost points, so it is found again without them
    R = upright_axes(points, up_world)
    local = points @ R
    low, high = robust_range(local, trim)
    kept = in_bounds(local, low, high)
    return upright_axes(points[kept] if kept.sum() >= 4 else points, up_world)
