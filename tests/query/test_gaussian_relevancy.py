"""Relevancy through the codebook is the relevancy of each Gaussian's own feature."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.features.relevancy import relevancy, relevancy_scale
from grounding3d.fusion.base import NO_CODE, GaussianFeatures
from grounding3d.query.gaussian_relevancy import GaussianRelevancy, gaussian_relevancy


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    vectors = rng.normal(size=shape)
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def test_it_equals_the_definition() -> None:
    rng = np.random.default_rng(1)
    codebook = unit(rng, 6, 16).astype(np.float16)
    codes = rng.integers(0, 6, (200, 2)).astype(np.uint16)
    weights = rng.uniform(0.1, 1, (200, 2)).astype(np.float16)
    codes[:20, 1], weights[:20, 1] = NO_CODE, 0
    features = GaussianFeatures(codebook, codes, weights, np.ones(200, np.float16))
    query, canonical = unit(rng, 16), unit(rng, 4, 16)
    found = GaussianRelevancy(features, canonical, 10.0).of(query)

    book = np.vstack([codebook.astype(np.float32), np.zeros((1, 16), np.float32)])
    rows = np.where(codes == NO_CODE, 6, codes)
    own = (weights[..., None].astype(np.float32) * book[rows]).sum(axis=1)
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    assert found == pytest.approx(relevancy(own, query, canonical, 10.0), abs=2e-4)
    some = np.array([3, 150, 7])
    source = GaussianRelevancy(features, canonical, 10.0)
    assert source.of(query, some) == pytest.approx(found[some], rel=1e-4)


@pytest.mark.parametrize("slots", [1, 3])
def test_the_compiled_core_and_numpy_say_the_same(slots: int, monkeypatch) -> None:
    rng = np.random.default_rng(3)
    n = 70_001  # more than a thread's part, and no multiple of a vector
    codes = rng.integers(0, 50, (n, slots)).astype(np.uint16)
    weights = rng.uniform(0.1, 1, (n, slots)).astype(np.float16)
    codes[::7], weights[::7] = NO_CODE, 0
    features = GaussianFeatures(unit(rng, 50, 8).astype(np.float16), codes, weights, weights[:, 0])
    query, canonical = unit(rng, 8), unit(rng, 4, 8)
    compiled = GaussianRelevancy(features, canonical, 10.0)
    if compiled._core is None:
        pytest.skip("the compiled core is not installed")
    monkeypatch.setattr("grounding3d.query.gaussian_relevancy._core_or_none", lambda: None)
    plain = GaussianRelevancy(features, canonical, 10.0)
    assert compiled.of(query) == pytest.approx(plain.of(query), abs=1e-5)
    assert not compiled.of(query)[::7].any()
    some = rng.integers(0, n, 100)
    assert compiled.of(query, some) == pytest.approx(plain.of(query)[some], abs=1e-5)


def test_a_query_that_fits_nothing_at_all_is_near_zero_and_not_nan() -> None:
    features = GaussianFeatures(
        np.eye(2, dtype=np.float16), np.array([[0, 1]] * 40, np.uint16),
        np.ones((40, 2), np.float16), np.ones(40, np.float16),
    )  # fmt: skip
    found = GaussianRelevancy(features, np.eye(2, dtype=np.float32), 1e6).of(-np.eye(2)[0])
    assert np.isfinite(found).all()
    assert (found < 1e-6).all()


def test_what_language_never_saw_is_never_relevant() -> None:
    rng = np.random.default_rng(2)
    codes = np.array([[NO_CODE, NO_CODE], [0, NO_CODE]], np.uint16)
    weights = np.array([[0, 0], [1, 0]], np.float16)
    codebook = unit(rng, 1, 8)
    features = GaussianFeatures(codebook.astype(np.float16), codes, weights, weights[:, 0])
    found = GaussianRelevancy(features, unit(rng, 4, 8), 10.0).of(codebook[0])
    assert found[0] == 0
    assert found[1] > 0.5


def test_a_scene_without_codes_is_dark() -> None:
    features = GaussianFeatures(
        np.zeros((0, 0), np.float16), np.full((5, 2), NO_CODE, np.uint16),
        np.zeros((5, 2), np.float16), np.zeros(5, np.float16),
    )  # fmt: skip
    assert not GaussianRelevancy(features, np.zeros((4, 8)), 10.0).of(np.ones(8)).any()


def test_an_encoder_brings_its_own_canonical_phrases_and_scale(bundled) -> None:
    words = ["mug", "table", "banana"]
    codebook = bundled.encode_text(words).astype(np.float16)
    codes = np.arange(3, dtype=np.uint16)[:, None]
    weights = np.ones((3, 1), np.float16)
    features = GaussianFeatures(codebook, codes, weights, weights[:, 0])
    found = gaussian_relevancy(features, "mug", bundled)
    canonical = bundled.encode_text(bundled.canonical_phrases)
    vectors = codebook.astype(np.float32)
    scale = relevancy_scale(bundled)
    expected = relevancy(vectors, bundled.encode_text(["mug"])[0], canonical, scale)
    assert found == pytest.approx(expected, abs=2e-3)
    assert found[0] > 0.5
    assert found[0] > found[1:].max() + 0.1
