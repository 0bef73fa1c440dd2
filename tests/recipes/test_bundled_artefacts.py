"""What travels in the package: complete, small, and it means what it should."""

from __future__ import annotations

import json

import numpy as np
import pytest

from grounding3d.features.bundled_encoder import FOLDER, STEM


@pytest.fixture(scope="module")
def encoder():
    from recipes.bundled.evaluate import Encoder

    return Encoder(FOLDER)


def test_the_files_are_complete_and_small() -> None:
    assert sum(f.stat().st_size for f in FOLDER.iterdir() if f.is_file()) < 20e6
    config = json.loads((FOLDER / f"{STEM}.json").read_text())
    assert {"embed_dim", "vision_cfg", "text_cfg", "preprocess_cfg"} <= set(config)
    held_out = json.loads((FOLDER / f"{STEM}_provenance.json").read_text())["held_out"]
    assert len(held_out) == len(set(held_out)) == 16


@pytest.mark.parametrize(
    ("phrase", "near", "far"),
    [
        ("coffee cup", "mug", "bottle"),
        ("cell phone", "phone", "remote control"),
        ("a red gift box", "gift box", "cardboard box"),
        ("where is the fridge", "refrigerator", "table"),
        ("couch", "sofa", "bed"),
        ("a present with a ribbon", "gift box", "food box"),
        ("TV remote!", "remote control", "television"),
    ],
)
def test_phrases_lie_near_their_meaning(encoder, phrase: str, near: str, far: str) -> None:
    asked, right, wrong = encoder.text([phrase, near, far])
    assert asked @ right > 0.6
    assert asked @ right > asked @ wrong + 0.2


def test_colour_separates_and_noun_dominates(encoder) -> None:
    red, blue, plain, ball = encoder.text(["red mug", "blue mug", "mug", "red ball"])
    assert red @ plain > 0.75
    assert red @ plain > red @ blue > red @ ball


def test_words_without_a_meaning_are_near_nothing(encoder) -> None:
    nouns = encoder.text(["mug", "table", "phone", "book", "banana", "chair", "bottle"])
    odd = encoder.text(["democracy", "yesterday", "qwxzt", "mathematics theorem"])
    assert np.abs(odd @ nouns.T).max() < 0.45


def test_case_marks_and_length_do_not_matter(encoder) -> None:
    plain, loud, long = encoder.text(["mug", "MUG?!", "mug " * 3000])
    assert plain @ loud > 0.9
    assert np.isfinite(long).all()


def test_image_vectors_are_unit_and_finite_at_any_size(encoder) -> None:
    crops = np.random.default_rng(0).integers(0, 255, (2, 112, 112, 4)).astype(np.uint8)
    for side in (64, 96, 128):
        vectors = encoder.crops(crops, side)
        assert np.isfinite(vectors).all()
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-4)
