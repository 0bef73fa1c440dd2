"""Bounds: against closed forms, brute force, and the laws of resampling scenes."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.query.bounds import (
    auroc,
    bootstrap,
    weighted_auroc,
    weighted_mean,
    weighted_quantile,
    wilson,
)


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (190, 200)])
def test_wilson_solves_its_quadratic(hits: int, n: int) -> None:
    """At both bounds p the share is 1.96 standard deviations of p away."""
    share = hits / n
    for p in wilson(hits, n):
        away = 1.959964 * np.sqrt(p * (1 - p) / n)
        assert abs(share - p) == pytest.approx(away, abs=1e-6)


def test_wilson_of_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_mean_of_independent_values_has_the_textbook_bounds() -> None:
    values = np.random.default_rng(0).normal(5.0, 2.0, 400)
    low, high = bootstrap(values, weighted_mean, draws=4000)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half, abs=0.02)
    assert high == pytest.approx(values.mean() + half, abs=0.02)


def test_repeating_a_scenes_value_adds_no_certainty() -> None:
    """Ten equal outcomes of a scene are one scene, not ten trials."""
    one = np.random.default_rng(0).random(12)
    scenes = np.repeat(np.arange(12), 10)
    np.testing.assert_allclose(
        bootstrap(np.repeat(one, 10), weighted_mean, scenes), bootstrap(one, weighted_mean)
    )
    naive = bootstrap(np.repeat(one, 10), weighted_mean)
    assert np.ptp(bootstrap(one, weighted_mean)) > 2 * np.ptp(naive)


def test_two_scenes_that_disagree_can_be_anything() -> None:
    values, scenes = np.repeat([0.0, 1.0], 50), np.repeat(["a", "b"], 50)
    assert bootstrap(values, weighted_mean, scenes) == [0.0, 1.0]


def test_one_scene_falls_back_to_its_values() -> None:
    values = np.arange(20.0)
    assert bootstrap(values, weighted_mean, np.zeros(20)) == bootstrap(values, weighted_mean)
    assert bootstrap(values[:1], weighted_mean) is None


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_weighted_quantile_is_that_of_the_repeated_values(q: float) -> None:
    rng = np.random.default_rng(1)
    values, weights = rng.random(9), rng.integers(0, 4, (5, 9)).astype(float)
    found = weighted_quantile(q)(values, weights)
    for row, value in zip(weights, found):
        repeated = np.repeat(values, row.astype(int))
        assert value == np.quantile(repeated, q, method="inverted_cdf")


def test_auroc_counts_pairs() -> None:
    rng = np.random.default_rng(2)
    score, positive = rng.integers(0, 6, 40).astype(float), rng.random(40) < 0.4
    high, low = score[positive], score[~positive]
    pairs = (high[:, None] > low).mean() + 0.5 * (high[:, None] == low).mean()
    assert auroc(score, positive) == pytest.approx(pairs)
    rows = np.column_stack([score, positive])
    weights = rng.integers(0, 3, (1, 40)).astype(float)
    repeated = np.repeat(rows, weights[0].astype(int), axis=0)
    assert weighted_auroc(rows, weights)[0] == pytest.approx(
        auroc(repeated[:, 0], repeated[:, 1] > 0)
    )
    assert auroc(score, np.ones(40, bool)) is None
    assert auroc(np.zeros(0), np.zeros(0, bool)) is None
