"""The online codebook: codes mean what they were given for, for ever, within a stated angle."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.errors import ArrayError
from grounding3d.fusion.codebook import Codebook, CodebookConfig


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    vectors = rng.normal(size=shape)
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def around(rng: np.random.Generator, centres: np.ndarray, count: int, noise: float) -> np.ndarray:
    """`count` unit vectors near each of the centres."""
    tiled = np.repeat(centres, count, axis=0)
    return tiled + noise * rng.normal(size=tiled.shape).astype(np.float32) / tiled.shape[1] ** 0.5


def angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (a, b))
    return np.arccos(np.clip((a * b).sum(axis=-1), -1, 1))


def test_one_code_for_what_is_alike_and_another_for_what_is_not() -> None:
    rng = np.random.default_rng(0)
    centres = unit(rng, 20, 64)
    codes = Codebook().add(around(rng, centres, 30, 0.05))
    assert (codes.reshape(20, 30) == codes.reshape(20, 30)[:, :1]).all()
    assert len(np.unique(codes)) == 20


def test_a_vector_never_lies_farther_from_its_code_than_promised() -> None:
    rng = np.random.default_rng(1)
    config = CodebookConfig(new_cosine=0.9, drift_cosine=0.99)
    book = Codebook(config)
    parts = [unit(rng, 5, 16) + unit(rng, 300, 5, 16) * 0.5 for _ in range(4)]
    vectors = np.concatenate([p.reshape(-1, 16) for p in parts])
    codes = np.concatenate([book.add(v) for v in np.array_split(vectors, 13)])
    bound = np.arccos(config.new_cosine) + 2 * np.arccos(config.drift_cosine)
    assert angle(book.of(codes), vectors).max() <= bound + 1e-3
    assert np.linalg.norm(book.vectors, axis=1) == pytest.approx(1, abs=1e-4)


def test_codes_survive_what_comes_later() -> None:
    rng = np.random.default_rng(2)
    book = Codebook()
    first = unit(rng, 50, 32)
    codes = book.add(first)
    before = book.of(codes).copy()
    book.add(unit(rng, 500, 32))
    drift = angle(book.of(codes), before)
    assert drift.max() <= 2 * np.arccos(book.config.drift_cosine) + 1e-3
    assert (book.add(first) == codes).all()


def test_a_code_moves_towards_what_takes_it_but_no_farther_than_the_cone() -> None:
    book = Codebook(CodebookConfig(new_cosine=0.9, drift_cosine=0.98))
    founder = np.array([[1.0, 0, 0]], np.float32)
    side = np.array([[0.95, np.sqrt(1 - 0.95**2), 0]], np.float32)
    book.add(founder)
    for _ in range(200):
        assert book.add(side).tolist() == [0]
    assert float(book.vectors[0] @ founder[0]) == pytest.approx(0.98, abs=1e-4)
    assert book.vectors[0] @ side[0] > founder[0] @ side[0]


def test_a_full_book_widens_its_radius_and_old_codes_stay_near() -> None:
    rng = np.random.default_rng(3)
    book = Codebook(CodebookConfig(capacity=64, new_cosine=0.999))
    vectors = around(rng, unit(rng, 10, 32), 100, 0.4)
    codes = np.concatenate([book.add(v) for v in np.array_split(vectors, 20)])
    assert len(book.vectors) <= 64
    assert book.cosine < 0.999
    reach = 5 * np.arccos(book.cosine) + 2 * np.arccos(book.config.drift_cosine)
    assert angle(book.of(codes), vectors).max() <= reach
    # ten heaps stay ten heaps
    heap = np.repeat(np.arange(10), 100)
    rows = book.rows[codes]
    assert all(len(np.unique(heap[rows == r])) == 1 for r in np.unique(rows))


@pytest.mark.parametrize("capacity", [1, 2, 3])
def test_the_smallest_books_end(capacity: int) -> None:
    book = Codebook(CodebookConfig(capacity=capacity))
    codes = book.add(unit(np.random.default_rng(4), 40, 8))
    assert len(codes) == 40
    assert 1 <= len(book.vectors) <= capacity


def test_the_same_vectors_give_the_same_book_after_a_restart_too() -> None:
    rng = np.random.default_rng(5)
    parts = [unit(rng, 200, 16) for _ in range(4)]
    whole, early = Codebook(CodebookConfig(capacity=128)), Codebook(CodebookConfig(capacity=128))
    expected = [whole.add(p) for p in parts]
    found = [early.add(p) for p in parts[:2]]
    late = Codebook(CodebookConfig(capacity=128))
    late.restore({k: v.copy() for k, v in early.state().items()})
    found += [late.add(p) for p in parts[2:]]
    np.testing.assert_array_equal(np.concatenate(found), np.concatenate(expected))
    np.testing.assert_array_equal(late.vectors, whole.vectors)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_what_has_no_direction_is_refused(bad: float) -> None:
    vectors = np.ones((3, 4), np.float32)
    vectors[1] = bad
    with pytest.raises(ArrayError):
        Codebook().add(vectors)


def test_another_dimension_and_a_damaged_state_are_refused() -> None:
    book = Codebook()
    book.add(np.eye(4))
    with pytest.raises(ArrayError):
        book.add(np.eye(5))
    state = book.state()
    with pytest.raises(ArrayError):
        Codebook().restore({k: v for k, v in state.items() if k != "rows"})
    with pytest.raises(ArrayError):
        Codebook().restore({**state, "rows": state["rows"] + 9})


def test_nothing_added_is_nothing_given() -> None:
    book = Codebook()
    assert len(book.add(np.zeros((0, 4)))) == 0
    assert len(book) == 0
