"""A small node with an executor and a thread of its own, beside the main one.

rclpy's executors look at every timer, service and publisher of their nodes whenever a message
comes, and one of several threads once more when its callback is done: 3 ms of the interpreter's
time for all that the main node has, under 1 ms here. What comes often comes to such a node.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile

from grounding3d.interfaces.ros.guard import guarded


class SideNode:
    """Listens for another node, by that one's names and remappings; one callback at a time.

    Args:
        node: for which.
        purpose: a word for the name; an underscore before it hides it from lists of nodes.
    """

    def __init__(self, node: Node, purpose: str) -> None:
        self._for = node
        self._node = Node(
            f"_{node.get_name()}_{purpose}",
            namespace=node.get_namespace(),
            context=node.context,
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name=purpose, daemon=True)
        self._thread.start()

    def subscribe(
        self, kind: Any, topic: str, take: Callable[[Any], None], profile: QoSProfile
    ) -> Callable[[], object]:
        """Have messages taken from now on; what is returned ends that."""
        name = self._for.resolve_topic_name(topic)

        def callback(message: Any) -> None:  # rclpy looks at its signature
            take(message)

        made = self._node.create_subscription(kind, name, guarded(self._for, callback), profile)
        return lambda: self._node.destroy_subscription(made)

    def every(self, period_s: float, call: Callable[[], Any]) -> Callable[[], object]:
        """Call again and again, by the system's clock; what is returned ends that."""
        made = self._node.create_timer(period_s, guarded(self._for, call))
        return lambda: self._node.destroy_timer(made)

    def serve(self, kind: Any, name: str, answer: Callable[[Any, Any], Any]) -> None:
        """Offer a service until the end."""
        name = self._for.resolve_service_name(name)
        self._node.create_service(kind, name, guarded(self._for, answer))

    def destroy(self) -> None:
        """Take everything away."""
        self._executor.shutdown(timeout_sec=5.0)
        self._thread.join(5.0)
        self._node.destroy_node()

    def _spin(self) -> None:
        with suppress(ExternalShutdownException):  # the program ends
            self._executor.spin()
