"""Questions on topics and through the service, on a small node of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from grounding3d.interfaces.ros import qos
from grounding3d.interfaces.ros.side_node import SideNode
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
        self._types, self._server, self._send = types, server, send
        self._side = SideNode(node, "questions")
        self._ends: list[Callable[[], object]] = []
        self.n_answered = 0
        self.total_ms = 0.0
        if types.find(LOCATE) is not None:
            self._side.serve(types.find(LOCATE), "~/locate", self._on_locate)

    @property
    def is_open(self) -> bool:
        """Whether questions are taken."""
        return bool(self._ends)

    def open(self) -> None:
        """Take questions from now on."""
        self._subscribe(STRING, "~/query", self._on_text)
        if self._types.find(QUERY) is not None:
            self._subscribe(QUERY, "~/query_typed", self._on_typed)

    def close(self) -> None:
        """Take no more questions from topics; the service refuses them."""
        for end in self._ends:
            end()
        self._ends.clear()

    def destroy(self) -> None:
        """Take everything away."""
        self.close()
        self._side.destroy()

    def _subscribe(self, name: str, topic: str, take: Callable[[Any], None]) -> None:
        kind = self._types.find(name)
        self._ends.append(self._side.subscribe(kind, topic, take, qos.questions()))

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
