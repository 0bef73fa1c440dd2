"""Questions on topics and through the service.

They have a small node and an executor of their own: rclpy's executors look at every timer, service
and publisher of their nodes whenever a message comes, 7 ms for all that the main node has.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from grounding3d.interfaces.ros import qos
from grounding3d.interfaces.ros.guard import guarded
from grounding3d.live.map_server import MapServer
from grounding3d.live.messages.answers import STRING, answer_message
from grounding3d.live.messages.types import MessageTypes
from grounding3d.live.responder import ErrorCode, Question, Reply, question_from_text
from grounding3d.live.transforms import message_stamp

QUERY = "grounding3d_msgs/msg/Query"
LOCATE = "grounding3d_msgs/srv/Locate"


class Questions:
    """Subscriptions to questions while the node is active, and the service.

    Args:
        node: whose topics they are, by its names and remappings.
        types: its message classes.
        server: answers.
        send: publishes an answer; called from a thread of the questions' own.
    """

    def __init__(
        self,
        node: Node,
        types: MessageTypes,
        server: MapServer,
        send: Callable[[Reply], None],
    ) -> None:
        self._node, self._types, self._server, self._send = node, types, server, send
        self._own = Node(
            f"_{node.get_name()}_questions",  # the underscore hides it from lists of nodes
            namespace=node.get_namespace(),
            context=node.context,
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(self._own)
        self._subscriptions: list[Any] = []
        self.n_answered = 0
        self.total_ms = 0.0
        self._service = None
        locate = types.find(LOCATE)
        if locate is not None:
            name = node.resolve_service_name("~/locate")
            self._service = self._own.create_service(locate, name, guarded(node, self._on_locate))
        self._thread = threading.Thread(target=self._spin, name="questions", daemon=True)
        self._thread.start()

    @property
    def is_open(self) -> bool:
        """Whether questions are taken."""
        return bool(self._subscriptions)

    def open(self) -> None:
        """Take questions from now on."""
        self._subscribe(STRING, "~/query", self._on_text)
        if self._types.find(QUERY) is not None:
            self._subscribe(QUERY, "~/query_typed", self._on_typed)

    def close(self) -> None:
        """Take no more questions from topics; the service refuses them."""
        for subscription in self._subscriptions:
            self._own.destroy_subscription(subscription)
        self._subscriptions.clear()

    def destroy(self) -> None:
        """Take everything away."""
        self.close()
        self._executor.shutdown(timeout_sec=5.0)
        self._thread.join(5.0)
        self._own.destroy_node()
        self._service = None

    def _spin(self) -> None:
        with suppress(ExternalShutdownException):  # the program ends
            self._executor.spin()

    def _subscribe(self, name: str, topic: str, callback: Callable[[Any], None]) -> None:
        subscription = self._own.create_subscription(
            self._types.find(name),
            self._node.resolve_topic_name(topic),
            guarded(self._node, callback),
            qos.questions(),
        )
        self._subscriptions.append(subscription)

    def _on_text(self, message: Any) -> None:
        self._send(self._answer(question_from_text(message.data)))

    def _on_typed(self, message: Any) -> None:
        self._send(self._answer(question_from_message(message)))

    def _on_locate(self, request: Any, response: Any) -> Any:
        question = question_from_message(request.query)
        reply = (
            self._answer(question)
            if self.is_open
            else self._server.refuse(question, ErrorCode.NOT_ACTIVE, "the node is not active")
        )
        response.answer = answer_message(self._types, reply)
        return response

    def _answer(self, question: Question) -> Reply:
        reply = self._server.ask(question)
        self.n_answered += 1
        self.total_ms += reply.answer.latency_ms["total"]
        return reply


def question_from_message(message: Any) -> Question:
    """The question in a `grounding3d_msgs/Query`."""
    return Question(
        text=message.text,
        top_k=int(message.top_k),
        frame_id=message.target_frame.lstrip("/"),
        stamp_s=message_stamp(message.stamp),
        id=message.id,
        viewpoint_frame=message.viewpoint_frame.lstrip("/"),
    )
