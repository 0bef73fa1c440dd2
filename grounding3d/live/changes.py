"""A camera that stands still, and a world that does not."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from grounding3d.capture.base import RGBDFrame
from grounding3d.geometry.transforms import invert_pose, transform_points
from grounding3d.scene.surfels import axial_sigma

_STEP = 4  # every fourth pixel of every fourth row is compared
_WINDOW = 3  # of those: edges fray
_SIGMAS = 3.0
_LEAST_M = 0.02  # a smaller change is not noticed
_KNOWN_SHARE = 0.5  # of a window
_CHANGED_SHARE = 1e-3  # of the image: a cup two metres away


class ChangeDetector:
    """Says of frames of a camera that hardly moved whether they are worth a look all the same.

    They are when depth has changed, against the last frame that was used, by more than the noise,
    and for some frames after that: one look neither makes a thing nor lets one go.

    Args:
        looks: frames that are wanted from a change on.
        period_s: least time between two of them, seconds; 0: none is ever wanted.
    """

    def __init__(self, looks: int, period_s: float) -> None:
        self._looks, self._period_s = looks, period_s
        self._left = 0
        self._nearest = self._farthest = np.zeros((0, 0), np.float32)
        self._before: RGBDFrame | None = None

    def wants(self, frame: RGBDFrame) -> bool:
        """Whether the frame shows, or has to confirm, a change."""
        if not self._period_s or self._is_too_soon(frame):
            return False
        if self._differs(frame):
            self._left = self._looks
        return self._left > 0

    def take(self, frame: RGBDFrame) -> None:
        """Remember a frame that was used."""
        if not self._period_s:
            return
        depth = frame.depth_m[::_STEP, ::_STEP]
        known = depth > 0
        nearest = ndimage.minimum_filter(np.where(known, depth, np.inf), _WINDOW, mode="nearest")
        farthest = ndimage.maximum_filter(depth, _WINDOW, mode="nearest")
        # where little was known, nothing can be said to have changed
        is_blind = ndimage.uniform_filter(known.astype(np.float32), _WINDOW) < _KNOWN_SHARE
        self._nearest = np.where(is_blind, 0, nearest)
        self._farthest = np.where(is_blind, np.inf, farthest)
        self._before = frame
        self._left -= self._left > 0

    def _is_too_soon(self, frame: RGBDFrame) -> bool:
        last_s = self._before.stamp_s if self._before is not None else None
        if last_s is None or frame.stamp_s is None:
            return False
        return 0 <= frame.stamp_s - last_s < self._period_s

    def _differs(self, frame: RGBDFrame) -> bool:
        before = self._before
        if before is None:
            return False
        sample = slice(None, None, _STEP), slice(None, None, _STEP)
        depth = frame.depth_m[sample]
        T_before_cam = invert_pose(before.T_world_cam) @ frame.T_world_cam
        points = transform_points(T_before_cam, frame.camera.rays[sample] * depth[..., None])
        uv, z = before.camera.project(points)
        seen = (depth > 0) & (z > 0) & before.camera.contains(uv)
        u, v = (np.rint(uv[seen] / _STEP).astype(np.intp)).T
        h, w = self._nearest.shape
        at = np.minimum(v, h - 1), np.minimum(u, w - 1)
        z = z[seen]
        margin = np.maximum(_LEAST_M, _SIGMAS * axial_sigma(z))
        changed = np.zeros(depth.shape, bool)
        changed[seen] = (z > self._farthest[at] + margin) | (z < self._nearest[at] - margin)
        # single pixels are flickering edges
        changed = ndimage.binary_erosion(changed, np.ones((2, 2), bool))
        return bool(changed.mean() > _CHANGED_SHARE)
