"""Questions from outside: what is asked, in which frame, and what cannot be answered."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from grounding3d.errors import EncoderError
from grounding3d.features.base import Encoder
from grounding3d.features.encoders import BUNDLED, load_encoder
from grounding3d.live.responder import ErrorCode, Question, Responder, question_from_text
from grounding3d.live.transforms import LiveTransforms
from tests.capture.ros2_bags import transform, translation
from tests.interfaces.ros_world import named_scene
from tests.live.test_live_transforms import message

MUG = np.array([0.6, 0.1, 0.05])


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder(BUNDLED)


@pytest.fixture(scope="module")
def tf() -> LiveTransforms:
    """base_link drives along map's x at 1 m/s from 100 s to 101 s; nothing is known beyond."""
    live = LiveTransforms()
    for i in range(11):
        T = translation(0.1 * i, 0, 0)
        live.add(message(transform("map", "base_link", T, 100 + 0.1 * i)))
    return live


@pytest.fixture(scope="module")
def responder(encoder: Encoder, tf: LiveTransforms) -> Responder:
    made = Responder(encoder, tf)
    made.serve(named_scene(encoder, ["table", "mug", "banana"]))
    return made


def test_the_answer_is_in_the_maps_frame_unless_asked_otherwise(responder: Responder) -> None:
    reply = responder.ask(Question("where is the mug", id="7"))
    assert (reply.answer.status, reply.answer.frame_id) == ("found", "map")
    np.testing.assert_allclose(reply.answer.selected[0].box.center, MUG, atol=1e-9)
    assert reply.holds_s == reply.answer.stamp == 107.0
    assert (reply.question.id, reply.error_code) == ("7", ErrorCode.NONE)


def test_a_moving_frame_is_looked_up_at_the_latest_time_or_at_the_questions(
    responder: Responder,
) -> None:
    latest = responder.ask(Question("the mug", frame_id="base_link"))
    np.testing.assert_allclose(latest.answer.selected[0].box.center, MUG - [1, 0, 0], atol=1e-9)
    assert latest.holds_s == pytest.approx(101.0)
    then = responder.ask(Question("the mug", frame_id="base_link", stamp_s=100.25))
    np.testing.assert_allclose(then.answer.selected[0].box.center, MUG - [0.25, 0, 0], atol=1e-6)
    assert then.holds_s == 100.25
    np.testing.assert_allclose(then.in_world.selected[0].box.center, MUG, atol=1e-9)


@pytest.mark.parametrize(
    "question",
    [
        Question("the mug", frame_id="base_link", stamp_s=102.0),  # not yet known
        Question("the mug", frame_id="base_link", stamp_s=5.0),  # long forgotten
        Question("the mug", frame_id="nowhere"),
    ],
)
def test_a_frame_that_is_not_known_gives_no_coordinates(
    question: Question, responder: Responder
) -> None:
    reply = responder.ask(question)
    assert (reply.answer.status, reply.error_code) == ("invalid", ErrorCode.TF_ERROR)
    assert reply.answer.candidates == ()
    assert reply.error_msg


def test_static_frames_of_the_scene_serve_where_tf_does_not_know_them(responder: Responder) -> None:
    reply = responder.ask(Question("the mug", frame_id="base"))
    np.testing.assert_allclose(
        reply.answer.selected[0].box.center, np.add(MUG, [1, 2, 3]), atol=1e-9
    )


def test_left_is_left_of_the_frame_that_looks(encoder: Encoder) -> None:
    """Two mugs lie 0.6 m apart along x; seen from either side of them, the other one is left."""
    live = LiveTransforms()
    for frame, y in (("south", -2.0), ("north", 2.0)):
        live.add(message(transform("map", frame, translation(0.6, y, 0), 100)))
    responder = Responder(encoder, live, viewpoint_frame="south")
    responder.serve(named_scene(encoder, ["mug", "banana", "mug"]))

    def x_of(**fields: str) -> float:
        answer = responder.ask(Question("the leftmost mug", **fields)).answer
        assert answer.status == "found", answer.reason
        return float(answer.selected[0].box.center[0])

    assert x_of() == x_of(viewpoint_frame="south") == pytest.approx(0.3)
    assert x_of(viewpoint_frame="north") == pytest.approx(0.9)
    lost = responder.ask(Question("the leftmost mug", viewpoint_frame="nowhere"))
    assert lost.error_code == ErrorCode.TF_ERROR


def test_without_a_scene_the_answer_says_so(encoder: Encoder) -> None:
    reply = Responder(encoder).ask(Question("the mug"))
    assert (reply.answer.status, reply.answer.reason_code) == ("not_found", "empty_scene")
    assert reply.error_code == ErrorCode.NO_SCENE


def test_a_scene_of_another_encoder_is_refused_and_the_old_one_stays(
    responder: Responder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from tests.objects.object_factories import language_scene

    with pytest.raises(EncoderError):
        responder.serve(language_scene())
    assert responder.ask(Question("the mug")).answer.status == "found"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("where is the mug", Question("where is the mug")),
        ('{"text": "the mug", "top_k": 2, "frame_id": "odom", "stamp_s": 1.5, "id": "x"}',
         Question("the mug", 2, "odom", 1.5, "x")),
        ('{"text": "the mug"}', Question("the mug")),
        ("{not json", Question("{not json")),
        ('{"text": 5}', Question('{"text": 5}')),
        ('{"text": "mug", "top_k": true}', Question('{"text": "mug", "top_k": true}')),
        ('{"text": "mug", "stamp_s": NaN}', Question('{"text": "mug", "stamp_s": NaN}')),
        ("[" * 100_000, Question("[" * 100_000)),
        ("", Question("")),
    ],
)  # fmt: skip
def test_a_string_is_plain_words_or_a_json_question(text: str, wanted: Question) -> None:
    assert question_from_text(text) == wanted


@pytest.mark.parametrize(
    "text", ["", "   ", "\x00", "?" * 10, "a" * 501, "\ud800 mug", "mug\n" * 100, "{}" * 400]
)
def test_every_question_gets_a_complete_answer(text: str, responder: Responder) -> None:
    answer = responder.ask(Question(text, top_k=2**31)).answer
    record = json.loads(answer.to_json())
    assert record["status"] in ("found", "ambiguous", "not_found", "invalid")
    assert record["reason"]


def test_more_candidates_than_there_are_objects_are_no_problem(responder: Responder) -> None:
    ask: Callable[[int], int] = lambda k: len(  # noqa: E731
        responder.ask(Question("the mug", top_k=k)).answer.candidates
    )
    assert (ask(1), ask(2), ask(50), ask(0)) == (1, 2, 3, 3)
