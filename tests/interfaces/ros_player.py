"""Plays a bag's messages over DDS: python ros_player.py BAG RATE_HZ; the bytes as recorded.

Stands in for `ros2 bag play`.
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path

from grounding3d.capture.ros2_storage import open_bag


def main(bag_path: str, rate_hz: float) -> None:
    import rclpy
    from rclpy.node import Node
    from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

    rclpy.init()
    node = Node("player")
    with open_bag(Path(bag_path)) as bag:
        publishers = {}
        for topic, facts in bag.topics.items():
            package, kind, leaf = facts.msgtype.split("/")
            cls = getattr(import_module(f"{package}.{kind}"), leaf)
            latched = topic == "/tf_static"
            profile = QoSProfile(
                depth=100,
                reliability=ReliabilityPolicy.RELIABLE,
                durability=DurabilityPolicy.TRANSIENT_LOCAL
                if latched
                else DurabilityPolicy.VOLATILE,
            )
            publishers[topic] = node.create_publisher(cls, topic, profile)
        until = time.monotonic() + 120
        while not all(p.get_subscription_count() for p in publishers.values()):
            if time.monotonic() > until:
                missing = [t for t, p in publishers.items() if not p.get_subscription_count()]
                raise SystemExit(f"nobody hears {missing}")
            time.sleep(0.1)
        depth_topic = next(
            topic for topic in publishers if "depth" in topic and "info" not in topic
        )
        for message in bag.messages(list(publishers)):
            publishers[message.topic].publish(bytes(message.data))
            if message.topic == depth_topic:
                time.sleep(1 / rate_hz)
    time.sleep(1.0)
    node.destroy_node()
    rclpy.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
