"""What a question needs to know of the things in a scene, and how one is put into words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias, get_args

import numpy as np

from grounding3d.capture.simulator.colours import ANY
from grounding3d.capture.simulator.confusable import same_name
from grounding3d.capture.simulator.queries.synonyms import names_of
from grounding3d.capture.simulator.wording import is_plural, with_article

Kind = Literal[
    "plain",
    "caption",
    "synonym",
    "attribute",
    "relation",
    "negation",
    "plural",
    "ordinal",
    "absent",
]
ALL_KINDS: tuple[Kind, ...] = get_args(Kind)
COLOUR_WORDS = frozenset({*ANY, "silver", "gold", "cyan", "tan", "cream"})
FLOOR, TABLE = "floor", "table"

# Fits, does not fit, or a person could argue.
Verdict: TypeAlias = "bool | None"


@dataclass(frozen=True)
class Seen:
    """What a question by name needs to know of an object in view."""

    id: int
    category: str
    captions: tuple[str, ...]
    colour: str | None


@dataclass(frozen=True, eq=False)
class Thing(Seen):
    """An object with its place; everything in a world whose +z is up, metres.

    Attributes:
        outline: [n, 2] convex outline seen from above, counter-clockwise.
        bottom_m, top_m: Lowest and highest z.
        size_m: The model's own extents.
        support: Id of what it stands on, "table" (id 0) or "floor".
        inside: Id of the container it lies in.
        shares: Share of its surface that has each colour, by name.
        well_seen: Visible well enough to be asked for.
    """

    outline: np.ndarray
    bottom_m: float
    top_m: float
    size_m: tuple[float, float, float] = (0.1, 0.1, 0.1)
    support: int | str = TABLE
    inside: int | None = None
    shares: dict[str, float] = field(default_factory=dict)
    well_seen: bool = True

    @cached_property
    def centre(self) -> np.ndarray:
        """Centre [3] of its axis-aligned box."""
        flat = (self.outline.min(axis=0) + self.outline.max(axis=0)) / 2
        return np.array([*flat, (self.bottom_m + self.top_m) / 2])

    @property
    def rests_on(self) -> int | None:
        """Id of what it stands on, None for the floor."""
        if isinstance(self.support, int):
            return self.support
        return 0 if self.support == TABLE else None


@dataclass(frozen=True)
class TruthQuery:
    """A question, its kind, and the ids of every right answer (none for an absent one)."""

    text: str
    kind: Kind
    targets: tuple[int, ...]


def said_colours(thing: Seen) -> frozenset[str]:
    """Every colour word that its captions use, and its main colour."""
    words = {w for c in thing.captions for w in c.replace("gray", "grey").split()}
    return frozenset(words & COLOUR_WORDS) | ({thing.colour} if thing.colour else frozenset())


def is_a(noun: str, thing: Seen) -> Verdict:
    """Whether a category's name names a thing; None where people use the names for each other."""
    if thing.category == noun:
        return True
    said = any(f" {noun} " in f" {c} " for c in thing.captions)
    argued = said or same_name(noun, thing.category) or noun in names_of(thing.category)
    return None if argued else False


def both(*verdicts: Verdict) -> Verdict:
    """Three-valued "and"."""
    if any(v is False for v in verdicts):
        return False
    return None if any(v is None for v in verdicts) else True


def agreed(verdicts: Iterable[Verdict]) -> Verdict:
    """What all of them say, None if they differ."""
    said = set(verdicts)
    return said.pop() if len(said) == 1 else None


def decide(things: list[Thing], judge: Callable[[Thing], Verdict]) -> tuple[int, ...]:
    """Ids of the right answers; empty if there is none, one is arguable, or one is hidden."""
    right = []
    for thing in things:
        verdict = judge(thing)
        if verdict is None or (verdict and not thing.well_seen):
            return ()
        if verdict:
            right.append(thing.id)
    return tuple(right)


def phrase(rng: np.random.Generator, patterns: tuple[str, ...], noun: str) -> str:
    """One of the patterns about a noun, in the plural where the noun is one."""
    return word(str(rng.choice(patterns)), noun, noun)


def word(pattern: str, said: str, noun: str) -> str:
    """A pattern filled with what is said; ``noun`` is its head, which may be plural."""
    text = pattern.format(said, a=with_article(said))
    return text.replace("where is ", "where are ") if is_plural(noun) else text


def several(noun: str) -> str:
    """The plural of a noun: "mugs", "boxes", "knives", "cans of soup"."""
    head, of, rest = noun.partition(" of ")
    if is_plural(head):
        return noun
    if head.endswith(("fe", "lf")):
        head = head.removesuffix("fe").removesuffix("f") + "ves"
    elif head.endswith("mouse"):
        head = head.removesuffix("mouse") + "mice"
    elif head.endswith("y") and head[-2] not in "aeiou":
        head = head[:-1] + "ies"
    elif head.endswith(("s", "x", "ch", "sh", "tomato", "potato")):
        head += "es"
    else:
        head += "s"
    return head + of + rest
