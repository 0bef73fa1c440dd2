"""Noun phrases: articles, numbers, orders and adjectives around a head noun."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from grounding3d.query.spatial_words import BARE_SIDES, NUMBERS, ORDINALS, SIDES, SUPERLATIVES
from grounding3d.query.words import (
    ATTRIBUTES,
    COLOURS,
    COMPOUNDS,
    GENERIC,
    INVARIANT,
    IRREGULAR_PLURALS,
    QUANTIFIERS,
)

ARTICLES = frozenset(
    ("a", "an", "the", "some", "any", "this", "that", "one", "my", "your", "our", "his", "her",
     "their", "its")
)  # fmt: skip
_PLURAL_ARTICLES = frozenset(("these", "those", *QUANTIFIERS))
_AFTER_HEAD = frozenset(
    ("of", "with", "without", "for", "from", "made", "in", "on", "that", "which", "full", "filled")
)
_NOT_ORDERS = frozenset(
    ("first aid", "second hand", "top hat", "bottom line", "left over", "right angle", "top loader")
)
_SINGULAR_QUANTIFIERS = frozenset(("every", "each"))


@dataclass(frozen=True)
class NounPhrase:
    """A noun phrase taken apart.

    Attributes:
        text: head noun in the singular with its adjectives and what follows it.
        plural: whether several things were meant.
        quantity: how many, None if not said.
        order: which one of several, as in `ParsedQuery`, None if not said.
        ordinal: rank that was said without a direction ("second"), None if none.
    """

    text: str
    plural: bool = False
    quantity: int | None = None
    order: dict[str, Any] | None = None
    ordinal: int | None = None


def noun_phrase(phrase: str) -> NounPhrase:
    """Take articles, numbers, ordinals and superlatives off the front of a phrase."""
    words = phrase.split()
    words = [words[-1], words[0]] if _generic_first(words) else words
    plural, one_of, quantity, ordinal = False, False, None, None
    order: dict[str, Any] | None = None
    while words:
        two = " ".join(words[:2])
        if two in _NOT_ORDERS:
            break
        if two in ("couple of", "one of") or (two == "pair of" and words[2:3] == ["the"]):
            one_of, quantity = two == "one of", quantity or (None if two == "one of" else 2)
            plural, words = plural or quantity is not None, words[2:]
        elif words[0] in ARTICLES and not _pronoun(words):
            words = words[1:]
        elif words[0] == "of":
            one_of = order is not None or ordinal is not None  # "the biggest of the boxes"
            words = words[1:]
        elif words[0] in NUMBERS and _counts(words):
            plural, quantity, words = True, NUMBERS[words[0]], words[1:]
        elif words[0] in _PLURAL_ARTICLES:
            plural, words = True, words[1:]
        elif len(words) > 1 and words[0] in ORDINALS and ordinal is None:
            ordinal, words = ORDINALS[words[0]], words[1:]
        elif two in SUPERLATIVES and order is None:
            order, words = _order(SUPERLATIVES[two]), words[2:]
        elif words[0] in SUPERLATIVES and order is None:
            order, words = _order(SUPERLATIVES[words[0]]), words[1:]
        elif words[0] in BARE_SIDES and len(words) > 1 and words[1] != "of" and order is None:
            taken = 1 + (words[1] in ("hand", "side", "most"))
            order, words = _order(SIDES[words[0]]), words[taken:]
        else:
            break
    if order is not None and ordinal is not None:
        order["rank"] *= ordinal  # the second biggest, the second smallest, the last
        ordinal = None
    if not words:
        return NounPhrase("thing" if order or ordinal else "", plural, quantity, order, ordinal)
    head = head_index(words)
    single = singular(words[head])
    many = single != words[head]
    words[head] = single
    return NounPhrase(" ".join(words), plural or (many and not one_of), quantity, order, ordinal)


def _generic_first(words: list[str]) -> bool:
    """Whether it is like "something red"."""
    return len(words) == 2 and words[0] in ("something", "anything") and words[1] in ATTRIBUTES


def _order(rule: tuple[str, int]) -> dict[str, Any]:
    return {"by": rule[0], "rank": rule[1]}


def _pronoun(words: list[str]) -> bool:
    """Whether the first word stands for a noun ("one") instead of before one."""
    return words[0] == "one" and (len(words) == 1 or words[1] in _AFTER_HEAD)


def _counts(words: list[str]) -> bool:
    """Whether a number counts things: "3 mugs", but not "7 up" or "10 euro note"."""
    if len(words) == 1:
        return False
    head = words[head_index(words[1:]) + 1]
    plural = singular(head) != head or head in INVARIANT
    return plural or not words[0].isdigit() or words[1] in SUPERLATIVES


def head_index(words: list[str]) -> int:
    """Index of the head noun: the last word before "of", "with", "in" and the like."""
    for i, word in enumerate(words):
        if i and word in _AFTER_HEAD:
            return i - 1
    return len(words) - 1


@lru_cache(maxsize=4096)
def attributes_of(text: str) -> tuple[str, ...]:
    """The adjectives of colour, size, shape, material and pattern in a noun phrase."""
    words = text.split()
    head = head_index(words) if words else 0
    return tuple(w for i, w in enumerate(words) if i != head and w in ATTRIBUTES)


@lru_cache(maxsize=4096)
def colours_of(text: str) -> tuple[str, ...]:
    """Colour adjectives of the head noun: in "white mug with black letters" only white is.

    "orange juice carton" has none, since its first words name what is in it.
    """
    words = text.split()
    before = words[: head_index(words)] if words else []
    found = []
    for i, word in enumerate(before):
        if word in COLOURS and " ".join(words[i : i + 2]) not in COMPOUNDS:
            found.append(word)
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=4096)
def bare(text: str) -> str:
    """A noun phrase without its adjectives: "red mug" -> "mug"; never nothing."""
    attributes = attributes_of(text)
    words = [word for word in text.split() if word not in attributes]
    while words and words[0] == "and":  # of "black and white ball"
        words = words[1:]
    return " ".join(words) or text


@lru_cache(maxsize=4096)
def is_generic(text: str) -> bool:
    """Whether a phrase names any object at all: "red thing", "object"."""
    return bare(text) in GENERIC


def singular(word: str) -> str:
    """Singular of an English noun; a word that only looks like a plural stays."""
    if word in IRREGULAR_PLURALS:
        return IRREGULAR_PLURALS[word]
    if word in INVARIANT or len(word) < 4 or word.endswith(("ss", "us", "is", "'s")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "zzes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") else word
