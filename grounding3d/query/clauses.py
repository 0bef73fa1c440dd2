"""Clauses around a noun phrase: what it must not be, where it is, which of several it is."""

from __future__ import annotations

import re
from typing import Any

from grounding3d.query.noun_phrases import ARTICLES, attributes_of, head_index, noun_phrase
from grounding3d.query.spatial_words import (
    NEEDS_ARTICLE,
    ORDINALS,
    PARTS,
    RELATIONS,
    SELF,
    SIDES,
    SUPERLATIVES,
    WHOLE_WITH_ARTICLE,
)
from grounding3d.query.words import ATTRIBUTES, GENERIC

MAX_RELATIONS = 2


def alternatives(phrases: Any) -> str:
    """A regular expression that matches any of several phrases, longer ones first."""
    return "|".join(re.escape(p) for p in sorted(phrases, key=len, reverse=True))


_REL = alternatives(RELATIONS)
_DEFINITE = r"(?:the|my|your|our|his|her|their|this|that|these|those)"
_ADJ = alternatives(ATTRIBUTES)
_ADJS = rf"(?:{_ADJ})(?:\s+(?:(?:and|or|nor)\s+)?(?:{_ADJ}))*"
_END = rf"(?=$|\s+(?:{_REL}|that|which|and|but|not)\b)"
_VERBS = r"(?:standing|lying|sitting|located|placed|resting|stands|lies|sits|stand|lie|sit|being)"
_THAT_IS = r"(?:(?:that|which)\s+(?:is|are)|that's|thats)"

_RELATION = re.compile(rf"(?<!\bthe)\s+(?P<relation>{_REL})\s+")
_STARTS_WITH_RELATION = re.compile(rf"^(?:{_REL})\s+{_DEFINITE}\s+\S")
_NEGATED_RELATION = re.compile(rf"^(?:{_REL})\s+\S")
_HANGING = re.compile(rf"\s+(?:{_THAT_IS}|that|which|is|are|and|{_VERBS})$")
_FILLER = re.compile(rf"^(?:{_THAT_IS}|{_VERBS})\s+")
_POSITIVE_CLAUSE = re.compile(rf"^(?P<np>.+?)\s+(?:{_THAT_IS}|is|are)\s+(?P<adj>{_ADJS}){_END}")
_NOT_BUT = re.compile(r"^not\s+(?P<no>.+?)\s+but\s+(?:rather\s+)?(?P<yes>.+)$")
_NEGATION = re.compile(
    r"^(?P<np>.+?)\s+(?:(?:but|and|that|which|who)\s+)?"
    r"(?:isn't|isnt|aren't|arent|is\s+not|are\s+not|'s\s+not|that's\s+not|thats\s+not|not|"
    r"doesn't|does\s+not|don't|do\s+not|is\s+neither|are\s+neither|neither|"
    r"except(?:\s+for)?|apart\s+from|aside\s+from|other\s+than|excluding|"
    r"but(?=\s+the\s+(?:\S+\s+)+ones?\b))\s+(?P<no>.+)$"
)
_WHICH = re.compile(r"^(?:which|what)\s+(?:one\s+)?(?:of\s+)?(?=\S)")
_NON = re.compile(rf"\bnon[- ](?P<word>{_ADJ})\b")
_LEADING_ADJECTIVES = re.compile(rf"^(?:{_VERBS}\s+)?(?P<adj>{_ADJS})(?P<rest>\s+(?:{_REL})\s.+)$")
_SIDE_TAIL = re.compile(
    rf"\s+(?:(?:counting|counted|seen|starting|standing|lying|that is|which is)\s+)?"
    rf"(?P<how>from|on|at|to|in|towards)\s+(?:the|my|your)\s+(?P<side>{alternatives(SIDES)}){_END}"
)
_SUPERLATIVE_TAIL = re.compile(
    rf"\s+(?:that|which)\s+(?:is|are)\s+(?:the\s+)?(?P<word>{alternatives(SUPERLATIVES)})"
    rf"(?:\s+(?:one|ones))?{_END}"
)
_ORDINAL_ANCHOR = re.compile(rf"\s(?:{_REL})\s+the\s+(?:{alternatives(ORDINALS)})\s+[^,]*$")
_THE_CLOSEST = re.compile(
    r"(?:^|\s+(?:(?:that|which)\s+(?:is|are)\s+)?)the\s+"
    r"(?=(?:closest|nearest|farthest|furthest)\s+(?:to|from|away)\b)"
)
_NEAREST_THE = re.compile(rf"\b(nearest|closest)(?=\s+(?:{_DEFINITE}|me|us)\b)")
_CLOSEST_NOUN_TO = re.compile(
    r"^(?:the\s+)?(?P<word>closest|nearest|closer|nearer|farthest|furthest|farther|further)\s+"
    r"(?P<noun>.+?)\s+(?P<to>to|from|away from)\s+(?P<anchor>.+)$"
)
_PART = re.compile(rf"^(?P<part>.+?)\s+of\s+(?P<whole>{_DEFINITE}\s+.+)$")
_POSSESSIVE = re.compile(r"^(?P<whole>.+?)(?:'s|s')\s+(?P<part>.+)$")


def take_negation(phrase: str) -> tuple[str, tuple[str, ...], tuple[dict[str, Any], ...]]:
    """Split what it must not be off a phrase.

    Returns:
        The phrase without it, excluded attributes or nouns, and negated relations.
    """
    excluded: list[str] = []
    negated: list[dict[str, Any]] = []
    for found in _NON.finditer(phrase):
        excluded.append(found["word"])
    phrase = _WHICH.sub("", " ".join(_NON.sub(" ", phrase).split()))
    contrast = _NOT_BUT.match(phrase)
    if contrast:
        no = noun_phrase(_RELATION.split(contrast["no"])[0])
        phrase = _with_noun(contrast["yes"], _head(no.text))
        yes = noun_phrase(_RELATION.split(phrase)[0])
        excluded += _what_not(no.text, _head(yes.text))
        own = attributes_of(yes.text)
        return phrase, tuple(w for w in dict.fromkeys(excluded) if w not in own), ()
    while denied := _NEGATION.match(phrase):
        phrase, rest = denied["np"], _FILLER.sub("", denied["no"])
        leading = _LEADING_ADJECTIVES.match(rest)
        if leading:  # "that is not red on the table"
            phrase, rest = phrase + leading["rest"], leading["adj"]
        if _NEGATED_RELATION.match(rest):
            _, relations = take_relations("thing " + rest)
            negated += [{**relation, "negated": True} for relation in relations[:1]]
        else:
            head = _head(noun_phrase(_RELATION.split(" " + phrase)[0].strip()).text)
            excluded += _what_not(_RELATION.split(" " + rest)[0].strip(), head)
    return phrase, tuple(dict.fromkeys(excluded)), tuple(negated)


def _what_not(text: str, head: str) -> list[str]:
    """ "the red one" -> ["red"]; "blue or green" -> two; another noun stays whole."""
    text = re.sub(r"^(?:a|an|the|any|have|made of|of)\s+", "", text)
    words = [w for w in re.split(r"\s+(?:or|nor|and)\s+|\s+", text) if w not in ARTICLES]
    if not words:
        return []
    if all(word in ATTRIBUTES for word in words):
        return words
    last = noun_phrase(words[-1]).text or words[-1]
    if last in GENERIC or last == head or words[-1] == "ones":
        return words[:-1]
    return [noun_phrase(" ".join(words)).text]


def _with_noun(phrase: str, noun: str) -> str:
    """ "the blue one next to it" with the noun that "one" stands for."""
    return re.sub(r"\bones?\b", noun, phrase, count=1) if noun else phrase


def _head(text: str) -> str:
    words = text.split()
    return words[head_index(words)] if words else ""


def take_adjective_clause(phrase: str) -> str:
    """ "the mug that is red" -> "the red mug"."""
    found = _POSITIVE_CLAUSE.match(phrase)
    if not found:
        return phrase
    words = found["np"].split()
    first = next((i for i, word in enumerate(words) if word not in ARTICLES), len(words))
    adjectives = re.sub(r"\b(?:and|or|nor)\s+", "", found["adj"])
    start = [*words[:first], adjectives, *words[first:]]
    return " ".join(start) + phrase[found.end() :]


def take_side(phrase: str) -> tuple[str, dict[str, Any] | None]:
    """Split "from the left", "on the right" off: the phrase, and the order it asks for."""
    superlative = _SUPERLATIVE_TAIL.search(phrase)
    if superlative:
        by, rank = SUPERLATIVES[superlative["word"]]
        rest = phrase[: superlative.start()] + phrase[superlative.end() :]
        return rest, {"by": by, "rank": rank}
    found = _SIDE_TAIL.search(phrase)
    if not found or _ORDINAL_ANCHOR.search(phrase[: found.start()]):
        return phrase, None
    by, rank = SIDES[found["side"]]
    order: dict[str, Any] = {"by": by, "rank": rank, "how": found["how"]}
    return phrase[: found.start()] + phrase[found.end() :], order


def counted(order: dict[str, Any] | None, ordinal: int | None) -> dict[str, Any] | None:
    """The order with an ordinal: "second ... from the left"; without a side, from the left."""
    if order is None:
        return None if ordinal is None else {"by": "left", "rank": ordinal}
    how = order.pop("how", "")
    if ordinal is not None:
        # the last one on the right is the one farthest to the right
        order["rank"] = ordinal if ordinal > 0 or how == "from" else 1
    return order


def take_relations(phrase: str) -> tuple[str, tuple[dict[str, Any], ...]]:
    """Take relations off: "the can next to the laptop" -> "the can", [{next_to, laptop}].

    "a plant in a pot" describes one thing and stays whole; "the plant in the pot" relates two.
    """
    apart = _CLOSEST_NOUN_TO.match(phrase)
    if apart:  # "the closest mug to the door"
        phrase = f"{apart['noun']} {apart['word']} {apart['to']} {apart['anchor']}"
    phrase = _NEAREST_THE.sub(r"\1 to", _THE_CLOSEST.sub(" ", phrase).strip())
    if re.match(r"the (?:left|right) of ", phrase):
        phrase = "to " + phrase
    if _STARTS_WITH_RELATION.match(phrase):
        phrase = "thing " + phrase
    pieces = _RELATION.split(phrase)
    target = pieces[0]
    relations: list[dict[str, Any]] = []
    for word, anchor in zip(pieces[1::2], pieces[2::2]):
        indefinite = anchor.startswith(("a ", "an ")) and word in WHOLE_WITH_ARTICLE
        bare = word in NEEDS_ARTICLE and anchor.split()[0] not in ARTICLES | {"between"}
        if (indefinite or bare) and not relations:
            target = f"{target} {word} {anchor}"
            continue
        relation = _relation(RELATIONS[word], anchor)
        if relation:
            relations.append(relation)
    while _HANGING.search(target):
        target = _HANGING.sub("", target)
    return target, tuple(relations[:MAX_RELATIONS])


def _relation(name: str, anchor: str) -> dict[str, Any] | None:
    anchor = re.sub(rf"\s+(?:and|but|or|{_THAT_IS}|that|which|{_VERBS})$", "", anchor)
    other = None
    if name == "between" and " and " in anchor:
        anchor, _, other = anchor.partition(" and ")
    text = anchor_text(anchor)
    if text in SELF:
        return {"relation": name, "anchor": "camera"}
    if not text:
        return None
    relation = {"relation": name, "anchor": text}
    if name == "between":
        relation["other"] = anchor_text(other) if other else text
    return relation


def anchor_text(phrase: str) -> str:
    """An anchor without articles, in the singular; an order ("biggest box") stays in it."""
    words = _FILLER.sub("", phrase).split()
    while len(words) > 1 and (words[0] in ARTICLES or words[0] in ("these", "those", "two", "all")):
        words = words[1:]
    if words and words[0] in ARTICLES:
        return ""
    if not words:
        return ""
    ordered = noun_phrase(" ".join(words))
    if ordered.order is None and ordered.ordinal is None:
        return ordered.text
    front = words[: len(words) - len(ordered.text.split())]
    return " ".join([*front, ordered.text])


def take_whole(phrase: str) -> tuple[str, str | None]:
    """Split "of the mug" off a part: "the handle of the mug" -> "the handle", "mug"."""
    found = _PART.match(phrase) or _POSSESSIVE.match(phrase)
    if not found:
        return phrase, None
    words = found["part"].split()
    while len(words) > 1 and (words[0] in ARTICLES or words[0] in ORDINALS):
        words = words[1:]
    head = noun_phrase(words[-1]).text
    if head not in PARTS and " ".join(words) not in PARTS:
        return phrase, None
    return found["part"], anchor_text(found["whole"]) or None


def without_filler(phrase: str) -> str:
    """Without "that is" and "standing" in front."""
    return _FILLER.sub("", phrase)
