"""Pens and hand tools."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.mesh import curve, section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe

STEEL = np.array([188, 191, 196])


def pen(rng: np.random.Generator) -> ObjectModel:
    """Ballpoint pen, marker or pencil, lying."""
    b = Builder(rng)
    kind = str(rng.choice(["pen", "marker", "pencil"]))
    colour = c.pick_colour(rng, c.ANY)
    length = rng.uniform(0.13, 0.175)
    r = {"pen": 0.005, "marker": 0.0085, "pencil": 0.004}[kind] * rng.uniform(0.9, 1.3)
    ring = section(6 if kind == "pencil" else 16)
    lie = {"turn": (0, 90, 0)}
    if kind == "pencil":
        b.lathe([[0, 0], [r, 0], [r, 0.04 * length]], (226, 130, 130), ring, **lie)
        b.lathe([[r, 0.04 * length], [r, 0.1 * length]], STEEL, ring, **lie)
        b.lathe([[r, 0.1 * length], [r, 0.86 * length]], colour.rgb, ring, **lie)
        b.lathe([[r, 0.86 * length], [0.3 * r, 0.97 * length]], (224, 186, 138), ring, **lie)
        b.lathe([[0.3 * r, 0.97 * length], [0, length]], (40, 40, 44), ring, **lie)
    else:
        barrel = c.Colour("white", np.array([238, 238, 234])) if rng.random() < 0.35 else colour
        cap = colour.rgb if barrel is not colour else c.other_colour(rng, colour).rgb
        split = rng.uniform(0.55, 0.72) * length
        b.lathe([[0, 0], [0.8 * r, 0], [r, 0.02 * length], [r, split]], barrel.rgb, ring, **lie)
        b.lathe(
            [
                [r, split],
                [1.12 * r, split],
                [1.12 * r, 0.97 * length],
                [0.6 * r, length],
                [0, length],
            ],
            cap,
            ring,
            **lie,
        )
        b.box((0.3 * length, 0.25 * r + 0.001, 0.4 * r), cap, at=(0.82 * length, 0, 1.1 * r))
    nouns = {
        "pen": ("pen", "ballpoint pen", "writing pen"),
        "marker": ("marker", "felt tip pen", "marker pen"),
        "pencil": ("pencil", "wooden pencil", "writing pencil"),
    }[kind]
    return b.finish("pen", describe(rng, nouns, colour), colour)


def scissors(rng: np.random.Generator) -> ObjectModel:
    """Scissors lying flat, a little open."""
    b = Builder(rng)
    colour = c.pick_colour(rng, (*c.BRIGHT, "black", "grey"))
    length, half = rng.uniform(0.14, 0.22), rng.uniform(4, 16)
    for s in (-1, 1):
        blade = np.array([[-0.05, 0.05], [0, -0.055], [0.5, -0.03], [0.55, 0.0], [0.1, 0.06]])[::1]
        outline = blade * [length, length * 0.9]
        if s < 0:
            outline = (outline * [1, -1])[::-1]
        turn = (0, 0, s * half)
        b.prism(
            outline, 0.003, STEEL * rng.uniform(0.9, 1.05), at=(0, 0, 0.004 + 0.002 * s), turn=turn
        )
        a = np.linspace(0, 2 * np.pi, 20)
        loop = np.stack(
            [length * (-0.3 + 0.13 * np.cos(a)), s * length * (-0.08 + 0.07 * np.sin(a)), 0 * a], 1
        )
        b.tube(loop, 0.006, colour.rgb, flat=0.8, at=(0, 0, 0.006), turn=turn)
        b.tube(
            [[0, 0, 0], [-0.17 * length, -s * 0.03 * length, 0]],
            0.007,
            colour.rgb,
            at=(0, 0, 0.006),
            turn=turn,
        )
    b.cylinder(0.005, 0.004, (120, 120, 124), at=(0, 0, 0.006))
    nouns = ("scissors", "pair of scissors", "cutting tool", "shears")
    detail = f"with {colour.name} handles"
    return b.finish("scissors", describe(rng, nouns, colour, None, detail), colour)


def hammer(rng: np.random.Generator) -> ObjectModel:
    """Claw hammer or mallet lying."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("brown", "yellow", "red", "black", "blue", "orange"))
    length = rng.uniform(0.24, 0.34)
    grip = (
        t.wood(rng)
        if colour.name == "brown"
        else t.bands(rng, colour.rgb, c.shade(colour.rgb, 0.5))
    )
    s = np.linspace(0, 1, 10)
    b.tube(
        np.stack([0 * s, length * s, 0 * s], 1),
        np.interp(s, [0, 0.4, 1], [0.016, 0.012, 0.01]),
        grip,
        flat=0.75,
    )
    if rng.random() < 0.7:
        steel = STEEL * rng.uniform(0.4, 1.0)
        b.cylinder(0.016, 0.04, steel, at=(0.015, length, 0), turn=(0, 90, 0))
        b.box((0.04, 0.028, 0.026), steel, at=(0, length, -0.013))
        for k in (-1, 1):
            claw = curve(
                [[-0.015, 0, 0], [-0.05, -0.004, k * 0.006], [-0.075, -0.022, k * 0.011]], 8
            )
            b.tube(claw, np.linspace(0.009, 0.004, 8), steel, at=(0, length, 0))
        nouns = ("hammer", "claw hammer", "hand tool")
    else:
        head = c.pick_colour(rng, ("black", "brown", "grey", "white")).rgb
        b.cylinder(0.03, 0.1, head, at=(-0.05, length, 0), turn=(0, 90, 0))
        nouns = ("hammer", "mallet", "hand tool")
    return b.finish(
        "hammer", describe(rng, nouns, None, None, f"with a {colour.name} handle"), colour
    )


def wrench(rng: np.random.Generator) -> ObjectModel:
    """Open-ended or ring spanner."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("silver", "silver", "grey", "red", "black", "blue"))
    paint = t.metal(rng) if colour.name == "silver" else t.glazed(rng, colour.rgb)
    if rng.random() < 0.3:
        return _pipe_wrench(b, rng, colour)
    length, w, h = rng.uniform(0.15, 0.28), rng.uniform(0.016, 0.024), rng.uniform(0.006, 0.011)
    b.slab((length, w, h), 0.004, paint)
    for s in (-1, 1):
        x, ring = s * length / 2, rng.random() < 0.4
        if ring:
            a = np.linspace(0, 2 * np.pi, 20)
            path = np.stack(
                [w * 0.95 * np.cos(a) + x + s * 0.7 * w, w * 0.95 * np.sin(a), 0 * a + h / 2], 1
            )
            b.tube(path, 0.32 * w, paint, flat=1.2)
        else:
            b.cylinder(w * 0.8, h * 1.1, paint, at=(x, 0, 0))
            for k in (-1, 1):
                prong = section(12, power=3) * [0.75 * w, 0.3 * w]
                b.prism(
                    prong,
                    h * 1.1,
                    paint,
                    at=(x + s * 1.1 * w, k * 0.65 * w, 0),
                    turn=(0, 0, s * k * 14),
                )
    nouns = ("wrench", "spanner", "hand tool")
    return b.finish("wrench", describe(rng, nouns, colour), colour)


def screwdriver(rng: np.random.Generator) -> ObjectModel:
    """Screwdriver lying."""
    b = Builder(rng)
    colour = c.pick_colour(rng, (*c.BRIGHT, "black"))
    grip, shaft, r = rng.uniform(0.08, 0.11), rng.uniform(0.08, 0.15), rng.uniform(0.011, 0.016)
    body = curve(
        [[0.0, 0.0], [0.8, 0.03], [1.0, 0.3], [0.95, 0.7], [0.6, 0.85], [0.7, 1.0]], 14
    ) * [r, grip]
    paint = t.stripes(
        rng, colour.rgb, c.other_colour(rng, colour, ("black", "white", "red", "yellow")).rgb
    )
    b.lathe(
        body,
        paint if rng.random() < 0.5 else t.plain(colour.rgb),
        section(24, lobes=6, depth=0.06),
        turn=(0, 90, 0),
    )
    b.tube([[grip, 0, 0], [grip + 0.95 * shaft, 0, 0]], 0.0032, STEEL, n=8)
    b.box((0.012, 0.007, 0.002), STEEL * 0.8, at=(grip + 0.95 * shaft, 0, -0.001))
    nouns = ("screwdriver", "hand tool", "screw driver")
    return b.finish("screwdriver", describe(rng, nouns, colour), colour)


def drill(rng: np.random.Generator) -> ObjectModel:
    """Cordless drill standing on its battery."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("orange", "yellow", "green", "red", "blue", "teal"))
    dark, s = np.array([34, 34, 38]), rng.uniform(0.85, 1.15)
    b.slab((0.11 * s, 0.075 * s, 0.05 * s), 0.01, dark, at=(0.015 * s, 0, 0))
    b.tube(
        [[0.02 * s, 0, 0.04 * s], [0.0, 0, 0.15 * s]],
        np.array([0.024, 0.022]) * s,
        colour.rgb,
        flat=0.8,
    )
    b.lathe(
        np.array([[0, 0], [0.024, 0], [0.03, 0.01], [0.03, 0.1], [0.024, 0.13]]) * s,
        colour.rgb,
        at=(0.065 * s, 0, 0.17 * s),
        turn=(0, -90, 0),
    )
    b.lathe(
        np.array([[0.024, 0.13], [0.022, 0.16], [0.012, 0.18], [0, 0.18]]) * s,
        dark,
        at=(0.065 * s, 0, 0.17 * s),
        turn=(0, -90, 0),
    )
    b.tube([[-0.11 * s, 0, 0.17 * s], [-0.19 * s, 0, 0.17 * s]], 0.003 * s, STEEL)
    b.slab((0.02 * s, 0.02 * s, 0.035 * s), 0.004, dark, at=(-0.024 * s, 0, 0.1 * s))
    b.box((0.07 * s, 0.062 * s, 0.02 * s), dark, at=(0.02 * s, 0, 0.16 * s))
    if rng.random() < 0.5:
        b.turn((90, 0, 0))  # lying on its side, as drills mostly do
    nouns = ("power drill", "drill", "cordless drill", "electric screwdriver")
    return b.finish("drill", describe(rng, nouns, colour), colour)


def dumbbell(rng: np.random.Generator) -> ObjectModel:
    """Hand weight lying."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("black", "grey", "blue", "pink", "red", "green", "purple"))
    if rng.random() < 0.35:
        return _barbell(b, rng, colour)
    r, grip = rng.uniform(0.03, 0.05), rng.uniform(0.06, 0.08)
    ring = section(int(rng.choice([6, 8, 28])))
    b.tube([[-grip, 0, 0], [grip, 0, 0]], 0.013, STEEL if rng.random() < 0.6 else colour.rgb, n=14)
    for s in (-1, 1):
        b.lathe(
            np.array([[0, 0], [0.8, 0], [1, 0.15], [1, 0.85], [0.8, 1], [0, 1]])
            * [r, rng.uniform(0.04, 0.06)],
            colour.rgb,
            ring,
            at=(s * grip * 0.75, 0, 0),
            turn=(0, s * 90, 0),
        )
    nouns = ("dumbbell", "hand weight", "small barbell", "weight")
    return b.finish("dumbbell", describe(rng, nouns, colour), colour)


def _barbell(b: Builder, rng: np.random.Generator, colour: c.Colour) -> ObjectModel:
    """Thin bar with discs of falling size."""
    half, r = rng.uniform(0.11, 0.17), rng.uniform(0.035, 0.06)
    b.tube([[-half, 0, 0], [half, 0, 0]], 0.008, STEEL if rng.random() < 0.7 else colour.rgb)
    for s in (-1, 1):
        at = 0.45 * half
        for _ in range(int(rng.integers(1, 4))):
            wide = rng.uniform(0.012, 0.024)
            b.cylinder(r, wide, colour.rgb, at=(s * at, 0, 0), turn=(0, s * 90, 0), taper=0.96)
            at, r = at + wide + 0.002, r * rng.uniform(0.75, 1.0)
    nouns = ("dumbbell", "small barbell", "hand weight", "weight")
    return b.finish("dumbbell", describe(rng, nouns, colour), colour)


def _pipe_wrench(b: Builder, rng: np.random.Generator, colour: c.Colour) -> ObjectModel:
    """Adjustable wrench with a hooked upper jaw."""
    length, w, h = rng.uniform(0.2, 0.3), rng.uniform(0.02, 0.028), rng.uniform(0.012, 0.02)
    b.slab((length, w, 0.8 * h), 0.006, colour.rgb)
    steel = STEEL * rng.uniform(0.5, 1.0)
    x = length / 2
    b.slab((0.2 * length, 1.3 * w, h), 0.004, colour.rgb, at=(x - 0.1 * length, 0.2 * w, 0))
    b.slab((0.05 * length, 2.2 * w, h), 0.003, steel, at=(x - 0.06 * length, 0.6 * w, 0))
    b.slab((0.05 * length, 2.0 * w, h), 0.003, steel, at=(x + 0.03 * length, 0.6 * w, 0))
    b.slab((0.14 * length, 0.6 * w, h), 0.003, steel, at=(x, -0.55 * w, 0))
    nouns = ("wrench", "pipe wrench", "spanner", "adjustable wrench")
    return b.finish("wrench", describe(rng, nouns, colour), colour)
