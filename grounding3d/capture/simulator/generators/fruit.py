"""Fruit, vegetables and bread."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.arrays import Numbers
from grounding3d.capture.simulator.builder import Builder, Paint
from grounding3d.capture.simulator.mesh import curve, section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


def _skin(
    rng: np.random.Generator, rgb: Numbers, other: Numbers, strength: float | None = None
) -> np.ndarray:
    """Fruit skin: clouds between two colours with fine specks."""
    field = t.smooth_noise(rng, 48, 96, int(rng.integers(3, 6)))
    base = t.blend(field * (rng.uniform(0.1, 0.7) if strength is None else strength), rgb, other)
    specks = rng.random((48, 96)) < 0.02
    base[specks] = t.rgb8(c.shade(rgb, 1.4))
    return base


def _fruit(
    b: Builder,
    rng: np.random.Generator,
    profile: Numbers,
    radius: float,
    paint: Paint,
    stem: bool = True,
    ring: np.ndarray | None = None,
) -> None:
    b.lathe(curve(np.array(profile) * radius, 16), paint, ring)
    if stem:
        top = profile[-1][1] * radius
        lean = rng.uniform(-0.006, 0.006)
        b.tube(
            [[0, 0, top - 0.004], [lean, 0, top + rng.uniform(0.006, 0.014)]],
            0.0018,
            (92, 62, 36),
            n=6,
        )


def apple(rng: np.random.Generator) -> ObjectModel:
    """Red, green or yellow apple."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("red", "red", "green", "yellow"))
    rgb = (
        np.array([130, 180, 60]) * rng.uniform(0.85, 1.1) if colour.name == "green" else colour.rgb
    )
    radius = rng.uniform(0.032, 0.044)
    profile = [[0, 0.1], [0.45, 0.0], [0.95, 0.7], [0.98, 1.15], [0.55, 1.75], [0.0, 1.55]]
    _fruit(
        b, rng, profile, radius, _skin(rng, rgb, (228, 190, 90)), ring=section(lobes=5, depth=0.02)
    )
    return b.finish("apple", describe(rng, ("apple", "piece of fruit", "fruit"), colour), colour)


def orange(rng: np.random.Generator) -> ObjectModel:
    """Orange or mandarin."""
    b = Builder(rng)
    rgb = np.array([240, 140, 30]) * rng.uniform(0.88, 1.05)
    b.ball(
        rng.uniform(0.03, 0.045) * np.array([1, 1, rng.uniform(0.85, 1.0)]),
        t.speckle(rng, rgb, rgb * 0.9),
    )
    b.ball((0.004, 0.004, 0.002), (80, 110, 40), n=8, at=(0, 0, 0.035))
    return b.finish(
        "orange", describe(rng, ("orange", "orange fruit", "mandarin", "citrus fruit")), "orange"
    )


def lemon(rng: np.random.Generator) -> ObjectModel:
    """Lemon or lime lying on its side."""
    b = Builder(rng)
    lime = rng.random() < 0.3
    rgb = np.array([110, 160, 40] if lime else [245, 215, 50]) * rng.uniform(0.9, 1.04)
    radius = rng.uniform(0.024, 0.032)
    profile = np.array(
        [[0, -1.45], [0.2, -1.35], [0.75, -0.8], [1.0, 0], [0.75, 0.8], [0.22, 1.3], [0, 1.5]]
    )
    b.lathe(curve(profile * radius, 18), t.speckle(rng, rgb, rgb * 0.92), turn=(0, 90, 0))
    nouns = (
        ("lime", "green lime", "citrus fruit") if lime else ("lemon", "citrus fruit", "lemon fruit")
    )
    return b.finish(
        "lime" if lime else "lemon",
        describe(rng, nouns, "green" if lime else "yellow"),
        "green" if lime else "yellow",
    )


def pear(rng: np.random.Generator) -> ObjectModel:
    """Standing pear."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("green", "yellow"))
    rgb = np.array([170, 190, 70] if colour.name == "green" else [222, 196, 80]) * rng.uniform(
        0.9, 1.05
    )
    profile = [[0, 0.08], [0.4, 0], [1.0, 0.8], [0.75, 1.6], [0.42, 2.2], [0.2, 2.5], [0, 2.5]]
    _fruit(b, rng, profile, rng.uniform(0.03, 0.038), _skin(rng, rgb, (190, 130, 60), 0.35))
    return b.finish("pear", describe(rng, ("pear", "piece of fruit", "fruit"), colour), colour)


def banana(rng: np.random.Generator) -> ObjectModel:
    """Curved banana lying on a side, now and then a bunch."""
    b = Builder(rng)
    length, bend = rng.uniform(0.15, 0.21), rng.uniform(0.9, 1.5)
    ripe = rng.random() < 0.8
    rgb = np.array([240, 205, 60] if ripe else [170, 190, 60]) * rng.uniform(0.9, 1.04)
    s = np.linspace(-0.5, 0.5, 14)
    radius = length / bend
    path = np.stack([radius * np.sin(bend * s), radius * (1 - np.cos(bend * s)), 0 * s], 1)
    thick = rng.uniform(0.015, 0.02)
    width = (
        np.interp(s, [-0.5, -0.42, -0.25, 0.25, 0.44, 0.5], [0.35, 0.4, 0.95, 0.95, 0.45, 0.3])
        * thick
    )
    skin = np.repeat(
        t.blend((rng.random((64, 24)) < 0.03).astype(float), rgb, (110, 76, 36)), 1, axis=0
    )
    skin[:4], skin[-4:] = (80, 64, 34), (110, 120, 50)
    count = int(rng.choice([1, 1, 1, 3]))
    for k in range(count):
        b.tube(
            path,
            width,
            skin,
            n=6,
            at=(0, -1.5 * thick * k, 0.6 * thick * k),
            turn=(6 * k, 0, 7 * k),
        )
    nouns = (
        ("banana", "piece of fruit", "fruit")
        if count == 1
        else ("bunch of bananas", "bananas", "fruit")
    )
    return b.finish(
        "banana", describe(rng, nouns, "yellow" if ripe else "green"), "yellow" if ripe else "green"
    )


def carrot(rng: np.random.Generator) -> ObjectModel:
    """Carrot with or without its green."""
    b = Builder(rng)
    length, radius = rng.uniform(0.11, 0.19), rng.uniform(0.012, 0.019)
    rgb = np.array([236, 120, 30]) * rng.uniform(0.88, 1.05)
    s = np.linspace(0, 1, 12)
    path = np.stack([length * s, 0.008 * np.sin(3 * s + rng.uniform(0, 6)), 0 * s], 1)
    paint = t.blend((rng.random((32, 1)) < 0.2) * np.ones((1, 8)), rgb, rgb * 0.8)
    b.tube(path, radius * np.interp(s, [0, 0.05, 1], [0.75, 1.0, 0.12]), paint)
    for _ in range(rng.integers(3, 9)):
        tip = rng.normal(0, 0.014, 3) - [rng.uniform(0.03, 0.08), 0, 0]
        b.tube(curve([[0.002, 0, 0], tip * 0.5, tip], 5), 0.002, (70, 140, 50), n=5)
    return b.finish("carrot", describe(rng, ("carrot", "vegetable", "orange vegetable")), "orange")


def tomato(rng: np.random.Generator) -> ObjectModel:
    """Tomato with a star of sepals."""
    b = Builder(rng)
    radius = rng.uniform(0.025, 0.042)
    rgb = np.array([205, 40, 28]) * rng.uniform(0.85, 1.1)
    b.ball(
        radius * np.array([1, 1, rng.uniform(0.75, 0.9)]),
        _skin(rng, rgb, (230, 90, 40), 0.3),
        at=(0, 0, radius),
    )
    for k in range(5):
        tip = np.array(
            [0.5 * radius * np.cos(1.26 * k), 0.5 * radius * np.sin(1.26 * k), 1.76 * radius]
        )
        b.tube([[0, 0, 1.84 * radius], tip], 0.0025, (60, 120, 44), n=5)
    return b.finish("tomato", describe(rng, ("tomato", "red vegetable", "vegetable"), "red"), "red")


def bread(rng: np.random.Generator) -> ObjectModel:
    """Loaf, baguette or bun."""
    b = Builder(rng)
    crust = np.array([190, 128, 64]) * rng.uniform(0.8, 1.15)
    paint = t.patches(rng, crust, c.shade(crust, 1.5))
    kind = str(rng.choice(["loaf", "baguette", "bun"]))
    if kind == "baguette":
        length = rng.uniform(0.25, 0.38)
        b.ball((length / 2, 0.032, 0.026), paint, power=3, n=24)
        for x in np.linspace(-0.36, 0.36, 5) * length:
            b.ball(
                (0.022, 0.008, 0.004), c.shade(crust, 2.2), n=10, at=(x, 0, 0.024), turn=(0, 0, 35)
            )
    elif kind == "bun":
        b.ball((0.045, 0.045, 0.032), paint, power_z=2.5)
        for _ in range(14):
            spot = rng.normal(0, 0.016, 2)
            b.ball(0.003, (240, 224, 180), n=6, at=(*spot, 0.03))
    else:
        x = rng.uniform(0.18, 0.26)
        b.ball((x / 2, 0.055, 0.05), paint, power=6, power_z=2.6, n=28)
    nouns = {
        "loaf": ("loaf of bread", "bread"),
        "baguette": ("baguette", "bread", "french bread"),
        "bun": ("bread roll", "bun", "bread"),
    }[kind]
    return b.finish("bread", describe(rng, nouns, "brown"), "brown")
