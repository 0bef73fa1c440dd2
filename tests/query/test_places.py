"""Parts and stuff in the Gaussians' features: found where they stand out, refused elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grounding3d.fusion.base import GaussianFeatures
from grounding3d.query.engine import QueryEngine
from grounding3d.query.places import clusters, mean_feature
from grounding3d.scene.base import Gaussians
from tests.query.word_encoder import WordEncoder, scene_of, thing

MUG = np.array([0.0, 0.0, 0.75])
HANDLE = np.array([0.07, 0.0, 0.75])
SOFA = np.array([1.5, 0.5, 0.3])


def gaussians_at(points: np.ndarray) -> Gaussians:
    n = len(points)
    return Gaussians(
        points.astype(np.float32),
        np.tile(np.float32([1, 0, 0, 0]), (n, 1)),
        np.full((n, 3), 0.01, np.float32),
        np.full(n, 0.9, np.float32),
        np.zeros((n, 3), np.float32),
        np.zeros((n, 0, 3), np.float32),
    )


def scene(names: list[str], regions: list[tuple[np.ndarray, Any, int, int]], noise: float = 0.05):
    """A mug on a table; each region is (centre, size, number of Gaussians, code of its name)."""
    rng = np.random.default_rng(3)
    encoder = WordEncoder()
    blocks, codes = [], []
    for center, size, count, code in regions:
        blocks.append(center + rng.uniform(-0.5, 0.5, (count, 3)) * size)
        # several slightly different vectors a name, as several views give
        codes.append(8 * code + rng.integers(0, 8, count))
    base = np.repeat(encoder.encode_text(names), 8, axis=0)
    book = base + rng.normal(0, noise / np.sqrt(encoder.dim), base.shape)
    book /= np.linalg.norm(book, axis=1, keepdims=True)
    n = sum(len(block) for block in blocks)
    features = GaussianFeatures(
        book.astype(np.float16), np.concatenate(codes)[:, None].astype(np.uint16),
        np.ones((n, 1), np.float16), np.ones(n, np.float16),
    )  # fmt: skip
    return scene_of(
        thing(1, "table", (0, 0, 0.35), (1.6, 1.0, 0.7)),
        thing(2, "mug", (0.03, 0, 0.75), (0.18, 0.12, 0.12), support=1),
        thing(3, "laptop", (0.5, 0, 0.8), (0.3, 0.2, 0.2), support=1),
        gaussians=gaussians_at(np.concatenate(blocks)),
        features=features,
    )


NAMES = ["table", "mug", "mug handle", "sofa"]
BODY = (MUG, 0.1, 300, 1)
GRIP = (HANDLE, 0.04, 80, 2)
TABLE = (np.array([0, 0, 0.695]), np.array([1.6, 1.0, 0.01]), 3000, 0)
COUCH = (SOFA, 0.5, 300, 3)


@pytest.fixture(scope="module")
def engine() -> QueryEngine:
    return QueryEngine(scene(NAMES, [TABLE, BODY, GRIP, COUCH]), WordEncoder())


def test_a_part_is_found_in_its_whole(engine):
    answer = engine.ask("the handle of the mug")
    assert answer.status == "found", answer.reason
    best = answer.candidates[0]
    assert (best.id, best.label, best.selected) == (0, "mug handle", True)
    assert np.linalg.norm(best.box.center - HANDLE) < 0.02
    assert (best.box.size < 0.09).all()
    assert 0 < best.score <= 1
    assert (np.linalg.eigvalsh(best.covariance) > 0).all()
    assert answer.candidates[1].id == 2
    assert "mug (#2)" in answer.reason
    answer.to_json()


def test_without_a_part_in_the_features_none_is_made_up():
    plain = QueryEngine(scene(NAMES, [TABLE, BODY, (HANDLE, 0.04, 80, 1), COUCH]), WordEncoder())
    answer = plain.ask("the handle of the mug")
    assert (answer.status, answer.reason_code) == ("not_found", "low_confidence")
    assert "nothing in it stands out" in answer.reason
    assert answer.candidates[0].id == 2


def test_a_part_of_nothing(engine):
    answer = engine.ask("the handle of the suitcase")
    assert answer.status == "not_found"
    assert "no suitcase to look in" in answer.reason
    # another part stands out in the mug, but it is not what was asked for
    assert engine.ask("the screen of the mug").status == "not_found"


def test_stuff_that_is_no_object_is_found_as_a_place(engine):
    answer = engine.ask("where is the sofa")
    assert answer.status == "found", answer.reason
    assert answer.candidates[0].id == 0
    assert np.linalg.norm(answer.candidates[0].box.center - SOFA) < 0.05
    assert "no object fits" in answer.reason


@pytest.mark.parametrize("text", ["giraffe", "the fire hydrant", "a violin"])
def test_what_does_not_stand_out_is_refused(engine, text):
    assert engine.ask(text).status == "not_found"


def test_a_part_may_be_asked_for_without_its_whole(engine):
    assert np.linalg.norm(engine.ask("the handle").candidates[0].box.center - HANDLE) < 0.02


def test_objects_come_first(engine):
    assert engine.ask("the mug").candidates[0].id == 2


def test_an_object_that_was_refused_is_not_found_again_as_a_place():
    # the features call the laptop's Gaussians a sofa, as the map's own embedding does not
    where = (np.array([0.5, 0, 0.8]), 0.2, 300, 3)
    engine = QueryEngine(scene(NAMES, [TABLE, BODY, where]), WordEncoder())
    assert engine.ask("the sofa").status == "not_found"


def test_a_scene_without_features_has_no_places():
    answer = QueryEngine(scene_of(thing(1, "mug", (0, 0, 0))), WordEncoder()).ask("mug's handle")
    assert answer.status == "not_found"


def test_clusters_are_what_touches():
    points = np.array([[0, 0, 0], [0.04, 0, 0], [0.09, 0, 0], [0.5, 0, 0], [0.52, 0.02, 0]])
    label = clusters(points, 0.05)
    assert label[0] == label[1] == label[2] != label[3] == label[4]


def test_the_mean_feature_is_weighted_by_confidence():
    book = np.eye(3, dtype=np.float16)
    features = GaussianFeatures(
        book, np.array([[0], [1]], np.uint16), np.ones((2, 1), np.float16),
        np.array([3, 4], np.float16),
    )  # fmt: skip
    np.testing.assert_allclose(mean_feature(features, np.arange(2)), [0.6, 0.8, 0], atol=1e-3)
