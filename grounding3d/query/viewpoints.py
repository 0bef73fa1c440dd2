"""Where a question is asked from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grounding3d.errors import QueryError
from grounding3d.query.relations import Viewpoint
from grounding3d.scene.base import Scene


def viewpoint_of(scene: Scene, given: Sequence[float] | np.ndarray | None) -> Viewpoint | None:
    """The given viewpoint, else the camera of the last keyframe, None without keyframes.

    Args:
        scene: its last keyframe is where a live robot is.
        given: [3] metres, in the scene's world frame.

    Raises:
        QueryError: it is not three finite numbers.
    """
    if given is not None:
        try:
            position = np.asarray(given, float)
        except (TypeError, ValueError):
            position = np.zeros(0)
        if position.shape != (3,) or not np.isfinite(position).all():
            raise QueryError(
                "a viewpoint is a place", expected="3 finite numbers, metres", found=str(given)
            )
        return Viewpoint(position, None, "the given viewpoint")
    if not scene.keyframes:
        return None
    T_world_cam = scene.keyframes[-1].T_world_cam
    return Viewpoint(T_world_cam[:3, 3], T_world_cam[:3, 2], "the last camera")
