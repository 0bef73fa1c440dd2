"""Which nouns may fairly name the same thing, so that truth never asks an unfair question.

Two tables. `SAME_NAME`: nouns that people use for each other ("cup" for a mug); a question with one
may be answered with the other. `CONFUSABLE`: nouns close enough in looks or meaning that none of a
group is asked as absent while another of it is in view.
"""

from __future__ import annotations

SAME_NAME: tuple[frozenset[str], ...] = tuple(
    frozenset(group)
    for group in (
        ("mug", "cup"),
        ("plate", "saucer", "tray"),
        ("bowl", "saucer"),
        ("plant pot", "potted plant"),
        ("cardboard box", "storage box", "shoe box"),
        ("gift box", "shoe box"),
        ("carton", "food box"),
        ("brick", "foam brick", "toy brick"),
        ("foam brick", "sponge"),
        ("cube", "foam brick", "toy brick"),
        ("lemon", "lime"),
        ("book", "notebook"),
        ("laptop", "notebook"),
        ("monitor", "television"),
        ("phone", "tablet computer"),
        ("waste basket", "basket", "bucket", "storage box"),
        ("frying pan", "saucepan"),
        ("bottle", "jar"),
        ("can", "jar"),
        ("vase", "jar"),
        ("table", "desk", "coffee table", "night stand"),
        ("chair", "armchair", "stool"),
        ("sofa", "armchair"),
        ("shelf", "cabinet"),
        ("lamp", "flashlight"),
        ("security camera", "camera"),
        ("paper roll", "tape"),
        ("plate", "dish rack"),
        ("kitchen utensils", "spoon", "spatula", "fork"),
        ("teapot", "moka pot"),
    )
)

CONFUSABLE: tuple[frozenset[str], ...] = tuple(
    frozenset(group)
    for group in (
        ("mug", "cup", "bowl", "plant pot", "teapot", "bucket", "candle", "jar"),
        ("bowl", "plate", "saucer", "tray", "frying pan", "saucepan"),
        ("bottle", "jar", "can", "vase", "carton", "flashlight", "spice jars"),
        ("vase", "plant pot", "potted plant", "teapot", "jar", "bucket"),
        ("waste basket", "basket", "bucket", "storage box", "plant pot", "cup", "barrel"),
        (
            "food box",
            "gift box",
            "cardboard box",
            "shoe box",
            "tissue box",
            "storage box",
            "carton",
            "brick",
            "foam brick",
            "toy brick",
            "cube",
            "mailbox",
            "cabinet",
        ),
        ("brick", "foam brick", "toy brick", "cube", "sponge", "bread", "speaker", "toaster"),
        ("book", "notebook", "tablet computer", "picture frame", "laptop", "food box"),
        ("laptop", "keyboard", "tablet computer", "monitor", "television", "picture frame"),
        ("phone", "tablet computer", "remote control", "camera"),
        ("remote control", "keyboard", "calculator", "game controller", "phone"),
        ("calculator", "phone", "keyboard", "tablet computer"),
        ("stapler", "computer mouse", "hammer", "pen", "tape"),
        ("tape", "paper roll", "can", "cup", "candle"),
        ("handbag", "gift box", "basket", "food box", "pillow", "backpack"),
        ("knife", "stapler", "pen"),
        ("kitchen utensils", "cup", "plant pot", "potted plant", "vase"),
        ("camera", "security camera", "speaker", "microwave"),
        ("clock", "speaker", "camera"),
        ("lamp", "candle", "flashlight", "security camera"),
        ("pen", "screwdriver", "flashlight", "candle", "knife", "wrench"),
        ("spoon", "fork", "knife", "spatula", "kitchen utensils", "scissors"),
        ("hammer", "wrench", "screwdriver", "drill", "scissors", "knife", "dumbbell"),
        ("apple", "orange", "lemon", "lime", "pear", "banana", "tomato", "carrot", "ball"),
        ("teddy bear", "rubber duck", "toy car", "cube", "ball", "toy brick"),
        ("pillow", "towel", "sponge", "hat"),
        ("shoe", "hat"),
        ("bread", "sponge", "pillow"),
        ("saucepan", "frying pan", "teapot", "moka pot", "plant pot"),
        ("barrel", "can", "waste basket", "fire hydrant", "traffic cone"),
        ("computer mouse", "rubber duck", "robot vacuum"),
        ("dish rack", "plate", "shelf", "basket"),
        ("table", "desk", "coffee table", "night stand", "cabinet", "shelf", "exercise bench"),
        ("chair", "armchair", "stool", "sofa", "bed", "exercise bench"),
        ("shelf", "cabinet", "wardrobe", "refrigerator", "night stand"),
        ("toaster", "microwave", "stove"),
    )
)

# Nouns of captions that name a whole family of things; never asked as if they named one.
GENERIC_NOUNS = frozenset(
    {
        "fruit",
        "vegetable",
        "tool",
        "utensil",
        "block",
        "seat",
        "package",
        "weight",
        "light",
        "toy",
        "device",
        "lid",
        "object",
        "dish",
        "pot",
        "cloth",
        "cube",
        "rack",
        "gift",
        "jars",
        "vehicle",
    }
)

# What can be asked for in vain, beside the categories the simulator knows.
OTHER_ABSENT = (
    "guitar",
    "bicycle",
    "umbrella",
    "ladder",
    "toilet",
    "refrigerator",
    "fire hydrant",
    "stop sign",
    "mailbox",
    "bed",
    "sofa",
    "pizza",
    "violin",
    "hair dryer",
    "backpack",
    "surfboard",
    "piano",
    "tent",
)


def same_name(a: str, b: str) -> bool:
    """Whether people use the nouns for each other."""
    return a == b or any(a in group and b in group for group in SAME_NAME)


def confusable(a: str, b: str) -> bool:
    """Whether one noun is an unfair "absent" question while the other is in view."""
    return same_name(a, b) or any(a in group and b in group for group in CONFUSABLE)
