"""Small things of a desk or a bathroom: tape, staplers, calculators, paper rolls, bags."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.arrays import Numbers
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.generators.computers import keys
from grounding3d.capture.simulator.mesh import curve, section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


def tape(rng: np.random.Generator) -> ObjectModel:
    """Roll of adhesive tape, lying or standing."""
    b = Builder(rng)
    colour = c.pick_colour(rng, (*c.ANY, "brown", "grey"))
    r, width = rng.uniform(0.03, 0.06), rng.uniform(0.012, 0.05)
    hole = r * rng.uniform(0.6, 0.8)
    core = np.array([196, 160, 116]) * rng.uniform(0.8, 1.1)
    place: dict[str, Numbers] = {"turn": (90, 0, 0)} if rng.random() < 0.3 else {}
    wound = t.bands(rng, colour.rgb, c.shade(colour.rgb, 0.9), 48, 8)
    b.lathe([[hole, 0], [r, 0]], wound, **place)
    b.lathe([[r, 0], [r, width]], colour.rgb, **place)
    b.lathe([[r, width], [hole, width]], wound, **place)
    b.lathe([[hole, width], [hole, 0]], core, **place)
    nouns = ("tape", "roll of tape", "adhesive tape", "duct tape")
    return b.finish("tape", describe(rng, nouns[1:] + nouns[:1], colour), colour)


def stapler(rng: np.random.Generator) -> ObjectModel:
    """Desk stapler."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("black", "black", "red", "blue", "grey", "white", "green"))
    length, w = rng.uniform(0.11, 0.16), rng.uniform(0.028, 0.04)
    b.slab((length, w, 0.012), 0.006, c.shade(colour.rgb, 0.7))
    jaw = rng.uniform(3, 9)
    b.slab(
        (length * 0.97, 0.6 * w, 0.012), 0.004, (176, 178, 184), at=(0, 0, 0.022), turn=(0, -jaw, 0)
    )
    b.slab(
        (length, 0.85 * w, 0.018),
        0.008,
        colour.rgb,
        at=(0, 0, 0.03),
        turn=(0, -jaw, 0),
        bevel=0.005,
    )
    b.box((0.02, 0.8 * w, 0.035), c.shade(colour.rgb, 0.7), at=(-0.43 * length, 0, 0.0))
    nouns = ("stapler", "office stapler", "desk stapler")
    return b.finish("stapler", describe(rng, nouns, colour), colour)


def calculator(rng: np.random.Generator) -> ObjectModel:
    """Pocket or desk calculator, face up."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("black", "grey", "white", "blue", "pink", "silver"))
    w = rng.uniform(0.065, 0.11)
    d, h = w * rng.uniform(1.3, 1.8), rng.uniform(0.01, 0.022)
    face = np.empty((128, 84, 3), np.uint8)
    face[:] = t.rgb8(colour.rgb)
    face[8:34, 8:76] = t.rgb8(np.array([150, 165, 140]) * rng.uniform(0.8, 1.1))
    key = c.other_colour(rng, colour, ("white", "grey", "black")).rgb
    face[44:124, 6:78] = keys(rng, colour.rgb, key, 5, int(rng.integers(4, 6)), 80, 72)
    b.slab((w, d, h), 0.006, colour.rgb, top=face, bevel=0.002)
    nouns = ("calculator", "pocket calculator", "desk calculator")
    return b.finish("calculator", describe(rng, nouns, colour), colour)


def paper_roll(rng: np.random.Generator) -> ObjectModel:
    """Toilet paper or a kitchen roll, standing or lying."""
    b = Builder(rng)
    kitchen = rng.random() < 0.4
    r, h = (rng.uniform(0.05, 0.065), 0.23) if kitchen else (rng.uniform(0.045, 0.06), 0.1)
    paper = np.array([246, 245, 241]) * rng.uniform(0.93, 1.0)
    side = t.dots(rng, paper, c.shade(c.pick_colour(rng, c.BRIGHT).rgb, 2.5), 64, 128)
    side = side if kitchen and rng.random() < 0.6 else t.glazed(rng, paper)
    lie: dict[str, Numbers] = {"turn": (90, 0, 0)} if rng.random() < 0.25 else {}
    core = np.array([180, 146, 108])
    b.lathe([[0.02, 0], [r, 0]], paper * 0.96, **lie)
    b.lathe([[r, 0], [r, h]], side, **lie)
    b.lathe([[r, h], [0.02, h]], paper * 0.96, **lie)
    b.lathe([[0.02, h], [0.02, 0]], core, **lie)
    noun = "paper towel roll" if kitchen else "toilet paper"
    nouns = (noun, "paper roll", "roll of paper towels" if kitchen else "roll of toilet paper")
    return b.finish("paper roll", describe(rng, nouns, "white"), "white")


def handbag(rng: np.random.Generator) -> ObjectModel:
    """Handbag or shopping bag with two handles."""
    b = Builder(rng)
    colour = c.pick_colour(rng)
    x, y, z = rng.uniform(0.16, 0.28), rng.uniform(0.07, 0.12), rng.uniform(0.14, 0.24)
    paper = rng.random() < 0.4
    paint, adjective = t.decorate(rng, colour, 0.55)
    if paper:
        front = t.label(rng, colour.rgb, 110, 96)
        b.box((x, y, z), colour.rgb, front=front, back=front, top=t.plain(c.shade(colour.rgb, 0.3)))
    else:
        rings = section(32, power=4) * [x / 2, y / 2]
        b.prism(rings, z, paint, bevel=0.02)
        flap = np.array(c.other_colour(rng, colour).rgb)
        b.slab((0.3 * x, 0.01, 0.2 * z), 0.004, flap, at=(0, -y / 2, 0.6 * z))
    arch = curve(
        [
            [-0.28 * x, 0, z * 0.97],
            [-0.22 * x, 0, z * 1.25],
            [0, 0, z * 1.4],
            [0.22 * x, 0, z * 1.25],
            [0.28 * x, 0, z * 0.97],
        ],
        14,
    )
    for side in (-1, 1):
        b.tube(
            arch, 0.004 if paper else 0.006, c.shade(colour.rgb, 0.6), at=(0, side * 0.35 * y, 0)
        )
    nouns = (
        ("paper bag", "shopping bag", "gift bag", "bag") if paper else ("handbag", "purse", "bag")
    )
    return b.finish("handbag", describe(rng, nouns, colour, adjective), colour)


def game_controller(rng: np.random.Generator) -> ObjectModel:
    """Game pad with two sticks and coloured buttons."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("black", "black", "white", "grey", "blue", "red", "pink"))
    dark = c.shade(colour.rgb, 0.4) if colour.rgb.mean() > 70 else np.array([80, 80, 84])
    b.ball((0.06, 0.034, 0.018), colour.rgb, power=3.5, at=(0, 0, 0.028))
    for side in (-1, 1):
        grip = curve(
            [
                [side * 0.045, 0.005, 0.03],
                [side * 0.062, -0.03, 0.026],
                [side * 0.068, -0.06, 0.016],
            ],
            8,
        )
        b.tube(grip, np.linspace(0.022, 0.013, 8), colour.rgb, n=14)
        b.cylinder(0.009, 0.012, dark, at=(side * 0.022, -0.014, 0.04))
    for k, tone in enumerate(((60, 170, 80), (210, 50, 50), (60, 90, 210), (240, 200, 60))):
        a = k * np.pi / 2
        b.cylinder(
            0.004,
            0.006,
            tone,
            n=10,
            at=(0.043 + 0.009 * np.cos(a), 0.01 + 0.009 * np.sin(a), 0.042),
        )
    b.box((0.02, 0.006, 0.004), dark, at=(-0.043, 0.01, 0.044))
    b.box((0.006, 0.02, 0.004), dark, at=(-0.043, 0.01, 0.044))
    nouns = ("game controller", "gamepad", "joystick", "video game controller")
    return b.finish("game controller", describe(rng, nouns, colour), colour)
