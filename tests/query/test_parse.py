"""Questions as people put them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding3d.query.noun_phrases import singular
from grounding3d.query.parse import MAX_CHARACTERS, NotAQuestion, parse, without_attributes


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
    ("text", "target", "relations"),
    [
        ("the mug in the bowl", "mug", [("in", "bowl")]),
        ("the box under the table", "box", [("under", "table")]),
        ("a vase on top of the shelf", "vase", [("on", "shelf")]),
        ("the can beside the red laptop", "can", [("next_to", "red laptop")]),
        ("the mug left of the plate", "mug", [("left_of", "plate")]),
        ("the mug on the right side of the plate", "mug", [("right_of", "plate")]),
        ("the cat behind the big sofa", "cat", [("behind", "big sofa")]),
        ("the chair in front of the desk", "chair", [("in_front_of", "desk")]),
        ("the lamp above the table", "lamp", [("above", "table")]),
        ("the mug closest to the bowl", "mug", [("nearest", "bowl")]),
        ("the mug nearest the bowl", "mug", [("nearest", "bowl")]),
        ("the closest mug to the bowl", "mug", [("nearest", "bowl")]),
        ("the mug the nearest to the bowl", "mug", [("nearest", "bowl")]),
        ("the box farthest from the door", "box", [("farthest", "door")]),
        ("the box that is bigger than the mug", "box", [("bigger_than", "mug")]),
        ("the mug next to the biggest box", "mug", [("next_to", "biggest box")]),
        ("the mug that stands on the table", "mug", [("on", "table")]),
        ("what is on the table?", "thing", [("on", "table")]),
        ("what is to the left of the laptop?", "thing", [("left_of", "laptop")]),
        ("which mug is next to the laptop", "mug", [("next_to", "laptop")]),
        ("something red next to the laptop", "red something", [("next_to", "laptop")]),
        ("the mug next to the laptop on the table", "mug",
         [("next_to", "laptop"), ("on", "table")]),
        ("the mug next to the laptop and behind the plate", "mug",
         [("next_to", "laptop"), ("behind", "plate")]),
        ("cup on the tray on the book on the box", "cup", [("on", "tray"), ("on", "book")]),
        ("the bowl right of the second cup from the left", "bowl",
         [("right_of", "second cup from the left")]),
        ("the mug in blue", "mug in blue", []),
        ("a plant in a pot", "plant in a pot", []),
        ("a cup of coffee", "cup of coffee", []),
        ("bottle of water", "bottle of water", []),
        ("a piece of bread", "piece of bread", []),
        ("a picture of the dog", "picture of the dog", []),
        ("the man in black", "man in black", []),
        ("on cherche la tasse", "on cherche la tasse", []),
        ("die Tasse neben dem Teller", "die tasse neben dem teller", []),
    ],
)  # fmt: skip
def test_relations_and_anchors(text: str, target: str, relations: list[tuple[str, str]]):
    parsed = parse(text)
    assert parsed.target == target
    assert [(r["relation"], r["anchor"]) for r in parsed.relations] == relations


def test_between_has_two_anchors():
    (relation,) = parse("the cup between the red plate and the bowl").relations
    assert relation == {"relation": "between", "anchor": "red plate", "other": "bowl"}
    (relation,) = parse("the cup between the two plates").relations
    assert relation == {"relation": "between", "anchor": "plate", "other": "plate"}


@pytest.mark.parametrize(
    ("text", "target", "excluded"),
    [
        ("a cup that is not red", "cup", ("red",)),
        ("the mug that isn't blue", "mug", ("blue",)),
        ("the mug which isn\u2019t blue", "mug", ("blue",)),
        ("the mugs that aren't blue or red", "mug", ("blue", "red")),
        ("the non-red mug", "mug", ("red",)),
        ("a mug that is neither red nor blue", "mug", ("red", "blue")),
        ("not the red mug but the blue one", "blue mug", ("red",)),
        ("any mug except the red one", "mug", ("red",)),
        ("all mugs but the red ones", "mug", ("red",)),
        ("a container other than a bowl", "container", ("bowl",)),
        ("the mug, not the red one", "mug", ("red",)),
        ("the big box that is not wooden", "big box", ("wooden",)),
        ("where is a mug that is not red please", "mug", ("red",)),
        ("a mug with a red handle", "mug with a red handle", ()),
    ],
)
def test_what_it_must_not_be(text: str, target: str, excluded: tuple[str, ...]):
    parsed = parse(text)
    assert (parsed.target, parsed.excluded) == (target, excluded)


@pytest.mark.parametrize(
    "text",
    ["a box not on the table", "the box that isn't on the table", "a box which is not standing "
     "on the table", "the box that's not on the table"],
)  # fmt: skip
def test_negated_relations(text: str):
    parsed = parse(text)
    assert parsed.target == "box"
    assert parsed.relations == ({"relation": "on", "anchor": "table", "negated": True},)


def test_a_negation_before_a_relation():
    parsed = parse("a cup that is not red on the table")
    assert (parsed.target, parsed.excluded) == ("cup", ("red",))
    assert parsed.relations == ({"relation": "on", "anchor": "table"},)


@pytest.mark.parametrize(
    ("text", "target", "by", "rank"),
    [
        ("the biggest box", "box", "size", 1),
        ("the smaller red cup", "red cup", "size", -1),
        ("the second biggest box", "box", "size", 2),
        ("the second smallest box", "box", "size", -2),
        ("the biggest of the boxes", "box", "size", 1),
        ("the tallest bottle", "bottle", "height", 1),
        ("the leftmost cup", "cup", "left", 1),
        ("the right-most cup", "cup", "right", 1),
        ("the second cup from the left", "cup", "left", 2),
        ("third book from the right", "book", "right", 3),
        ("the 3rd book from the right", "book", "right", 3),
        ("the 21st cup from the left", "cup", "left", 21),
        ("the twelfth cup from the left", "cup", "left", 12),
        ("the last bottle on the right", "bottle", "right", 1),
        ("the last bottle from the left", "bottle", "left", -1),
        ("the second mug", "mug", "left", 2),
        ("the last mug", "mug", "left", -1),
        ("the cup on the left", "cup", "left", 1),
        ("the left cup", "cup", "left", 1),
        ("the cup in the middle", "cup", "middle", 1),
        ("the cup which is the furthest left", "cup", "left", 1),
        ("the cup that is the biggest", "cup", "size", 1),
        ("the top shelf", "shelf", "top", 1),
        ("the lowest book", "book", "bottom", 1),
        ("the nearest chair", "chair", "distance", 1),
        ("the mug nearest to me", "mug", "distance", 1),
        ("the closest mug to the camera", "mug", "distance", 1),
        ("the farthest box", "box", "distance", -1),
        ("the farthest box from the camera", "box", "distance", -1),
        ("the second nearest box", "box", "distance", 2),
    ],
)
def test_orders(text: str, target: str, by: str, rank: int):
    parsed = parse(text)
    assert (parsed.target, parsed.order) == (target, {"by": by, "rank": rank})


@pytest.mark.parametrize("text", ["the first aid kit", "a table top", "the mug to the left of it",
                                  "a 10 euro note", "second hand"])  # fmt: skip
def test_what_only_looks_like_an_order(text: str):
    parsed = parse(text)
    assert parsed.order is None
    assert parsed.quantity is None


@pytest.mark.parametrize(
    ("text", "target", "quantity"),
    [
        ("two mugs", "mug", 2), ("3 mugs", "mug", 3), ("both boxes", "box", 2),
        ("a couple of mugs", "mug", 2), ("the two leftmost cups", "cup", 2),
        ("all mugs", "mug", None), ("the mugs", "mug", None), ("both of the mugs", "mug", 2),
    ],
)  # fmt: skip
def test_quantities(text: str, target: str, quantity: int | None):
    parsed = parse(text)
    assert (parsed.target, parsed.plural, parsed.quantity) == (target, True, quantity)


def test_one_of_several_is_one():
    assert not parse("one of the mugs").plural


@pytest.mark.parametrize(
    ("text", "target", "whole"),
    [
        ("the handle of the mug", "handle", "mug"),
        ("the mug's handle", "handle", "mug"),
        ("the lid of the red pot", "lid", "red pot"),
        ("the legs of my table", "leg", "table"),
        ("the top of the shelf", "top", "shelf"),
        ("a photo of the mug", "photo of the mug", None),
        ("mug handle", "mug handle", None),
    ],
)
def test_parts(text: str, target: str, whole: str | None):
    parsed = parse(text)
    assert (parsed.target, parsed.part_of) == (target, whole)


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
        ("where are the mug and the can", "too_many"),
        ("the red cup and a bottle on the table", "too_many"),
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


@pytest.mark.parametrize(
    ("text", "target", "noun"),
    [
        ("a black and white ball", "black and white ball", "ball"),
        ("the mug that is white and on the table", "white mug", "mug"),
        ("the salt and pepper shaker", "salt and pepper shaker", "salt and pepper shaker"),
    ],
)
def test_and_joins_adjectives_and_clauses(text: str, target: str, noun: str) -> None:
    parsed = parse(text)
    assert parsed.target == target
    assert without_attributes(parsed) == noun
