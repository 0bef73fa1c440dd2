"""A client of the node that needs nothing but `std_msgs`."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import asdict, replace
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import String

from grounding3d.errors import GroundingError
from grounding3d.interfaces.ros import qos
from grounding3d.live.responder import Question

_POLL_S = 0.02


def ask_node(question: Question, node_name: str, timeout_s: float) -> dict[str, Any]:
    """Publish a question and wait for its answer.

    Args:
        question: its id is chosen here.
        node_name: full name of the node, such as "/grounding3d".
        timeout_s: for finding the node and for the answer, together.

    Returns:
        The answer's JSON record.

    Raises:
        GroundingError: no node, or no answer in that time.
    """
    until = time.monotonic() + timeout_s
    context = rclpy.Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = Node("grounding3d_ask_" + uuid.uuid4().hex[:8], context=context)
        try:
            return _ask(node, replace(question, id=uuid.uuid4().hex), node_name, until)
        finally:
            node.destroy_node()
    finally:
        rclpy.try_shutdown(context=context)


def _ask(node: Node, question: Question, node_name: str, until: float) -> dict[str, Any]:
    answers: list[dict[str, Any]] = []

    def take(message: String) -> None:
        record = json.loads(message.data)
        if record.get("query_id") == question.id:
            answers.append(record)

    executor = rclpy.executors.SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    publisher = node.create_publisher(String, f"{node_name}/query", qos.questions())
    subscription = node.create_subscription(
        String, f"{node_name}/answer_json", take, qos.questions()
    )

    def spin(is_done: Any, what: str, hint: str) -> None:
        while not is_done():
            if time.monotonic() > until:
                raise GroundingError(what, hint=hint)
            executor.spin_once(timeout_sec=_POLL_S)

    try:
        spin(
            lambda: (
                publisher.get_subscription_count() and node.count_publishers(subscription.topic)
            ),
            f"no node {node_name} takes questions",
            "Start one with: grounding3d ros --scene SCENE. "
            "ROS_DOMAIN_ID and ROS_AUTOMATIC_DISCOVERY_RANGE must be the same on both sides.",
        )
        fields = {name: value for name, value in asdict(question).items() if value is not None}
        publisher.publish(String(data=json.dumps(fields, ensure_ascii=False)))
        spin(lambda: answers, f"the node {node_name} gave no answer in time", "Raise --timeout.")
    finally:
        executor.shutdown()
    return answers[0]
