"""The phrases people use for an object, made from its nouns, colour and details."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator.colours import Colour

_PLURAL_NOUNS = ("scissors", "shears", "headphones", "utensils", "kitchen tools", "jars")
_UNCOUNTABLE_NOUNS = ("bread", "toilet paper", "duct tape", "adhesive tape")


def is_plural(noun: str) -> bool:
    """Whether one thing of this name is spoken of as many ("scissors")."""
    return noun.endswith(_PLURAL_NOUNS) and " of " not in noun


def with_article(phrase: str) -> str:
    """``"orange cup" -> "an orange cup"``; plural and uncountable nouns stay bare."""
    if is_plural(phrase) or (phrase.endswith(_UNCOUNTABLE_NOUNS) and " of " not in phrase):
        return phrase
    return ("an " if phrase[0].lower() in "aeiou" else "a ") + phrase


def describe(
    rng: np.random.Generator,
    nouns: tuple[str, ...],
    colour: Colour | str | None = None,
    adjective: str | None = None,
    detail: str | None = None,
) -> tuple[str, ...]:
    """Two to four captions.

    Args:
        nouns: The main noun first, then synonyms and longer names.
        colour: Main colour, named in the first phrases.
        adjective: Of the pattern or material ("striped").
        detail: What follows the noun ("with white dots").
    """
    name = colour.name if isinstance(colour, Colour) else colour

    def coloured(noun: str) -> str:
        return noun if not name or name in noun.split() else f"{name} {noun}"

    phrases = [coloured(nouns[0])]
    others = list(nouns[1:])
    rng.shuffle(others)
    if adjective:
        phrases.append(coloured(f"{adjective} {nouns[0]}"))
    if detail:
        phrases.append(f"{nouns[0]} {detail}")
    if others:
        phrases.append(coloured(others[0]))
        phrases.append(others[-1])
    if len(phrases) < 2:
        phrases.append(nouns[0])
    return tuple(dict.fromkeys(with_article(p) for p in phrases))[:4]
