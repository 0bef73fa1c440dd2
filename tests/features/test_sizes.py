"""Usual sizes: nothing is said of what is within them, and the farther off the more."""

from __future__ import annotations

import numpy as np

from grounding3d.features.sizes import MOST_OCTAVES, octaves_off
from grounding3d.features.vocabulary import read_lengths, read_nouns


def test_every_household_noun_has_a_range() -> None:
    lengths = read_lengths()
    assert set(read_nouns("household")) == set(lengths)
    assert all(0 < low < high <= 20 for low, high in lengths.values())


def test_usual_sizes_are_not_off_and_a_doubling_is_one_octave() -> None:
    low, high = read_lengths()["mug"]
    at = np.array([low, (low + high) / 2, high])
    assert not octaves_off(["mug"], at).any()
    far = np.array([high * 2**k for k in (2.0, 3.0)])
    near_and_far = octaves_off(["mug"], far)[0]
    assert near_and_far[0] > 1
    np.testing.assert_allclose(np.diff(near_and_far), [1.0], atol=1e-6)


def test_too_short_is_off_later_than_too_long_since_things_are_seen_in_part() -> None:
    low, high = read_lengths()["sofa"]
    assert not octaves_off(["sofa"], np.array([0.7 * low])).any()
    assert octaves_off(["sofa"], np.array([high / 0.7])).all()


def test_extremes_are_bounded_and_unknown_nouns_fit_any_size() -> None:
    lengths = np.array([0.0, 1e-6, 0.1, 1e6])
    off = octaves_off(["bed", "flux capacitor"], lengths)
    assert off.shape == (2, 4)
    assert np.isfinite(off).all()
    assert off.max() == MOST_OCTAVES
    assert not off[1].any()
