"""Chairs, tables, shelves and other furniture."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.builder import Builder, Paint
from grounding3d.capture.simulator.mesh import section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


def material(
    rng: np.random.Generator, p_wood: float = 0.5
) -> tuple[np.ndarray, c.Colour, str | None]:
    """Wood or paint: texture, colour, adjective."""
    if rng.random() < p_wood:
        paint = t.wood(rng)
        return paint, c.Colour("brown", paint.mean((0, 1))), "wooden"
    colour = c.pick_colour(rng)
    return t.glazed(rng, colour.rgb), colour, None


def legs(
    b: Builder,
    rng: np.random.Generator,
    x: float,
    y: float,
    height: float,
    paint: Paint,
    splay: float = 0.0,
) -> None:
    """Four legs at the corners (+-x, +-y)."""
    thick, square = rng.uniform(0.015, 0.03), rng.random() < 0.5
    for sx in (-1, 1):
        for sy in (-1, 1):
            foot = np.array([sx * x * (1 + splay), sy * y * (1 + splay), 0])
            top = np.array([sx * x, sy * y, height])
            if square and splay == 0:
                b.box((2 * thick, 2 * thick, height), paint, at=foot)
            else:
                b.tube([foot, top], thick, paint)


def chair(rng: np.random.Generator) -> ObjectModel:
    """Chair with a panel or slatted back."""
    b = Builder(rng)
    paint, colour, adjective = material(rng)
    w, d, seat, back = (
        rng.uniform(0.4, 0.48),
        rng.uniform(0.4, 0.46),
        rng.uniform(0.42, 0.48),
        rng.uniform(0.38, 0.5),
    )
    cushion = c.pick_colour(rng).rgb if rng.random() < 0.35 else paint
    b.slab((w, d, 0.04), 0.04, paint if rng.random() < 0.5 else cushion, at=(0, 0, seat))
    legs(b, rng, 0.44 * w, 0.44 * d, seat, paint, rng.choice([0, 0.12]))
    if rng.random() < 0.5:
        b.slab((w, 0.03, 0.75 * back), 0.012, cushion, at=(0, 0.46 * d, seat + 0.3 * back))
        for s in (-1, 1):
            b.box((0.035, 0.03, back), paint, at=(s * 0.44 * w, 0.46 * d, seat))
    else:
        for s in np.linspace(-0.44, 0.44, int(rng.integers(3, 7))) * w:
            b.box((0.03, 0.025, back), paint, at=(s, 0.46 * d, seat))
        b.box((w, 0.03, 0.09), paint, at=(0, 0.46 * d, seat + back))
    nouns = ("chair", "kitchen chair", "dining chair", "seat")
    return b.finish("chair", describe(rng, nouns, colour, adjective), colour)


def stool(rng: np.random.Generator) -> ObjectModel:
    """Round or square stool."""
    b = Builder(rng)
    paint, colour, adjective = material(rng)
    r, h = rng.uniform(0.15, 0.19), rng.uniform(0.42, 0.68)
    ring = section(32, power=rng.choice([2, 2, 8])) * r
    b.prism(ring, 0.04, paint, at=(0, 0, h), bevel=0.008)
    legs(b, rng, 0.6 * r, 0.6 * r, h, paint, rng.uniform(0.1, 0.5))
    nouns = ("stool", "bar stool", "small seat")
    return b.finish("stool", describe(rng, nouns, colour, adjective), colour)


def table(rng: np.random.Generator) -> ObjectModel:
    """Side, dining or round table."""
    b = Builder(rng)
    paint, colour, adjective = material(rng, 0.6)
    h = rng.uniform(0.4, 0.76)
    x, y = rng.uniform(0.45, 1.2), rng.uniform(0.45, 0.8)
    if rng.random() < 0.35:
        r = rng.uniform(0.25, 0.5)
        b.prism(section(40) * r, 0.03, paint, at=(0, 0, h - 0.03))
        if rng.random() < 0.5:
            b.cylinder(0.04, h - 0.03, paint)
            b.prism(section(32) * 0.6 * r, 0.03, paint)
        else:
            legs(b, rng, 0.55 * r, 0.55 * r, h - 0.03, paint, 0.2)
    else:
        b.box((x, y, 0.035), paint, at=(0, 0, h - 0.035))
        legs(b, rng, 0.44 * x, 0.44 * y, h - 0.035, paint)
    nouns = ("table", "side table", "small table", "dining table")
    return b.finish("table", describe(rng, nouns, colour, adjective), colour)


def shelf(rng: np.random.Generator) -> ObjectModel:
    """Open shelf unit, empty or with books."""
    b = Builder(rng)
    paint, colour, adjective = material(rng, 0.55)
    x, y, z = rng.uniform(0.5, 0.9), rng.uniform(0.24, 0.32), rng.uniform(0.7, 1.4)
    boards = int(rng.integers(3, 6))
    for s in (-1, 1):
        b.box((0.02, y, z), paint, at=(s * (x / 2 - 0.01), 0, 0))
    b.box((x, 0.01, z), c.shade(paint.mean((0, 1)), 0.8), at=(0, y / 2, 0))
    for k in np.linspace(0.02, z - 0.02, boards):
        b.box((x - 0.04, y, 0.02), paint, at=(0, 0, k))
        at = -x / 2 + 0.04
        while rng.random() < 0.7 and at < x / 2 - 0.08 and k < z - 0.2:
            w = rng.uniform(0.02, 0.05)
            b.box(
                (w, 0.16, rng.uniform(0.14, 0.2)),
                c.pick_colour(rng).rgb,
                at=(at + w / 2, 0, k + 0.02),
            )
            at += w + 0.002
    nouns = ("shelf", "book shelf", "shelf unit", "bookcase")
    return b.finish("shelf", describe(rng, nouns, colour, adjective), colour)


def cabinet(rng: np.random.Generator) -> ObjectModel:
    """Cabinet with doors or drawers."""
    b = Builder(rng)
    paint, colour, adjective = material(rng, 0.5)
    x, y, z = rng.uniform(0.4, 0.9), rng.uniform(0.35, 0.5), rng.uniform(0.45, 1.0)
    b.box((x, y, z), paint)
    cols, rows = int(rng.integers(1, 3)), int(rng.integers(1, 5))
    knob = c.pick_colour(rng, ("black", "silver", "gold", "white")).rgb
    for r in range(rows):
        for k in range(cols):
            w, h = x / cols, (z - 0.06) / rows
            at = ((k + 0.5) * w - x / 2, -y / 2, 0.05 + r * h)
            b.box(
                (w - 0.02, 0.02, h - 0.02),
                paint if rng.random() < 0.7 else c.shade(colour.rgb, 0.9),
                at=at,
            )
            b.ball(
                0.014,
                knob,
                n=10,
                at=(at[0] + (0 if rows > 1 else 0.35 * w), -y / 2 - 0.025, at[2] + h / 2),
            )
    nouns = ("cabinet", "chest of drawers" if rows > 1 else "cupboard", "sideboard")
    return b.finish("cabinet", describe(rng, nouns, colour, adjective), colour)


def sofa(rng: np.random.Generator) -> ObjectModel:
    """Sofa or armchair with cushions."""
    b = Builder(rng)
    colour = c.pick_colour(rng)
    paint, adjective = t.decorate(rng, colour, 0.75)
    seats = int(rng.integers(1, 4))
    w, d, seat = 0.6 * seats, rng.uniform(0.75, 0.9), 0.42
    b.slab((w + 0.36, d, 0.28), 0.04, paint, at=(0, 0, 0.06), bevel=0.03)
    b.slab((w + 0.36, 0.2, 0.55), 0.05, paint, at=(0, d / 2 - 0.1, 0.25), bevel=0.05)
    for s in (-1, 1):
        b.slab((0.18, d, 0.4), 0.05, paint, at=(s * (w / 2 + 0.09), 0, 0.2), bevel=0.05)
    for k in range(seats):
        x = (k + 0.5) * 0.6 - w / 2
        b.slab((0.58, d - 0.2, 0.16), 0.06, paint, at=(x, -0.08, seat - 0.12), bevel=0.04)
        if rng.random() < 0.4:
            b.ball(
                (0.2, 0.07, 0.18),
                c.pick_colour(rng).rgb,
                power=5,
                at=(x, d / 2 - 0.27, seat + 0.22),
                turn=(-15, 0, 0),
            )
    nouns = ("armchair", "sofa chair", "chair") if seats == 1 else ("sofa", "couch", "settee")
    return b.finish(
        "armchair" if seats == 1 else "sofa", describe(rng, nouns, colour, adjective), colour
    )


def bed(rng: np.random.Generator) -> ObjectModel:
    """Bed with a head board, a blanket and pillows."""
    b = Builder(rng)
    paint, _, adjective = material(rng, 0.6)
    w, length = rng.choice([0.9, 1.4, 1.8]), 2.0
    colour = c.pick_colour(rng)
    b.box((w + 0.08, length + 0.08, 0.25), paint, at=(0, 0, 0.08))
    b.box((w + 0.08, 0.06, rng.uniform(0.7, 1.1)), paint, at=(0, length / 2 + 0.04, 0))
    b.slab((w, length, 0.2), 0.06, (240, 238, 232), at=(0, 0, 0.3), bevel=0.04)
    b.slab(
        (w + 0.04, 0.68 * length, 0.22),
        0.06,
        t.decorate(rng, colour, 0.5)[0],
        at=(0, -0.17 * length, 0.3),
        bevel=0.04,
    )
    for x in (0.0,) if w < 1 else (-0.25 * w, 0.25 * w):
        b.ball((0.3, 0.2, 0.09), (246, 246, 244), power=4, at=(x, 0.38 * length, 0.55))
    nouns = ("bed", "double bed" if w > 1 else "single bed", "bed with pillows")
    return b.finish(
        "bed", describe(rng, nouns, colour, adjective if rng.random() < 0.3 else None), colour
    )
