"""Fits of views, against the plain definition, and kinds of supports."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grounding3d.features.vocabulary import FLOOR_NOUNS, RAISED_NOUNS
from grounding3d.objects.base import ObjectMap
from grounding3d.query.support_kinds import SupportKinds
from grounding3d.query.view_fits import ViewFits
from tests.query.word_encoder import UP, WordEncoder, thing


def with_views(number: int, count: int) -> tuple:
    rng = np.random.default_rng(number)
    views = rng.normal(size=(count, WordEncoder.dim)).astype(np.float32)
    return replace(thing(number, "mug", (number, 0, 0)), view_embeddings=views), views


def test_the_better_half_of_each_objects_views_counts() -> None:
    made = [with_views(n + 1, count) for n, count in enumerate((1, 2, 5, 0, 8))]
    objects = ObjectMap([item for item, _ in made])
    fits = ViewFits(objects, objects.embeddings.astype(np.float32))
    query = WordEncoder().encode_text(["vase"])[0]
    expected = []
    for item, views in made:
        cosines = np.sort((views if len(views) else item.embedding[None]) @ query)[::-1]
        expected.append(cosines[: max((len(cosines) + 1) // 2, 1)].mean())
    assert fits.all(fits.vectors @ query) == pytest.approx(expected, abs=1e-5)
    rows = np.array([4, 1, 3])
    assert fits.some(rows, query) == pytest.approx(np.array(expected)[rows], abs=1e-5)


def test_a_table_is_asked_for_and_the_floor_is_none() -> None:
    shelf = thing(4, "mug", (2, 0, 0.5), (0.8, 0.3, 1.0))  # as large as furniture: may be a shelf
    objects = ObjectMap([
        thing(1, "floor", (0, 0, -0.02), (4, 4, 0.04)),
        thing(2, "table", (0, 0, 0.7), (1, 1, 0.05)), thing(3, "mug", (0, 0, 0.8)), shelf,
    ])  # fmt: skip
    kinds = SupportKinds(objects, WordEncoder(), UP)

    def agreement(noun: str) -> list[float]:
        cosines = kinds.vectors @ WordEncoder().encode_text([noun])[0]
        known = max(cosines.max(), 0.9)  # as if every other noun were a household noun too
        return kinds.agreement(cosines, float(known)).tolist()

    assert len(kinds.vectors) == len(RAISED_NOUNS + FLOOR_NOUNS)
    assert agreement("desk") == [-1, 1, -1, 0]
    assert agreement("carpet") == [1, -1, -1, -1]
    assert agreement("vase") == [-1, -1, 0, 0]
