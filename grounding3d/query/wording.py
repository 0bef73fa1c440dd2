"""What was understood and used, in plain English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grounding3d.query.answer import ParsedQuery
from grounding3d.query.noun_phrases import bare

_WORDS = {
    "next_to": "next to", "near": "near", "nearest": "nearest to", "farthest": "farthest from",
    "far": "far from", "left_of": "left of", "right_of": "right of",
    "in_front_of": "in front of", "behind": "behind", "above": "above", "below": "below",
    "under": "under", "on": "on", "in": "in", "between": "between", "opposite": "opposite",
    "bigger_than": "bigger than", "smaller_than": "smaller than", "taller_than": "taller than",
    "shorter_than": "shorter than",
}  # fmt: skip


def described(parsed: ParsedQuery) -> str:
    """The thing that was asked for: "mug, red, not blue"."""
    noun = bare(parsed.target)
    words = [noun, *parsed.attributes, *(f"not {word}" for word in parsed.excluded)]
    if parsed.part_of:
        words.append(f"part of the {parsed.part_of}")
    return ", ".join(words)


def relation_words(relation: Mapping[str, Any], ids: tuple[int, ...] = ()) -> str:
    """A relation and the objects it was taken to mean: "next to the laptop (#4)"."""
    words = _WORDS.get(relation["relation"], relation["relation"])
    if relation["anchor"] == "camera":
        text = f"{words} the camera"
    else:
        text = f"{words} the {relation['anchor']}" + (f" (#{ids[0]})" if ids else "")
    if relation["relation"] == "between":
        text += f" and the {relation['other']}" + (f" (#{ids[1]})" if len(ids) > 1 else "")
    return f"not {text}" if relation.get("negated") else text


def object_name(label: str, number: int) -> str:
    """An object for people: "mug (#3)"."""
    return f"{label} (#{number})"
