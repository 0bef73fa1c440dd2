"""The ROS 2 node `/grounding3d`: questions on a topic, coordinates out, while the map grows.

A managed (lifecycle) node: configuring loads encoder and scene, activating takes questions and
camera frames. Everything it does is in `grounding3d.live`; here messages are converted and sent.
This module is imported only where ROS 2 is wanted: it needs rclpy.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from grounding3d.errors import GroundingError
from grounding3d.interfaces.ros.build_action import BuildAction, BuildTarget
from grounding3d.interfaces.ros.camera import CameraInput, TransformInput
from grounding3d.interfaces.ros.guard import guarded
from grounding3d.interfaces.ros.outputs import Outputs
from grounding3d.interfaces.ros.parameters import Settings, declare_parameters, read_settings
from grounding3d.interfaces.ros.planning import Planning
from grounding3d.interfaces.ros.questions import Questions
from grounding3d.interfaces.ros.services import MapServices
from grounding3d.interfaces.ros.side_node import SideNode
from grounding3d.interfaces.ros.status import Status
from grounding3d.live.map_server import MapServer
from grounding3d.live.messages.types import RosTypes
from grounding3d.live.replay import world_up
from grounding3d.live.responder import Reply
from grounding3d.live.transforms import LiveTransforms
from grounding3d.live.worker import MappingWorker
from grounding3d.objects.base import LanguageScene

_THREADS = 4  # services, map, planners, and one to spare; what comes often has its own nodes
_REFRESH_S = 0.2  # how often a newer scene is looked for, and markers are drawn


class GroundingNode(LifecycleNode):
    """The lifecycle node; topics, services and parameters are described in docs.

    Attributes:
        failure: why the last configuration failed, None if it did not.
        build: serves `~/build_scene` while the node is configured.
    """

    def __init__(self, name: str = "grounding3d", **options: Any) -> None:
        super().__init__(name, **options)
        self.types = RosTypes()
        self.failure: GroundingError | None = None
        self._parts: _Parts | None = None
        declare_parameters(self)
        self.build = BuildAction(self, self.types)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load encoder and scene; make topics and services."""
        try:
            self._parts = _Parts(self, read_settings(self))
            self.failure = None
        except GroundingError as error:
            self.failure = error
            self.get_logger().error(f"cannot configure: {error}")
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take questions and frames; show the map."""
        assert self._parts is not None
        self._parts.open()
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take no more questions or frames; the map stays."""
        if self._parts is not None:
            self._parts.close()
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget everything."""
        self._discard()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End."""
        self._discard()
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """After a transition that failed unexpectedly: unconfigured again."""
        self._discard()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """End the mapping process too."""
        self._discard()
        super().destroy_node()

    def _discard(self) -> None:
        if self._parts is not None:
            self._parts.close()
            self._parts.destroy()
            self._parts = None


class _Parts:
    """What a configured node has."""

    def __init__(self, node: GroundingNode, settings: Settings) -> None:
        self._node, self._settings = node, settings
        types, own = node.types, settings.node
        self.transforms = LiveTransforms()
        self.server = make_server(settings, self.transforms)
        self._inputs = SideNode(node, "inputs")
        self.camera: CameraInput | None = None
        if self.server.worker is not None:
            self.camera = self._make_camera(self.server.worker)
        self.tf: TransformInput | None = None
        self.outputs = Outputs(node, types, self.server, own.map_max_points)
        self.planning = Planning(
            node, types, self.server, settings.planners, lambda: self.questions.is_open
        )
        self.questions = Questions(node, types, self.server, self._reply)
        self.services = MapServices(
            node,
            types,
            self.server,
            lambda: self.questions.is_open,
            self.outputs.send_map,
            settings.planners.grasp,
        )
        node.build.attach(BuildTarget(self.server, settings.config, self.outputs.send_map))
        self.status = Status(node, types, self.server, self.questions)
        self._timers: list[Any] = []
        self._saved: LanguageScene | None = None
        self._map_group = MutuallyExclusiveCallbackGroup()

    def open(self) -> None:
        """Begin to take questions and frames."""
        own = self._settings.node
        self.outputs.send_map()
        self.tf = TransformInput(self._node, self._inputs, self._node.types, self.transforms)
        self.questions.open()
        self._every(own.map_period_s, self.outputs.send_map, self._map_group)
        self._every(_REFRESH_S, self.outputs.draw, self._map_group)
        self._every(_REFRESH_S, self.planning.send, MutuallyExclusiveCallbackGroup())
        self._every(own.status_period_s, self._tell, MutuallyExclusiveCallbackGroup())
        if self.camera is not None:
            self.camera.open()
            self._every(_REFRESH_S, self.server.refresh, MutuallyExclusiveCallbackGroup())
            if own.map_save_every_s > 0:
                self._every(own.map_save_every_s, self._save, MutuallyExclusiveCallbackGroup())

    def close(self) -> None:
        """Take nothing more."""
        for timer in self._timers:
            self._node.destroy_timer(timer)
        self._timers.clear()
        self.questions.close()
        if self.camera is not None:
            self.camera.close()
        if self.tf is not None:
            self.tf.close()

    def destroy(self) -> None:
        """Take topics and services away, end the mapping process."""
        self._inputs.destroy()
        self.services.destroy()
        self.questions.destroy()
        self.status.destroy()
        self.planning.destroy()
        self._node.build.detach()
        self.outputs.close()
        self.server.close()

    def _make_camera(self, worker: MappingWorker) -> CameraInput:
        try:
            return CameraInput(
                self._node, self._inputs, self._node.types, self._settings, self.transforms, worker
            )
        except GroundingError:
            self._inputs.destroy()
            self.server.close()
            raise

    def _reply(self, reply: Reply) -> None:
        self.outputs.send_reply(reply)
        self.planning.note(reply)

    def _save(self) -> None:
        """Save the live map where it has changed since it was saved last."""
        scene = self.server.scene
        if scene is not None and scene is not self._saved:
            self._saved = self.server.save(self._settings.node.scene_path)

    def _tell(self) -> None:
        self.status.send(self.camera.facts() if self.camera is not None else {})

    def _every(self, period_s: float, call: Callable[[], Any], group: Any) -> None:
        timer = self._node.create_timer(period_s, guarded(self._node, call), callback_group=group)
        self._timers.append(timer)


def make_server(settings: Settings, transforms: LiveTransforms) -> MapServer:
    """Encoder, scene and mapper as the parameters say.

    Raises:
        SceneError: `scene_path` holds no scene; a live map may begin without one.
        EncoderError: the encoder cannot be loaded.
    """
    from grounding3d.features.encoders import load_encoder
    from grounding3d.objects.store import is_scene_folder, load_scene

    own, config = settings.node, settings.config
    path = Path(own.scene_path) if own.scene_path else None
    begins_empty = path is None or (own.live_enabled and not is_scene_folder(path))
    spec = config.encoder
    if not begins_empty and not own.live_enabled:
        assert path is not None
        spec = load_scene(path).encoder.spec
    encoder = load_encoder(spec, device=config.device)
    encoder.encode_text(["warm up"])
    server = MapServer(
        config,
        encoder,
        transforms,
        is_live=own.live_enabled,
        up_world=world_up(config.capture),
        top_k=own.top_k,
        frame_id=own.answer_frame,
        viewpoint_frame=own.viewpoint_frame,
    )
    if not begins_empty:
        assert path is not None
        try:
            server.load(path)
        except GroundingError:
            server.close()
            raise
    return server


def run_node(arguments: Sequence[str] | None = None) -> None:
    """Run the node until it is told to stop.

    Args:
        arguments: ROS arguments such as `--ros-args -p scene_path:=...`; None: those of the
            program.

    Raises:
        GroundingError: with `autostart`, the node could not be configured.
    """
    rclpy.init(args=list(arguments) if arguments is not None else None)
    node = None
    executor = MultiThreadedExecutor(num_threads=_THREADS)
    try:
        node = GroundingNode()
        executor.add_node(node)
        if node.get_parameter("autostart").value:
            start(node)
        gc.collect()
        gc.freeze()  # a full collection would pass over all that was imported, in 0.3 s
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        executor.shutdown()
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()


def start(node: GroundingNode) -> None:
    """Configure and activate.

    Raises:
        GroundingError: why the node cannot be configured.
    """
    configured = node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    if not configured or node.trigger_activate() != TransitionCallbackReturn.SUCCESS:
        raise node.failure or GroundingError("the node cannot be activated", hint="See its log.")
    node.get_logger().info("ready for questions on ~/query")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of grounding3d_ros; errors in one line, exit codes as the command line's."""
    import sys

    try:
        run_node(arguments)
    except GroundingError as error:
        print(f"grounding3d: {error}", file=sys.stderr)
        return error.exit_code
    return 0
