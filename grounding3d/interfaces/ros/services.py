"""Services about the map as a whole: list, load, save, reset.

With grounding3d_msgs they are typed and take a path. Without it they are `std_srvs/Trigger` under
the same names: load and save use the parameter `scene_path`, and list_objects answers with the
object map as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from grounding3d.errors import EncoderError, GroundingError, SceneError, TransformError
from grounding3d.interfaces.ros.guard import guarded
from grounding3d.live.grasp import grasp_hint
from grounding3d.live.map_server import MapServer
from grounding3d.live.messages.answers import object_map
from grounding3d.live.messages.planning import grasp_message
from grounding3d.live.messages.types import MessageTypes
from grounding3d.live.planner_config import GraspConfig
from grounding3d.live.reframe import transform_object
from grounding3d.live.responder import ErrorCode
from grounding3d.live.transforms import message_stamp
from grounding3d.objects.base import LanguageScene
from grounding3d.objects.listing import object_listing

TRIGGER = "std_srvs/srv/Trigger"
_PACKAGE = "grounding3d_msgs/srv/"


class MapServices:
    """The services; they answer "not active" while the node is not.

    Args:
        node: whose services they are.
        types: its message classes.
        server: the map.
        is_active: whether the node is.
        changed: called when the map was replaced.
        grasp: the gripper that hints are given for.
    """

    def __init__(
        self,
        node: Node,
        types: MessageTypes,
        server: MapServer,
        is_active: Callable[[], bool],
        changed: Callable[[], None],
        grasp: GraspConfig,
    ) -> None:
        self._grasp = grasp
        self._node, self._types, self._server = node, types, server
        self._is_active, self._changed = is_active, changed
        group = MutuallyExclusiveCallbackGroup()
        self._services = []
        for topic, name, run in (
            ("~/list_objects", "ListObjects", self._list),
            ("~/load_scene", "LoadScene", self._load),
            ("~/save_scene", "SaveScene", self._save),
            ("~/reset", "Reset", self._reset),
        ):
            kind = types.find(_PACKAGE + name) or types.find(TRIGGER)
            if kind is not None:
                callback = guarded(node, self._checked(run))
                self._services.append(
                    node.create_service(kind, topic, callback, callback_group=group)
                )

    def destroy(self) -> None:
        """Take the services away."""
        for service in self._services:
            self._node.destroy_service(service)
        self._services.clear()

    def _checked(self, run: Callable[[Any, Any], None]) -> Callable[[Any, Any], Any]:
        """Run a service; an error becomes its code and its text."""

        def answer(request: Any, response: Any) -> Any:
            try:
                if not self._is_active():
                    raise NotActive("the node is not active")
                run(request, response)
                _report(response, ErrorCode.NONE)
            except GroundingError as error:
                _report(response, error_code(error, run == self._save), str(error))
            except Exception as error:
                self._node.get_logger().error(f"{run.__name__}: {error!r}")
                _report(response, ErrorCode.UNKNOWN, f"{type(error).__name__}: {error}")
            return response

        return answer

    def _list(self, request: Any, response: Any) -> None:
        scene = self._scene()
        if not hasattr(response, "map"):
            response.message = json.dumps(object_listing(scene), allow_nan=False)
            return
        frame_id = request.target_frame.lstrip("/") or scene.scene.world_frame
        T, holds_s = self._server.to_frame(frame_id, message_stamp(request.stamp), scene)
        wanted = [
            item
            for item in scene.objects
            if request.kind in ("", item.kind) and request.label in ("", item.label)
        ]
        hints = {}
        if request.with_grasp:
            for item in wanted:
                hint = grasp_hint(scene, item, self._grasp)
                hints[item.id] = grasp_message(self._types, hint, item.box, T)
        items = [item if T is None else transform_object(item, T) for item in wanted]
        response.map = object_map(self._types, scene, items, frame_id, T, holds_s, hints)

    def _load(self, request: Any, response: Any) -> None:
        scene = self._server.load(self._path(request))
        self._changed()
        _describe(response, scene)

    def _save(self, request: Any, response: Any) -> None:
        self._scene()
        path = self._path(request)
        scene = self._server.save(path)
        if hasattr(response, "path"):
            response.path = path
        _describe(response, scene)

    def _reset(self, request: Any, response: Any) -> None:
        self._server.reset()
        self._changed()

    def _scene(self) -> LanguageScene:
        if self._server.scene is None:
            raise NoScene("no scene is loaded and nothing has been mapped yet")
        return self._server.scene

    def _path(self, request: Any) -> str:
        """The path in the request, else the parameter's."""
        path = getattr(request, "path", "") or self._node.get_parameter("scene_path").value
        if not path:
            raise SceneError("no path is given", hint="Set the parameter scene_path.")
        return str(path)


class NotActive(GroundingError):
    """The node is configured, but not active."""


class NoScene(GroundingError):
    """There is no map to speak of."""


def error_code(error: GroundingError, is_writing: bool = False) -> ErrorCode:
    """The code of an error, as in grounding3d_msgs."""
    if isinstance(error, SceneError) and is_writing:
        return ErrorCode.WRITE_ERROR
    for kind, code in (
        (NotActive, ErrorCode.NOT_ACTIVE),
        (NoScene, ErrorCode.NO_SCENE),
        (EncoderError, ErrorCode.ENCODER_ERROR),
        (TransformError, ErrorCode.TF_ERROR),
        (SceneError, ErrorCode.SCENE_ERROR),
    ):
        if isinstance(error, kind):
            return code
    return ErrorCode.UNKNOWN


def _report(response: Any, code: ErrorCode, text: str = "") -> None:
    if hasattr(response, "error_code"):
        response.error_code, response.error_msg = int(code), text
        return
    response.success = code == ErrorCode.NONE
    response.message = text or response.message


def _describe(response: Any, scene: LanguageScene) -> None:
    if hasattr(response, "scene"):
        response.scene = scene.uuid
        response.n_objects = len(scene.objects)
        response.n_gaussians = len(scene.scene.gaussians)
    else:
        response.message = f"{scene.uuid}: {len(scene.objects)} objects"
