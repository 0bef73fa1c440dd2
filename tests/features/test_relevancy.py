"""Relevancy as LERF defines it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_clip import make_tiny_clip

from grounding3d.features.encoders import load_encoder
from grounding3d.features.relevancy import relevancy, relevancy_scale, sigmoid


def test_it_is_the_smallest_pairwise_softmax():
    rng = np.random.default_rng(0)
    vectors, query, canonical = (rng.normal(size=s) for s in ((5, 8), 8, (4, 8)))
    logits = np.stack([np.stack([vectors @ query, vectors @ c]) for c in canonical])
    pairs = np.exp(10 * logits)
    expected = (pairs[:, 0] / pairs.sum(axis=1)).min(axis=0)
    np.testing.assert_allclose(relevancy(vectors, query, canonical, 10), expected, atol=1e-9)


def test_the_query_itself_is_neutral_against_itself():
    query = np.array([0.6, 0.8])
    assert relevancy(query[None], query, query[None], 10)[0] == pytest.approx(0.5)


def test_sigmoid_models_use_their_own_scale(tmp_path: Path):
    plain = load_encoder(make_tiny_clip(tmp_path))
    biased = load_encoder(make_tiny_clip(tmp_path, "tiny-sigmoid"))
    assert relevancy_scale(plain) == 10
    assert relevancy_scale(biased) == biased.logit_scale


def test_sigmoid_does_not_overflow():
    np.testing.assert_allclose(sigmoid(np.array([-1e4, 0, 1e4])), [0, 0.5, 1])
