"""Answers and objects as messages: JSON, our typed ones, a pose, detections."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from grounding3d.live.messages.basics import (
    box_pose,
    header,
    point,
    pose_covariance,
    stamp,
    vector,
)
from grounding3d.live.messages.types import MessageTypes
from grounding3d.live.responder import Reply
from grounding3d.objects.base import LanguageScene, MapObject
from grounding3d.query.answer import SCHEMA, Candidate, ParsedQuery

STRING = "std_msgs/msg/String"
POSE = "geometry_msgs/msg/PoseStamped"
ANSWER = "grounding3d_msgs/msg/Answer"
OBJECT_MAP = "grounding3d_msgs/msg/ObjectMap"
DETECTIONS = "vision_msgs/msg/Detection3DArray"


def answer_json(types: MessageTypes, reply: Reply) -> Any:
    """`std_msgs/String` with one line of strict JSON: the answer's record and what ROS adds.

    Added are `query_id`, `holds_stamp` (when the coordinates hold in their frame, seconds),
    `error_code` and `error_msg`.
    """
    record = reply.answer.as_dict()
    record["query_id"] = reply.question.id
    record["holds_stamp"] = reply.holds_s
    record["error_code"] = int(reply.error_code)
    record["error_msg"] = reply.error_msg
    return types.make(STRING, data=json.dumps(record, allow_nan=False, ensure_ascii=False))


def answer_message(types: MessageTypes, reply: Reply) -> Any:
    """`grounding3d_msgs/Answer`."""
    answer = reply.answer
    return types.make(
        ANSWER,
        header=header(types, answer.frame_id, reply.holds_s),
        schema=SCHEMA,
        query_id=reply.question.id,
        query=answer.query,
        status=answer.status,
        reason_code=answer.reason_code,
        reason=answer.reason,
        parsed=_parsed(types, answer.parsed),
        **_observed(types, answer.stamp),
        scene=answer.scene,
        calibration=answer.calibration or "",
        latency_ms=types.make("grounding3d_msgs/msg/Latency", **_latency(answer.latency_ms)),
        candidates=[_candidate(types, item) for item in answer.candidates],
        error_code=int(reply.error_code),
        error_msg=reply.error_msg,
    )


def answer_pose(types: MessageTypes, reply: Reply) -> Any | None:
    """`geometry_msgs/PoseStamped` of the best hit, at its position; None unless one was found."""
    if reply.answer.status != "found" or not reply.answer.selected:
        return None
    best = reply.answer.selected[0]
    return types.make(
        POSE,
        header=header(types, reply.answer.frame_id, reply.holds_s),
        pose=box_pose(types, best.box),
    )


def detections(types: MessageTypes, reply: Reply) -> Any:
    """`vision_msgs/Detection3DArray` of the selected candidates; empty where there are none."""
    head = header(types, reply.answer.frame_id, reply.holds_s)
    return types.make(
        DETECTIONS,
        header=head,
        detections=[_detection(types, item, head) for item in reply.answer.selected],
    )


def _detection(types: MessageTypes, item: Candidate, head: Any) -> Any:
    hypothesis = types.make(
        "vision_msgs/msg/ObjectHypothesis", class_id=item.label, score=float(item.score)
    )
    pose = types.make(
        "geometry_msgs/msg/PoseWithCovariance",
        pose=box_pose(types, item.box),
        covariance=pose_covariance(item.covariance),
    )
    result = types.make(
        "vision_msgs/msg/ObjectHypothesisWithPose", hypothesis=hypothesis, pose=pose
    )
    extent = types.make(
        "vision_msgs/msg/BoundingBox3D",
        center=box_pose(types, item.box),
        size=vector(types, item.box.size),
    )
    return types.make(
        "vision_msgs/msg/Detection3D", header=head, results=[result], bbox=extent, id=str(item.id)
    )


def object_map(
    types: MessageTypes,
    scene: LanguageScene,
    items: list[MapObject],
    frame_id: str,
    T_frame_world: np.ndarray | None = None,
    holds_s: float | None = None,
    hints: dict[int, Any] | None = None,
) -> Any:
    """`grounding3d_msgs/ObjectMap`.

    Args:
        scene: the scene, for its identity and its up direction.
        items: the objects to list, in `frame_id` already.
        frame_id: frame of every coordinate.
        T_frame_world: [4,4] from the scene's frame into that one, None where they are the same.
        holds_s: time at which the coordinates hold there.
        hints: filled `grounding3d_msgs/GraspHint` by object id.
    """
    up = scene.scene.up_world
    if up is not None and T_frame_world is not None:
        up = T_frame_world[:3, :3] @ up
    labels = {item.id: item.label for item in scene.objects}
    return types.make(
        OBJECT_MAP,
        header=header(types, frame_id, holds_s),
        scene=scene.uuid,
        up_world=vector(types, np.zeros(3) if up is None else up),
        up_source=scene.scene.up_source,
        objects=[object_message(types, item, labels, (hints or {}).get(item.id)) for item in items],
    )


def object_message(
    types: MessageTypes, item: MapObject, labels: dict[int, str], hint: Any | None = None
) -> Any:
    """`grounding3d_msgs/Object`; `labels` name the objects it may rest on."""
    support = None
    if item.support_id in labels:
        support = {"id": item.support_id, "label": labels[item.support_id]}
    given = {} if hint is None else {"grasp": hint, "has_grasp": True}
    return types.make(
        "grounding3d_msgs/msg/Object",
        kind=item.kind,
        **given,
        **_thing(types, item, support, _nearest_point(item)),
        **_observed(types, item.stamp_s),
    )


def _candidate(types: MessageTypes, item: Candidate) -> Any:
    return types.make(
        "grounding3d_msgs/msg/Candidate",
        selected=item.selected,
        score=float(item.score),
        similarity=float(item.similarity),
        relevancy=float(item.relevancy),
        **_thing(types, item, item.support, item.surface_point),
        **_observed(types, item.stamp),
    )


def _thing(
    types: MessageTypes,
    item: Candidate | MapObject,
    support: dict[str, Any] | None,
    surface_point: np.ndarray,
) -> dict[str, Any]:
    """The fields that candidates and objects share."""
    return {
        "id": item.id,
        "label": item.label,
        "position": point(types, item.box.center),
        "covariance": np.asarray(item.covariance, np.float64).ravel(),
        "box": box(types, item.box),
        "surface_point": point(types, surface_point),
        "support": types.make(
            "grounding3d_msgs/msg/ObjectRef", **(support or {"id": 0, "label": ""})
        ),
        "n_views": int(item.n_views),
        "n_points": int(item.n_points),
    }


def box(types: MessageTypes, item: Any) -> Any:
    """`grounding3d_msgs/Box` of an `OBB`."""
    return types.make(
        "grounding3d_msgs/msg/Box", center=box_pose(types, item), size=vector(types, item.size)
    )


def _nearest_point(item: MapObject) -> np.ndarray:
    """The observed point nearest to the box's centre; the centre where nothing was observed."""
    if not len(item.points):
        return item.position
    away = np.linalg.norm(item.points - item.position, axis=1)
    return np.asarray(item.points[away.argmin()], float)


def _parsed(types: MessageTypes, parsed: ParsedQuery) -> Any:
    order = parsed.order or {}
    relations = [
        types.make(
            "grounding3d_msgs/msg/Relation",
            relation=str(item.get("relation", "")),
            anchor=str(item.get("anchor", "")),
            other=str(item.get("other", "")),
            negated=bool(item.get("negated", False)),
        )
        for item in parsed.relations
    ]
    return types.make(
        "grounding3d_msgs/msg/ParsedQuery",
        target=parsed.target,
        attributes=list(parsed.attributes),
        relations=relations,
        plural=parsed.plural,
        excluded=list(parsed.excluded),
        order=types.make(
            "grounding3d_msgs/msg/Order",
            by=str(order.get("by", "")),
            rank=int(order.get("rank", 0)),
        ),
        quantity=parsed.quantity or 0,
        part_of=parsed.part_of or "",
    )


def _observed(types: MessageTypes, stamp_s: float | None) -> dict[str, Any]:
    return {"has_stamp": stamp_s is not None, "stamp": stamp(types, stamp_s)}


def _latency(latency_ms: dict[str, float]) -> dict[str, float]:
    return {name: float(latency_ms.get(name, 0.0)) for name in ("text", "search", "total")}
