"""Jars, cans and bottles."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.generators.drinkware import random_ring
from grounding3d.capture.simulator.mesh import curve, section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


def jar(rng: np.random.Generator) -> ObjectModel:
    """Closed jar with a lid and often a label."""
    b = Builder(rng)
    radius, height = rng.uniform(0.028, 0.05), rng.uniform(0.06, 0.16)
    contents = c.pick_colour(rng)
    ring = random_ring(rng, 0.7)
    neck = radius * rng.uniform(0.72, 0.92)
    body = [
        [0, 0],
        [radius * 0.95, 0],
        [radius, 0.06 * height],
        [radius, 0.72 * height],
        [neck, 0.85 * height],
        [neck, 0.9 * height],
    ]
    b.lathe(body, t.glazed(rng, contents.rgb), ring)
    if rng.random() < 0.75:
        b.lathe(
            [[radius * 1.012, 0.15 * height], [radius * 1.012, 0.65 * height]],
            t.wrap(rng, c.other_colour(rng, contents).rgb),
            ring,
        )
    lid = c.pick_colour(rng, ("gold", "silver", "red", "green", "white", "black", "blue", "brown"))
    b.cylinder(neck * 1.08, 0.14 * height, lid.rgb, at=(0, 0, 0.88 * height))
    nouns = ("jar", "glass jar", "food jar", rng.choice(["jam jar", "honey jar", "jar of sauce"]))
    return b.finish("jar", describe(rng, nouns, contents, None, f"with a {lid.name} lid"), contents)


def can(rng: np.random.Generator) -> ObjectModel:
    """Drinks, soup, tuna, coffee or meat tin."""
    b = Builder(rng)
    colour = c.pick_colour(rng, (*c.BRIGHT, "white", "black", "silver", "brown"))
    radius, height, nouns, ring = {
        0: (0.033, rng.uniform(0.11, 0.16), ("soda can", "drink can", "beer can"), section()),
        1: (
            rng.uniform(0.034, 0.042),
            rng.uniform(0.095, 0.12),
            ("soup can", "tin can", "tin of vegetables"),
            section(),
        ),
        2: (
            rng.uniform(0.038, 0.048),
            rng.uniform(0.03, 0.045),
            ("can of tuna", "flat tin", "fish can"),
            section(),
        ),
        3: (
            rng.uniform(0.048, 0.06),
            rng.uniform(0.12, 0.16),
            ("coffee can", "large can", "tin of coffee"),
            section(),
        ),
        4: (
            rng.uniform(0.04, 0.05),
            rng.uniform(0.07, 0.1),
            ("can of meat", "rectangular tin can", "spam can"),
            section(power=5) * [1.0, 0.6],
        ),
    }[int(rng.integers(5))]
    steel = np.array([190, 192, 196])
    side = t.wrap(rng, colour.rgb, copies=int(rng.integers(1, 4)))
    b.lathe([[0, 0], [0.9 * radius, 0], [radius, 0.05 * height]], steel, ring)
    b.lathe([[radius, 0.05 * height], [radius, 0.93 * height]], side, ring)
    b.lathe(
        [
            [radius, 0.93 * height],
            [radius * 0.9, height],
            [radius * 0.87, height],
            [radius * 0.85, 0.97 * height],
            [0, 0.97 * height],
        ],
        t.metal(rng),
        ring,
    )
    return b.finish("can", describe(rng, (nouns[0], *nouns[1:], "can"), colour), colour)


def bottle(rng: np.random.Generator) -> ObjectModel:
    """Wine, water, sauce, shampoo, spray or sport bottle."""
    kind = str(rng.choice(["wine", "water", "sauce", "shampoo", "spray", "sport"]))
    radius, height, neck, shoulder, nouns = {
        "wine": (0.037, rng.uniform(0.27, 0.32), 0.36, 0.62, ("wine bottle", "glass bottle")),
        "water": (
            rng.uniform(0.03, 0.04),
            rng.uniform(0.19, 0.26),
            0.4,
            0.72,
            ("water bottle", "plastic bottle", "drink bottle"),
        ),
        "sauce": (
            rng.uniform(0.026, 0.036),
            rng.uniform(0.14, 0.21),
            0.4,
            0.66,
            ("sauce bottle", "condiment bottle", "ketchup bottle"),
        ),
        "shampoo": (
            rng.uniform(0.03, 0.042),
            rng.uniform(0.15, 0.23),
            0.45,
            0.84,
            ("shampoo bottle", "soap bottle", "lotion bottle"),
        ),
        "spray": (
            rng.uniform(0.035, 0.045),
            rng.uniform(0.2, 0.26),
            0.34,
            0.62,
            ("spray bottle", "cleaner bottle", "spray cleaner"),
        ),
        "sport": (
            rng.uniform(0.032, 0.042),
            rng.uniform(0.2, 0.27),
            0.75,
            0.84,
            ("flask", "thermos bottle", "sports bottle"),
        ),
    }[kind]
    among = ("green", "brown", "black", "red") if kind == "wine" else (*c.ANY, "silver")
    colour = c.pick_colour(rng, among)
    b = Builder(rng)
    ring = section()
    if kind == "shampoo":
        ring = section(power=rng.uniform(2, 4)) * [1.0, rng.uniform(0.5, 0.8)]
    elif kind in ("sauce", "water") and rng.random() < 0.3:
        ring = section(power=4)
    shoulder += rng.uniform(-0.05, 0.05)
    wave = 0.04 * rng.uniform(0, 1) if kind in ("water", "spray") else 0.0
    lower = np.linspace(0.04, shoulder, 9)
    waist = rng.uniform(0.8, 0.95) if kind in ("spray", "sauce") and rng.random() < 0.5 else 1.0
    widths = 1.0 - wave * (np.arange(9) % 2) - (1 - waist) * np.sin(np.pi * (lower / shoulder)) ** 2
    up = curve(
        [
            [widths[-1], shoulder],
            [neck * 1.35, 0.5 * (shoulder + 0.86)],
            [neck, 0.88],
            [neck, 0.93],
        ],
        10,
    )
    body = np.concatenate([[[0, 0], [0.9, 0]], np.column_stack([widths, lower]), up[1:]])
    b.lathe(body * [radius, height], t.glazed(rng, colour.rgb), ring)
    if kind != "sport" or rng.random() < 0.3:
        low, high = sorted(rng.uniform(0.1, shoulder - 0.03, 2))
        if high - low < 0.2:
            low, high = 0.12, shoulder - 0.08
        zone = (lower >= low) & (lower <= high)
        if zone.sum() >= 2:
            wall = np.column_stack([widths[zone] * 1.015, lower[zone]]) * [radius, height]
            b.lathe(wall, t.wrap(rng, c.other_colour(rng, colour).rgb), ring)
    cap = c.other_colour(rng, colour)
    top = neck * radius * min(1.0, ring[:, 1].max() * 1.2)
    if kind == "spray":
        b.cylinder(top * 1.1, 0.06 * height, cap.rgb, at=(0, 0, 0.9 * height))
        b.box((0.05, 0.02, 0.03), cap.rgb, at=(0.012, 0, 0.955 * height))
        b.tube(
            [[0.02, 0, 0.96 * height], [0.035, 0, 0.9 * height], [0.033, 0, 0.84 * height]],
            0.004,
            cap.rgb,
            flat=1.5,
        )
    elif kind == "shampoo" and rng.random() < 0.5:
        b.cylinder(0.007, 0.12 * height, cap.rgb, at=(0, 0, 0.92 * height))
        b.box((0.05, 0.014, 0.012), cap.rgb, at=(0.014, 0, 1.03 * height))
    else:
        b.cylinder(
            top * 1.12,
            rng.uniform(0.05, 0.12) * height,
            cap.rgb,
            at=(0, 0, 0.91 * height),
            taper=rng.choice([1.0, 0.85, 0.6]),
        )
    words = (nouns[0], *nouns[1:], "bottle")
    return b.finish("bottle", describe(rng, words, colour, None, f"with a {cap.name} cap"), colour)
