"""The words that simple questions are made of."""

from __future__ import annotations

POLITE = (
    "please", "hi", "hello", "hey", "hey robot", "robot", "ok", "okay", "thanks", "thank you",
    "excuse me", "kindly", "just", "now", "um", "uh", "well", "so", "sorry", "pretty please",
    "for me", "would you", "could you", "can you", "will you",
)  # fmt: skip

POLITE_ENDS = (
    "please",
    "thanks",
    "thank you",
    "for me",
    "now",
    "kindly",
    "would you",
    "could you",
    "ok",
)

_ASK = (
    "where", "wheres", "where's", "where is", "where are", "where're", "where was",
    "where did i put", "where did i leave", "where have i put", "where can i find",
    "where could i find", "where do i find", "where is there", "where are there",
    "where does one find", "whereabouts is", "where might i find", "where might be",
    "where could be", "in which place is", "where do you see", "where did you see",
    "what is the position of", "what is the location of", "what's the position of",
    "what's the location of", "what are the coordinates of", "what is the pose of", "position of",
    "location of", "coordinates of", "the position of", "the location of", "the coordinates of",
)  # fmt: skip
_TELL = (
    "find", "find me", "find us", "locate", "show", "show me", "show us", "get", "get me",
    "fetch", "fetch me", "bring", "bring me", "give", "give me", "hand me", "pass me", "pick up",
    "grab", "grab me", "take", "look for", "search for", "search", "point to", "point at",
    "point me to", "go to", "navigate to", "drive to", "move to", "detect", "tell me",
    "take me to", "bring me to", "guide me to", "lead me to", "let me know", "help me find",
    "help me locate", "help me to find",
)  # fmt: skip
_WISH = (
    "i need", "i want", "i'd like", "i would like", "i want to find", "i need to find",
    "i would like to find", "i'd like to find", "i am looking for", "i'm looking for",
    "im looking for", "i look for", "looking for", "i search", "i search for",
    "i am searching for", "i'm searching for", "i have lost", "i've lost", "i lost",
    "i can't find", "i cannot find", "i cant find", "i could use", "we need", "we want",
    "we are looking for", "i want you to find", "i need you to find", "i'd like you to find",
    "i want to know", "i'd like to know", "i would like to know", "i wonder", "to", "you",
)  # fmt: skip
_EXIST = (
    "is there", "are there", "do you see", "can you see", "have you seen", "do we have",
    "do you have", "have you got", "is there any", "has anyone seen", "did you see",
    "do you know", "do you know where", "can you tell me", "could you tell me", "any idea",
    "which is", "which are", "what is", "there is", "there are", "is", "are",
)  # fmt: skip
OPENINGS = _ASK + _TELL + _WISH + _EXIST
"""What stands before the thing that is asked for; they may follow each other."""

TAILS = (
    "is", "are", "was", "were", "be", "located", "is located", "are located", "is it", "at",
    "is at", "here", "there", "in here", "around", "around here", "in the room", "in this room",
    "in the scene", "in the picture", "can be found", "to be found", "can be", "might be",
    "could be", "has gone", "have gone", "went", "in the map", "nearby", "somewhere", "anywhere",
    "over there", "over here", "right now", "again",
)  # fmt: skip

GENERIC = frozenset((
    "thing", "object", "item", "one", "stuff", "something", "anything", "everything", "what",
    "whatever", "article",
))  # fmt: skip
"""Nouns that fit any object; attributes, places and orders say which one is meant."""

EMPTY_TARGETS = frozenset((
    "it", "that", "this", "them", "something", "anything", "everything", "where", "what", "which",
    "who", "is", "are", "to", "on", "in", "over", "under", "by", "you", "me", "i", "and", "or",
    "of", "there", "here", "when", "why", "how", "nothing", "please", "thanks", "hello", "hi",
    "hey", "ok", "okay", "yes", "no", "not",
))  # fmt: skip
"""Words that name nothing that could be looked for."""

QUANTIFIERS = (
    "all", "every", "each", "both", "several", "many", "few", "two", "three", "four", "five",
    "six", "seven", "eight", "nine", "ten", "multiple",
)  # fmt: skip

COMPOUNDS = frozenset((
    "orange juice", "orange squash", "red wine", "white wine", "green tea", "black tea",
    "black pepper", "white board", "black board", "green bean", "red pepper", "green pepper",
    "brown bread", "white bread", "brown sugar", "white sugar", "gold fish", "black coffee",
    "violet flower", "lime juice", "olive oil", "silver ware", "cream cheese", "orange soda",
    "olive jar", "blue cheese", "blue berry", "black berry", "lime soda",
))  # fmt: skip
"""Names that begin with a colour word which need not be the colour of what they name."""

COLOURS = (
    "red", "orange", "yellow", "green", "teal", "cyan", "turquoise", "blue", "navy", "purple",
    "violet", "pink", "magenta", "brown", "beige", "tan", "cream", "black", "grey", "gray",
    "white", "silver", "gold", "golden", "maroon", "olive", "lime",
)  # fmt: skip
_OTHERS = (
    "big", "large", "huge", "small", "little", "tiny", "tall", "short", "long", "wide", "thin",
    "thick", "low", "high", "round", "square", "rectangular", "flat", "empty", "full", "open",
    "closed", "old", "new", "dark", "light", "bright", "wooden", "wood", "metal", "metallic",
    "steel", "plastic", "glass", "ceramic", "paper", "cardboard", "leather", "stone", "clay",
    "porcelain", "transparent", "shiny", "striped", "dotted", "spotted", "checkered", "patterned",
    "floral", "plain", "clean", "dirty", "heavy", "soft", "hard",
)  # fmt: skip
ATTRIBUTES = frozenset(COLOURS + _OTHERS)
"""Adjectives of colour, size, shape, material and pattern."""

INVARIANT = frozenset((
    "scissors", "glasses", "sunglasses", "trousers", "jeans", "pants", "shorts", "pliers",
    "tongs", "binoculars", "headphones", "earphones", "earbuds", "keys", "clothes", "stairs",
    "blinds", "tweezers", "goggles", "lens", "gas", "bus", "canvas", "iris", "tennis", "chess",
    "dominoes", "series", "species", "skis", "chopsticks", "kitchen utensils", "utensils",
    "tissues", "flowers", "grapes", "matches", "dishes", "christmas", "lens", "vegetables",
    "stairs", "news", "mattress", "compass", "atlas", "cactus", "ibis", "couscous", "asparagus",
))  # fmt: skip
"""Words that end in s but name one thing, or a thing that comes in numbers."""

IRREGULAR_PLURALS = {
    "knives": "knife", "shelves": "shelf", "bookshelves": "bookshelf", "loaves": "loaf",
    "leaves": "leaf", "scarves": "scarf", "halves": "half", "men": "man", "women": "woman",
    "people": "person", "children": "child", "mice": "mouse", "feet": "foot", "teeth": "tooth",
    "tomatoes": "tomato", "potatoes": "potato", "dice": "die", "boxes": "box", "buses": "bus",
    "vases": "vase", "cacti": "cactus", "lenses": "lens", "batteries": "battery",
    "cookies": "cookie", "movies": "movie", "ties": "tie", "shoes": "shoe",
    "toothbrushes": "toothbrush", "axes": "axe", "sofas": "sofa", "geese": "goose",
}  # fmt: skip
