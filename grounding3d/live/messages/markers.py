"""Markers for RViz and Foxglove: boxes, names, and an arrow to the surface.

They are drawn in the map's own frame and without a stamp, which viewers read as "the latest
transform": a map that was loaded from disk is hours older than any transform they still hold.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from grounding3d.geometry.boxes import OBB
from grounding3d.live.messages.basics import box_pose, colour, header, point, pose, vector
from grounding3d.live.messages.types import MessageTypes
from grounding3d.objects.base import LanguageScene
from grounding3d.query.answer import Answer, Candidate

MARKERS = "visualization_msgs/msg/MarkerArray"
_MARKER = "visualization_msgs/msg/Marker"
ARROW, CUBE, LINE_LIST, TEXT = 0, 1, 5, 9
ADD, DELETE, DELETE_ALL = 0, 2, 3

_SELECTED, _RUNNER_UP, _OBJECT = (0.1, 0.8, 0.2), (0.9, 0.7, 0.1), (0.6, 0.6, 0.7)
_LINE_M, _TEXT_M, _ARROW_M = 0.006, 0.06, 0.15
_UPRIGHT = np.array([1.0, 0, 0, 0])
# OBB.corners counts x, y, z in binary: the two ends of an edge differ in one digit
_EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if (a ^ b).bit_count() == 1]


class MarkerBoard:
    """What is drawn at present, so that what has vanished is taken away.

    Each array draws everything anew, deletes what is no longer there, and so stands for itself to a
    viewer that joins late. The first one after a start clears what an earlier node left behind.

    Args:
        types: message classes.
    """

    def __init__(self, types: MessageTypes) -> None:
        self._types = types
        self._drawn: set[tuple[str, int]] | None = None

    def draw(self, frame_id: str, markers: list[Any]) -> Any:
        """`visualization_msgs/MarkerArray` that shows these markers and no others."""
        now = {(marker.ns, marker.id) for marker in markers}
        head = header(self._types, frame_id, None)
        if self._drawn is None:
            gone = [self._types.make(_MARKER, header=head, action=DELETE_ALL)]
        else:
            gone = [
                self._types.make(_MARKER, header=head, ns=ns, id=number, action=DELETE)
                for ns, number in sorted(self._drawn - now)
            ]
        self._drawn = now
        return self._types.make(MARKERS, markers=[*gone, *markers])


def answer_markers(types: MessageTypes, answer: Answer) -> list[Any]:
    """Box, name and surface arrow of every candidate; ids are the objects' ids."""
    head = header(types, answer.frame_id, None)
    markers = []
    for item in answer.candidates:
        rgb = _SELECTED if item.selected else _RUNNER_UP
        lines = f"{item.label} #{item.id}\n{item.score:.2f}"
        markers.append(_edges(types, head, "answer/box", item.id, item.box, rgb))
        markers.append(_text(types, head, "answer/text", item.id, item.box, lines, rgb))
        if item.selected:
            markers.append(_solid(types, head, "answer/fill", item.id, item.box, rgb))
            markers.append(_arrow(types, head, "answer/surface", item, rgb))
    return markers


def object_markers(types: MessageTypes, scene: LanguageScene) -> list[Any]:
    """Box and name of every object of a map."""
    head = header(types, scene.scene.world_frame, None)
    markers = []
    for item in scene.objects:
        lines = f"{item.label} #{item.id}"
        markers.append(_edges(types, head, "object/box", item.id, item.box, _OBJECT))
        markers.append(_text(types, head, "object/text", item.id, item.box, lines, _OBJECT))
    return markers


def _edges(
    types: MessageTypes, head: Any, ns: str, number: int, box: OBB, rgb: tuple[float, float, float]
) -> Any:
    unturned = OBB(np.zeros(3), _UPRIGHT, box.size).corners
    ends = [point(types, unturned[corner]) for edge in _EDGES for corner in edge]
    return types.make(
        _MARKER,
        header=head,
        ns=ns,
        id=number,
        type=LINE_LIST,
        action=ADD,
        pose=box_pose(types, box),
        scale=vector(types, np.array([_LINE_M, 0, 0])),
        color=colour(types, (*rgb, 1.0)),
        points=ends,
    )


def _solid(
    types: MessageTypes, head: Any, ns: str, number: int, box: OBB, rgb: tuple[float, float, float]
) -> Any:
    return types.make(
        _MARKER,
        header=head,
        ns=ns,
        id=number,
        type=CUBE,
        action=ADD,
        pose=box_pose(types, box),
        scale=vector(types, np.maximum(box.size, 1e-3)),  # viewers refuse a scale of zero
        color=colour(types, (*rgb, 0.25)),
    )


def _text(
    types: MessageTypes,
    head: Any,
    ns: str,
    number: int,
    box: OBB,
    text: str,
    rgb: tuple[float, float, float],
) -> Any:
    _, high = box.aabb()
    above = np.array([*box.center[:2], high[2] + _TEXT_M])
    return types.make(
        _MARKER,
        header=head,
        ns=ns,
        id=number,
        type=TEXT,
        action=ADD,
        pose=pose(types, above, _UPRIGHT),
        scale=vector(types, np.array([0, 0, _TEXT_M])),
        color=colour(types, (*rgb, 1.0)),
        text=text,
    )


def _arrow(
    types: MessageTypes, head: Any, ns: str, item: Candidate, rgb: tuple[float, float, float]
) -> Any:
    """An arrow from outside that ends on the observed surface."""
    tip = np.asarray(item.surface_point, float)
    outward = tip - item.box.center
    length = float(np.linalg.norm(outward))
    outward = outward / length if length > 1e-6 else np.array([0, 0, 1.0])
    return types.make(
        _MARKER,
        header=head,
        ns=ns,
        id=item.id,
        type=ARROW,
        action=ADD,
        scale=vector(types, np.array([0.01, 0.025, 0.04])),
        color=colour(types, (*rgb, 1.0)),
        points=[point(types, tip + _ARROW_M * outward), point(types, tip)],
    )
