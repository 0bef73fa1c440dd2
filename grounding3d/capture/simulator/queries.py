"""Questions with known answers about a simulated scene: plain, by caption, and in vain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from grounding3d.capture.simulator.confusable import (
    GENERIC_NOUNS,
    OTHER_ABSENT,
    confusable,
    same_name,
)
from grounding3d.capture.simulator.packs import colour_in
from grounding3d.capture.simulator.wording import is_plural, with_article

_PLAIN = ("where is the {}", "find the {}", "{}", "where is {a}", "locate the {}")
_ABSENT = ("where is the {}", "find me {a}", "{}")


@dataclass(frozen=True)
class Seen:
    """What a question needs to know of an object in view."""

    id: int
    category: str
    captions: tuple[str, ...]
    colour: str | None


@dataclass(frozen=True)
class TruthQuery:
    """A question, its kind, and the ids of every right answer (none for an absent one)."""

    text: str
    kind: Literal["plain", "caption", "absent"]
    targets: tuple[int, ...]


def make_queries(
    rng: np.random.Generator,
    seen: list[Seen],
    present: list[str],
    categories: list[str],
    n_absent: int = 6,
) -> list[TruthQuery]:
    """Questions about one scene.

    Args:
        seen: Objects visible well enough to be asked for.
        present: Categories of everything in the scene, visible or not.
        categories: Nouns that may be asked in vain.
        n_absent: How many questions in vain.
    """
    queries = [q for s in seen if (q := plain_query(rng, s, seen))]
    queries = list({q.targets: q for q in queries}.values())
    queries += [q for s in seen if (q := caption_query(rng, s, seen))]
    return queries + absent_queries(rng, present, categories, n_absent)


def plain_query(rng: np.random.Generator, asked: Seen, seen: list[Seen]) -> TruthQuery | None:
    """Ask by category; all of that category are right. None where a neighbour's name fits too."""
    rivals = [s for s in seen if s.category != asked.category]
    if any(same_name(asked.category, s.category) for s in rivals):
        return None
    targets = tuple(s.id for s in seen if s.category == asked.category)
    return TruthQuery(_phrase(rng, _PLAIN, asked.category), "plain", targets)


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


def may_fit(caption: str, asked: Seen, other: Seen) -> bool:
    """Whether a caption of one object could fairly be said of another."""
    if caption in other.captions:
        return True
    if not confusable(asked.category, other.category) and not _share_noun(caption, other):
        return False
    said = colour_in((caption,))
    return said is None or other.colour is None or _close_colours(said, other.colour)


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
    return [TruthQuery(_phrase(rng, _ABSENT, str(noun)), "absent", ()) for noun in chosen]


def _phrase(rng: np.random.Generator, patterns: tuple[str, ...], noun: str) -> str:
    text = str(rng.choice(patterns)).format(noun, a=with_article(noun))
    return text.replace("where is ", "where are ") if is_plural(noun) else text


# Pairs of colour names that people mix up.
_CLOSE = (
    "silver grey, silver white, black grey, beige white, beige brown, cream white, cream beige, "
    "tan beige, tan brown, gold yellow, gold brown, gold beige, teal blue, teal green, cyan blue, "
    "cyan teal, red orange, red pink, red brown, orange yellow, orange brown, purple pink, "
    "purple blue"
)
_CLOSE_PAIRS = frozenset(frozenset(pair.split()) for pair in _CLOSE.split(", "))


def _close_colours(a: str, b: str) -> bool:
    return a == b or frozenset((a, b)) in _CLOSE_PAIRS


def _share_noun(caption: str, other: Seen) -> bool:
    head = re.split(r" (?:with|in|of|on|for) ", caption)[0].split()[-1]
    return any(head in re.findall(r"[a-z]+", c) for c in (*other.captions, other.category))
