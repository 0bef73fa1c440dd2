"""Questions to scenes of boxes whose right answer is known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from grounding3d.errors import QueryError
from grounding3d.objects.base import ObjectMap
from grounding3d.query.calibration import Calibration
from grounding3d.query.engine import QueryEngine
from tests.query.word_encoder import WordEncoder, scene_of, thing


def table_top():
    """Seen from -y: a row of things on a table, a shelf behind it."""
    return [
        thing(1, "table", (0, 0, 0.35), (2.0, 1.2, 0.7)),
        thing(2, "red mug", (-0.8, 0, 0.75), support=1),
        thing(3, "blue mug", (-0.2, 0.1, 0.76), (0.12, 0.12, 0.12), support=1),
        thing(4, "black laptop", (0.1, 0.1, 0.8), (0.3, 0.2, 0.2), support=1),
        thing(5, "white mug", (0.9, 0, 0.75), (0.09, 0.09, 0.1), support=1),
        thing(6, "green bowl", (0.5, 0.3, 0.75), (0.2, 0.2, 0.1), support=1),
        thing(7, "spoon", (0.51, 0.3, 0.79), (0.04, 0.04, 0.12), support=6),
        thing(8, "brown box", (0.3, 0, 0.15), (0.3, 0.3, 0.3)),
        thing(9, "brown box", (-0.6, -0.3, 0.8), (0.2, 0.2, 0.2), support=1),
        thing(10, "shelf", (0, 1.5, 1.0), (1.0, 0.3, 0.05)),
        thing(11, "red book", (0.2, 1.5, 1.1), (0.05, 0.2, 0.15), support=10),
        thing(12, "blue book", (0.5, -0.4, 0.72), (0.2, 0.15, 0.04), support=1),
    ]


@pytest.fixture(scope="module")
def engine() -> QueryEngine:
    return QueryEngine(scene_of(*table_top()), WordEncoder())


FOUND = [
    ("the laptop", 4), ("the red mug", 2), ("the blue mug", 3), ("the mug that is white", 5),
    ("the biggest mug", 3), ("the smallest mug", 5), ("the bigger box", 8), ("the smaller box", 9),
    ("the second biggest mug", 2), ("the leftmost mug", 2), ("the rightmost mug", 5),
    ("the second mug from the left", 3), ("the third mug from the left", 5),
    ("the second mug from the right", 3), ("the last mug on the right", 5),
    ("the mug on the left", 2), ("the middle mug", 3), ("the mug next to the laptop", 3),
    ("the mug nearest to the bowl", 5), ("the mug farthest from the bowl", 2),
    ("the mug to the left of the black laptop", 3), ("the mug to the right of the laptop", 5),
    ("the box under the table", 8), ("the box on the table", 9), ("the box not on the table", 8),
    ("the book on the shelf", 11), ("the book that is not on the shelf", 12),
    ("the spoon in the bowl", 7), ("the mug between the box and the laptop", 3),
    ("the book in front of the bowl", 12), ("the bowl behind the book on the table", 6),
    ("not the red mug but the blue one", 3), ("the nearest mug", 3), ("the farthest book", 11),
    ("the book closest to me", 12), ("the mug next to the smaller box", 2),
    ("the red thing on the shelf", 11), ("what is in the bowl", 7),
    ("the book taller than the laptop", None), ("the highest book", 11),
    ("the mug next to the laptop on the table", 3), ("the tallest box", 8),
    ("the green thing", 6),
]  # fmt: skip


@pytest.mark.parametrize(("text", "number"), FOUND)
def test_the_right_one_is_found(engine, text, number):
    answer = engine.ask(text)
    if number is None:
        assert answer.status == "not_found", answer.reason
    else:
        assert answer.status in ("found", "ambiguous"), answer.reason
        assert answer.selected[0].id == number, answer.reason


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("all mugs", {2, 3, 5}), ("the mugs", {2, 3, 5}), ("the brown boxes", {8, 9}),
        ("a mug that is not red", {3, 5}), ("mugs that are neither red nor blue", {5}),
        ("any mug except the red one", {3, 5}), ("a non-red mug", {3, 5}), ("two boxes", {8, 9}),
        ("the two leftmost mugs", {2, 3}), ("the two biggest mugs", {2, 3}),
        ("the books not on the shelf", {12}), ("all the mugs on the table", {2, 3, 5}),
        ("the mug", {2, 3, 5}),
    ],
)  # fmt: skip
def test_all_that_are_meant_are_selected(engine, text, numbers):
    answer = engine.ask(text)
    assert {c.id for c in answer.selected} == numbers, answer.reason


def test_what_a_question_tells_apart_is_not_ambiguous(engine):
    answer = engine.ask("the red mug")
    assert answer.status == "found"
    assert {c.id for c in answer.candidates[1:]} <= {3, 5}
    assert engine.ask("the mug").status == "ambiguous"


def test_the_reason_says_what_was_understood_and_used(engine):
    reason = engine.ask("the blue mug next to the laptop").reason
    assert reason.startswith("mug, blue; next to the laptop (#4)")
    assert "the last camera" in engine.ask("the leftmost mug").reason
    assert "the leftmost of 3" in engine.ask("the leftmost mug").reason
    given = engine.ask("the mug left of the laptop", viewpoint=(0, 5, 1))
    assert "the given viewpoint" in given.reason
    assert "not red" in engine.ask("a mug that is not red").reason


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("the giraffe", "absent", "no object fits"),
        ("the mug next to the giraffe", "absent", "no giraffe was found for 'next to"),
        ("the mug on the shelf", "absent", "none is on the shelf"),
        ("the laptop on the shelf", "absent", "but it is not on the shelf"),
        ("the fifth mug from the left", "low_confidence", "only 3 fit"),
        ("the laptop that is not black", "absent", "but it is black"),
        ("the green mug", "absent", "no object fits"),
    ],
)
def test_what_is_not_there_is_refused_with_the_reason(engine, text, code, words):
    answer = engine.ask(text)
    assert (answer.status, answer.reason_code) == ("not_found", code), answer.reason
    assert words in answer.reason
    assert not answer.selected


def test_a_missing_anchor_denies_nothing(engine):
    assert engine.ask("the laptop not next to a giraffe").selected[0].id == 4


def test_the_viewpoint_turns_left_and_right(engine):
    assert engine.ask("the leftmost mug", viewpoint=(0, 5, 1.5)).selected[0].id == 5
    assert engine.ask("the mug to the left of the laptop", viewpoint=(0, 5, 1)).selected[0].id == 5
    assert engine.ask("the nearest mug", viewpoint=(2, 0, 1)).selected[0].id == 5
    for wrong in ((1, 2), (np.nan, 0, 0)):
        with pytest.raises(QueryError, match="viewpoint"):
            engine.ask("the leftmost mug", viewpoint=wrong)


def test_without_up_only_what_needs_none_is_answered():
    engine = QueryEngine(scene_of(*table_top(), up=None), WordEncoder())
    for text in ("the leftmost mug", "the mug left of the laptop", "the book on the shelf"):
        answer = engine.ask(text)
        assert (answer.status, answer.reason_code) == ("not_found", "no_up_direction"), text
    for text, number in (("the nearest mug", 3), ("the biggest mug", 3), ("the mug next to the "
                         "laptop", 3)):  # fmt: skip
        assert engine.ask(text).selected[0].id == number


def test_without_a_camera_a_viewpoint_is_asked_for():
    scene = scene_of(*table_top())
    engine = QueryEngine(replace(scene, scene=replace(scene.scene, keyframes=())), WordEncoder())
    assert "viewpoint" in engine.ask("the leftmost mug").reason
    assert engine.ask("the leftmost mug", viewpoint=(0, -2, 1)).selected[0].id == 2


def test_a_single_view_cannot_tell_that_something_is_absent():
    engine = QueryEngine(scene_of(*table_top(), n_keyframes=1), WordEncoder())
    answer = engine.ask("the giraffe")
    assert (answer.status, answer.reason_code) == ("not_found", "unobserved")
    assert "1 view" in answer.reason


def test_duplicates_blanks_and_things_seen_once_do_no_harm():
    objects = table_top()
    laptop = objects[3]
    blank = replace(
        laptop, id=20, embedding=0 * laptop.embedding, view_embeddings=laptop.view_embeddings[:0]
    )
    empty = replace(
        laptop, id=22, points=laptop.points[:0], rgb=laptop.rgb[:0], n_views=1,
        embedding=WordEncoder().encode_text(["vase"])[0],
    )  # fmt: skip
    twin = replace(laptop, id=21)
    engine = QueryEngine(scene_of(*objects, blank, twin, empty), WordEncoder())
    answer = engine.ask("the laptop")
    assert answer.status == "ambiguous"
    assert {c.id for c in answer.selected} == {4, 21}
    assert engine.ask("the vase").selected[0].id == 22
    for text in ("the red vase", "the vase next to the laptop", "a vase that is not red"):
        json.loads(engine.ask(text).to_json())


def test_one_object_alone():
    engine = QueryEngine(scene_of(thing(1, "red mug", (0, 0, 0))), WordEncoder())
    for text in ("the leftmost mug", "the biggest mug", "the red mug", "the last mug"):
        assert engine.ask(text).selected[0].id == 1, text


def test_thousands_of_objects():
    rng = np.random.default_rng(0)
    nouns = ("mug", "laptop", "bowl", "box", "book")
    objects = [
        thing(i + 1, nouns[i % 5], rng.uniform(-5, 5, 3), rng.uniform(0.05, 0.3, 3))
        for i in range(1000)
    ]
    many = [replace(item, id=item.id + 1000 * k) for k in range(5) for item in objects]
    engine = QueryEngine(replace(scene_of(), objects=ObjectMap(tuple(many))), WordEncoder())
    for text in ("the mug", "the mug next to the laptop", "the leftmost mug"):
        answer = engine.ask(text)
        assert all(c.id % 5 == 1 for c in answer.selected), text
        json.loads(answer.to_json())
    assert len(engine.ask("all books").selected) >= 500


def test_of_several_asked_for_each_is_likely_or_one_of_the_best_two():
    encoder = WordEncoder()
    mug, other = encoder.encode_text(["mug", "giraffe"])
    other = other - (other @ mug) * mug
    other /= np.linalg.norm(other)
    slope = np.log(99) / 0.45  # a cosine of 0.95 is 99 % sure, one of 0.4 26 %
    table = Calibration(
        "plural-1", "words", ((1.0,),), ("similarity",), (0.5,), (1.0,), (slope,), 0.0, found=0.15
    )  # fmt: skip

    def selected(question: str, *fits: float) -> set[int]:
        objects = [
            replace(
                thing(n, "mug", (n, 0, 0.8)),
                embedding=(c * mug + np.sqrt(1 - c**2) * other).astype(np.float32),
            )
            for n, c in enumerate(fits, 1)
        ]
        engine = QueryEngine(scene_of(*objects), encoder, calibration=table)
        return {c.id for c in engine.ask(question, top_k=5).selected}

    assert selected("the mugs", 0.95, 0.9, 0.4) == {1, 2}  # 0.4: found alone, but unlikely
    assert selected("the mugs", 0.95, 0.4, 0.38) == {1, 2}  # who asks for several knows of two
    assert selected("three mugs", 0.95, 0.4, 0.38) == {1, 2, 3}
    assert selected("the mug", 0.4) == {1}
