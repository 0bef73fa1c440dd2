"""Questions by where a thing is: next to, on, in, under, left of, between, nearest to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations

import numpy as np

from grounding3d.capture.simulator.queries import spatial
from grounding3d.capture.simulator.queries.attributes import (
    COLOURS,
    certain_group,
    is_coloured_one,
)
from grounding3d.capture.simulator.queries.base import (
    Thing,
    TruthQuery,
    Verdict,
    both,
    decide,
    is_a,
)
from grounding3d.capture.simulator.wording import is_plural

_WORDS = {
    "next": ("next to", "beside", "near"),
    "on": ("on", "on top of"),
    "in": ("in", "inside"),
    "under": ("under", "below"),
    "left": ("left of", "to the left of"),
    "right": ("right of", "to the right of"),
    "front": ("in front of",),
    "back": ("behind",),
    "nearest": ("nearest to", "closest to"),
    "farthest": ("farthest from",),
}
_FORMS = ("the {} {} {}", "where is the {} {} {}", "find the {} {} {}")
_PER_RELATION = 3
_LARGER = 2.0  # nobody finds a thing by one that is so much smaller
_BESIDE = ("next", "left", "right", "front", "back", "nearest", "farthest")
_TRIVIAL = 2  # questions whose noun alone would do, of each relation

# A relation, the question, its answers, and whether the noun alone would have more answers.
_Draft = tuple[str, TruthQuery, bool]


def relation_queries(
    rng: np.random.Generator, things: list[Thing], viewpoints: np.ndarray
) -> list[TruthQuery]:
    """Ask by relations whose truth is clear; those that tell things of a kind apart come first.

    Args:
        viewpoints: [k, 3] where left, right, front and back are seen from.
    """
    drafts = list(_drafts(rng, things, viewpoints))
    order = rng.permutation(len(drafts))
    drafts = sorted((drafts[k] for k in order), key=lambda d: not d[2])
    used: dict[str, int] = {}
    trivial: dict[str, int] = {}
    queries = []
    for relation, query, tells_apart in drafts:
        if used.get(relation, 0) >= _PER_RELATION:
            continue
        if not tells_apart and trivial.get(relation, 0) >= _TRIVIAL:
            continue
        used[relation] = used.get(relation, 0) + 1
        trivial[relation] = trivial.get(relation, 0) + (not tells_apart)
        queries.append(query)
    return queries


def _drafts(
    rng: np.random.Generator, things: list[Thing], viewpoints: np.ndarray
) -> Iterator[_Draft]:
    named = [(t, name) for t in things if t.well_seen and (name := reference(t, things))]
    for noun in sorted({t.category for t in things}):
        group = [t for t in things if t.category == noun]
        count, extent = len(group), max(max(t.size_m) for t in group)
        certain = certain_group(things, noun)
        others = [(t, name) for t, name in named if t.category != noun]
        for anchor, name in others:
            found = {
                relation: decide(things, partial(_one, noun, judge))
                for relation, judge in _judges(anchor, things, viewpoints).items()
            }
            for relation, farthest in (("nearest", False), ("farthest", True)):
                extreme = spatial.nearest_of(certain, anchor, farthest=farthest)
                found[relation] = () if extreme is None else (extreme,)
            small = extent > _LARGER * max(anchor.size_m)
            for relation, targets in found.items():
                if targets and not (small and relation in _BESIDE):
                    text = _text(rng, noun, relation, f"the {name}")
                    query = TruthQuery(text, "relation", targets)
                    yield relation, query, len(targets) < count
        for (a, first), (b, second) in combinations(others, 2):
            if extent > _LARGER * min(max(a.size_m), max(b.size_m)):
                continue
            between = partial(spatial.is_between, first=a, second=b)
            targets = decide(things, partial(_one, noun, between))
            if targets:
                text = f"the {noun} between the {first} and the {second}"
                yield "between", TruthQuery(text, "relation", targets), len(targets) < count


def _one(noun: str, judge: Callable[[Thing], Verdict], thing: Thing) -> Verdict:
    """Whether a thing is of a kind and stands where it should."""
    named = is_a(noun, thing)
    return False if named is False else both(named, judge(thing))


def _judges(
    anchor: Thing, things: list[Thing], viewpoints: np.ndarray
) -> dict[str, Callable[[Thing], Verdict]]:
    sides = ("left", "right", "front", "back")
    return {
        "next": partial(spatial.next_to, anchor=anchor, others=things),
        "on": partial(spatial.rests_on, anchor=anchor, things=things),
        "in": partial(spatial.lies_in, anchor=anchor, things=things),
        "under": partial(spatial.is_under, anchor=anchor),
        **{
            side: partial(spatial.beside, side, anchor=anchor, viewpoints=viewpoints)
            for side in sides
        },
    }


def _text(rng: np.random.Generator, noun: str, relation: str, anchor: str) -> str:
    form, words = str(rng.choice(_FORMS)), str(rng.choice(_WORDS[relation]))
    text = form.format(noun, words, anchor)
    return text.replace("where is ", "where are ") if is_plural(noun) else text


def reference(thing: Thing, things: list[Thing]) -> str | None:
    """A name that fits one thing alone: its noun, else its colour and noun."""
    if decide(things, partial(is_a, thing.category)) == (thing.id,):
        return thing.category
    for colour in COLOURS:
        if decide(things, partial(is_coloured_one, thing.category, colour)) == (thing.id,):
            return f"{colour} {thing.category}"
    return None
