"""Gaussians take the code of the thing they lie on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.fusion.base import NO_CODE
from grounding3d.fusion.gaussian_features import gaussian_features
from grounding3d.scene.base import Gaussians, Scene


@dataclass
class Thing:
    points: np.ndarray
    embedding: np.ndarray
    n_views: int


def scene_at(means: np.ndarray) -> Scene:
    n = len(means)
    wxyz = np.tile(np.array([1, 0, 0, 0], np.float32), (n, 1))
    zeros = np.zeros((n, 3), np.float32)
    gaussians = Gaussians(
        means.astype(np.float32), wxyz, zeros + 0.01, np.full(n, 0.5, np.float32), zeros,
        np.zeros((n, 0, 3), np.float32),
    )  # fmt: skip
    return Scene(gaussians, np.zeros(n, np.int32), (), "map")


def blob(center: list[float], n: int = 200) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (np.array(center) + rng.uniform(-0.03, 0.03, (n, 3))).astype(np.float32)


def test_codes_follow_the_points() -> None:
    red, blue = blob([0, 0, 0]), blob([1, 0, 0])
    things = [Thing(red, np.eye(4)[0], 10), Thing(blue, np.eye(4)[1], 2)]
    features = gaussian_features(scene_at(np.concatenate([red, blue, [[5, 5, 5]]])), things)
    assert (features.codes[:200, 0] == 0).all()
    assert (features.codes[200:400, 0] == 1).all()
    assert (features.codes[400] == NO_CODE).all()
    assert features.confidence[0] > features.confidence[300] > features.confidence[400] == 0
    assert features.codebook.dtype == np.float16


def test_weights_sum_to_one_where_there_is_a_code() -> None:
    a, b = blob([0, 0, 0]), blob([0.05, 0, 0])
    things = [Thing(a, np.eye(4)[0], 5), Thing(b, np.eye(4)[1], 5)]
    features = gaussian_features(scene_at(np.concatenate([a, b])), things)
    both = (features.codes != NO_CODE).all(axis=1)
    assert both.any()
    np.testing.assert_allclose(features.weights.sum(axis=1, dtype=np.float32), 1, atol=2e-3)
    assert (features.weights[both, 0] >= features.weights[both, 1]).all()
    assert (features.codes[both, 0] != features.codes[both, 1]).all()


def test_nothing_to_take_from() -> None:
    features = gaussian_features(scene_at(blob([0, 0, 0])), [])
    assert (features.codes == NO_CODE).all()
    assert not features.confidence.any()
    unencoded = [Thing(blob([0, 0, 0]), np.zeros(4), 3)]
    features = gaussian_features(scene_at(blob([0, 0, 0])), unencoded)
    assert (features.codes == NO_CODE).all()
