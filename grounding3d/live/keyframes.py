"""Selection of keyframes by camera motion."""

from __future__ import annotations

import numpy as np

from grounding3d.live.config import KeyframeConfig


class KeyframeSelector:
    """Says of each pose whether the camera moved enough since the last one that was taken."""

    def __init__(self, config: KeyframeConfig) -> None:
        self._config = config
        self._last: np.ndarray | None = None

    def wants(self, T_world_cam: np.ndarray) -> bool:
        """Whether a frame at this pose adds something; the first one always does."""
        if self._last is None:
            return True
        moved = np.linalg.norm(T_world_cam[:3, 3] - self._last[:3, 3])
        cosine = (np.trace(self._last[:3, :3].T @ T_world_cam[:3, :3]) - 1) / 2
        turned = np.arccos(np.clip(cosine, -1, 1))
        return bool(
            moved >= self._config.min_translation_m or turned >= self._config.min_rotation_rad
        )

    def take(self, T_world_cam: np.ndarray) -> None:
        """Remember the pose of a frame that was used."""
        self._last = T_world_cam
