"""Vases, pots and plants in them."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.arrays import Numbers
from grounding3d.capture.simulator.builder import Builder, Paint
from grounding3d.capture.simulator.generators.drinkware import random_ring, vessel, wall_profile
from grounding3d.capture.simulator.mesh import Mesh, both_sides, curve, section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


def vase(rng: np.random.Generator) -> ObjectModel:
    """Vase with a free profile."""
    b = Builder(rng)
    height = rng.uniform(0.13, 0.3)
    radius = height * rng.uniform(0.2, 0.4)
    belly = rng.uniform(0.25, 0.65)
    points = [
        [rng.uniform(0.45, 0.7), 0.02],
        [1.0, belly],
        [rng.uniform(0.3, 0.6), 0.85],
        [rng.uniform(0.4, 0.75), 1.0],
    ]
    outer = curve(np.array(points) * [radius, height], 16)
    colour = c.pick_colour(rng)
    paint, adjective = t.decorate(rng, colour, 0.35)
    vessel(b, outer, paint, c.shade(colour.rgb, 0.5), 0.004, random_ring(rng, 0.6))
    nouns = ("vase", "flower vase", "ceramic vase", "urn")
    return b.finish("vase", describe(rng, nouns, colour, adjective), colour)


def _pot(
    b: Builder, rng: np.random.Generator, radius: float, height: float, colour: c.Colour
) -> str | None:
    ring = random_ring(rng, 0.75)
    outer = wall_profile(
        rng, radius * 0.94, height * 0.8, rng.choice(["tapered", "straight", "barrel"])
    )
    paint, adjective = t.decorate(rng, colour, 0.6)
    if rng.random() < 0.6:
        lip = np.array([[radius, 0.8], [radius, 1.0]]) * [1, height]
        outer = np.concatenate([outer, lip])
    else:
        outer = outer * [1, 1.25]
    vessel(b, outer, paint, c.shade(colour.rgb, 0.6), 0.005, ring)
    return adjective


def plant_pot(rng: np.random.Generator) -> ObjectModel:
    """Empty flower pot, sometimes filled with soil."""
    b = Builder(rng)
    radius = rng.uniform(0.055, 0.1)
    height = radius * rng.uniform(1.3, 2.0)
    colour = c.pick_colour(rng, ("orange", "brown", *c.ANY))
    adjective = _pot(b, rng, radius, height, colour)
    if rng.random() < 0.5:
        b.lathe(
            [[radius * 0.85, 0.8 * height], [0, 0.82 * height]],
            t.speckle(rng, (60, 42, 30), (110, 84, 60)),
        )
    nouns = ("plant pot", "flower pot", "empty flower pot", "planter")
    return b.finish("plant pot", describe(rng, nouns, colour, adjective), colour)


def _leaf(
    b: Builder,
    start: Numbers,
    yaw: float,
    length: float,
    width: float,
    droop: float,
    lift: float,
    paint: Paint,
) -> None:
    s = np.linspace(0, 1, 7)
    out = length * s * np.cos(lift)
    up = length * (s * np.sin(lift) - droop * s**2)
    half = width * np.sin(np.pi * np.clip(s * 0.92 + 0.06, 0, 1))
    middle = np.stack([out, 0 * s, up], 1)
    side = np.stack([0 * s, half, 0.15 * half], 1)
    rows = np.stack([middle - side, middle, middle + side], axis=1)
    index = np.arange(21).reshape(7, 3)
    a, q, r, d = (
        index[:-1, :-1].ravel(),
        index[:-1, 1:].ravel(),
        index[1:, 1:].ravel(),
        index[1:, :-1].ravel(),
    )
    faces = np.concatenate([np.stack([a, q, r], 1), np.stack([a, r, d], 1)])
    uv = np.stack(np.meshgrid(np.linspace(0, 1, 3), s), -1).reshape(-1, 2)
    b.add(both_sides(Mesh(rows.reshape(-1, 3), faces, uv)), paint, at=start, turn=(0, 0, yaw))


def potted_plant(rng: np.random.Generator) -> ObjectModel:
    """Leafy plant, cactus or bush in a pot."""
    b = Builder(rng)
    radius = rng.uniform(0.045, 0.09)
    height = radius * rng.uniform(1.2, 1.9)
    colour = c.pick_colour(rng, ("white", "orange", "brown", *c.ANY))
    _pot(b, rng, radius, height, colour)
    b.lathe(
        [[radius * 0.88, 0.85 * height], [0, 0.88 * height]],
        t.speckle(rng, (60, 42, 30), (110, 84, 60)),
    )
    green = c.pick_colour(rng, ("green",)).rgb * rng.uniform(0.7, 1.1)
    kind = str(rng.choice(["leaves", "leaves", "cactus", "bush", "blades"]))
    top = 0.85 * height
    if kind == "cactus":
        tall = rng.uniform(0.06, 0.16)
        ribs = section(48, lobes=12, depth=0.08)
        ball = curve([[0.7, 0.0], [1.0, 0.5], [0.8, 0.85], [0.0, 1.0]], 10)
        b.lathe(
            ball * [radius * rng.uniform(0.45, 0.7), tall],
            t.speckle(rng, green, c.shade(green, 2.5)),
            ribs,
            at=(0, 0, top),
        )
    elif kind == "bush":
        for _ in range(rng.integers(8, 16)):
            spot = np.array([0, 0, top + radius]) + rng.normal(0, 0.5 * radius, 3)
            b.ball(
                radius * rng.uniform(0.35, 0.6),
                t.speckle(rng, green, c.shade(green, 1.6)),
                n=10,
                at=spot,
            )
        b.tube([[0, 0, top], [0, 0, top + radius]], 0.006, (90, 60, 40))
    else:
        paint = t.stripes(rng, green, c.shade(green, 1.4), 16, 32)
        for k in range(rng.integers(7, 18)):
            stem = rng.uniform(0.0, 1.2) * radius
            length = rng.uniform(1.0, 2.4) * radius
            if kind == "blades":
                _leaf(
                    b,
                    (0, 0, top),
                    50 * k,
                    length * 1.5,
                    radius * 0.14,
                    rng.uniform(0, 0.3),
                    rng.uniform(1.0, 1.5),
                    paint,
                )
            else:
                _leaf(
                    b,
                    (0, 0, top + stem),
                    47 * k + rng.uniform(-15, 15),
                    length,
                    radius * rng.uniform(0.25, 0.5),
                    rng.uniform(0.1, 0.7),
                    rng.uniform(0.3, 1.2),
                    paint,
                )
        b.tube([[0, 0, top * 0.9], [0, 0, top + 1.2 * radius]], 0.004, green)
    nouns = ("potted plant", "house plant", "plant in a pot", "houseplant")
    if kind == "cactus":
        nouns = ("potted cactus", "cactus", "potted plant", "house plant")
    detail = f"in a {colour.name} pot"
    return b.finish("potted plant", describe(rng, nouns, None, None, detail), None)
