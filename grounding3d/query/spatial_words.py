"""The words that place, order and count things."""

from __future__ import annotations

_LEFT = ("on the left side of", "on the left hand side of", "to the left of", "on the left of",
         "at the left of", "left of", "to the left side of", "leftwards of")  # fmt: skip
_RIGHT = tuple(phrase.replace("left", "right") for phrase in _LEFT)

_NAMES: dict[str, tuple[str, ...]] = {
    "next_to": ("next to", "beside", "besides", "by", "right next to", "adjacent to", "against",
                "alongside", "at the side of", "just next to", "directly next to"),
    "near": ("near", "near to", "close to", "close by", "in the vicinity of", "around",
             "not far from"),
    "nearest": ("nearest to", "closest to", "nearer to", "closer to"),
    "farthest": ("farthest from", "furthest from", "farther from", "further from",
                 "farthest away from", "furthest away from", "most distant from"),
    "far": ("far from", "far away from", "away from"),
    "left_of": _LEFT,
    "right_of": _RIGHT,
    "in_front_of": ("in front of", "before", "at the front of"),
    "behind": ("behind", "in back of", "at the back of", "in the back of"),
    "above": ("above", "over", "higher than"),
    "below": ("below", "lower than"),
    "under": ("under", "underneath", "beneath", "under neath"),
    "on": ("on", "on top of", "upon", "atop", "onto", "at the top of", "on the top of",
           "standing on", "sitting on", "resting on", "lying on"),
    "in": ("inside", "inside of", "in", "within", "into", "contained in"),
    "between": ("between", "in between", "among", "amongst"),
    "opposite": ("opposite", "opposite to", "opposite of", "across from"),
    "bigger_than": ("bigger than", "larger than"),
    "smaller_than": ("smaller than",),
    "taller_than": ("taller than",),
    "shorter_than": ("shorter than",),
}  # fmt: skip
RELATIONS = {phrase: name for name, phrases in _NAMES.items() for phrase in phrases}
"""Words of a relation -> its name."""

NEEDS_ARTICLE = frozenset(("by", "in", "over", "around", "before", "against", "into", "away from"))
"""Words that relate things only before a definite noun: "in the bowl", but "in blue"."""

WHOLE_WITH_ARTICLE = frozenset(("in", "on"))
"""Words that describe one thing before "a" or "an": "a plant in a pot"."""

SELF = frozenset(("me", "you", "us", "myself", "camera", "robot", "here", "yourself", "viewer"))
"""Anchors that mean where the question is asked from."""

_SPELLED = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth",
    "eighteenth", "nineteenth", "twentieth",
)  # fmt: skip


def ordinal_digits(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    teens = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


ORDINALS = {
    **{word: n for n, word in enumerate(_SPELLED, 1)},
    **{ordinal_digits(n): n for n in range(1, 100)},
    "last": -1,
}

SIDES = {
    "left": ("left", 1), "right": ("right", 1), "front": ("front", 1), "back": ("back", 1),
    "top": ("top", 1), "bottom": ("bottom", 1), "middle": ("middle", 1),
    "centre": ("middle", 1), "center": ("middle", 1), "rear": ("back", 1),
    "far left": ("left", 1), "far right": ("right", 1), "left side": ("left", 1),
    "right side": ("right", 1), "left hand side": ("left", 1), "right hand side": ("right", 1),
    "very left": ("left", 1), "very right": ("right", 1), "very back": ("back", 1),
    "very front": ("front", 1), "very top": ("top", 1), "very bottom": ("bottom", 1),
}  # fmt: skip
"""Sides that can be counted from: (by, rank of the first one)."""

BARE_SIDES = frozenset(("left", "right", "top", "bottom", "middle"))
"""Sides that order when they stand before the noun: "the left cup", but not "the front door"."""

SUPERLATIVES: dict[str, tuple[str, int]] = {
    "leftmost": ("left", 1), "left-most": ("left", 1), "left most": ("left", 1),
    "furthest left": ("left", 1), "farthest left": ("left", 1), "most left": ("left", 1),
    "rightmost": ("right", 1), "right-most": ("right", 1), "right most": ("right", 1),
    "furthest right": ("right", 1), "farthest right": ("right", 1), "most right": ("right", 1),
    "frontmost": ("front", 1), "foremost": ("front", 1), "front most": ("front", 1),
    "rearmost": ("back", 1), "backmost": ("back", 1), "hindmost": ("back", 1),
    "topmost": ("top", 1), "uppermost": ("top", 1), "highest": ("top", 1), "upper": ("top", 1),
    "lowest": ("bottom", 1), "lowermost": ("bottom", 1), "bottommost": ("bottom", 1),
    "higher": ("top", 1), "lower": ("bottom", 1),
    "biggest": ("size", 1), "largest": ("size", 1), "greatest": ("size", 1),
    "bigger": ("size", 1), "larger": ("size", 1), "hugest": ("size", 1),
    "smallest": ("size", -1), "tiniest": ("size", -1), "littlest": ("size", -1),
    "smaller": ("size", -1), "tinier": ("size", -1),
    "tallest": ("height", 1), "taller": ("height", 1),
    "shortest": ("height", -1), "shorter": ("height", -1), "flattest": ("height", -1),
    "longest": ("length", 1), "longer": ("length", 1), "widest": ("length", 1),
    "wider": ("length", 1), "narrowest": ("width", -1), "narrower": ("width", -1),
    "thinnest": ("width", -1), "thinner": ("width", -1), "thickest": ("width", 1),
    "thicker": ("width", 1),
    "nearest": ("distance", 1), "closest": ("distance", 1), "nearer": ("distance", 1),
    "closer": ("distance", 1), "farthest": ("distance", -1), "furthest": ("distance", -1),
    "farther": ("distance", -1), "further": ("distance", -1), "most distant": ("distance", -1),
    "central": ("middle", 1), "middlemost": ("middle", 1), "centermost": ("middle", 1),
}  # fmt: skip
"""Words that pick by an order -> (by, rank); rank 1 is the most so, -1 the least so."""

NUMBERS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "both": 2, "2": 2, "3": 3, "4": 4, "5": 5, "6": 6, "7": 7, "8": 8, "9": 9, "10": 10,
}  # fmt: skip

PARTS = frozenset((
    "handle", "lid", "leg", "top", "bottom", "edge", "corner", "rim", "spout", "neck", "cap",
    "screen", "seat", "back", "backrest", "armrest", "arm", "door", "drawer", "wheel", "trigger",
    "blade", "tip", "stem", "base", "side", "surface", "front", "cover", "spine", "button", "knob",
    "strap", "tail", "head", "ear", "nose", "leaf", "foot", "tabletop", "label", "cord", "cable",
    "switch", "nozzle", "hinge", "frame", "shade", "keyboard", "touchpad", "opening", "inside",
    "left side", "right side", "middle", "end", "zipper", "pocket", "sole", "lace", "pedal",
))  # fmt: skip
"""Nouns that, before "of the", name a part of what follows."""
