"""The answer to a query: the record, and its JSON form (schema 1)."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.transforms import transform_points

SCHEMA = 1
_LINE_ENDS = re.compile("[\x85\u2028\u2029\ud800-\udfff]")  # and what UTF-8 cannot write

Status = Literal["found", "ambiguous", "not_found", "invalid"]
ReasonCode = Literal[
    "ok", "absent", "unobserved", "low_confidence", "not_understood", "empty_query", "empty_scene",
    "no_up_direction", "too_many",
]  # fmt: skip


@dataclass(frozen=True)
class ParsedQuery:
    """What was understood of a question.

    Attributes:
        target: the noun phrase to look for, without article, attributes included ("red mug").
        attributes: adjectives found in it ("red").
        relations: geometric relations, each {"relation": str, "anchor": str}; "between" has a
            second anchor under "other", what must not hold has "negated": True, and the anchor
            "camera" is where the question is asked from.
        plural: whether several things were asked for.
        excluded: adjectives or nouns that it must not be ("not red").
        order: which one of those that fit, {"by": str, "rank": int}: by "left", "right", "front",
            "back", "top", "bottom", "middle", "size", "height", "length", "width" or "distance";
            1 is the most so (the nearest for distance), 2 the next, -1 the least so.
        quantity: how many were asked for, None if not said.
        part_of: the thing that the target is a part of, None if it is none.
    """

    target: str = ""
    attributes: tuple[str, ...] = ()
    relations: tuple[dict[str, Any], ...] = ()
    plural: bool = False
    excluded: tuple[str, ...] = ()
    order: dict[str, Any] | None = None
    quantity: int | None = None
    part_of: str | None = None


@dataclass(frozen=True, eq=False)
class Candidate:
    """One object as an answer; see DESIGN's answer record for the fields' meaning."""

    id: int
    selected: bool
    label: str
    score: float
    similarity: float
    relevancy: float
    box: OBB
    covariance: np.ndarray
    surface_point: np.ndarray
    support: dict[str, Any] | None
    stamp: float | None
    n_views: int
    n_points: int

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and strings."""
        box = {
            "center": self.box.center.tolist(),
            "wxyz": self.box.wxyz.tolist(),
            "size": self.box.size.tolist(),
        }
        return {
            "id": self.id,
            "selected": self.selected,
            "label": self.label,
            "score": float(self.score),
            "similarity": float(self.similarity),
            "relevancy": float(self.relevancy),
            "position": self.box.center.tolist(),
            "covariance": np.asarray(self.covariance, float).tolist(),
            "box": box,
            "surface_point": np.asarray(self.surface_point, float).tolist(),
            "support": self.support,
            "stamp": self.stamp,
            "n_views": self.n_views,
            "n_points": self.n_points,
        }


@dataclass(frozen=True, eq=False)
class Answer:
    """A query's answer: always complete, also when nothing was found.

    Attributes:
        query: the question, verbatim.
        status, reason_code, reason: the decision, for programs and for people.
        parsed: what was understood.
        frame_id: frame of every coordinate.
        stamp: when the scene was last observed, seconds, None without stamps.
        scene: uuid of the scene.
        calibration: id of the score table, None where scores are no probabilities.
        latency_ms: "text", "search", "total".
        candidates: best first; `selected` ones are the answer, the others runners-up.
    """

    query: str
    status: Status
    reason_code: ReasonCode
    reason: str
    parsed: ParsedQuery
    frame_id: str
    stamp: float | None
    scene: str
    calibration: str | None
    latency_ms: dict[str, float] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()

    @property
    def selected(self) -> tuple[Candidate, ...]:
        """The candidates that are the answer."""
        return tuple(item for item in self.candidates if item.selected)

    def as_dict(self) -> dict[str, Any]:
        """The answer as schema 1 says."""
        parsed = asdict(self.parsed)
        parsed["attributes"] = list(parsed["attributes"])
        parsed["relations"] = list(parsed["relations"])
        parsed["excluded"] = list(parsed["excluded"])
        return {
            "schema": SCHEMA,
            "query": self.query,
            "status": self.status,
            "reason_code": self.reason_code,
            "reason": self.reason,
            "parsed": parsed,
            "frame_id": self.frame_id,
            "stamp": self.stamp,
            "scene": self.scene,
            "calibration": self.calibration,
            "latency_ms": self.latency_ms,
            "candidates": [item.as_dict() for item in self.candidates],
        }

    def to_json(self) -> str:
        """One line of strict JSON (a NaN raises), whatever its reader takes for the end of one."""
        text = json.dumps(self.as_dict(), allow_nan=False, ensure_ascii=False)
        return _LINE_ENDS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def transform_candidate(candidate: Candidate, T_a_b: np.ndarray) -> Candidate:
    """The candidate with its coordinates in frame a; covariance is rotated along."""
    R = T_a_b[:3, :3]
    fields = {**candidate.__dict__}
    fields["box"] = candidate.box.transformed(T_a_b)
    fields["covariance"] = R @ candidate.covariance @ R.T
    fields["surface_point"] = transform_points(T_a_b, np.asarray(candidate.surface_point, float))
    return Candidate(**fields)
