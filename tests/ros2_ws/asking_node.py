"""Asks answering_node.py by topic, service and action; prints what came back as one JSON line."""

from __future__ import annotations

import json
import time

import rclpy
from grounding3d_msgs.action import BuildScene
from grounding3d_msgs.msg import Answer, Query
from grounding3d_msgs.srv import Locate
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.serialization import serialize_message

PATIENCE_S = 20.0
QUERY = Query(id="q1", text="where is the mug?", target_frame="map")


def by_topic(node: Node) -> Answer:
    """Publish once both ends have found each other, and wait for the answer."""
    got: list[Answer] = []
    node.create_subscription(Answer, "answer", got.append, 10)
    publisher = node.create_publisher(Query, "query", 10)
    end = time.monotonic() + PATIENCE_S
    while not got and time.monotonic() < end:
        publisher.publish(QUERY)
        rclpy.spin_once(node, timeout_sec=0.2)
    return got[0]


def by_service(node: Node, query: Query) -> Answer:
    client = node.create_client(Locate, "locate")
    assert client.wait_for_service(PATIENCE_S)
    future = client.call_async(Locate.Request(query=query))
    rclpy.spin_until_future_complete(node, future, timeout_sec=PATIENCE_S)
    return future.result().answer


def by_action(node: Node) -> tuple[str, list[int]]:
    client = ActionClient(node, BuildScene, "build_scene")
    assert client.wait_for_server(PATIENCE_S)
    done: list[int] = []
    future = client.send_goal_async(
        BuildScene.Goal(scene_path="out"),
        feedback_callback=lambda message: done.append(message.feedback.done),
    )
    rclpy.spin_until_future_complete(node, future, timeout_sec=PATIENCE_S)
    result = future.result().get_result_async()
    until = time.monotonic() + PATIENCE_S
    while done[-1:] != [3] and time.monotonic() < until:
        rclpy.spin_once(node, timeout_sec=0.1)
    by_service(node, Query(id="heard"))
    rclpy.spin_until_future_complete(node, result, timeout_sec=PATIENCE_S)
    client.destroy()
    return result.result().result.scene_path, done


def main() -> None:
    rclpy.init()
    node = rclpy.create_node("asking")
    answer = by_topic(node)
    served = by_service(node, QUERY)
    scene_path, done = by_action(node)
    found = {
        "answer_cdr": serialize_message(answer).hex(),
        "same": answer == served,
        "found": answer.status == Answer.FOUND,
        "scene_path": scene_path,
        "done": done,
    }
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
