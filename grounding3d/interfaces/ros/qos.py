"""Quality of service of the node's topics."""

from __future__ import annotations

from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
)


def sensors(reliability: str, depth: int) -> QoSProfile:
    """Camera and odometry topics: drivers often offer best effort only."""
    policy = {
        "best_effort": ReliabilityPolicy.BEST_EFFORT,
        "reliable": ReliabilityPolicy.RELIABLE,
    }[reliability]
    return _profile(policy, DurabilityPolicy.VOLATILE, depth)


def questions() -> QoSProfile:
    """Queries and answers: none may be lost, and a node that restarts gets no old ones.

    The queue is long, since a machine that is busy for seconds would else drop the oldest.
    """
    return _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 1000)


def latched() -> QoSProfile:
    """The map and the markers: whoever joins late gets the last one."""
    return _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL, 1)


def transforms(is_static: bool) -> QoSProfile:
    """As tf2 has them."""
    if is_static:
        return _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL, 100)
    return _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 100)


def _profile(
    reliability: ReliabilityPolicy, durability: DurabilityPolicy, depth: int
) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=reliability, durability=durability
    )
