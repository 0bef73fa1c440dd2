"""Bowls, plates and saucers."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.generators.drinkware import random_ring, vessel
from grounding3d.capture.simulator.mesh import curve, section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


def bowl(rng: np.random.Generator) -> ObjectModel:
    """Bowl from flat to deep."""
    b = Builder(rng)
    radius = rng.uniform(0.05, 0.12)
    height = radius * rng.uniform(0.45, 0.95)
    bulge = rng.uniform(0.7, 0.92)
    outer = curve(
        np.array([[0.42, 0.03], [bulge * 0.92, 0.4], [0.97, 0.75], [1.0, 1.0]]) * [radius, height],
        12,
    )
    colour = c.pick_colour(rng)
    paint, adjective = t.decorate(rng, colour)
    inner = colour.rgb if rng.random() < 0.6 else c.pick_colour(rng, c.NEUTRAL[:1]).rgb
    if rng.random() < 0.15:
        return _ramekin(b, rng, colour, radius * 0.8)
    if rng.random() < 0.2:
        wood = t.wood(rng)
        vessel(b, outer, wood, wood.mean((0, 1)), 0.006)
        return b.finish("bowl", describe(rng, ("wooden bowl", "salad bowl"), None), "brown")
    vessel(b, outer, paint, inner, rng.uniform(0.003, 0.006), random_ring(rng, 0.8))
    nouns = ("bowl", "cereal bowl", "soup bowl", "salad bowl", "ceramic bowl")
    return b.finish("bowl", describe(rng, nouns, colour, adjective), colour)


def _ramekin(b: Builder, rng: np.random.Generator, colour: c.Colour, radius: float) -> ObjectModel:
    """Small bowl with upright, often fluted walls."""
    height = radius * rng.uniform(0.7, 1.0)
    lobes = int(rng.integers(20, 36))
    ring = section(4 * lobes, lobes=lobes, depth=0.015) if rng.random() < 0.6 else section()
    outer = np.array([[0.9, 0.05], [0.97, 0.3], [1.0, 1.0]]) * [radius, height]
    vessel(b, outer, t.glazed(rng, colour.rgb), colour.rgb, 0.004, ring)
    nouns = ("small bowl", "ramekin", "porcelain dish", "bowl")
    return b.finish("bowl", describe(rng, nouns, colour), colour)


def _dish(
    rng: np.random.Generator, radius: float, height: float, category: str, nouns: tuple[str, ...]
) -> ObjectModel:
    b = Builder(rng)
    flat = rng.uniform(0.55, 0.72)
    profile = np.array(
        [
            [0, 0],
            [flat, 0],
            [flat + 0.05, 0.1],
            [1.0, 0.9],
            [0.99, 1.0],
            [flat + 0.04, 0.3],
            [flat, 0.22],
        ]
    ) * [radius, height]
    colour = c.pick_colour(rng, (*c.ANY, "white") * 6)
    ring = random_ring(rng, 0.75)
    b.lathe(profile[:5], colour.rgb, ring)
    rim = c.other_colour(rng, colour)
    style = rng.integers(4)
    paint = [
        t.plain(colour.rgb),
        t.dots(rng, colour.rgb, rim.rgb, 32, 160),
        t.flowers(rng, colour.rgb, rim.rgb, 40, 200),
        t.bands(rng, colour.rgb, rim.rgb, 48),
    ][style]
    b.lathe(profile[4:6], paint, ring)
    b.lathe([*profile[5:], [0, height * 0.2]], rim.rgb if rng.random() < 0.12 else colour.rgb, ring)
    detail = f"with a {rim.name} rim" if style else None
    return b.finish(category, describe(rng, nouns, colour, None, detail), colour)


def plate(rng: np.random.Generator) -> ObjectModel:
    """Dinner or dessert plate."""
    radius = rng.uniform(0.085, 0.14)
    nouns = ("plate", "dinner plate", "round dish", "dish", "ceramic plate")
    return _dish(rng, radius, radius * rng.uniform(0.14, 0.24), "plate", nouns)


def saucer(rng: np.random.Generator) -> ObjectModel:
    """Saucer of a tea cup."""
    radius = rng.uniform(0.06, 0.08)
    return _dish(
        rng,
        radius,
        radius * rng.uniform(0.2, 0.3),
        "saucer",
        ("saucer", "small plate", "tea saucer", "small dish"),
    )
