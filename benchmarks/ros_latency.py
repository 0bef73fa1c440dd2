"""Question to answer over DDS: python benchmarks/ros_latency.py SCENE [--service] [--live BAG].

Starts the node, asks 50 questions a second for a minute, and prints one JSON line: how many were
answered, median, 95th and 99th percentile and maximum in milliseconds, the node's CPU time an
answer, the cores that its mapping process used, and its memory. Questions go to the query topic, or
with --service to the service ~/locate (which needs grounding3d_msgs: built and sourced, or found
where `make test` builds it). With --live the node maps the bag, played in a loop, at the same time;
for that, SCENE must have been saved by a live node, which can be mapped on.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
PLAYER = REPOSITORY / "tests" / "interfaces" / "ros_player.py"
Came = Callable[[str], object]
"""Called with the id of a question whose answer is here."""
QUESTIONS = ("where is the mug", "a red notebook", "the clock", "where is the umbrella", "a vase")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scene", type=Path)
    parser.add_argument("--live", type=Path, metavar="BAG")
    parser.add_argument("--service", action="store_true", help="ask the service, not the topic")
    parser.add_argument("--rate", type=float, default=50.0, help="questions a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--frame-rate", type=float, default=10.0, help="of the played bag")
    given = parser.parse_args()
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("ROS_DOMAIN_ID", "101")
    if importlib.util.find_spec("grounding3d_msgs") is None:
        _start_again_with_interfaces()
    command = [sys.executable, "-m", "grounding3d", "ros", "--scene", str(given.scene)]
    if given.live:
        command += ["--live", *_camera(given.live)]
    node = subprocess.Popen(command)
    player = _play_forever(given) if given.live else None
    try:
        print(json.dumps(measure(given, node.pid)))
    finally:
        if player is not None:
            player.kill()
        node.send_signal(signal.SIGINT)
        node.wait(30)


def measure(given: argparse.Namespace, pid: int) -> dict[str, Any]:
    """Ask at a steady rate; figures of what came back."""
    import rclpy
    from rclpy.node import Node

    rclpy.init()
    client = Node("latency")
    sent: dict[str, float] = {}
    came: dict[str, float] = {}
    connect = _service if given.service else _topic
    ask = connect(client, lambda key: came.setdefault(key, time.perf_counter()))
    threading.Thread(target=rclpy.spin, args=(client,), daemon=True).start()
    time.sleep(5.0 if given.live is None else 20.0)
    before, started = _cpu_s(pid), time.monotonic()
    mapping_before = sum(map(_cpu_s, _children(pid)))
    for i in range(round(given.rate * given.seconds)):
        sent[str(i)] = time.perf_counter()
        ask(QUESTIONS[i % len(QUESTIONS)], str(i))
        next_s = sent["0"] + (i + 1) / given.rate
        time.sleep(max(0.0, next_s - time.perf_counter()))
    until = time.monotonic() + 15.0
    while len(came) < len(sent) and time.monotonic() < until:
        time.sleep(0.1)
    cpu_ms = 1e3 * (_cpu_s(pid) - before) / len(sent)
    mapping_s = sum(map(_cpu_s, _children(pid))) - mapping_before
    mapping_cores = round(mapping_s / (time.monotonic() - started), 2)
    ms = [1e3 * (came[key] - sent[key]) for key in sent if key in came]
    median, p95, p99, worst = np.percentile(ms, [50, 95, 99, 100]).round(2).tolist()
    return {
        "asked": len(sent), "answered": len(ms), "median_ms": median, "p95_ms": p95, "p99_ms": p99,
        "max_ms": worst, "cpu_ms_an_answer": round(cpu_ms, 2), "memory_mb": _memory_mb(pid),
        "by": "service" if given.service else "topic", "is_live": given.live is not None,
        "mapping_cores": mapping_cores,
        "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def _topic(client: Any, came: Came) -> Callable[[str, str], None]:
    """Asks on the query topic once the node listens there."""
    from rclpy.qos import QoSProfile
    from std_msgs.msg import String

    profile = QoSProfile(depth=1000)

    def take(message: String) -> None:
        came(json.loads(message.data)["query_id"])

    client.create_subscription(String, "/grounding3d/answer_json", take, profile)
    publisher = client.create_publisher(String, "/grounding3d/query", profile)
    while not publisher.get_subscription_count():
        time.sleep(0.1)
    return lambda text, key: publisher.publish(String(data=json.dumps({"text": text, "id": key})))


def _service(client: Any, came: Came) -> Callable[[str, str], None]:
    """Calls ~/locate once the node offers it."""
    from grounding3d_msgs.msg import Query
    from grounding3d_msgs.srv import Locate

    caller = client.create_client(Locate, "/grounding3d/locate")
    if not caller.wait_for_service(60.0):
        raise SystemExit("the node offers no ~/locate: are grounding3d_msgs built for it?")

    def ask(text: str, key: str) -> None:
        request = Locate.Request(query=Query(text=text, id=key))
        caller.call_async(request).add_done_callback(lambda future: came(key))

    return ask


def _start_again_with_interfaces() -> None:
    """Become this program in the environment that finds the interfaces that `make test` builds."""
    sys.path.insert(0, str(REPOSITORY / "tools"))
    import build_ros_interfaces as tool

    prefix = tool.build()
    os.execve(sys.executable, [sys.executable, *sys.argv], tool.environment(prefix))


def _camera(bag: Path) -> list[str]:
    from grounding3d.capture import open_capture

    topics = open_capture(bag).describe().details
    return [
        "--set", f"capture.color_topic={topics['color_topic']}",
        "--set", f"capture.depth_topic={topics['depth_topic']}",
    ]  # fmt: skip


def _play_forever(given: argparse.Namespace) -> subprocess.Popen[bytes]:
    arguments = [str(PLAYER), str(given.live), str(given.frame_rate)]
    program = (
        f"import runpy, sys; sys.argv = {arguments!r}\n"
        "while True: runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    return subprocess.Popen([sys.executable, "-c", program])


def _cpu_s(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    """Processes that a process has started and that still run."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _memory_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
    return round(int(line.split()[1]) / 1024, 1)


if __name__ == "__main__":
    main()
