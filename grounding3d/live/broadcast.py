"""Which messages go out on which topics, for the running node and for replayed bags alike."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from grounding3d.live.messages import answers, cloud, markers
from grounding3d.live.messages.types import MessageTypes
from grounding3d.live.responder import Reply
from grounding3d.objects.base import LanguageScene

TOPICS = {
    "answer_json": (answers.STRING, False),
    "answer": (answers.ANSWER, False),
    "answer_pose": (answers.POSE, False),
    "detections": (answers.DETECTIONS, False),
    "markers": (markers.MARKERS, True),
    "object_markers": (markers.MARKERS, True),
    "map": (cloud.CLOUD, True),
}
"""Topic below the node's name: its message type, and whether late listeners get the last one."""

Relevancy = Callable[[LanguageScene, str], np.ndarray]
"""(scene, what was looked for) -> [N] of its Gaussians."""


class Broadcast:
    """Turns answers and maps into messages and sends them; safe from any thread.

    Args:
        types: message classes; topics whose type is missing are left out.
        send: called with a topic of `TOPICS` and its message.
        relevancy: colours the map by the newest question.
        max_points: largest number of points of the map cloud.
        is_heard: whether somebody listens to a topic of answers; else they are not even made.
    """

    def __init__(
        self,
        types: MessageTypes,
        send: Callable[[str, Any], None],
        relevancy: Relevancy,
        max_points: int | None = None,
        is_heard: Callable[[str], bool] = lambda topic: True,
    ) -> None:
        self._types, self._send = types, send
        self._relevancy, self._max_points = relevancy, max_points
        self._is_heard = is_heard
        self.topics = {topic for topic, (name, _) in TOPICS.items() if types.find(name) is not None}
        self._answers, self._objects = markers.MarkerBoard(types), markers.MarkerBoard(types)
        self._lock = threading.Lock()
        self._asked: Reply | None = None  # the newest question that could be asked
        self._shown: Reply | None = None  # the one whose markers were sent
        self._drawn: tuple[LanguageScene | None, Reply | None] = (None, None)

    def reply(self, reply: Reply) -> None:
        """Send one answer in all the forms that somebody listens to."""
        self._put("answer_json", answers.answer_json, reply)
        self._put("answer", answers.answer_message, reply)
        self._put("answer_pose", answers.answer_pose, reply)
        self._put("detections", answers.detections, reply)
        if reply.in_world.status != "invalid":
            self._asked = reply

    def draw(self) -> None:
        """Send the newest answer's markers, if they are not drawn yet.

        Apart from `reply`, since they cost more than the answer: at many questions a second a
        viewer has enough of some.
        """
        with self._lock:
            asked = self._asked
            if asked is None or asked is self._shown:
                return
            self._shown = asked
            drawn = markers.answer_markers(self._types, asked.in_world)
            self._send("markers", self._answers.draw(asked.in_world.frame_id, drawn))

    def map(self, scene: LanguageScene | None, is_watched: bool = True) -> None:
        """Send the map where it has changed, coloured by what was asked if somebody watches."""
        with self._lock:
            scene_before, asked_before = self._drawn
            asked = self._asked if is_watched else None
            if scene is scene_before and (asked is asked_before or not is_watched):
                return
            self._drawn = scene, asked
            if scene is None:
                self._clear()
                return
            if scene is not scene_before:
                drawn = markers.object_markers(self._types, scene)
                self._send("object_markers", self._objects.draw(scene.scene.world_frame, drawn))
        target = asked.answer.parsed.target if asked is not None else ""
        relevancy = self._relevancy(scene, target) if target else None
        self._send("map", cloud.map_cloud(self._types, scene, relevancy, self._max_points))

    def _clear(self) -> None:
        """There is no map any more: nothing is drawn either."""
        self._asked = self._shown = None
        self._drawn = None, None
        self._send("markers", self._answers.draw("map", []))
        self._send("object_markers", self._objects.draw("map", []))
        self._send("map", cloud.empty_cloud(self._types))

    def _put(self, topic: str, make: Callable[[MessageTypes, Reply], Any], reply: Reply) -> None:
        if topic in self.topics and self._is_heard(topic):
            message = make(self._types, reply)
            if message is not None:
                self._send(topic, message)
