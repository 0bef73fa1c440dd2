"""What the node publishes: answers, markers, and the map."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from rclpy.node import Node

from grounding3d.features.relevancy import relevancy_scale
from grounding3d.interfaces.ros import qos
from grounding3d.interfaces.viewer.relevance import GaussianRelevancy
from grounding3d.live.map_server import MapServer
from grounding3d.live.messages import answers, cloud, markers
from grounding3d.live.messages.types import MessageTypes
from grounding3d.live.responder import Reply
from grounding3d.objects.base import LanguageScene


class Outputs:
    """The publishers of answers and map; topics whose message type is missing are left out.

    Args:
        node: who publishes.
        types: its message classes.
        max_points: largest number of points of the map cloud.
    """

    def __init__(self, node: Node, types: MessageTypes, max_points: int) -> None:
        self._node, self._types, self._max_points = node, types, max_points
        self._publishers: dict[str, Any] = {}
        for topic, name, profile in (
            ("~/answer_json", answers.STRING, qos.questions()),
            ("~/answer", answers.ANSWER, qos.questions()),
            ("~/answer_pose", answers.POSE, qos.questions()),
            ("~/detections", answers.DETECTIONS, qos.questions()),
            ("~/markers", markers.MARKERS, qos.latched()),
            ("~/object_markers", markers.MARKERS, qos.latched()),
            ("~/map", cloud.CLOUD, qos.latched()),
        ):
            kind = types.find(name)
            if kind is None:
                node.get_logger().info(f"{topic} is not published: {name} is not available")
            else:
                self._publishers[topic] = node.create_publisher(kind, topic, profile)
        self._boards = {
            topic: markers.MarkerBoard(types) for topic in ("~/markers", "~/object_markers")
        }
        self._lock = threading.Lock()
        self._last: Reply | None = None  # the newest question that had a target
        self._drawn: tuple[LanguageScene | None, Reply | None] = (None, None)
        self._relevancy: tuple[LanguageScene, GaussianRelevancy] | None = None

    def send_reply(self, reply: Reply) -> None:
        """Publish one answer in all its forms."""
        self._send("~/answer_json", answers.answer_json(self._types, reply))
        if "~/answer" in self._publishers:
            self._send("~/answer", answers.answer_message(self._types, reply))
        pose = answers.answer_pose(self._types, reply)
        if pose is not None:
            self._send("~/answer_pose", pose)
        if "~/detections" in self._publishers:
            self._send("~/detections", answers.detections(self._types, reply))
        if reply.in_world.status == "invalid":
            return
        with self._lock:
            self._last = reply
            drawn = markers.answer_markers(self._types, reply.in_world)
            board = self._boards["~/markers"].draw(reply.in_world.frame_id, drawn)
            self._send("~/markers", board)

    def send_map(self, server: MapServer) -> None:
        """Publish the map where it, or what was asked of it, has changed."""
        scene = server.scene
        with self._lock:
            before, last = self._drawn, self._last
            if scene is before[0] and (last is before[1] or not self._is_watched("~/map")):
                return
            self._drawn = scene, last
        if scene is None:
            self._clear()
            return
        if scene is not before[0]:
            drawn = markers.object_markers(self._types, scene)
            board = self._boards["~/object_markers"].draw(scene.scene.world_frame, drawn)
            self._send("~/object_markers", board)
        relevancy = self._relevancy_of(server, scene, last)
        self._send("~/map", cloud.map_cloud(self._types, scene, relevancy, self._max_points))

    def close(self) -> None:
        """Take the topics away."""
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)
        self._publishers.clear()

    def _clear(self) -> None:
        """After a reset: nothing is drawn any more."""
        for topic, board in self._boards.items():
            self._send(topic, board.draw("map", []))
        self._send("~/map", cloud.empty_cloud(self._types))

    def _relevancy_of(
        self, server: MapServer, scene: LanguageScene, last: Reply | None
    ) -> np.ndarray | None:
        """[N] of the newest question, None before the first."""
        if last is None or not last.answer.parsed.target:
            return None
        encoder = server.encoder
        if self._relevancy is None or self._relevancy[0] is not scene:
            canonical = encoder.encode_text(encoder.canonical_phrases)
            gaussians = GaussianRelevancy(scene.features, canonical, relevancy_scale(encoder))
            self._relevancy = scene, gaussians
        return self._relevancy[1].of(encoder.encode_text([last.answer.parsed.target])[0])

    def _is_watched(self, topic: str) -> bool:
        publisher = self._publishers.get(topic)
        return publisher is not None and publisher.get_subscription_count() > 0

    def _send(self, topic: str, message: Any) -> None:
        publisher = self._publishers.get(topic)
        if publisher is not None:
            publisher.publish(message)
