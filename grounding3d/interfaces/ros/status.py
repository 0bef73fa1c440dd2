"""Diagnostics: how the map, the mapper and the answers are doing."""

from __future__ import annotations

import json
from typing import Any

from rclpy.node import Node

from grounding3d.interfaces.ros import qos
from grounding3d.interfaces.ros.questions import Questions
from grounding3d.live.map_server import MapServer
from grounding3d.live.messages.basics import header
from grounding3d.live.messages.types import MessageTypes

DIAGNOSTICS = "diagnostic_msgs/msg/DiagnosticArray"
STRING = "std_msgs/msg/String"
OK, WARN, ERROR = 0, 1, 2


class Status:
    """Publishes on /diagnostics; without diagnostic_msgs as JSON on ~/status."""

    def __init__(
        self, node: Node, types: MessageTypes, server: MapServer, questions: Questions
    ) -> None:
        self._node, self._types = node, types
        self._server, self._questions = server, questions
        kind = types.find(DIAGNOSTICS)
        self._is_json = kind is None
        self._publisher: Any = node.create_publisher(
            types.find(STRING) if self._is_json else kind,
            "~/status" if self._is_json else "/diagnostics",
            qos.questions(),
        )

    def send(self, more: dict[str, Any]) -> None:
        """Publish the present state, and further figures."""
        level, message, values = describe(self._server, self._questions)
        values.update(more)
        if self._is_json:
            record = {"level": level, "message": message, **values}
            text = json.dumps(record, allow_nan=False, ensure_ascii=False)
            self._publisher.publish(self._types.make(STRING, data=text))
            return
        pairs = [
            self._types.make("diagnostic_msgs/msg/KeyValue", key=key, value=str(value))
            for key, value in values.items()
        ]
        status = self._types.make(
            "diagnostic_msgs/msg/DiagnosticStatus",
            level=level,
            name=f"{self._node.get_fully_qualified_name()}: map",
            message=message,
            hardware_id="",
            values=pairs,
        )
        now_s = self._node.get_clock().now().nanoseconds * 1e-9
        head = header(self._types, "", now_s)
        self._publisher.publish(self._types.make(DIAGNOSTICS, header=head, status=[status]))

    def destroy(self) -> None:
        """Take the topic away."""
        self._node.destroy_publisher(self._publisher)


def describe(server: MapServer, questions: Questions) -> tuple[int, str, dict[str, Any]]:
    """Level, one sentence, and the figures."""
    scene, stats = server.scene, server.stats()
    n = questions.n_answered
    values: dict[str, Any] = {
        "scene": scene.uuid if scene else "",
        "frame_id": scene.scene.world_frame if scene else "",
        "objects": len(scene.objects) if scene else 0,
        "gaussians": len(scene.scene.gaussians) if scene else 0,
        "questions_answered": n,
        "answer_ms": round(questions.total_ms / n, 3) if n else 0.0,
    }
    if stats is None:
        return (OK, "serving a scene", values) if scene else (WARN, "no scene", values)
    values.update(
        frames_in=stats.received,
        frames_used=stats.used,
        frames_dropped=stats.dropped,
        frames_queued=stats.queued,
        frame_ms=_rounded(stats.frame_ms),
        frame_latency_ms=_rounded(stats.latency_ms),
        snapshot_age_s=_rounded(stats.snapshot_age_s),
    )
    values.update({f"skipped: {reason}": n for reason, n in sorted(stats.skipped.items())})
    if stats.error or not stats.alive:
        return ERROR, stats.error or "mapping does not run", values
    if not stats.ready:
        return WARN, "the mapper is starting", values
    return OK, "mapping", values


def _rounded(value: float | None) -> float | str:
    return "" if value is None else round(value, 3)
