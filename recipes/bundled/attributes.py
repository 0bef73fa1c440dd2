"""Colours, patterns and materials: their words, and which colours a texture shows."""

from __future__ import annotations

import numpy as np

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (190, 30, 35),
    "orange": (235, 125, 25),
    "yellow": (235, 205, 45),
    "green": (50, 140, 60),
    "teal": (30, 140, 140),
    "blue": (40, 85, 180),
    "purple": (115, 60, 150),
    "pink": (240, 150, 185),
    "brown": (115, 75, 45),
    "beige": (220, 200, 165),
    "black": (28, 28, 30),
    "grey": (125, 125, 128),
    "white": (240, 240, 240),
}
_ALSO = {
    "grey": "gray, silver, dark grey, light grey",
    "black": "charcoal, dark",
    "teal": "cyan, turquoise, aqua, blue green, mint",
    "blue": "navy, dark blue, light blue, sky blue",
    "purple": "violet, lilac",
    "pink": "magenta, rose",
    "red": "crimson, dark red, maroon, scarlet",
    "beige": "tan, cream, ivory, khaki",
    "brown": "light brown, dark brown",
    "yellow": "gold, golden",
    "green": "lime green, olive, dark green, light green",
    "orange": "amber, terracotta",
}
COLOUR_SYNONYMS = {w: c for c, words in _ALSO.items() for w in words.split(", ")}
PATTERNS: dict[str, tuple[str, ...]] = {
    "striped": ("striped", "stripy", "with stripes", "banded"),
    "dotted": ("dotted", "spotted", "with dots", "polka dot", "speckled"),
    "checkered": ("checkered", "checked", "chequered", "plaid"),
    "floral": ("floral", "flowery", "with flowers"),
    "patterned": ("patterned", "zigzag", "colourful", "colorful", "decorated"),
}
MATERIALS: dict[str, tuple[str, ...]] = {
    "wooden": ("wooden", "wood", "oak", "pine"),
    "metal": ("metal", "steel", "metallic", "aluminium"),
}
# Words that describe without changing what a picture shows here.
_NEUTRAL = (
    "small large big little tall short low round square old new plain plastic ceramic glass "
    "paper clean empty simple shiny nice tiny flat long open closed my your this that some "
    "one heavy light"
)
NEUTRAL_ADJECTIVES = tuple(_NEUTRAL.split())
ATTRIBUTES = tuple(COLOURS) + tuple(PATTERNS) + tuple(MATERIALS)

_WORDS: dict[str, str] = {
    **{c: c for c in COLOURS},
    **COLOUR_SYNONYMS,
    **{w: name for table in (PATTERNS, MATERIALS) for name, words in table.items() for w in words},
}


def words_of(attribute: str) -> list[str]:
    """Every way to say an attribute, its own name first."""
    return [attribute] + [w for w, a in _WORDS.items() if a == attribute and w != attribute]


def in_phrase(phrase: str) -> list[str]:
    """Attributes that a phrase names, each once, longest words first."""
    rest, found = f" {phrase.lower()} ", []
    for word in sorted(_WORDS, key=len, reverse=True):
        if f" {word} " in rest:
            rest = rest.replace(f" {word} ", "  ")
            if _WORDS[word] not in found:
                found.append(_WORDS[word])
    return found


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* (D65) of sRGB values 0 to 255, [..., 3]."""
    c = np.asarray(rgb, np.float64) / 255
    c = np.where(c > 0.04045, ((c + 0.055) / 1.055) ** 2.4, c / 12.92)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = c @ np.array(to_xyz).T / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    parts = (116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2]))
    return np.stack(parts, -1)


_PROTOTYPES = {
    "red": [(190, 30, 35), (150, 20, 30), (225, 60, 60), (120, 15, 20)],
    "orange": [(235, 125, 25), (205, 95, 40), (250, 160, 70)],
    "yellow": [(235, 205, 45), (245, 225, 110), (200, 170, 20)],
    "green": [(50, 140, 60), (30, 90, 40), (130, 190, 70), (150, 215, 150), (100, 120, 50)],
    "teal": [(30, 140, 140), (60, 190, 185), (20, 95, 100)],
    "blue": [(40, 85, 180), (25, 45, 110), (90, 150, 225), (150, 190, 235)],
    "purple": [(115, 60, 150), (160, 110, 200), (75, 35, 100)],
    "pink": [(240, 150, 185), (225, 90, 150), (245, 190, 205)],
    "brown": [(115, 75, 45), (80, 50, 30), (160, 110, 70)],
    "beige": [(220, 200, 165), (235, 222, 195), (195, 170, 130)],
    "black": [(15, 15, 15), (45, 45, 48)],
    "grey": [(90, 90, 93), (125, 125, 128), (165, 165, 168), (200, 200, 202)],
    "white": [(240, 240, 240), (250, 250, 248), (225, 225, 225)],
}
_NAMES = np.array([n for n, rows in _PROTOTYPES.items() for _ in rows])
_LAB = lab(np.array([c for rows in _PROTOTYPES.values() for c in rows]))


def colour_shares(colours: np.ndarray) -> dict[str, float]:
    """Share of each named colour among sRGB samples [n, 3]: nearest prototype in L*a*b*."""
    distance = np.linalg.norm(lab(colours)[:, None] - _LAB[None], axis=2)
    names, counts = np.unique(_NAMES[distance.argmin(axis=1)], return_counts=True)
    return {str(n): float(c) / len(colours) for n, c in zip(names, counts, strict=True)}


def texture_shares(shape, rng: np.random.Generator, samples: int = 400) -> dict[str, float]:
    """Named colours of an object's surface by area, from its texture: no light, no shadow."""
    a, b, c = (shape.vertices[shape.faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) + 1e-12
    face = rng.choice(len(area), samples, p=area / area.sum())
    bary = rng.dirichlet([1, 1, 1], samples)[..., None]
    uv = (shape.uv[shape.faces[face]] * bary).sum(axis=1) % 1.0
    h, w = shape.texture.shape[:2]
    row = np.clip(((1 - uv[:, 1]) * h).astype(int), 0, h - 1)
    column = np.clip((uv[:, 0] * w).astype(int), 0, w - 1)
    return colour_shares(shape.texture[row, column])


def appearance(shape, rng: np.random.Generator) -> dict[str, float]:
    """Weights of the attributes an object shows: its captions' words first, else its texture."""
    named = {a for caption in shape.captions for a in in_phrase(caption)}
    weights = dict.fromkeys(named, 1.0)
    if not any(a in COLOURS for a in named):
        shares = {c: s for c, s in texture_shares(shape, rng).items() if s >= 0.22}
        weights |= {c: float(np.sqrt(s)) for c, s in shares.items()}
    return weights
