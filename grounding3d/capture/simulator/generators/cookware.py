"""Pans, pots and kettles."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.generators.drinkware import handle, vessel
from grounding3d.capture.simulator.mesh import curve, section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


def frying_pan(rng: np.random.Generator) -> ObjectModel:
    """Pan with a long handle."""
    b = Builder(rng)
    radius = rng.uniform(0.09, 0.14)
    height = radius * rng.uniform(0.28, 0.42)
    colour = c.pick_colour(rng, ("black", "black", "grey", "silver", "red", "blue", "teal"))
    outer = curve([[0.78 * radius, 0.003], [0.93 * radius, 0.5 * height], [radius, height]], 6)
    inside = np.array([40, 40, 42]) * rng.uniform(0.6, 2.2)
    vessel(b, outer, colour.rgb, inside, 0.004, rim=np.array([150, 150, 150]))
    _long_handle(b, rng, radius, height, rng.uniform(0.14, 0.2))
    nouns = ("frying pan", "skillet", "pan with a handle", "pan")
    return b.finish("frying pan", describe(rng, nouns, colour), colour)


def _long_handle(
    b: Builder, rng: np.random.Generator, radius: float, height: float, length: float
) -> None:
    dark = c.pick_colour(rng, ("black", "black", "grey", "brown", "red")).rgb
    path = curve(
        [
            [radius * 0.97, 0, 0.75 * height],
            [radius + 0.3 * length, 0, 0.95 * height],
            [radius + length, 0, 1.1 * height + 0.01],
        ],
        10,
    )
    b.tube(
        path, np.interp(np.linspace(0, 1, 10), [0, 0.3, 1], [0.007, 0.008, 0.012]), dark, flat=1.4
    )


def saucepan(rng: np.random.Generator) -> ObjectModel:
    """Cooking pot with one long or two short handles, with or without a lid."""
    b = Builder(rng)
    radius = rng.uniform(0.07, 0.12)
    height = radius * rng.uniform(0.9, 1.4)
    colour = c.pick_colour(
        rng, ("silver", "silver", "red", "black", "blue", "green", "orange", "white")
    )
    paint = t.metal(rng) if colour.name == "silver" else t.glazed(rng, colour.rgb)
    outer = np.array([[radius * 0.97, 0.003], [radius, 0.1 * height], [radius, height]])
    vessel(b, outer, paint, np.array([170, 170, 172]), 0.003)
    if rng.random() < 0.5:
        _long_handle(b, rng, radius, height * 0.9, rng.uniform(0.12, 0.18))
    else:
        for sign in (-1, 1):
            loop = curve(
                [
                    [sign * radius, -0.03, 0],
                    [sign * (radius + 0.03), -0.025, 0.0],
                    [sign * (radius + 0.03), 0.025, 0.0],
                    [sign * radius, 0.03, 0],
                ],
                10,
            )
            b.tube(
                loop, 0.006, c.pick_colour(rng, ("black", "silver")).rgb, at=(0, 0, 0.8 * height)
            )
    if rng.random() < 0.5:
        lid = curve([[radius * 1.01, 0], [0.7 * radius, 0.12 * radius], [0.02, 0.2 * radius]], 8)
        b.lathe([*lid, [0, 0.2 * radius]], paint, at=(0, 0, height))
        b.cylinder(0.014, 0.022, (30, 30, 30), at=(0, 0, height + 0.19 * radius), taper=1.25)
    nouns = ("saucepan", "cooking pot", "pot", "stew pot")
    return b.finish("saucepan", describe(rng, nouns, colour), colour)


def teapot(rng: np.random.Generator) -> ObjectModel:
    """Teapot or kettle: belly, spout, lid, side or top handle."""
    b = Builder(rng)
    radius = rng.uniform(0.06, 0.09)
    height = radius * rng.uniform(1.3, 1.8)
    steel = rng.random() < 0.3
    colour = c.pick_colour(rng, ("silver",) if steel else c.ANY)
    paint, adjective = (t.metal(rng), None) if steel else t.decorate(rng, colour, 0.5)
    belly = curve([[0, 0], [0.7, 0.0], [1.0, rng.uniform(0.3, 0.5)], [0.62, 0.92], [0.45, 1.0]], 16)
    b.lathe(np.vstack([[0, 0], [0.7, 0], belly[4:]]) * [radius, height], paint)
    lid = curve([[0.48, 0.0], [0.3, 0.12], [0.02, 0.17]], 6) * [radius, height]
    b.lathe([*lid, [0, lid[-1, 1]]], colour.rgb, at=(0, 0, 0.99 * height))
    b.ball(0.16 * radius, c.shade(colour.rgb, 0.7), n=10, at=(0, 0, 1.22 * height))
    spout = curve([[0.8, 0, 0.3], [1.25, 0, 0.5], [1.45, 0, 0.85], [1.65, 0, 1.0]], 9)
    b.tube(spout * [radius, 1, height], np.linspace(0.25, 0.13, 9) * radius, colour.rgb)
    if rng.random() < 0.5:
        handle(
            b, rng, lambda z: -0.92 * radius if z < 0 else 0.9 * radius, height, colour.rgb, "ear"
        )
        mesh, grip = b._parts.pop()
        b.add(mesh, grip, turn=(0, 0, 180))
        noun = "teapot"
    else:
        a = np.linspace(0.12 * np.pi, 0.88 * np.pi, 14)
        arc = np.stack([radius * 0.95 * np.cos(a), 0 * a, height * (0.55 + 0.95 * np.sin(a))], 1)
        b.tube(arc, 0.006, (40, 36, 34), flat=1.6)
        noun = "kettle"
    nouns = (noun, "teapot", "kettle", "tea kettle", "tea pot")
    return b.finish("teapot", describe(rng, nouns, colour, adjective), colour)


def moka_pot(rng: np.random.Generator) -> ObjectModel:
    """Faceted stove-top coffee maker."""
    b = Builder(rng)
    radius = rng.uniform(0.035, 0.05)
    height = radius * rng.uniform(3.2, 4.0)
    colour = c.pick_colour(rng, ("silver", "silver", "silver", "red", "black", "blue"))
    paint = t.metal(rng) if colour.name == "silver" else t.glazed(rng, colour.rgb)
    ring = section(8)
    b.lathe(
        np.array(
            [
                [0, 0],
                [1.05, 0],
                [0.8, 0.42],
                [0.72, 0.48],
                [0.74, 0.52],
                [1.0, 0.88],
                [0.95, 0.9],
                [0.3, 0.98],
                [0, 0.99],
            ]
        )
        * [radius, height],
        paint,
        ring,
    )
    b.cylinder(0.009, 0.018, (25, 25, 25), at=(0, 0, 0.97 * height), taper=0.8)
    b.tube(
        curve(
            [
                [0.8 * radius, 0, 0.85 * height],
                [1.9 * radius, 0, 0.88 * height],
                [2.0 * radius, 0, 0.5 * height],
            ],
            10,
        ),
        0.007,
        (25, 25, 25),
        flat=1.5,
    )
    b.tube(
        [[-0.7 * radius, 0, 0.75 * height], [-1.3 * radius, 0, 0.92 * height]],
        [0.012, 0.005],
        paint.mean((0, 1)),
    )
    nouns = ("moka pot", "espresso maker", "coffee pot", "coffee maker")
    return b.finish("moka pot", describe(rng, nouns, colour), colour)
