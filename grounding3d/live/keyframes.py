"""Selection of keyframes by camera motion."""

from __future__ import annotations

import numpy as np

from grounding3d.geometry.transforms import motion_between


class KeyframeSelector:
    """Says of each pose whether the camera moved enough since the last one that was taken.

    Args:
        min_translation_m: enough if it moved this far, or
        min_rotation_rad: turned this far.
    """

    def __init__(self, min_translation_m: float, min_rotation_rad: float) -> None:
        self._min_translation_m = min_translation_m
        self._min_rotation_rad = min_rotation_rad
        self._last: np.ndarray | None = None

    def wants(self, T_world_cam: np.ndarray) -> bool:
        """Whether a frame at this pose adds something; the first one always does."""
        if self._last is None:
            return True
        moved_m, turned_rad = motion_between(self._last, T_world_cam)
        return moved_m >= self._min_translation_m or turned_rad >= self._min_rotation_rad

    def take(self, T_world_cam: np.ndarray) -> None:
        """Remember the pose of a frame that was used."""
        self._last = T_world_cam
