"""Colours as they are measured: in light and shade, of one colour and of two."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.query.attributes import (
    COULD,
    MATCH,
    ColourIndex,
    colour_shares,
    lab_from_rgb,
)
from tests.query.word_encoder import RGB, thing


def index(*names: str) -> ColourIndex:
    return ColourIndex([thing(i, name, (0, 0, 0)) for i, name in enumerate(names, 1)])


def test_lab_of_known_colours():
    # values of the sRGB primaries in CIELAB (D65), Lindbloom's calculator
    expected = {(255, 255, 255): (100, 0, 0), (0, 0, 0): (0, 0, 0),
                (255, 0, 0): (53.24, 80.09, 67.20),
                (0, 0, 255): (32.30, 79.19, -107.86)}  # fmt: skip
    for rgb, lab in expected.items():
        np.testing.assert_allclose(lab_from_rgb(np.array(rgb)), lab, atol=0.05)


@pytest.mark.parametrize("colour", sorted(RGB))
@pytest.mark.parametrize("light", [1.0, 0.8, 0.65])
def test_a_colour_is_itself_in_light_and_shade(colour: str, light: float):
    if colour == "white" and light < 0.8:
        pytest.skip("white in deep shade is grey")
    rgb = np.rint(np.tile(RGB[colour], (50, 1)) * light).astype(np.uint8)
    item = thing(1, "mug", (0, 0, 0))
    found = ColourIndex([type(item)(**{**item.__dict__, "rgb": rgb})])
    assert found.match(colour)[0] >= MATCH
    others = {"red": "blue", "blue": "red"}.get(colour, "red")
    assert found.match(others)[0] < MATCH


def test_shares_add_up():
    rng = np.random.default_rng(0)
    assert colour_shares(rng.integers(0, 256, (300, 3))).sum() == pytest.approx(1)
    assert colour_shares(np.zeros((0, 3), np.uint8)).sum() == 0


def test_two_colours_both_count():
    found = index("red white ball", "red ball", "blue ball")
    np.testing.assert_array_equal(found.match("red") >= MATCH, [True, True, False])
    np.testing.assert_array_equal(found.match("white") >= MATCH, [True, False, False])
    both = found.likelihood(("red", "white"))
    assert both.argmax() == 0


def test_neighbours_are_likelier_than_opposites():
    found = index("red mug", "blue mug")
    assert found.affinity("orange")[0] > found.affinity("orange")[1]
    assert found.possible(("purple",))[1]
    assert not found.possible(("red",))[1]
    assert found.affinity("red")[1] < COULD


def test_nothing_asked_and_nothing_observed():
    found = index("red mug")
    np.testing.assert_array_equal(found.likelihood(()), [0])
    item = thing(1, "mug", (0, 0, 0))
    blank = ColourIndex([type(item)(**{**item.__dict__, "rgb": np.zeros((0, 3), np.uint8)})])
    assert COULD < blank.match("red")[0] < 1


def test_other_names_stand_for_the_basic_ones():
    found = index("blue mug", "red mug")
    assert found.match("navy")[0] >= MATCH
    assert found.match("maroon")[1] >= MATCH
