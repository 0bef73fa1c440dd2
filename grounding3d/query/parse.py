"""Simple questions in English: what to look for, and how it was described."""

from __future__ import annotations

import re
import unicodedata

from grounding3d.errors import QueryError
from grounding3d.query.answer import ParsedQuery, ReasonCode
from grounding3d.query.words import (
    ATTRIBUTES,
    EMPTY_TARGETS,
    INVARIANT,
    IRREGULAR_PLURALS,
    OPENINGS,
    POLITE,
    POLITE_ENDS,
    QUANTIFIERS,
    RELATIONS,
    SUPERLATIVES,
    TAILS,
)

MAX_CHARACTERS = 500
MAX_WORDS = 60

_ARTICLES = frozenset(
    ("a", "an", "the", "some", "any", "this", "that", "one", "my", "your", "our", "his", "her")
)
_PLURAL_ARTICLES = frozenset(("these", "those", *QUANTIFIERS))


class NotAQuestion(QueryError):
    """The text cannot be asked.

    Attributes:
        code: reason code of the answer.
    """

    def __init__(self, summary: str, code: ReasonCode) -> None:
        super().__init__(summary)
        self.code: ReasonCode = code


def parse(text: str) -> ParsedQuery:
    """Understand a question such as "can you show me where the coffee cup is?".

    Politeness, the question's frame and articles are taken away; what is left is the target. An
    unknown phrasing is not an error: everything that is left is the target then. The target keeps
    the words of the question, except that a plural becomes a singular.

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
    phrase = _without_frame(words)
    phrase, relations = _split_relations(phrase)
    target, plural = _noun_phrase(phrase)
    first, _, rest = target.partition(" ")
    if first in SUPERLATIVES and rest:
        target = rest
        relations = (*relations, {"relation": SUPERLATIVES[first], "anchor": "camera"})
    if not target or target in EMPTY_TARGETS:
        raise NotAQuestion("the question names nothing to look for", "not_understood")
    parts = target.split()
    head = _head(parts)
    adjectives = tuple(w for i, w in enumerate(parts) if i != head and w in ATTRIBUTES)
    return ParsedQuery(target, adjectives, relations, plural)


def without_attributes(parsed: ParsedQuery) -> str:
    """The target's words but its adjectives: "red mug" -> "mug"; never nothing."""
    words = [word for word in parsed.target.split() if word not in parsed.attributes]
    return " ".join(words) or parsed.target


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


def _alternatives(phrases: tuple[str, ...]) -> str:
    return "|".join(re.escape(p) for p in sorted(phrases, key=len, reverse=True))


_OPENING = re.compile(rf"^(?:{_alternatives(OPENINGS)})\s+")
_POLITE_START = re.compile(rf"^(?:{_alternatives(POLITE)})(?:\s+|$)")
_POLITE_END = re.compile(rf"(?:^|\s+)(?:{_alternatives(POLITE_ENDS)})$")
_TAIL = re.compile(rf"\s+(?:{_alternatives(TAILS)})$")
_RELATION = re.compile(rf"\s+(?P<relation>{_alternatives(tuple(RELATIONS))})\s+")
_HANGING = re.compile(
    r"\s+(?:(?:that|which) (?:is|are)|is|are|standing|lying|sitting|located|placed)$"
)
_FILLER = re.compile(r"^(?:(?:that|which) (?:is|are)|standing|lying|sitting|located|placed)\s+")


def _without_frame(words: str) -> str:
    """Take politeness, openings and tails away until nothing changes; never everything."""
    while True:
        shorter = words
        for pattern in (_POLITE_START, _POLITE_END, _OPENING, _TAIL):
            shorter = pattern.sub("", shorter, count=1) or shorter
        if shorter == words:
            return words
        words = shorter


def _split_relations(phrase: str) -> tuple[str, tuple[dict[str, str], ...]]:
    """Take relations off: "the can next to the laptop" -> "the can", [{next_to, laptop}].

    "a plant in a pot" describes one thing and stays whole; "the plant in the pot" relates two.
    """
    pieces = _RELATION.split(phrase)
    target = pieces[0]
    relations: list[dict[str, str]] = []
    for word, anchor in zip(pieces[1::2], pieces[2::2]):
        if word in ("in", "on") and anchor.startswith(("a ", "an ")) and not relations:
            target = f"{target} {word} {anchor}"
            continue
        noun, _ = _noun_phrase(_without_frame(anchor))
        if noun:
            relations.append({"relation": RELATIONS[word], "anchor": noun})
    return _HANGING.sub("", target), tuple(relations)


def _noun_phrase(phrase: str) -> tuple[str, bool]:
    """Without articles and quantifiers, in the singular; and whether it was a plural."""
    words = _FILLER.sub("", phrase).split()
    plural = False
    while words and (words[0] in _ARTICLES or words[0] in _PLURAL_ARTICLES or words[0] == "of"):
        plural = plural or words[0] in _PLURAL_ARTICLES
        words = words[1:]
    if not words:
        return "", plural
    head = _head(words)
    single = singular(words[head])
    plural = plural or (single != words[head])
    words[head] = single
    return " ".join(words), plural


def _head(words: list[str]) -> int:
    """Index of the head noun: the last word before "of", "with", "in" and the like."""
    for i, word in enumerate(words):
        if i and word in ("of", "with", "without", "for", "from", "made", "in", "on"):
            return i - 1
    return len(words) - 1


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
