"""Tables, floors and things, and which of them a noun asks for."""

from __future__ import annotations

from grounding3d.features.vocabulary import FLOOR_NOUNS, RAISED_NOUNS
from grounding3d.objects.base import ObjectMap
from grounding3d.query.support_kinds import SupportKinds
from tests.query.word_encoder import UP, WordEncoder, thing


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
