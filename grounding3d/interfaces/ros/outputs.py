"""The publishers of answers, markers, and the map."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node

from grounding3d.interfaces.map_relevancy import MapRelevancy
from grounding3d.interfaces.ros import qos
from grounding3d.live.broadcast import TOPICS, Broadcast
from grounding3d.live.map_server import MapServer
from grounding3d.live.messages.types import MessageTypes
from grounding3d.live.responder import Reply


class Outputs:
    """Publishes what a `Broadcast` makes; topics whose message type is missing are left out.

    Args:
        node: who publishes.
        types: its message classes.
        server: the map, and who answers.
        max_points: largest number of points of the map cloud.
    """

    def __init__(self, node: Node, types: MessageTypes, server: MapServer, max_points: int) -> None:
        self._node, self._server = node, server
        relevancy = MapRelevancy(server.encoder)
        self._broadcast = Broadcast(types, self._send, relevancy, max_points, self._is_heard)
        self._publishers: dict[str, Any] = {}
        for topic, (name, is_latched) in TOPICS.items():
            if topic not in self._broadcast.topics:
                node.get_logger().info(f"~/{topic} is not published: {name} is not available")
                continue
            profile = qos.latched() if is_latched else qos.questions()
            self._publishers[topic] = node.create_publisher(types.find(name), f"~/{topic}", profile)

    def send_reply(self, reply: Reply) -> None:
        """Publish one answer in all the forms that somebody listens to."""
        self._broadcast.reply(reply)

    def draw(self) -> None:
        """Publish the newest answer's markers."""
        self._broadcast.draw()

    def send_map(self) -> None:
        """Publish the map where it, or what was asked of it, has changed."""
        self._broadcast.map(self._server.scene, self._is_heard("map"))

    def close(self) -> None:
        """Take the topics away."""
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)
        self._publishers.clear()

    def _is_heard(self, topic: str) -> bool:
        publisher = self._publishers.get(topic)
        return publisher is not None and publisher.get_subscription_count() > 0

    def _send(self, topic: str, message: Any) -> None:
        publisher = self._publishers.get(topic)
        if publisher is not None:
            publisher.publish(message)
