"""Simple questions in English: what to look for, and how it was described."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from grounding3d.errors import QueryError
from grounding3d.query.answer import ParsedQuery, ReasonCode
from grounding3d.query.clauses import (
    alternatives,
    counted,
    take_adjective_clause,
    take_negation,
    take_relations,
    take_side,
    take_whole,
    without_filler,
)
from grounding3d.query.noun_phrases import attributes_of, bare, is_generic, noun_phrase
from grounding3d.query.words import EMPTY_TARGETS, OPENINGS, POLITE, POLITE_ENDS, TAILS

MAX_CHARACTERS = 500
MAX_WORDS = 60
DISTANCES = {"nearest": 1, "near": 1, "next_to": 1, "farthest": -1, "far": -1}
"""Relations to the one who asks that order by distance, with the rank of the best."""


class NotAQuestion(QueryError):
    """The text cannot be asked.

    Attributes:
        code: reason code of the answer.
    """

    def __init__(self, summary: str, code: ReasonCode) -> None:
        super().__init__(summary)
        self.code: ReasonCode = code


def parse(text: str) -> ParsedQuery:
    """Understand a question such as "can you show me where the red cup on the shelf is?".

    Politeness, the question's frame and articles are taken away; then what it must not be, which
    of several it is, where it is, and what it is a part of. An unknown phrasing is not an error:
    everything that is left is the target then. The target keeps the words of the question, except
    that a plural becomes a singular.

    Raises:
        NotAQuestion: nothing, too much, or nothing that could be a word.
    """
    if not text.strip():
        raise NotAQuestion("the question is empty", "empty_query")
    if len(text) > MAX_CHARACTERS:
        found = f"{len(text)} characters, at most {MAX_CHARACTERS} can be asked"
        raise NotAQuestion(f"the question has {found}", "too_many")
    words = normalised(text)
    if not any(character.isalpha() for character in words):
        raise NotAQuestion("the question has no word in it", "not_understood")
    if words.count(" ") >= MAX_WORDS:
        raise NotAQuestion(f"the question has more than {MAX_WORDS} words", "too_many")
    return _understand(_without_frame(words))


def describe(text: str) -> ParsedQuery:
    """A noun phrase such as an anchor's ("second red mug"), without relations of its own."""
    text, side = take_side(text)
    phrase = noun_phrase(text)
    return ParsedQuery(
        target=phrase.text or text,
        attributes=attributes_of(phrase.text),
        order=counted(side or phrase.order, phrase.ordinal),
    )


def _understand(phrase: str) -> ParsedQuery:
    phrase, excluded, negated = take_negation(_COLOURED.sub("", phrase))
    phrase, side = take_side(take_adjective_clause(phrase))
    phrase, relations = take_relations(phrase)
    phrase, whole = take_whole(without_filler(phrase))
    several = _SEVERAL.match(phrase)
    if several:
        asked = f"'{several[1]}' and '{several[2]}'"
        raise NotAQuestion(f"the question names several things; ask for {asked} apart", "too_many")
    found = noun_phrase(phrase)
    relations = (*relations, *negated)
    order = counted(side or found.order, found.ordinal)
    target, narrowed = found.text, bool(relations or order or excluded)
    if narrowed and (not target or target in EMPTY_TARGETS):
        target = "thing"
    attributes = attributes_of(target)
    generic = is_generic(target) and bool(narrowed or attributes or whole)
    if not target or (target in EMPTY_TARGETS and not generic):
        raise NotAQuestion("the question names nothing to look for", "not_understood")
    relations, order = _from_here(relations, order)
    return ParsedQuery(
        target=target,
        attributes=attributes,
        relations=relations,
        plural=found.plural,
        excluded=excluded,
        order=order,
        quantity=found.quantity,
        part_of=whole,
    )


def _from_here(
    relations: tuple[dict[str, Any], ...], order: dict[str, Any] | None
) -> tuple[tuple[dict[str, Any], ...], dict[str, Any] | None]:
    """Distances to the one who asks are an order, and stay a relation to the camera."""
    if order is not None and order["by"] == "distance":
        name = "nearest" if order["rank"] > 0 else "farthest"
        if not any(r["relation"] in DISTANCES for r in relations):
            return (*relations, {"relation": name, "anchor": "camera"}), order
        return relations, None  # the nearer one to the laptop
    for relation in relations:
        if relation["anchor"] == "camera" and relation["relation"] in DISTANCES and order is None:
            return relations, {"by": "distance", "rank": DISTANCES[relation["relation"]]}
    return relations, order


def without_attributes(parsed: ParsedQuery) -> str:
    """The target's words but its adjectives: "red mug" -> "mug"; never nothing."""
    return bare(parsed.target)


def normalised(text: str) -> str:
    """Lower case, one space between words, no punctuation but hyphens and apostrophes inside."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    # marks belong to the letters of Hindi, Thai and others
    kept = (
        c if c.isalnum() or c in "'-&" or unicodedata.category(c).startswith("M") else " "
        for c in text
    )
    words = (word.strip("'-&") for word in "".join(kept).split())
    return " ".join(word for word in words if word)


_OPENING = re.compile(rf"^(?:{alternatives(OPENINGS)})\s+")
_POLITE_START = re.compile(rf"^(?:{alternatives(POLITE)})(?:\s+|$)")
_POLITE_END = re.compile(rf"(?:^|\s+)(?:{alternatives(POLITE_ENDS)})$")
_TAIL = re.compile(rf"\s+(?:{alternatives(TAILS)})$")
_SEVERAL = re.compile(r"^(.+?) and ((?:the|an?|my|your|all|some) .+)$")
_COLOURED = re.compile(r"[ -]colou?red\b")


def _without_frame(words: str) -> str:
    """Take politeness, openings and tails away until nothing changes; never everything."""
    while True:
        shorter = words
        for pattern in (_POLITE_START, _POLITE_END, _OPENING, _TAIL):
            shorter = pattern.sub("", shorter, count=1) or shorter
        if shorter == words:
            return words
        words = shorter
