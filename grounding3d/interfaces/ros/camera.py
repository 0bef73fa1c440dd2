"""Camera, transforms and odometry in; frames to the mapper out. All on one small node."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from grounding3d.capture.base import CaptureConfig
from grounding3d.capture.ros2_poses import POSE_TYPES
from grounding3d.capture.ros2_topics import COMPRESSED, INFO, RAW
from grounding3d.errors import MissingDependencyError
from grounding3d.interfaces.ros import qos
from grounding3d.interfaces.ros.guard import warn
from grounding3d.interfaces.ros.parameters import Settings
from grounding3d.interfaces.ros.side_node import SideNode
from grounding3d.live.frames import FrameAssembler
from grounding3d.live.messages.types import MessageTypes
from grounding3d.live.transforms import LiveTransforms
from grounding3d.live.worker import MappingWorker

TF = "tf2_msgs/msg/TFMessage"
_POLL_S = 0.05  # images whose pose came later are looked at this often
_SEARCH_S = 1.0  # and the pose topic's type is asked for
_TRANSPORT = re.compile(r"/(compressed|compressedDepth)$")


class TransformInput:
    """/tf and /tf_static into the buffer, where tf2_msgs is there.

    Args:
        node: who listens.
        side: its node for inputs.
        types: its message classes.
        transforms: the buffer.
    """

    def __init__(
        self, node: Node, side: SideNode, types: MessageTypes, transforms: LiveTransforms
    ) -> None:
        kind = types.find(TF)
        self._ends: list[Callable[[], object]] = []
        if kind is None:
            node.get_logger().info(f"tf is not listened to: {TF} is not available")
            return

        def take_static(message: Any) -> None:
            transforms.add(message, is_static=True)

        for topic, is_static, take in (
            ("/tf", False, transforms.add),
            ("/tf_static", True, take_static),
        ):
            self._ends.append(side.subscribe(kind, topic, take, qos.transforms(is_static)))

    def close(self) -> None:
        """Listen no more."""
        for end in self._ends:
            end()
        self._ends.clear()


class CameraInput:
    """Subscriptions to the camera, and what makes frames of their messages.

    Args:
        node: who listens.
        side: its node for inputs.
        types: its message classes.
        settings: topics, QoS, cameras.
        transforms: filled by a `TransformInput`.
        worker: gets the frames.

    Raises:
        MissingDependencyError: poses can come neither from tf nor from a topic.
    """

    def __init__(
        self,
        node: Node,
        side: SideNode,
        types: MessageTypes,
        settings: Settings,
        transforms: LiveTransforms,
        worker: MappingWorker,
    ) -> None:
        self._node, self._side, self._types, self._worker = node, side, types, worker
        self._own = settings.node
        self._config = resolved_topics(node, settings.config.capture)
        if self._config.pose_topic is None and types.find(TF) is None:
            raise MissingDependencyError(
                "live mapping needs poses, and the message type of /tf is not available",
                hint="Install or build tf2_msgs (tools/build_ros_interfaces.py does), or set the "
                "parameter capture.pose_topic to an Odometry or PoseStamped topic.",
            )
        self.assembler = FrameAssembler(self._config, settings.config.live, transforms)
        self._ends: list[Callable[[], object]] = []
        self._said = ""
        self._has_poses = False

    def open(self) -> None:
        """Listen from now on."""
        config, into = self._config, self.assembler
        assert config.color_topic is not None
        assert config.depth_topic is not None
        self._images(config.color_topic, into.add_color)
        self._images(config.depth_topic, into.add_depth)
        self._listen(INFO, config.color_info_topic, into.add_color_info)
        self._listen(INFO, config.depth_info_topic, into.add_depth_info)
        self._ends.append(self._side.every(_POLL_S, self._poll))
        if config.pose_topic is not None:
            self._ends.append(self._side.every(_SEARCH_S, self._find_poses))

    def close(self) -> None:
        """Listen no more."""
        for end in self._ends:
            end()
        self._ends.clear()
        self._has_poses = False

    def facts(self) -> dict[str, Any]:
        """Figures for the diagnostics."""
        stats = self.assembler.stats()
        facts: dict[str, Any] = {
            "depth_images": stats.depth_images,
            "frames_complete": stats.frames,
            "frames_waiting": stats.waiting,
            "camera_problem": stats.problem,
        }
        facts.update({f"not used: {reason}": n for reason, n in sorted(stats.dropped.items())})
        return facts

    def _images(self, topic: str, add: Callable[[Any], None]) -> None:
        def take(message: Any) -> None:
            add(message)
            self._poll()

        self._listen(COMPRESSED if _TRANSPORT.search(topic) else RAW, topic, take)

    def _listen(self, name: str, topic: str | None, take: Callable[[Any], None]) -> None:
        assert topic is not None
        profile = qos.sensors(self._own.sensor_reliability, self._own.sensor_depth)
        self._ends.append(self._side.subscribe(self._types.find(name), topic, take, profile))

    def _find_poses(self) -> None:
        """The pose topic may be Odometry or PoseStamped: whoever publishes it decides."""
        if self._has_poses:
            return
        topic = self._config.pose_topic or ""
        published = dict(self._node.get_topic_names_and_types()).get(topic, [])
        name = next((kind for kind in published if kind in POSE_TYPES), None)
        if name is None or self._types.find(name) is None:
            warn(self._node, f"no {' or '.join(POSE_TYPES)} on {topic} yet, found {published}")
            return
        self._has_poses = True
        self._listen(name, topic, self.assembler.add_pose)

    def _poll(self) -> None:
        for frame in self.assembler.poll():
            self._worker.submit(frame)
        problem = self.assembler.stats().problem
        if problem != self._said:
            self._said = problem
            warn(self._node, f"an image is not used: {problem}")


def resolved_topics(node: Node, config: CaptureConfig) -> CaptureConfig:
    """The configuration with every topic named in full.

    Without parameters the images are on color/image_raw and depth/image_raw, to be remapped; each
    one's intrinsics are where image_transport has them.
    """
    topics = {
        "color_topic": config.color_topic or "color/image_raw",
        "depth_topic": config.depth_topic or "depth/image_raw",
    }
    for kind in ("color", "depth"):
        base = _TRANSPORT.sub("", topics[f"{kind}_topic"])
        given = getattr(config, f"{kind}_info_topic")
        topics[f"{kind}_info_topic"] = given or base.rsplit("/", 1)[0] + "/camera_info"
    if config.pose_topic is not None:
        topics["pose_topic"] = config.pose_topic
    return config.model_copy(
        update={name: node.resolve_topic_name(topic) for name, topic in topics.items()}
    )
