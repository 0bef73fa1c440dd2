"""Approach poses for objects of a map that changes: the floor is searched once a map."""

from __future__ import annotations

import threading

from grounding3d.errors import GroundingError
from grounding3d.live.approach import ApproachPose, approach_pose
from grounding3d.live.floor import NoApproach
from grounding3d.live.free_space import FreeSpace, free_space
from grounding3d.live.planner_config import ApproachConfig
from grounding3d.live.responder import ErrorCode
from grounding3d.objects.base import LanguageScene, MapObject

_CODES = {
    "no_up_direction": ErrorCode.UP_UNKNOWN,
    "no_floor": ErrorCode.NO_FLOOR,
    "no_free_space": ErrorCode.NO_FREE_POSE,
    "unreachable": ErrorCode.NO_FREE_POSE,
}


class NoApproachError(GroundingError):
    """There is no place to stand.

    Attributes:
        code: why, as in grounding3d_msgs.
    """

    def __init__(self, found: NoApproach) -> None:
        super().__init__(found.reason)
        self.code = _CODES[found.reason_code]


class ApproachPlanner:
    """Finds approach poses; safe from any thread.

    Args:
        config: the robot.
    """

    def __init__(self, config: ApproachConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._space: tuple[LanguageScene, FreeSpace | NoApproach] | None = None

    def plan(
        self, scene: LanguageScene, item: MapObject, stand_off_m: float | None = None
    ) -> ApproachPose:
        """Where to stop in front of an object.

        Raises:
            NoApproachError: nowhere; says why.
        """
        with self._lock:
            if self._space is None or self._space[0] is not scene:
                self._space = scene, free_space(scene, self._config)
            space = self._space[1]
        if isinstance(space, NoApproach):
            raise NoApproachError(space)
        config = self._config
        if stand_off_m is not None:
            most = max(config.max_stand_off_m, stand_off_m)
            changes = {"stand_off_m": stand_off_m, "max_stand_off_m": most}
            config = config.model_copy(update=changes)
        found = approach_pose(scene, item, config, space=space)
        if isinstance(found, NoApproach):
            raise NoApproachError(found)
        return found
