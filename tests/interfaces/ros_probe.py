"""A ROS 2 client in a process of its own, driven over pipes: one JSON order a line, one answer.

Run as a program it needs the environment of `tests.ros_build.ros_environment`; `Probe` does that.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import defaultdict, deque
from importlib import import_module
from typing import Any


class Probe:
    """Starts the client and talks to it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)

    def do(self, order: str, **arguments: Any) -> Any:
        """Carry out one order; raises what went wrong there."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"order": order, **arguments}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]

    def listen(self, topic: str, kind: str, latched: bool = False) -> None:
        self.do("listen", topic=topic, kind=kind, latched=latched)

    def publish(self, topic: str, kind: str, **fields: Any) -> None:
        self.do("publish", topic=topic, kind=kind, fields=fields)

    def take(self, topic: str, timeout_s: float = 20.0) -> dict[str, Any]:
        """The next message that came in."""
        return self.do("take", topic=topic, timeout_s=timeout_s)

    def call(
        self, service: str, kind: str, timeout_s: float = 60.0, **fields: Any
    ) -> dict[str, Any]:
        return self.do("call", service=service, kind=kind, fields=fields, timeout_s=timeout_s)

    def act(
        self,
        action: str,
        kind: str,
        timeout_s: float = 300.0,
        cancel_after_s: float | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Status, feedback and result of an action."""
        return self.do(
            "act",
            action=action,
            kind=kind,
            fields=fields,
            timeout_s=timeout_s,
            cancel_after_s=cancel_after_s,
        )

    def ask(self, text: str, timeout_s: float = 20.0) -> dict[str, Any]:
        """A question on the topic; its answer's JSON."""
        self.publish("/grounding3d/query", "std_msgs/msg/String", data=text)
        return json.loads(self.take("/grounding3d/answer_json", timeout_s)["data"])


class Client:
    """The other side."""

    def __init__(self) -> None:
        import rclpy
        from rclpy.node import Node

        rclpy.init()
        self.rclpy, self.node = rclpy, Node("probe")
        self.inbox: dict[str, deque[Any]] = defaultdict(deque)
        self.publishers: dict[str, Any] = {}
        self.clients: dict[str, Any] = {}

    def listen(self, topic: str, kind: str, latched: bool) -> None:
        self.node.create_subscription(
            _class(kind),
            topic,
            lambda message: self.inbox[topic].append(message),
            _profile(latched),
        )

    def publish(self, topic: str, kind: str, fields: dict[str, Any]) -> None:
        if topic not in self.publishers:
            made = self.node.create_publisher(_class(kind), topic, _profile(False))
            self.publishers[topic] = made
            self._spin(lambda: made.get_subscription_count() > 0, 100.0, f"nobody hears {topic}")
            # and whoever answers must have found us, too
            self._spin(lambda: False, 0.3, None)
        self.publishers[topic].publish(fill(_class(kind)(), fields))

    def take(self, topic: str, timeout_s: float) -> Any:
        self._spin(lambda: self.inbox[topic], timeout_s, f"nothing came on {topic}")
        return plain(self.inbox[topic].popleft())

    def pending(self, topic: str, wait_s: float) -> int:
        self._spin(lambda: False, wait_s, None)
        return len(self.inbox[topic])

    def forget(self, topic: str) -> None:
        self.inbox[topic].clear()

    def call(self, service: str, kind: str, fields: dict[str, Any], timeout_s: float) -> Any:
        cls = _class(kind)
        if service not in self.clients:
            self.clients[service] = self.node.create_client(cls, service)
        client = self.clients[service]
        if not client.wait_for_service(timeout_s):
            raise RuntimeError(f"there is no service {service}")
        future = client.call_async(fill(cls.Request(), fields))
        self._spin(future.done, timeout_s, f"{service} did not answer")
        return plain(future.result())

    def act(
        self,
        action: str,
        kind: str,
        fields: dict[str, Any],
        timeout_s: float,
        cancel_after_s: float | None,
    ) -> Any:
        from rclpy.action import ActionClient

        cls = _class(kind)
        client = ActionClient(self.node, cls, action)
        if not client.wait_for_server(timeout_s):
            raise RuntimeError(f"there is no action {action}")
        feedback: list[Any] = []

        def note(message: Any) -> None:
            feedback.append(plain(message.feedback))

        sent = client.send_goal_async(fill(cls.Goal(), fields), feedback_callback=note)
        self._spin(sent.done, timeout_s, "the goal was not answered")
        done = sent.result().get_result_async()
        if cancel_after_s is not None:
            self._spin(lambda: False, cancel_after_s, None)
            sent.result().cancel_goal_async()
        self._spin(done.done, timeout_s, f"{action} did not end")
        result = {"status": done.result().status, "feedback": feedback}
        return {**result, "result": plain(done.result().result)}

    def topics(self) -> dict[str, list[str]]:
        return dict(self.node.get_topic_names_and_types())

    def _spin(self, is_done: Any, timeout_s: float, what: str | None) -> None:
        until = time.monotonic() + timeout_s
        while not is_done():
            if time.monotonic() > until:
                if what is None:
                    return
                raise RuntimeError(what)
            self.rclpy.spin_once(self.node, timeout_sec=0.05)


def _class(name: str) -> Any:
    package, kind, leaf = name.split("/")
    return getattr(import_module(f"{package}.{kind}"), leaf)


def _profile(latched: bool) -> Any:
    from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

    durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
    return QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=durability)


def fill(message: Any, fields: dict[str, Any]) -> Any:
    """Set nested fields."""
    for name, value in fields.items():
        if isinstance(value, dict):
            fill(getattr(message, name), value)
        else:
            setattr(message, name, value)
    return message


def plain(message: Any) -> Any:
    """A message as JSON values; long byte arrays as their hexadecimal text."""
    if hasattr(message, "get_fields_and_field_types"):
        return {
            name: plain(getattr(message, name)) for name in message.get_fields_and_field_types()
        }
    if getattr(message, "typecode", None) == "B":
        return message.tobytes().hex()
    if hasattr(message, "tolist"):
        return message.tolist()
    if isinstance(message, (list, tuple)):
        return [plain(item) for item in message]
    return message.hex() if isinstance(message, bytes) else message


def main() -> None:
    """Carry out orders until there are none."""
    client = Client()
    for line in sys.stdin:
        order = json.loads(line)
        try:
            result = {"result": getattr(client, order.pop("order"))(**order)}
        except Exception as error:
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
