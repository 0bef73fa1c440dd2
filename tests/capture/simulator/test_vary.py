"""Variants keep the object's frame, name and captions, and really differ."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pybullet")

from grounding3d.capture.simulator.objects import generate
from grounding3d.capture.simulator.vary import vary


def test_a_variant_differs_and_stands_at_its_origin():
    model = generate("mug", 1)
    variant = vary(model, np.random.default_rng(0))
    low, high = variant.vertices.min(axis=0), variant.vertices.max(axis=0)
    np.testing.assert_allclose([*(low + high)[:2], low[2]], 0, atol=1e-5)
    np.testing.assert_allclose(high - low, variant.size_m, atol=1e-5)
    assert variant.captions == model.captions
    assert variant.name.startswith(model.name)
    assert not np.allclose(variant.size_m, model.size_m, rtol=0.01)
    assert len(variant.faces) == len(model.faces)


def test_no_strength_no_change():
    model = generate("book", 1)
    same = vary(model, np.random.default_rng(0), strength=0.0)
    np.testing.assert_allclose(same.size_m, model.size_m, atol=1e-6)
    assert np.abs(same.texture.astype(int) - model.texture).max() <= 8
