"""A camera that stands still, and a world that does not."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from grounding3d.capture.base import RGBDFrame
from grounding3d.scene.surfels import axial_sigma

_STEP = 4  # every fourth pixel of every fourth row is compared
_WINDOW = 7  # of those, so that a camera that hardly moved sees the same surface in it
_SIGMAS = 3.0
_LEAST_M = 0.02  # a smaller change is not noticed
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
        self._last_s: float | None = None

    def wants(self, frame: RGBDFrame) -> bool:
        """Whether the frame shows, or has to confirm, a change."""
        if not self._period_s or self._is_too_soon(frame):
            return False
        if self._differs(frame.depth_m):
            self._left = self._looks
        return self._left > 0

    def take(self, frame: RGBDFrame) -> None:
        """Remember a frame that was used."""
        if not self._period_s:
            return
        depth = frame.depth_m[::_STEP, ::_STEP]
        # a window with an unknown pixel says nothing: its nearest is 0, its farthest infinite
        self._nearest = ndimage.minimum_filter(depth, _WINDOW, mode="nearest")
        unknown = np.where(depth > 0, depth, np.float32(np.inf))
        self._farthest = ndimage.maximum_filter(unknown, _WINDOW, mode="nearest")
        self._left -= self._left > 0
        self._last_s = frame.stamp_s

    def _is_too_soon(self, frame: RGBDFrame) -> bool:
        if self._last_s is None or frame.stamp_s is None:
            return False
        return 0 <= frame.stamp_s - self._last_s < self._period_s

    def _differs(self, depth_m: np.ndarray) -> bool:
        depth = depth_m[::_STEP, ::_STEP]
        if depth.shape != self._nearest.shape:
            return False
        margin = np.maximum(_LEAST_M, _SIGMAS * axial_sigma(depth))
        changed = depth > self._farthest + margin
        changed |= (depth > 0) & (depth < self._nearest - margin)
        # single pixels are flickering edges
        changed = ndimage.binary_erosion(changed, np.ones((2, 2), bool))
        return bool(changed.mean() > _CHANGED_SHARE)
