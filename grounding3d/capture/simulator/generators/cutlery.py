"""Spoons, forks, knives and spatulas."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.generators.tools import STEEL
from grounding3d.capture.simulator.mesh import curve, section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


def _cutlery(rng: np.random.Generator, category: str, nouns: tuple[str, ...]) -> ObjectModel:
    b = Builder(rng)
    length = rng.uniform(0.16, 0.23)
    material = str(rng.choice(["steel", "steel", "wood", "plastic"]))
    colour = {
        "steel": c.Colour("silver", STEEL * rng.uniform(0.9, 1.1)),
        "wood": c.Colour("brown", np.array([180, 134, 84]) * rng.uniform(0.7, 1.1)),
        "plastic": c.pick_colour(rng, (*c.BRIGHT, "black", "white")),
    }[material]
    stem = np.array([[0, 0, 0.004], [0.35, 0, 0.002], [0.6, 0, 0.006]]) * [length, 1, 1]
    width = np.interp(np.linspace(0, 1, 12), [0, 0.15, 0.7, 1], [0.006, 0.009, 0.0045, 0.004])
    grip = c.pick_colour(rng).rgb if material == "steel" and rng.random() < 0.25 else colour.rgb
    b.tube(curve(stem, 12), width, grip, flat=0.35)
    if category == "spoon":
        radius = np.array([0.2 * length, rng.uniform(0.09, 0.13) * length])
        cup = curve([[0.05, 0.2], [0.7, 0.35], [1.0, 1.0]], 8) * [1, 0.009]
        b.lathe(cup * [1, 1], colour.rgb, section(24) * radius, at=(0.76 * length, 0, 0))
        b.lathe(
            cup[::-1] + np.array([0, 0.001]),
            c.shade(colour.rgb, 0.9),
            section(24) * radius,
            at=(0.76 * length, 0, 0),
        )
    elif category == "fork":
        b.ball((0.06 * length, 0.012, 0.003), colour.rgb, at=(0.66 * length, 0, 0.006))
        for k in np.linspace(-0.0095, 0.0095, int(rng.integers(3, 5))):
            b.tube(
                curve(
                    [
                        [0.68 * length, 0.8 * k, 0.006],
                        [0.8 * length, k, 0.003],
                        [0.95 * length, k, 0.008],
                    ],
                    6,
                ),
                0.0017,
                colour.rgb,
                n=6,
            )
    else:
        blade = np.array([[0.5, -0.008], [0.9, -0.009], [1.02, 0.004], [0.95, 0.012], [0.5, 0.012]])
        steel = STEEL * rng.uniform(0.95, 1.1) if material != "plastic" else colour.rgb
        b.prism(blade * [length, 1.2], 0.002, steel, at=(0, 0, 0.004))
    what = {"steel": "metal", "wood": "wooden", "plastic": "plastic"}[material]
    return b.finish(category, describe(rng, nouns, colour, what), colour)


def spoon(rng: np.random.Generator) -> ObjectModel:
    """Spoon, hollow side up."""
    return _cutlery(rng, "spoon", ("spoon", "tablespoon", "kitchen utensil"))


def fork(rng: np.random.Generator) -> ObjectModel:
    """Fork."""
    return _cutlery(rng, "fork", ("fork", "dinner fork", "kitchen utensil"))


def knife(rng: np.random.Generator) -> ObjectModel:
    """Table knife."""
    return _cutlery(rng, "knife", ("knife", "table knife", "kitchen knife"))


def spatula(rng: np.random.Generator) -> ObjectModel:
    """Turner with a slotted blade, lying."""
    b = Builder(rng)
    colour = c.pick_colour(rng, c.ANY)
    length = rng.uniform(0.24, 0.33)
    b.tube(
        curve([[0, 0, 0.008], [0.4 * length, 0, 0.006], [0.72 * length, 0, 0.002]], 8),
        0.008,
        colour.rgb,
        flat=0.5,
    )
    w = rng.uniform(0.06, 0.085)
    blade = STEEL if rng.random() < 0.4 else colour.rgb
    paint = t.plain(blade, 48)
    for k in (14, 24, 34):
        paint[k - 2 : k + 2, 10:40] = 30
    b.slab((0.28 * length, w, 0.003), 0.01, blade, top=paint, at=(0.85 * length, 0, 0))
    nouns = ("spatula", "turner", "kitchen utensil")
    return b.finish("spatula", describe(rng, nouns, colour), colour)
