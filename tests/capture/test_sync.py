"""Pairing by stamp, and clocks that jump."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from grounding3d.capture.sync import clock_runs, pair_stamps, smallest_gap

stamps = st.lists(st.floats(0, 10, allow_nan=False), max_size=40)


@given(stamps, stamps, st.floats(0.001, 1))
def test_pairs_are_one_to_one_and_within_the_tolerance(a: list, b: list, tolerance: float) -> None:
    pairs = pair_stamps(a, b, tolerance)
    assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)
    for i, j in pairs:
        assert abs(a[i] - b[j]) <= tolerance + 1e-6
    assert (np.diff(np.array(a)[pairs[:, 0]]) >= 0).all() if len(pairs) else True


@given(stamps, stamps, st.floats(0.001, 1))
def test_something_pairs_wherever_the_closest_gap_allows(
    a: list, b: list, tolerance: float
) -> None:
    assert bool(len(pair_stamps(a, b, tolerance))) == (smallest_gap(a, b) <= tolerance + 1e-6)


def test_the_nearest_wins() -> None:
    assert pair_stamps([1.0, 2.0], [1.01, 0.995, 2.3], 0.02).tolist() == [[0, 1]]


def test_different_rates() -> None:
    fast, slow = np.arange(0, 3, 1 / 30), np.arange(0.004, 3, 1 / 10)
    pairs = pair_stamps(slow, fast, 0.02)
    assert len(pairs) == len(slow)
    assert np.abs(slow[pairs[:, 0]] - fast[pairs[:, 1]]).max() < 0.017


def test_a_gap_of_just_the_tolerance_pairs_at_epoch_scale() -> None:
    assert len(pair_stamps([1.7e9 + 0.1], [1.7e9 + 0.12], 0.02)) == 1


def test_a_straight_clock_is_one_run() -> None:
    runs = clock_runs([0.0, 0.1, 0.3, 0.2, 0.2, 9.0])  # late, twice and after a pause
    assert [run.tolist() for run in runs] == [[0, 1, 2, 3, 4, 5]]
    assert clock_runs([]) == []


def test_a_clock_that_is_set_back_begins_a_new_run() -> None:
    runs = clock_runs([10.0, 10.1, 10.2, 0.0, 0.1, 0.2, 0.3])
    assert [run.tolist() for run in runs] == [[0, 1, 2], [3, 4, 5, 6]]


def test_a_stray_message_belongs_to_no_run() -> None:
    runs = clock_runs([10.0, 10.1, 2.0, 10.2, 10.3])
    assert [run.tolist() for run in runs] == [[0, 1, 3, 4]]
