"""Answers and replies with known numbers, and any message as plain values."""

from __future__ import annotations

from typing import Any

import numpy as np

from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.transforms import make_pose, wxyz_from_matrix
from grounding3d.live.responder import Question, Reply
from grounding3d.query.answer import Answer, Candidate, ParsedQuery


def turn_z(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def candidate(number: int = 7, selected: bool = True, **changes: Any) -> Candidate:
    """An object whose box lies turned by 30 degrees at (1, 2, 3)."""
    fields: dict[str, Any] = {
        "id": number,
        "selected": selected,
        "label": "mug",
        "score": 0.9,
        "similarity": 0.5,
        "relevancy": 0.8,
        "box": OBB(np.array([1.0, 2, 3]), wxyz_from_matrix(turn_z(30)), np.array([0.1, 0.2, 0.3])),
        "covariance": np.diag([1e-4, 4e-4, 9e-4]),
        "surface_point": np.array([1.05, 2, 3]),
        "support": {"id": 2, "label": "table"},
        "stamp": 99.25,
        "n_views": 5,
        "n_points": 123,
    }
    return Candidate(**{**fields, **changes})


def answer(*candidates: Candidate, status: str = "found", **changes: Any) -> Answer:
    fields: dict[str, Any] = {
        "query": "where is the red mug",
        "status": status,
        "reason_code": "ok" if status == "found" else "absent",
        "reason": "score 0.90",
        "parsed": ParsedQuery("red mug", ("red",), ({"relation": "on", "anchor": "table"},), False),
        "frame_id": "map",
        "stamp": 100.5,
        "scene": "0f0f",
        "calibration": None,
        "latency_ms": {"text": 1.0, "search": 2.0, "total": 3.0},
        "candidates": candidates,
    }
    return Answer(**{**fields, **changes})


def reply(*candidates: Candidate, status: str = "found", **changes: Any) -> Reply:
    given = answer(*candidates, status=status, **changes)
    return Reply(Question(given.query, id="q-1"), given, given, given.stamp)


def translation(x: float, y: float, z: float, degrees: float = 0.0) -> np.ndarray:
    return make_pose(turn_z(degrees), np.array([x, y, z]))


def plain(message: Any) -> Any:
    """A message of either library as nested dicts, lists and numbers."""
    if hasattr(message, "get_fields_and_field_types"):
        return {
            name: plain(getattr(message, name)) for name in message.get_fields_and_field_types()
        }
    if hasattr(message, "__dataclass_fields__"):
        names = [name for name in message.__dataclass_fields__ if not name.isupper()]
        return {name: plain(getattr(message, name)) for name in names if name != "__msgtype__"}
    if isinstance(message, (list, tuple)) or hasattr(message, "tolist"):
        return [
            plain(item) for item in (message.tolist() if hasattr(message, "tolist") else message)
        ]
    return message
