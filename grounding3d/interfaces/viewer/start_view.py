"""Where a page begins to look from."""

from __future__ import annotations

import numpy as np

from grounding3d.interfaces.viewer.model import ViewModel
from grounding3d.scene.base import Keyframe

_BACK = 1.15  # a little farther off than the camera that recorded


def start_view(model: ViewModel) -> tuple[np.ndarray, np.ndarray]:
    """Camera position [3] and point to look at [3], metres.

    From the keyframe that shows most objects (the highest of equals), a little farther back;
    without keyframes or objects from a corner of the scene's bounds.
    """
    geometry = model.scene.scene
    things = [o.position for o in model.scene.objects if o.kind == "object"]
    if geometry.keyframes and things:
        centers = np.array(things)
        target = np.median(centers, axis=0)
        eye = max(geometry.keyframes, key=lambda k: _rank(k, centers, model.up))
        position = eye.T_world_cam[:3, 3]
        if float(np.linalg.norm(position - target)) > 0.2:
            return target + _BACK * (position - target), target
    low, high = model.bounds
    middle, size = (low + high) / 2, float(np.linalg.norm(high - low))
    side = np.cross(model.up, [0.3, 0.5, 0.7])
    return middle + size * (0.5 * side / np.linalg.norm(side) + 0.4 * model.up), middle


def _rank(keyframe: Keyframe, centers: np.ndarray, up: np.ndarray) -> tuple[int, float]:
    """How many centres [n,3] a keyframe shows, and how high it stands."""
    T = keyframe.T_world_cam
    points = (centers - T[:3, 3]) @ T[:3, :3]
    uv, z = keyframe.camera.project(points)
    shown = keyframe.camera.contains(uv) & (z > 0)
    return int(shown.sum()), float(T[:3, 3] @ up)
