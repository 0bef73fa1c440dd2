"""Bins, buckets, baskets, trays and storage boxes."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.generators.drinkware import random_ring, vessel
from grounding3d.capture.simulator.mesh import curve, fan, section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


def _bin(
    rng: np.random.Generator,
    radius: float,
    height: float,
    category: str,
    nouns: tuple[str, ...],
    bail: bool = False,
    wire: bool = False,
) -> ObjectModel:
    b = Builder(rng)
    colour = c.pick_colour(rng, (*c.ANY, "grey", "blue", "silver"))
    foot = radius * rng.uniform(0.68, 0.85)
    outer = np.array([[foot, 0.0], [radius, 1.0]]) * [1, height]
    outer = np.linspace(outer[0] + [0, 0.004], outer[1], 6)
    paint, adjective = (t.weave(rng, colour.rgb), None) if wire else t.decorate(rng, colour, 0.65)
    if colour.name == "silver":
        paint = t.metal(rng)
    ring = random_ring(rng, 0.65)
    vessel(b, outer, paint, c.shade(colour.rgb, 0.75), 0.004, ring)
    rim = np.array([[radius, 0], [radius * 1.05, 0.0], [radius * 1.05, 0.03], [radius, 0.03]])
    b.lathe(rim * [1, height], c.shade(colour.rgb, 0.85), ring, at=(0, 0, 0.97 * height))
    if bail:
        a = np.linspace(0, np.pi, 14)
        arc = np.stack([radius * 1.03 * np.cos(a), 0 * a, radius * 1.05 * np.sin(a)], 1)
        b.tube(
            arc,
            0.004,
            (150, 150, 155),
            n=6,
            at=(0, 0, 0.93 * height),
            turn=(rng.choice([0, 35, 75]), 0, 0),
        )
    elif category == "waste basket" and rng.random() < 0.25:
        lid = t.plain(c.shade(colour.rgb, rng.choice([0.7, 1.0])))
        b.cylinder(radius * 1.06, 0.05 * height, lid, at=(0, 0, height), taper=0.97)
        b.ball((radius, radius, 0.14 * height), lid, at=(0, 0, 1.03 * height))
    return b.finish(category, describe(rng, nouns, colour, adjective), colour)


def waste_basket(rng: np.random.Generator) -> ObjectModel:
    """Open bin."""
    radius = rng.uniform(0.1, 0.15)
    nouns = ("waste basket", "trash can", "trash bin", "garbage bin", "bin")
    return _bin(
        rng, radius, radius * rng.uniform(1.8, 2.6), "waste basket", nouns, wire=rng.random() < 0.25
    )


def bucket(rng: np.random.Generator) -> ObjectModel:
    """Pail with a bail handle."""
    radius = rng.uniform(0.07, 0.14)
    return _bin(
        rng,
        radius,
        radius * rng.uniform(1.6, 2.1),
        "bucket",
        ("bucket", "pail", "bucket with a handle"),
        bail=True,
    )


def basket(rng: np.random.Generator) -> ObjectModel:
    """Woven basket, round or rectangular, sometimes with an arched handle."""
    b = Builder(rng)
    radius = rng.uniform(0.09, 0.16)
    height = radius * rng.uniform(0.7, 1.3)
    colour = c.pick_colour(rng, ("brown", "beige", "brown", "beige", "white", "grey"))
    ring = section(power=rng.choice([2, 2, 6])) * [1.0, rng.uniform(0.65, 1.0)]
    outer = np.linspace([radius * 0.85, 0.004], [radius, height], 6)
    vessel(b, outer, t.weave(rng, colour.rgb), c.shade(colour.rgb, 0.6), 0.006, ring)
    if rng.random() < 0.5:
        a = np.linspace(0, np.pi, 14)
        arc = np.stack([radius * 0.97 * np.cos(a), 0 * a, 1.1 * radius * np.sin(a)], 1)
        b.tube(arc, 0.007, c.shade(colour.rgb, 0.8), n=8, at=(0, 0, 0.95 * height))
    nouns = ("basket", "wicker basket", "woven basket")
    return b.finish("basket", describe(rng, nouns, colour), colour)


def _open_box(
    rng: np.random.Generator,
    size: tuple[float, float, float],
    wall: float,
    category: str,
    nouns: tuple[str, ...],
    wooden: bool,
) -> ObjectModel:
    b = Builder(rng)
    colour = c.pick_colour(rng)
    outline = np.array(size[:2]) / 2
    ring = section(40, power=rng.uniform(6, 14)) * outline
    slope = rng.uniform(0.85, 0.97)
    outer = np.array([[slope, 0.003], [1.0, size[2]]])
    inset = 1.0 - 2 * wall / min(size[:2])
    paint, adjective = t.decorate(rng, colour, 0.6)
    if wooden:
        paint = t.wood(rng)
        colour, adjective = c.Colour("brown", paint.mean((0, 1))), "wooden"
    flat = paint.mean((0, 1))
    b.lathe([[0, 0], [slope, 0], outer[0]], flat, ring)
    b.lathe(outer, paint, ring)
    b.lathe([outer[1], [inset, size[2]]], c.shade(flat, 0.9), ring)
    b.lathe([[inset, size[2]], [inset * slope, wall]], c.shade(flat, 0.85), ring)
    b.add(fan(ring * inset * slope, wall, up=True), paint)
    if rng.random() < 0.5:
        for sign in (-1, 1):
            grip = [[sign * outline[0], k * 0.2 * size[1], size[2] * 0.9] for k in (-1, 0, 1)]
            grip[1][0] += sign * 0.015
            b.tube(curve(grip, 8), 0.004, c.shade(flat, 0.6))
    return b.finish(category, describe(rng, nouns, colour, adjective), colour)


def tray(rng: np.random.Generator) -> ObjectModel:
    """Serving tray."""
    size = (rng.uniform(0.25, 0.42), rng.uniform(0.18, 0.3), rng.uniform(0.02, 0.045))
    return _open_box(
        rng, size, 0.006, "tray", ("tray", "serving tray", "platter"), rng.random() < 0.4
    )


def storage_box(rng: np.random.Generator) -> ObjectModel:
    """Open plastic tote or wooden crate."""
    size = (rng.uniform(0.2, 0.4), rng.uniform(0.15, 0.28), rng.uniform(0.1, 0.2))
    nouns = ("storage box", "plastic bin", "tote", "crate")
    return _open_box(rng, size, 0.006, "storage box", nouns, rng.random() < 0.25)
