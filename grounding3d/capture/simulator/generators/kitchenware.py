"""Racks, holders and small household machines."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.generators.drinkware import random_ring, vessel, wall_profile
from grounding3d.capture.simulator.mesh import section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


def dish_rack(rng: np.random.Generator) -> ObjectModel:
    """Wire or peg rack, empty or with plates."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("black", "silver", "white", "brown", "grey", "red"))
    paint = t.wood(rng) if colour.name == "brown" else t.plain(colour.rgb)
    x, y, z = rng.uniform(0.2, 0.36), rng.uniform(0.14, 0.24), rng.uniform(0.08, 0.16)
    for side in (-1, 1):
        b.box((x, 0.012, 0.012), paint, at=(0, side * 0.4 * y, 0))
    slots = np.linspace(-0.45, 0.45, int(rng.integers(5, 9))) * x
    for at in slots:
        b.box((0.01, y, 0.01), paint, at=(at, 0, 0.008))
        for side in (-1, 1):
            b.tube([[at, side * 0.4 * y, 0], [at, side * 0.4 * y, z]], 0.004, paint)
    filled = rng.random() < 0.6
    if filled:
        dish = c.pick_colour(rng, ("white", "white", "blue", "green", "red")).rgb
        r = rng.uniform(0.45, 0.6) * y
        for at in (slots[:-1] + slots[1:]) / 2:
            if rng.random() < 0.75:
                plate = [
                    [0, 0],
                    [0.6 * r, 0],
                    [r, 0.012],
                    [0.98 * r, 0.016],
                    [0.6 * r, 0.005],
                    [0, 0.005],
                ]
                b.lathe(plate, dish, at=(at, 0, r + 0.012), turn=(0, 82, 0))
    nouns = ("dish rack", "plate rack", "drying rack", "plate holder")
    detail = "with plates" if filled else None
    return b.finish("dish rack", describe(rng, nouns, colour, None, detail), colour)


def spice_jars(rng: np.random.Generator) -> ObjectModel:
    """A row of small jars in a tray or wire rack."""
    b = Builder(rng)
    count, r, h = int(rng.integers(3, 6)), rng.uniform(0.018, 0.026), rng.uniform(0.06, 0.1)
    frame = c.pick_colour(rng, ("silver", "black", "brown", "white")).rgb
    colour = c.pick_colour(rng, ("brown", "brown", "red", "green", "yellow", "orange"))
    lid = c.pick_colour(rng, ("silver", "black", "white", "red", "green", "gold")).rgb
    pitch = 2.25 * r
    ring = random_ring(rng, 0.7)
    for k in range(count):
        at = ((k - (count - 1) / 2) * pitch, 0, 0.006)
        fill = (
            c.pick_colour(rng, (colour.name,)).rgb if rng.random() < 0.6 else c.pick_colour(rng).rgb
        )
        b.lathe(
            [[0, 0], [r, 0], [r, 0.78 * h], [0.8 * r, 0.85 * h]],
            t.speckle(rng, fill, fill * 0.8),
            ring,
            at=at,
        )
        b.lathe(
            [[1.01 * r, 0.25 * h], [1.01 * r, 0.6 * h]],
            t.label(rng, (240, 236, 226), 32, 64, False),
            ring,
            at=at,
        )
        b.cylinder(0.85 * r, 0.2 * h, lid, at=(at[0], 0, 0.83 * h))
    length = count * pitch + 0.01
    b.box((length, 2.3 * r, 0.006), frame)
    for side in (-1, 1):
        b.tube(
            [[-length / 2, side * 1.15 * r, 0.4 * h], [length / 2, side * 1.15 * r, 0.4 * h]],
            0.0025,
            frame,
        )
    nouns = ("spice jars", "spice rack", "seasoning jars", "small kitchen jars")
    return b.finish("spice jars", describe(rng, nouns, colour), colour)


def kitchen_utensils(rng: np.random.Generator) -> ObjectModel:
    """Spoons, spatulas and whisks standing in a holder."""
    b = Builder(rng)
    r, h = rng.uniform(0.045, 0.06), rng.uniform(0.11, 0.15)
    colour = c.pick_colour(rng)
    vessel(
        b, wall_profile(rng, r, h), t.decorate(rng, colour, 0.5)[0], c.shade(colour.rgb, 0.5), 0.004
    )
    tools = int(rng.integers(3, 7))
    material = np.array([186, 142, 92]) if rng.random() < 0.6 else c.pick_colour(rng).rgb
    for k in range(tools):
        a, lean = 2 * np.pi * k / tools, rng.uniform(0.1, 0.3)
        tip = np.array([np.cos(a) * lean, np.sin(a) * lean, 1.0]) * rng.uniform(0.24, 0.31)
        foot = np.array([-0.3 * r * np.cos(a), -0.3 * r * np.sin(a), 0.01])
        tone = material * rng.uniform(0.8, 1.1)
        b.tube([foot, tip], 0.005, tone)
        flat = (rng.uniform(0.018, 0.03), 0.006, rng.uniform(0.03, 0.045))
        b.ball(flat, tone, power=rng.choice([2, 5]), at=tip, turn=(0, 0, np.degrees(a) + 90), n=14)
    nouns = ("kitchen utensils", "cooking utensils", "kitchen tools", "utensil holder")
    return b.finish("kitchen utensils", describe(rng, nouns), None)


def security_camera(rng: np.random.Generator) -> ObjectModel:
    """Small surveillance camera: a ball or barrel on a foot."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("white", "white", "white", "black", "grey"))
    foot = rng.uniform(0.03, 0.05)
    b.cylinder(foot, 0.012, colour.rgb, taper=0.85)
    high = rng.uniform(0.05, 0.1)
    b.tube([[0, 0, 0.01], [0, 0.01, high]], rng.uniform(0.006, 0.014), c.shade(colour.rgb, 0.9))
    r = rng.uniform(0.026, 0.04)
    at = np.array([0, 0, high + 0.6 * r])
    if rng.random() < 0.5:
        b.ball(r, colour.rgb, at=at)
        front = -0.82 * r
    else:
        b.cylinder(r, 2.4 * r, colour.rgb, at=at + np.array([0, 1.2 * r, 0]), turn=(90, 0, 0))
        front = -1.22 * r
    b.prism(
        section(24) * 0.62 * r,
        0.008,
        (24, 24, 28),
        at=at + np.array([0, front + 0.004, 0]),
        turn=(90, 0, 0),
    )
    b.ball((0.3 * r, 0.004, 0.3 * r), (90, 96, 130), n=10, at=at + np.array([0, front - 0.005, 0]))
    nouns = ("security camera", "surveillance camera", "web camera", "webcam")
    return b.finish("security camera", describe(rng, nouns, colour), colour)


def robot_vacuum(rng: np.random.Generator) -> ObjectModel:
    """Flat round cleaning robot."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("white", "black", "white", "grey", "silver"))
    r, h = rng.uniform(0.14, 0.18), rng.uniform(0.06, 0.09)
    ring = section(40, power=rng.choice([2, 2, 3]))
    b.prism(ring * r, h, colour.rgb, bevel=0.012)
    accent = c.other_colour(rng, colour, ("black", "grey", "white", "silver", "blue")).rgb
    b.prism(section(32) * 0.3 * r, 0.018, accent, at=(0, 0.25 * r, h), bevel=0.003)
    b.prism(section(24) * 0.12 * r, 0.003, accent, at=(0, -0.4 * r, h))
    b.lathe([[1.01 * r, 0.3 * h], [1.01 * r, 0.5 * h]], accent, ring)
    nouns = ("robot vacuum", "vacuum cleaner robot", "round floor robot", "robot vacuum cleaner")
    return b.finish("robot vacuum", describe(rng, nouns, colour), colour)


def toy_brick(rng: np.random.Generator) -> ObjectModel:
    """Plastic building brick with studs."""
    b = Builder(rng)
    colour = c.pick_colour(rng, (*c.BRIGHT, "white", "black"))
    pitch, cols, rows = rng.uniform(0.012, 0.022), int(rng.integers(1, 5)), int(rng.integers(1, 4))
    if cols == rows == 1:
        cols = 2
    h = pitch * rng.choice([0.5, 1.2, 1.2])
    b.box((cols * pitch, rows * pitch, h), colour.rgb)
    for i in range(cols):
        for j in range(rows):
            spot = ((i - (cols - 1) / 2) * pitch, (j - (rows - 1) / 2) * pitch, h)
            b.cylinder(0.3 * pitch, 0.22 * pitch, colour.rgb, n=14, at=spot)
    nouns = ("toy brick", "lego brick", "plastic building brick", "lego block")
    return b.finish("toy brick", describe(rng, nouns, colour), colour)
