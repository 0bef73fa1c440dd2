"""For planners: the approach service and topic, the planning scene, grasp hints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from grounding3d.errors import GroundingError, QueryError
from grounding3d.interfaces.ros import qos
from grounding3d.interfaces.ros.guard import guarded
from grounding3d.interfaces.ros.parameters import PlannerSettings
from grounding3d.interfaces.ros.services import NoScene, NotActive, error_code
from grounding3d.live.approach_planner import ApproachPlanner, NoApproachError
from grounding3d.live.collision import CollisionScene
from grounding3d.live.map_server import MapServer
from grounding3d.live.messages.answers import POSE
from grounding3d.live.messages.planning import PLANNING_SCENE, planning_scene, pose_stamped
from grounding3d.live.messages.types import MessageTypes
from grounding3d.live.responder import ErrorCode, Question, Reply
from grounding3d.live.transforms import message_stamp
from grounding3d.objects.base import LanguageScene, MapObject

SERVICE = "grounding3d_msgs/srv/ApproachPose"


class NoObject(GroundingError):
    """No object has the id, or the question was not answered with one."""


class Planning:
    """What the node does for planners, beside answering.

    Args:
        node: whose topics and services these are.
        types: its message classes; without moveit_msgs there is no planning scene.
        server: the map.
        settings: robot and shapes.
        is_active: whether the node is.
    """

    def __init__(
        self,
        node: Node,
        types: MessageTypes,
        server: MapServer,
        settings: PlannerSettings,
        is_active: Callable[[], bool],
    ) -> None:
        self._node, self._types, self._server = node, types, server
        self._is_active = is_active
        self._planner = ApproachPlanner(settings.approach)
        self._collision = CollisionScene(settings.collision)
        self._frame, self._scene = "map", None  # type: str, LanguageScene | None
        self._n_planners = 0
        self._asked: Reply | None = None
        self._poses: Any = node.create_publisher(
            types.find(POSE), "~/approach_pose", qos.questions()
        )
        self._scenes: Any = None
        if types.find(PLANNING_SCENE) is not None:
            kind = types.find(PLANNING_SCENE)
            self._scenes = node.create_publisher(kind, "~/planning_scene", qos.questions())
        self._service: Any = None
        if types.find(SERVICE) is not None:
            self._service = node.create_service(
                types.find(SERVICE),
                "~/approach_pose",
                guarded(node, self._on_request),
                callback_group=MutuallyExclusiveCallbackGroup(),
            )

    def note(self, reply: Reply) -> None:
        """Remember a question that found something, for `send`."""
        if reply.in_world.status == "found":
            self._asked = reply

    def send(self) -> None:
        """The approach pose of the newest answer, if somebody listens; and what has changed."""
        scene = self._server.scene
        self._send_scene(scene)
        asked, self._asked = self._asked, None
        if asked is None or scene is None or not self._poses.get_subscription_count():
            return
        try:
            item = _object(scene, asked.in_world.selected[0].id)
            self._publish(scene, item, None, "", None)
        except (NoApproachError, NoObject) as error:
            self._node.get_logger().info(f"no approach pose: {error}", throttle_duration_sec=5.0)

    def destroy(self) -> None:
        """Take topics and service away."""
        for publisher in (self._poses, self._scenes):
            if publisher is not None:
                self._node.destroy_publisher(publisher)
        if self._service is not None:
            self._node.destroy_service(self._service)

    def _send_scene(self, scene: LanguageScene | None) -> None:
        """The planning scene's changes; everything when another planner has joined."""
        if self._scenes is None:
            return
        n_planners = self._scenes.get_subscription_count()
        has_joined, self._n_planners = n_planners > self._n_planners, n_planners
        changes = []
        if scene is not self._scene:
            self._scene = scene
            if scene is not None:
                self._frame = scene.scene.world_frame
            changes = self._collision.update(scene.objects) if scene else self._collision.clear()
        if has_joined:
            changes = self._collision.everything()
        if changes:
            self._scenes.publish(planning_scene(self._types, changes, self._frame))

    def _on_request(self, request: Any, response: Any) -> Any:
        try:
            if not self._is_active():
                raise NotActive("the node is not active")
            self._answer(request, response)
            response.error_code = int(ErrorCode.NONE)
        except GroundingError as error:
            response.error_code, response.error_msg = int(_code(error)), str(error)
        return response

    def _answer(self, request: Any, response: Any) -> None:
        scene = self._server.scene
        if scene is None:
            raise NoScene("no scene is loaded and nothing has been mapped yet")
        stand_off_m = float(request.standoff_m)
        if not (np.isfinite(stand_off_m) and stand_off_m >= 0):
            raise QueryError("the stand-off is no length", found=str(stand_off_m))
        item = self._wanted(scene, request)
        response.pose, found = self._publish(
            scene, item, stand_off_m or None, request.target_frame, message_stamp(request.stamp)
        )
        response.object.id, response.object.label = item.id, item.label
        response.standoff_m = float(found.stand_off_m)

    def _wanted(self, scene: LanguageScene, request: Any) -> MapObject:
        if request.object_id:
            return _object(scene, request.object_id)
        reply = self._server.ask(Question(request.query))
        if reply.error_code != ErrorCode.NONE:
            raise QueryError(reply.error_msg)
        if not reply.in_world.selected:
            raise NoObject(f"{request.query!r} was not answered with an object")
        return _object(scene, reply.in_world.selected[0].id)

    def _publish(
        self,
        scene: LanguageScene,
        item: MapObject,
        stand_off_m: float | None,
        frame_id: str,
        stamp_s: float | None,
    ) -> tuple[Any, Any]:
        found = self._planner.plan(scene, item, stand_off_m)
        frame_id = frame_id.lstrip("/") or found.frame_id
        T, at_s = self._server.to_frame(frame_id, stamp_s, scene)
        T_frame_base = found.T_world_base if T is None else T @ found.T_world_base
        message = pose_stamped(self._types, T_frame_base, frame_id, at_s)
        self._poses.publish(message)
        return message, found


def _object(scene: LanguageScene, number: int) -> MapObject:
    try:
        return scene.objects.by_id(number)
    except KeyError:
        raise NoObject(f"no object has the id {number}") from None


def _code(error: GroundingError) -> ErrorCode:
    if isinstance(error, NoApproachError):
        return error.code
    if isinstance(error, NoObject):
        return ErrorCode.OBJECT_NOT_FOUND
    if isinstance(error, QueryError):
        return ErrorCode.INVALID_QUERY
    return error_code(error)
