"""Questions by colour, pattern, material and size, and for things that lack a colour."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from grounding3d.capture.simulator.confusable import same_name
from grounding3d.capture.simulator.queries.base import (
    Thing,
    TruthQuery,
    Verdict,
    both,
    decide,
    is_a,
    said_colours,
    word,
)
from grounding3d.capture.simulator.queries.names import close_colours
from grounding3d.capture.simulator.wording import is_plural, with_article

# Colours whose names nobody argues about.
COLOURS = (
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
    "white",
    "grey",
    "black",
)
_DETAILS = ("striped", "checkered", "wooden")
_FAMILIES = ("box",)
_SHOWN, _NOT_SHOWN = 0.35, 0.06  # share of the surface
_MAIN, _BESIDE_MAIN = 0.5, 0.22  # so much of another colour does not count beside a main one
_ATTRIBUTE = ("where is the {}", "{}", "find the {}", "where is {a}", "the {}")
_BIGGER, _LONGER = 1.5, 1.12  # ratio of volumes and of longest sides that nobody argues about


def is_coloured(thing: Thing, colour: str) -> Verdict:
    """Whether people would call a thing by a colour."""
    said = said_colours(thing)
    shown = _shown(thing, colour)
    if said == {colour} and shown >= _SHOWN:
        return True
    if any(close_colours(colour, s) for s in said):
        return None
    # A black phone with a blue picture on it is not blue, one half blue is argued about.
    main = max((_shown(thing, s) for s in said), default=0.0)
    return False if shown <= (_BESIDE_MAIN if main >= _MAIN else _NOT_SHOWN) else None


def _shown(thing: Thing, colour: str) -> float:
    """Share of a thing's surface that people may call by a colour."""
    return sum(s for name, s in thing.shares.items() if close_colours(name, colour))


def has_detail(thing: Thing, detail: str) -> Verdict:
    """Whether a thing's captions call it striped, checkered or wooden."""
    if any(f" {detail} " in f" {caption} " for caption in thing.captions):
        return True
    likely = detail == "wooden" and {"brown", "beige"} & said_colours(thing)
    return None if likely else False


def is_coloured_one(noun: str, colour: str, thing: Thing) -> Verdict:
    """Whether a thing is what a noun with a colour names."""
    return both(is_a(noun, thing), is_coloured(thing, colour))


def attribute_queries(rng: np.random.Generator, things: list[Thing]) -> list[TruthQuery]:
    """Ask by colour, detail or size; where a category has several, only some of them fit."""
    queries = []
    for noun in sorted({t.category for t in things}):
        for colour in COLOURS:
            if colour == noun:
                continue  # nobody asks for the orange orange
            queries += _described(rng, things, noun, colour, is_coloured)
        for detail in _DETAILS:
            queries += _described(rng, things, noun, detail, has_detail)
        queries += _by_size(rng, certain_group(things, noun), noun)
    for family in _FAMILIES:
        members = decide(things, partial(_is_of_family, family))
        group = [t for t in things if t.id in members]
        if len({t.category for t in group}) > 1:
            queries += _by_size(rng, group, family)
    return queries


def _described(
    rng: np.random.Generator,
    things: list[Thing],
    noun: str,
    said: str,
    judge: Callable[[Thing, str], Verdict],
) -> list[TruthQuery]:
    targets = decide(things, lambda t: both(is_a(noun, t), judge(t, said)))
    if not targets:
        return []
    text = word(str(rng.choice(_ATTRIBUTE)), f"{said} {noun}", noun)
    return [TruthQuery(text, "attribute", targets)]


def _is_of_family(family: str, thing: Thing) -> Verdict:
    """Whether people call things of several kinds, a gift box and a shoe box, by one noun."""
    if thing.category.split()[-1] == family:
        return True
    said = any(family in caption.split() for caption in thing.captions)
    return None if said or same_name(thing.category, f"food {family}") else False


def _by_size(rng: np.random.Generator, group: list[Thing], noun: str) -> list[TruthQuery]:
    """The biggest and the smallest of a kind."""
    queries = []
    for sign, names in ((-1, ("biggest", "largest")), (1, ("smallest",))):
        order = sorted(group, key=lambda t: sign * float(np.prod(t.size_m)))
        if len(order) > 1 and _outgrows(*(order[:2] if sign < 0 else order[1::-1])):
            form = "the {}" if rng.random() < 0.5 else "where is the {}"
            text = word(form, f"{rng.choice(names)} {noun}", noun)
            queries.append(TruthQuery(text, "attribute", (order[0].id,)))
    return queries


def _outgrows(big: Thing, small: Thing) -> bool:
    volume = np.prod(big.size_m) >= _BIGGER * np.prod(small.size_m)
    return bool(volume and max(big.size_m) >= _LONGER * max(small.size_m))


def certain_group(things: list[Thing], noun: str) -> list[Thing]:
    """All things of a name, if nobody could argue about any and all were seen well."""
    targets = decide(things, lambda t: is_a(noun, t))
    return [t for t in things if t.id in targets]


def negation_queries(rng: np.random.Generator, things: list[Thing]) -> list[TruthQuery]:
    """Ask for what lacks a colour that another of its kind has."""
    queries = []
    for noun in sorted({t.category for t in things}):
        group = certain_group(things, noun)
        for colour in COLOURS:
            if not any(is_coloured(t, colour) for t in group):
                continue
            targets = decide(group, partial(_lacks, colour))
            if targets:
                text = _negated(rng, noun, colour, len(targets))
                queries.append(TruthQuery(text, "negation", targets))
    return queries


def _lacks(colour: str, thing: Thing) -> Verdict:
    verdict = is_coloured(thing, colour)
    return None if verdict is None else not verdict


def _negated(rng: np.random.Generator, noun: str, colour: str, count: int) -> str:
    """ "the" only where one thing is meant."""
    if is_plural(noun):
        return f"{noun} that are not {colour}"
    patterns = ["{a} that is not {c}", "where is {a} that is not {c}", "find {a} that isn't {c}"]
    if count == 1:
        patterns = ["the {n} that is not {c}", "where is the {n} that is not {c}", *patterns]
        patterns.append("the {n} which isn't {c}")
    return str(rng.choice(patterns)).format(n=noun, a=with_article(noun), c=colour)
