"""Lamps, clocks and candles."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.arrays import Numbers
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.mesh import curve, section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


def lamp(rng: np.random.Generator) -> ObjectModel:
    """Table lamp with a shade, a jointed desk lamp, or a lantern."""
    if rng.random() < 0.15:
        return lantern(rng)
    b = Builder(rng)
    colour = c.pick_colour(rng)
    if rng.random() < 0.6:
        height = rng.uniform(0.26, 0.42)
        r = height * rng.uniform(0.1, 0.2)
        foot = curve([[r, 0.01], [rng.uniform(0.2, 1.2) * r, 0.25], [0.15 * r + 0.003, 0.6]], 14)
        body = np.vstack([np.array([[0.0, 0.0], [r, 0.0]]), foot]) * [1, height]
        b.lathe(body, t.decorate(rng, colour, 0.7)[0])
        shade_colour = c.pick_colour(
            rng, ("white", "beige", "white", "red", "yellow", "green", "blue", "black")
        )
        low = height * rng.uniform(0.3, 0.4)
        high = low * rng.uniform(0.45, 0.95)
        wall = np.array([[low, 0.55 * height], [high, height]])
        paint = t.decorate(rng, shade_colour, 0.75)[0]
        b.lathe(wall, paint)
        b.lathe(wall[::-1] - [0.002, 0], c.shade(shade_colour.rgb, 1.5))
        b.ball(0.03, (255, 248, 220), n=10, at=(0, 0, 0.7 * height))
        b.tube([[0, 0, 0.58 * height], [0, 0, 0.98 * height]], 0.005, (150, 140, 120), n=6)
        nouns = ("table lamp", "lamp", "bedside lamp", "lamp with a shade")
        main = shade_colour
    else:
        height = rng.uniform(0.28, 0.42)
        b.cylinder(rng.uniform(0.06, 0.09), 0.02, colour.rgb, taper=0.85)
        elbow = np.array([rng.uniform(0.04, 0.1), 0, 0.55 * height])
        head = np.array([-rng.uniform(0.04, 0.1), 0, height])
        b.tube([[0, 0, 0.01], elbow], 0.007, colour.rgb)
        b.tube([elbow, head], 0.006, colour.rgb)
        b.ball(0.012, (60, 60, 60), n=10, at=elbow)
        cone = np.array([[0.065, -0.09], [0.03, -0.01], [0.02, 0.01]])
        b.lathe(np.vstack([cone, [0, 0.012]]), colour.rgb, at=head, turn=(0, 35, 0))
        b.lathe(cone[1::-1] - [0.002, 0], (250, 246, 225), at=head, turn=(0, 35, 0))
        b.ball(0.022, (255, 250, 220), n=10, at=head + np.array([-0.03, 0, -0.045]))
        nouns, main = ("desk lamp", "lamp", "reading lamp", "table lamp"), colour
    return b.finish("lamp", describe(rng, nouns, main), main)


def dial(rng: np.random.Generator, face: Numbers, ink: Numbers, px: int = 112) -> np.ndarray:
    """A clock face with marks or figures and two hands."""
    image = Image.new("RGB", (px, px), t.rgb8(face))
    draw, m = ImageDraw.Draw(image), px / 2
    figures = rng.random() < 0.6
    for k in range(12):
        a = k * np.pi / 6
        x, y = m + 0.8 * m * np.sin(a), m - 0.8 * m * np.cos(a)
        if figures:
            t.write(draw, (x, y), str(k or 12), 0.24 * m, ink)
        else:
            draw.line(
                [x, y, m + 0.92 * m * np.sin(a), m - 0.92 * m * np.cos(a)],
                fill=t.rgb8(ink),
                width=4,
            )
    for reach, width in ((0.5, 5), (0.72, 3)):
        a = rng.uniform(0, 2 * np.pi)
        draw.line(
            [m, m, m + reach * m * np.sin(a), m - reach * m * np.cos(a)],
            fill=t.rgb8(ink),
            width=width,
        )
    return np.asarray(image)


def clock(rng: np.random.Generator) -> ObjectModel:
    """Alarm clock with bells, desk clock, digital clock or a wall clock that stands."""
    b = Builder(rng)
    colour = c.pick_colour(rng, (*c.ANY, "silver", "gold"))
    kind = str(
        rng.choice(["alarm clock", "alarm clock", "desk clock", "wall clock", "digital clock"])
    )
    face = c.pick_colour(rng, ("white", "white", "beige", "black", "yellow"))
    ink = c.other_colour(rng, face, ("black", "white", "red"), 200).rgb
    if kind == "digital clock":
        w, h = rng.uniform(0.12, 0.2), rng.uniform(0.06, 0.09)
        image = Image.new("RGB", (120, 56), (12, 14, 14))
        tone = c.pick_colour(rng, ("red", "green", "blue", "orange", "white")).rgb
        t.write(
            ImageDraw.Draw(image),
            (60, 28),
            f"{rng.integers(24):02d}:{rng.integers(60):02d}",
            42,
            tone,
        )
        b.slab((w, 0.06, h), 0.01, colour.rgb)
        b.box(
            (0.86 * w, 0.002, 0.7 * h),
            (12, 14, 14),
            front=np.asarray(image),
            at=(0, -0.031, 0.15 * h),
        )
    elif kind == "desk clock":
        w = rng.uniform(0.1, 0.16)
        paint = t.plain(colour.rgb)
        if rng.random() < 0.4:
            paint = t.wood(rng)
            colour = c.Colour("brown", paint.mean((0, 1)))
        b.box((w, 0.05, w * rng.uniform(1.0, 1.2)), paint)
        b.prism(
            section(32) * 0.42 * w,
            0.003,
            face.rgb,
            top=dial(rng, face.rgb, ink),
            at=(0, -0.025, 0.5 * w),
            turn=(90, 0, 0),
        )
    else:
        wall = kind == "wall clock"
        r, deep = (
            (rng.uniform(0.1, 0.15), 0.035)
            if wall
            else (rng.uniform(0.045, 0.075), rng.uniform(0.03, 0.05))
        )
        z = r + (0.0 if wall else 0.015)
        ring = section(36, power=rng.choice([2, 2, 2, 5]))
        b.prism(
            ring * r,
            deep,
            colour.rgb,
            top=t.plain(colour.rgb),
            at=(0, deep / 2, z),
            turn=(90, 0, 0),
            bevel=0.004,
        )
        b.prism(
            ring * r * 0.86,
            0.002,
            face.rgb,
            top=dial(rng, face.rgb, ink),
            at=(0, -deep / 2, z),
            turn=(90, 0, 0),
        )
        if not wall:
            metal = (
                c.pick_colour(rng, ("silver", "gold", "black")).rgb
                if rng.random() < 0.6
                else colour.rgb
            )
            for s in (-1, 1):
                b.tube([[s * 0.5 * r, 0, z - 0.7 * r], [s * 0.75 * r, 0, 0.004]], 0.005, metal)
            if rng.random() < 0.75:
                for s in (-1, 1):
                    b.ball(
                        (0.42 * r, 0.36 * r, 0.28 * r),
                        metal,
                        n=14,
                        at=(s * 0.5 * r, 0, z + 1.08 * r),
                        turn=(0, s * 28, 0),
                    )
                b.tube([[0, 0, z + r], [0, 0, z + 1.3 * r]], 0.004, metal)
                b.ball(0.008, metal, n=8, at=(0, 0, z + 1.3 * r))
    nouns = (kind, "clock", "bedside clock" if kind != "wall clock" else "round clock")
    return b.finish("clock", describe(rng, nouns, colour), colour)


def candle(rng: np.random.Generator) -> ObjectModel:
    """Pillar candle, or a candle in a glass."""
    b = Builder(rng)
    colour = c.pick_colour(
        rng, ("white", "beige", "red", "pink", "purple", "blue", "green", "yellow")
    )
    r, h = rng.uniform(0.02, 0.04), rng.uniform(0.05, 0.16)
    b.lathe(
        [[0, 0], [r, 0], [r, h], [0.9 * r, h + 0.001], [0.7 * r, h - 0.003], [0, h - 0.004]],
        t.glazed(rng, colour.rgb),
        section(28, power=rng.choice([2, 2, 5])),
    )
    b.tube([[0, 0, h - 0.005], [0.001, 0, h + 0.01]], 0.0012, (40, 34, 30), n=5)
    if rng.random() < 0.4:
        b.ball((0.004, 0.004, 0.012), (255, 200, 70), n=10, at=(0, 0, h + 0.018))
    if rng.random() < 0.4:
        plate = c.pick_colour(rng, ("gold", "silver", "black", "white")).rgb
        b.lathe(
            [[0, 0], [1.8 * r, 0], [2.0 * r, 0.012], [1.8 * r, 0.006], [0, 0.006]],
            plate,
            at=(0, 0, -0.004),
        )
    nouns = ("candle", "wax candle", "pillar candle")
    return b.finish("candle", describe(rng, nouns, colour), colour)


def lantern(rng: np.random.Generator) -> ObjectModel:
    """Small lantern with a cage and a handle."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("black", "white", "red", "gold", "silver", "green"))
    r, h = rng.uniform(0.035, 0.055), rng.uniform(0.09, 0.15)
    b.cylinder(r, 0.015, colour.rgb)
    b.cylinder(r * 1.1, 0.02, colour.rgb, at=(0, 0, h), taper=0.6)
    b.cylinder(0.4 * r, 0.45 * h, (250, 244, 214), at=(0, 0, 0.015))
    b.ball((0.004, 0.004, 0.01), (255, 196, 60), n=8, at=(0, 0, 0.5 * h + 0.02))
    for k in range(int(rng.choice([4, 6, 8]))):
        a = k * np.pi / 2 if k < 4 else (k - 3.5) * np.pi / 2
        x, y = 0.92 * r * np.cos(a), 0.92 * r * np.sin(a)
        b.tube([[x, y, 0.01], [x, y, h + 0.003]], 0.003, colour.rgb, n=6)
    arch = curve([[-0.6 * r, 0, h + 0.015], [0, 0, h + 0.02 + r], [0.6 * r, 0, h + 0.015]], 10)
    b.tube(arch, 0.0025, colour.rgb, n=6)
    nouns = ("lantern", "lamp", "small lantern", "candle lantern")
    return b.finish("lamp", describe(rng, nouns, colour), colour)
