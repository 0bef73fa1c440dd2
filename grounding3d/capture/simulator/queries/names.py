"""Questions by name: plain, by caption, by synonym, and in vain."""

from __future__ import annotations

import re
from functools import partial

import numpy as np

from grounding3d.capture.simulator.confusable import (
    GENERIC_NOUNS,
    OTHER_ABSENT,
    confusable,
    same_name,
)
from grounding3d.capture.simulator.packs import colour_in
from grounding3d.capture.simulator.queries.base import (
    Seen,
    Thing,
    TruthQuery,
    Verdict,
    decide,
    phrase,
)
from grounding3d.capture.simulator.queries.synonyms import names_of

_PLAIN = ("where is the {}", "find the {}", "{}", "where is {a}", "locate the {}")
_SYNONYMS = 2  # asked of a category
_ABSENT = ("where is the {}", "find me {a}", "{}")


def plain_query(rng: np.random.Generator, asked: Seen, seen: list[Seen]) -> TruthQuery | None:
    """Ask by category; all of that category are right. None where a neighbour's name fits too."""
    rivals = [s for s in seen if s.category != asked.category]
    if any(same_name(asked.category, s.category) for s in rivals):
        return None
    targets = tuple(s.id for s in seen if s.category == asked.category)
    return TruthQuery(phrase(rng, _PLAIN, asked.category), "plain", targets)


def caption_query(rng: np.random.Generator, asked: Seen, seen: list[Seen]) -> TruthQuery | None:
    """Ask by a caption that fits this object alone, if it has one."""
    others = [s for s in seen if s.id != asked.id]
    fitting = [c for c in asked.captions if not any(may_fit(c, asked, o) for o in others)]
    fitting = [c for c in fitting if not is_generic(c)]
    if not fitting:
        return None
    # The first captions name the colour; prefer what tells most.
    best = max(fitting, key=lambda c: (colour_in((c,)) is not None, rng.random()))
    return TruthQuery(best, "caption", (asked.id,))


def synonym_queries(rng: np.random.Generator, things: list[Thing]) -> list[TruthQuery]:
    """Ask by nouns that are no category's own name and that fit nothing else in the scene."""
    queries = []
    for category in sorted({t.category for t in things}):
        fitting = []
        for noun in names_of(category):
            if targets := decide(things, partial(_goes_by, noun, category)):
                fitting.append(TruthQuery(phrase(rng, _PLAIN, noun), "synonym", targets))
        queries += [fitting[k] for k in rng.permutation(len(fitting))[:_SYNONYMS]]
    return queries


def _goes_by(noun: str, category: str, thing: Thing) -> Verdict:
    """Whether another name of ``category`` names a thing."""
    if thing.category == category:
        return True
    names = (thing.category, *names_of(thing.category), *thing.captions)
    said = any(f" {noun} " in f" {name} " for name in names)
    # "pot" is said of a moka pot, "screen" of a touch screen: a shared last word is argued about.
    last = noun.split()[-1]
    said = said or any(last in re.findall(r"[a-z]+", name) for name in names)
    return None if said or same_name(category, thing.category) else False


def may_fit(caption: str, asked: Seen, other: Seen) -> bool:
    """Whether a caption of one object could fairly be said of another."""
    if caption in other.captions:
        return True
    if not confusable(asked.category, other.category) and not _share_noun(caption, other):
        return False
    said = colour_in((caption,))
    return said is None or other.colour is None or close_colours(said, other.colour)


def is_generic(caption: str) -> bool:
    """Whether a caption's noun names a family of things ("a hand tool", "a piece of fruit")."""
    head = re.split(r" (?:with|in|of|on|for) ", caption)[0]
    return head.split()[-1] in GENERIC_NOUNS or "piece of" in caption


def absent_queries(
    rng: np.random.Generator, present: list[str], categories: list[str], count: int
) -> list[TruthQuery]:
    """Questions for things that are not there and resemble nothing that is."""
    pool = sorted({*categories, *OTHER_ABSENT})
    pool = [noun for noun in pool if not any(confusable(noun, p) for p in [*present, "table"])]
    chosen = rng.permutation(pool)[:count]
    return [TruthQuery(phrase(rng, _ABSENT, str(noun)), "absent", ()) for noun in chosen]


# Pairs of colour names that people mix up.
_CLOSE = (
    "silver grey, silver white, black grey, beige white, beige brown, cream white, cream beige, "
    "tan beige, tan brown, gold yellow, gold brown, gold beige, teal blue, teal green, cyan blue, "
    "cyan teal, red orange, red pink, red brown, orange yellow, orange brown, purple pink, "
    "purple blue"
)
_CLOSE_PAIRS = frozenset(frozenset(pair.split()) for pair in _CLOSE.split(", "))


def close_colours(a: str, b: str) -> bool:
    """Whether people may call one colour by the other's name."""
    return a == b or frozenset((a, b)) in _CLOSE_PAIRS


def _share_noun(caption: str, other: Seen) -> bool:
    head = re.split(r" (?:with|in|of|on|for) ", caption)[0].split()[-1]
    return any(head in re.findall(r"[a-z]+", c) for c in (*other.captions, other.category))
