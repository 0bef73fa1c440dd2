"""The parts of the recipe that need neither a renderer nor training."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from recipes.bundled import attributes, phrases
from recipes.bundled.space import DIM, GENERIC_AXIS, Space, axis, build_space
from recipes.bundled.tokenizer import learn_merges, merge_pair, write_merges
from recipes.bundled.vocabulary import Concept


@pytest.fixture
def space() -> Space:
    basis = np.eye(8)
    mug, cup = basis[0], 0.8 * basis[0] + 0.6 * basis[1]
    rows = {"mug": mug, "cup": cup, "banana": basis[2], "chair": basis[3]}
    return build_space([Concept(n, (n,), v, True) for n, v in rows.items()])


def test_merges_join_the_most_frequent_pair_first() -> None:
    merges = learn_merges(Counter({"mug": 5, "mugs": 3, "bug": 1}), 2)
    assert merges[0] == ("m", "u") or merges[0] == ("u", "g")
    assert merge_pair(["a", "b", "a", "b", "c"], ("a", "b")) == ["ab", "ab", "c"]


def test_merges_file_is_read_by_open_clip(tmp_path) -> None:
    from grounding3d.compat import prepare_torchvision

    prepare_torchvision()
    from open_clip.tokenizer import SimpleTokenizer

    merges = learn_merges(Counter({"mug": 9, "bowl": 9}), 50)
    path = tmp_path / "merges.txt.gz"
    write_merges(path, merges)
    tokenizer = SimpleTokenizer(bpe_path=str(path), context_length=8)
    assert tokenizer.vocab_size == 512 + len(merges) + 2
    assert len(tokenizer.encode("mug bowl")) == 2
    assert tokenizer.decode(tokenizer.encode("Mug, zebra")).split() == ["mug", ",", "zebra"]
    first = path.read_bytes()
    write_merges(path, merges)
    assert path.read_bytes() == first


def test_related_nouns_are_near_and_unrelated_ones_apart(space: Space) -> None:
    similar = space.nouns @ space.nouns.T
    assert similar[0, 1] > 0.3
    assert abs(similar[0, 2]) < 0.15
    np.testing.assert_allclose(np.linalg.norm(space.nouns, axis=1), 1.0)


def test_the_colour_decides_between_two_of_a_kind(space: Space) -> None:
    picture = space.phrase(0, {"red": 1.0})
    assert picture @ space.phrase(0, {"red": 1.0}) == pytest.approx(1.0)
    assert picture @ space.phrase(0, {"blue": 1.0}) < picture @ space.phrase(0)
    assert picture @ space.phrase(2, {"red": 1.0}) < picture @ space.phrase(0, {"blue": 1.0})
    assert abs(picture @ axis(GENERIC_AXIS)) < 1e-9


@pytest.mark.parametrize(
    ("caption", "shown"),
    [
        ("a red mug", {"red"}),
        ("a blue and white striped mug", {"blue", "white", "striped"}),
        ("a light blue ball", {"blue"}),
        ("a mug", set()),
        ("a wooden chair", {"wooden"}),
    ],
)
def test_attributes_of_a_caption(caption: str, shown: set[str]) -> None:
    assert set(attributes.in_phrase(caption)) == shown


def test_prototypes_get_their_own_colour_name() -> None:
    for name, rgb in attributes.COLOURS.items():
        assert attributes.colour_shares(np.array([rgb])) == {name: 1.0}


def test_phrases_have_unit_targets_and_captions_their_meaning(space: Space) -> None:
    maker = phrases.PhraseMaker(
        space, [("a red mug", "mug"), ("a thing", "mug"), ("a thing", "cup")]
    )
    rng = np.random.default_rng(0)
    targets = np.stack([maker.draw(rng)[1] for _ in range(200)])
    assert targets.shape == (200, DIM)
    np.testing.assert_allclose(np.linalg.norm(targets, axis=1), 1.0)
    meaning = dict(maker.captions)
    assert meaning["a red mug"] @ space.phrase(0, {"red": 1.0}) == pytest.approx(1.0)
    assert meaning["a thing"] @ space.nouns[0] == pytest.approx(meaning["a thing"] @ space.nouns[1])
    assert maker.nonsense(rng) not in maker.known


def test_bare_captions() -> None:
    assert phrases.bare("a red gift box") == "gift box"
    assert phrases.plural("pair of scissors") == "pair of scissors"
    assert phrases.plural("box") == "boxes"
