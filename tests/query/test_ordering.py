"""Orders: keys from a viewpoint, and ranks among doubtful candidates."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from grounding3d.query.layout import Layout
from grounding3d.query.ordering import (
    in_order,
    on_that_side,
    order_key,
    order_words,
    rank_probability,
)
from grounding3d.query.relations import Viewpoint
from tests.query.word_encoder import UP, thing

VIEW = Viewpoint(np.array([0.0, -3.0, 1.0]), None, "a test")


def layout() -> Layout:
    return Layout.of(
        [
            thing(1, "cup", (-0.5, 0.2, 0.1), (0.1, 0.1, 0.3)),
            thing(2, "cup", (0.0, -0.4, 0.9), (0.2, 0.2, 0.1)),
            thing(3, "cup", (0.6, 0.3, 0.5), (0.05, 0.4, 0.1)),
        ],
        UP,
    )


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("left", [0, 1, 2]), ("right", [2, 1, 0]), ("front", [1, 0, 2]), ("back", [2, 0, 1]),
        ("top", [1, 2, 0]), ("bottom", [0, 2, 1]), ("height", [0]), ("length", [2]),
        ("size", [1]), ("distance", [1]), ("middle", [1]),
    ],
)  # fmt: skip
def test_what_comes_first(by: str, expected: list[int]):
    order = np.argsort(order_key(by, np.arange(3), layout(), VIEW))
    assert order[: len(expected)].tolist() == expected


def test_the_other_side_reverses_left_and_right():
    behind = Viewpoint(np.array([0.0, 3.0, 1.0]), None, "a test")
    rows = np.arange(3)
    here, there = (np.argsort(order_key("left", rows, layout(), v)) for v in (VIEW, behind))
    np.testing.assert_array_equal(here, there[::-1])


def test_certain_candidates_have_certain_ranks():
    key, sure = np.array([3.0, 1.0, 2.0]), np.ones(3)
    assert rank_probability(key, sure, 1).tolist() == [0, 1, 0]
    assert rank_probability(key, sure, 2).tolist() == [0, 0, 1]
    assert rank_probability(key, sure, -1).tolist() == [1, 0, 0]
    assert rank_probability(key, sure, -3).tolist() == [0, 1, 0]
    assert rank_probability(key, sure, 4).tolist() == [0, 0, 0]


@pytest.mark.parametrize("rank", [1, 2, 3, -1, -2])
def test_rank_probability_is_that_of_all_worlds(rank: int):
    """Against the sum over every combination of which candidates are real."""
    rng = np.random.default_rng(abs(rank))
    key, p = rng.permutation(5).astype(float), rng.uniform(0.1, 0.9, 5)
    expected = np.zeros(5)
    for world in product([False, True], repeat=5):
        real = np.array(world)
        chance = np.prod(np.where(real, p, 1 - p))
        order = [i for i in np.argsort(key if rank > 0 else -key) if real[i]]
        if len(order) >= abs(rank):
            expected[order[abs(rank) - 1]] += chance
    np.testing.assert_allclose(rank_probability(key, p, rank), expected)


def test_a_doubtful_outsider_does_not_win():
    found = rank_probability(np.array([0.0, 1.0]), np.array([0.3, 0.95]), 1)
    assert found.argmax() == 1


def test_several_in_order_and_on_a_side():
    key = np.array([0.0, 0.1, 0.9, 1.0])
    assert in_order(key, 1)[:2].tolist() == [0, 1]
    assert in_order(key, 2).tolist() == [1, 2, 3]
    assert on_that_side(key, 1).tolist() == [True, True, False, False]
    assert on_that_side(key, -1).tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    ("by", "rank", "words"),
    [("left", 1, "leftmost"), ("left", -1, "rightmost"), ("left", 2, "second from the left"),
     ("left", -2, "second from the right"), ("size", -1, "smallest"),
     ("size", 2, "second biggest"), ("distance", -1, "farthest")],
)  # fmt: skip
def test_orders_in_words(by: str, rank: int, words: str):
    assert order_words(by, rank) == words
