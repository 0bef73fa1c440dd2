"""Named colours of simulated objects and how they vary."""

from __future__ import annotations

import colorsys
from typing import NamedTuple

import numpy as np

# name -> (hue low, hue high, saturation low, high, value low, high); hue in turns, may pass 1.
_RANGES: dict[str, tuple[float, float, float, float, float, float]] = {
    "red": (0.98, 1.015, 0.75, 0.95, 0.6, 0.9),
    "orange": (0.06, 0.09, 0.8, 1.0, 0.85, 1.0),
    "yellow": (0.135, 0.16, 0.7, 0.95, 0.88, 1.0),
    "green": (0.3, 0.42, 0.5, 0.9, 0.35, 0.75),
    "teal": (0.475, 0.51, 0.55, 0.9, 0.45, 0.7),
    "blue": (0.57, 0.64, 0.6, 0.95, 0.45, 0.9),
    "purple": (0.74, 0.79, 0.4, 0.75, 0.4, 0.7),
    "pink": (0.9, 0.97, 0.3, 0.55, 0.88, 1.0),
    "brown": (0.05, 0.085, 0.5, 0.75, 0.3, 0.5),
    "beige": (0.09, 0.12, 0.15, 0.3, 0.8, 0.92),
    "white": (0.0, 1.0, 0.0, 0.04, 0.9, 1.0),
    "grey": (0.0, 1.0, 0.0, 0.06, 0.38, 0.65),
    "black": (0.0, 1.0, 0.0, 0.15, 0.05, 0.16),
    "silver": (0.55, 0.65, 0.0, 0.06, 0.66, 0.82),
    "gold": (0.115, 0.13, 0.5, 0.65, 0.7, 0.85),
}
BRIGHT = ("red", "orange", "yellow", "green", "teal", "blue", "purple", "pink")
EARTHY = ("brown", "beige", "orange", "white", "grey")
NEUTRAL = ("white", "grey", "black")
TECHNICAL = ("black", "black", "white", "grey", "silver")
ANY = (*BRIGHT, "brown", "beige", "white", "grey", "black")


class Colour(NamedTuple):
    """A colour with the name people give it; rgb is three floats from 0 to 255."""

    name: str
    rgb: np.ndarray


def pick_colour(rng: np.random.Generator, among: tuple[str, ...] = ANY) -> Colour:
    """A random member of ``among``, jittered within what the name covers."""
    name = str(rng.choice(among))
    h0, h1, s0, s1, v0, v1 = _RANGES[name]
    hsv = (rng.uniform(h0, h1) % 1.0, rng.uniform(s0, s1), rng.uniform(v0, v1))
    return Colour(name, 255.0 * np.array(colorsys.hsv_to_rgb(*hsv)))


def other_colour(
    rng: np.random.Generator, than: Colour, among: tuple[str, ...] = ANY, contrast: float = 90.0
) -> Colour:
    """A colour that stands out from ``than`` by ``contrast`` (0 to 441) if a few draws find one."""
    best = pick_colour(rng, among)
    for _ in range(6):
        candidate = pick_colour(rng, among)
        if np.linalg.norm(candidate.rgb - than.rgb) > np.linalg.norm(best.rgb - than.rgb):
            best = candidate
        if candidate.name != than.name and np.linalg.norm(candidate.rgb - than.rgb) > contrast:
            return candidate
    return best


def shade(rgb: np.ndarray, factor: float) -> np.ndarray:
    """Darker under 1, towards white over 1."""
    rgb = np.asarray(rgb, dtype=float)
    return rgb * factor if factor <= 1 else 255.0 - (255.0 - rgb) / factor


def named_samples(steps: int = 3) -> tuple[list[str], np.ndarray]:
    """Samples of what each name covers: names [n] and sRGB values [n, 3] from 0 to 255."""
    names, samples = [], []
    for name, (h0, h1, s0, s1, v0, v1) in _RANGES.items():
        for h in np.linspace(h0, h1, steps):
            for s in np.linspace(s0, s1, steps):
                for v in np.linspace(v0, v1, steps):
                    names.append(name)
                    samples.append(colorsys.hsv_to_rgb(h % 1.0, s, v))
    return names, 255.0 * np.array(samples)
