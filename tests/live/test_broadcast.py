"""What goes out when: every answer at once, markers and maps as they change."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from grounding3d.live.broadcast import TOPICS, Broadcast
from grounding3d.live.messages.types import BagTypes
from grounding3d.objects.base import LanguageScene
from tests.live.answers import candidate, reply
from tests.objects.object_factories import language_scene


class Radio:
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.coloured: list[str] = []
        self.unheard: set[str] = set()
        self.broadcast = Broadcast(
            BagTypes(),
            lambda *item: self.sent.append(item),
            self._colour,
            is_heard=lambda topic: topic not in self.unheard,
        )

    def _colour(self, scene: LanguageScene, target: str) -> np.ndarray:
        self.coloured.append(target)
        return np.full(len(scene.scene.gaussians), 0.25, np.float32)

    def topics(self) -> Counter[str]:
        counts = Counter(topic for topic, _ in self.sent)
        self.sent.clear()
        return counts


@pytest.fixture
def radio() -> Radio:
    return Radio()


def test_an_answer_goes_out_in_every_form_and_its_markers_when_drawn(radio: Radio) -> None:
    radio.broadcast.reply(reply(candidate()))
    assert radio.topics() == Counter(["answer_json", "answer", "answer_pose", "detections"])
    radio.broadcast.draw()
    radio.broadcast.draw()
    assert radio.topics() == Counter(["markers"])
    radio.broadcast.reply(reply(candidate(selected=False), status="not_found"))
    assert radio.topics() == Counter(["answer_json", "answer", "detections"])


def test_only_what_somebody_listens_to_is_made_of_an_answer(radio: Radio) -> None:
    radio.unheard = {"answer", "detections"}
    radio.broadcast.reply(reply(candidate()))
    assert radio.topics() == Counter(["answer_json", "answer_pose"])
    radio.broadcast.draw()  # markers are latched: for whoever comes later, too
    assert radio.topics() == Counter(["markers"])


def test_a_map_that_nobody_watches_is_coloured_once_somebody_does(radio: Radio) -> None:
    scene = language_scene()
    radio.broadcast.reply(reply(candidate()))
    radio.broadcast.map(scene, is_watched=False)
    assert not radio.coloured
    assert radio.topics()["map"] == 1
    radio.broadcast.map(scene)
    radio.broadcast.map(scene)
    assert radio.coloured == ["red mug"]
    assert radio.topics() == Counter(["map"])


def test_an_invalid_question_leaves_the_markers_as_they_are(radio: Radio) -> None:
    radio.broadcast.reply(reply(status="invalid"))
    radio.broadcast.draw()
    assert radio.topics() == Counter(["answer_json", "answer", "detections"])


def test_a_map_goes_out_once_and_again_when_something_else_was_asked(radio: Radio) -> None:
    scene = language_scene()
    radio.broadcast.map(scene)
    radio.broadcast.map(scene)
    assert radio.topics() == Counter(["object_markers", "map"])
    radio.broadcast.reply(reply(candidate()))
    radio.topics()
    radio.broadcast.map(scene, is_watched=False)
    assert not radio.sent
    radio.broadcast.map(scene)
    assert radio.coloured == ["red mug"]
    assert radio.topics() == Counter(["map"])


def test_after_a_reset_everything_is_taken_away(radio: Radio) -> None:
    radio.broadcast.map(language_scene())
    radio.broadcast.reply(reply(candidate()))
    radio.broadcast.draw()
    radio.topics()
    radio.broadcast.map(None)
    sent = dict(radio.sent)
    assert set(sent) == {"markers", "object_markers", "map"}
    assert sent["map"].width == 0
    assert all(marker.action == 2 for marker in sent["markers"].markers)
    radio.sent.clear()
    radio.broadcast.draw()
    radio.broadcast.map(None)
    assert not radio.sent


def test_topics_of_types_that_are_not_there_are_left_out() -> None:
    class Few(BagTypes):
        def find(self, name: str) -> Any:
            return (
                None if name.startswith(("grounding3d_msgs", "vision_msgs")) else super().find(name)
            )

    sent: list[str] = []
    broadcast = Broadcast(Few(), lambda topic, _: sent.append(topic), lambda *_: np.zeros(0))
    broadcast.reply(reply(candidate()))
    assert sent == ["answer_json", "answer_pose"]
    assert broadcast.topics == set(TOPICS) - {"answer", "detections"}
