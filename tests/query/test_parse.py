"""Questions as people put them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding3d.query.noun_phrases import singular
from grounding3d.query.parse import MAX_CHARACTERS, NotAQuestion, parse


@pytest.mark.parametrize(
    ("text", "target", "plural"),
    [
        ("where is the mug", "mug", False),
        ("Where is the mug?", "mug", False),
        ("WHERE'S MY MUG??!", "mug", False),
        ("find me a cup", "cup", False),
        ("the red mug", "red mug", False),
        ("mug", "mug", False),
        ("  mug\t\n", "mug", False),
        ("a red gift box", "red gift box", False),
        ("can you show me where the coffee cup is?", "coffee cup", False),
        ("could you please tell me where the remote control is located", "remote control", False),
        ("I need a spoon please", "spoon", False),
        ("hey robot, bring me the water bottle", "water bottle", False),
        ("do you know where the tv is", "tv", False),
        ("where did I leave my keys", "keys", False),
        ("what is the position of the green bottle?", "green bottle", False),
        ("I’m looking for the laptop", "laptop", False),
        ("is there a banana", "banana", False),
        ("can you find the can", "can", False),
        ("a can of coke", "can of coke", False),
        ("the can opener", "can opener", False),
        ("a box of tea bags", "box of tea bags", False),
        ("a mug with white dots", "mug with white dots", False),
        ("a pair of scissors", "pair of scissors", False),
        ("scissors", "scissors", False),
        ("my glasses", "glasses", False),
        ("where are the mugs", "mug", True),
        ("find all the red boxes", "red box", True),
        ("two chairs", "chair", True),
        ("both shelves", "shelf", True),
        ("boxes of tissues", "box of tissues", True),
        ("a vacuum cleaner robot", "vacuum cleaner robot", False),
        ("plates in a dish rack", "plate in a dish rack", True),
        ("a green plant in an orange pot", "green plant in an orange pot", False),
        ("wo ist die Tasse", "wo ist die tasse", False),
        ("日本語のカップ", "日本語のカップ", False),
    ],
)
def test_the_target_is_found(text: str, target: str, plural: bool):
    parsed = parse(text)
    assert (parsed.target, parsed.plural) == (target, plural)


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("the big red mug", ("big", "red")),
        ("an orange", ()),
        ("an orange juice carton", ("orange",)),
        ("a white mug with black letters", ("white", "black")),
        ("a light", ()),
    ],
)
def test_attributes(text: str, attributes: tuple[str, ...]):
    assert parse(text).attributes == attributes


@pytest.mark.parametrize(
    ("text", "target", "relation", "anchor"),
    [
        ("the can next to the laptop", "can", "next_to", "laptop"),
        ("where is the book that is under the red lamp", "book", "under", "red lamp"),
        ("is there a banana on the table", "banana", "on", "table"),
        ("the mug to the left of the keyboard", "mug", "left_of", "keyboard"),
        ("where is the nearest chair", "chair", "nearest", "camera"),
    ],
)
def test_relations_are_recorded(text: str, target: str, relation: str, anchor: str):
    parsed = parse(text)
    assert parsed.target == target
    assert parsed.relations == ({"relation": relation, "anchor": anchor},)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_query"),
        (" \t\n\u3000", "empty_query"),
        ("☕🍎", "not_understood"),
        ("?!...", "not_understood"),
        ("12345", "not_understood"),
        ("the", "not_understood"),
        ("where is it", "not_understood"),
        ("mug " * 2500, "too_many"),
        ("x" * (MAX_CHARACTERS + 1), "too_many"),
        ("a b " * 60, "too_many"),
    ],
)
def test_what_cannot_be_asked(text: str, code: str):
    with pytest.raises(NotAQuestion) as caught:
        parse(text)
    assert caught.value.code == code


def test_singular():
    words = {"dishes": "dishes", "glass": "glass", "bus": "bus", "knives": "knife", "cups": "cup"}
    assert {word: singular(word) for word in words} == words


@given(st.text(max_size=600))
def test_no_text_crashes(text: str):
    try:
        parsed = parse(text)
    except NotAQuestion:
        return
    assert parsed.target.strip()
