"""Boxes, cartons and bricks."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.mesh import Mesh, loft, section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe

_CONTENTS = {
    "cereal box": "cereal",
    "pasta box": "pasta",
    "tea box": "tea bags",
    "sugar box": "sugar",
    "cracker box": "crackers",
    "biscuit box": "biscuits",
    "pudding box": "pudding",
    "gelatin box": "gelatin",
    "cake mix box": "cake mix",
}


def food_box(rng: np.random.Generator) -> ObjectModel:
    """Cereal, pasta, tea, sugar or biscuit box."""
    kind, usual = [
        ("cereal box", (0.19, 0.06, 0.28)),
        ("pasta box", (0.12, 0.045, 0.19)),
        ("tea box", (0.13, 0.07, 0.085)),
        ("sugar box", (0.09, 0.05, 0.17)),
        ("cracker box", (0.16, 0.06, 0.21)),
        ("biscuit box", (0.2, 0.05, 0.08)),
        ("pudding box", (0.12, 0.035, 0.09)),
        ("gelatin box", (0.09, 0.03, 0.08)),
        ("cake mix box", (0.14, 0.04, 0.2)),
    ][rng.integers(9)]
    size = np.array(usual) * rng.uniform(0.8, 1.15, 3)
    colour = c.pick_colour(rng, (*c.BRIGHT, "brown", "white", "beige", "black"))
    b = Builder(rng)
    front = t.label(rng, colour.rgb, int(110 * min(1.6, size[2] / size[0])), 110)
    side = t.label(rng, c.shade(colour.rgb, 0.9), 96, 32, picture=False)
    b.box(
        size,
        colour.rgb,
        front=front,
        back=front,
        left=side,
        right=side,
        top=t.label(rng, colour.rgb, 32, 96, picture=False),
    )
    if size[1] < 0.06 and rng.random() < 0.35:
        b.turn((90, 0, 0))  # lying on its face
    nouns = (kind, "food box", f"box of {_CONTENTS[kind]}", "food package")
    return b.finish("food box", describe(rng, nouns, colour), colour)


def gift_box(rng: np.random.Generator) -> ObjectModel:
    """Wrapped present with a ribbon and a bow."""
    b = Builder(rng)
    size = rng.uniform(0.08, 0.2, 3) * [1, 1, 0.8]
    colour = c.pick_colour(rng)
    ribbon = c.other_colour(rng, colour, (*c.BRIGHT, "white", "gold"))
    paint, adjective = t.decorate(
        rng, colour, 0.5, ("dots", "stripes", "diagonal", "flowers", "checker")
    )
    b.box(size, paint)
    wide, out = rng.uniform(0.1, 0.2) * size[:2].min(), 0.0015
    b.box((wide, size[1] + 2 * out, size[2] + out), ribbon.rgb)
    b.box((size[0] + 2 * out, wide, size[2] + out), ribbon.rgb)
    if rng.random() < 0.6:
        b.box((size[0] * 1.04, size[1] * 1.04, 0.2 * size[2]), paint, at=(0, 0, 0.8 * size[2]))
        b.box((wide, size[1] * 1.05, 0.21 * size[2]), ribbon.rgb, at=(0, 0, 0.8 * size[2]))
        b.box((size[0] * 1.05, wide, 0.21 * size[2]), ribbon.rgb, at=(0, 0, 0.8 * size[2]))
    loop = rng.uniform(0.12, 0.2) * size[0] + 0.01
    for yaw in (30, 150, 210, 330) if rng.random() < 0.6 else (0, 60, 120, 180, 240, 300):
        a = np.linspace(0, 2 * np.pi, 12)
        path = np.stack([loop * (1 - np.cos(a)) * 0.8, 0 * a, loop * (0.7 * np.sin(a) + 0.5)], 1)
        b.tube(path, 0.006, ribbon.rgb, n=6, flat=1.8, at=(0, 0, size[2]), turn=(0, 0, yaw))
    nouns = ("gift box", "present", "wrapped gift", "gift")
    return b.finish(
        "gift box", describe(rng, nouns, colour, adjective, f"with a {ribbon.name} ribbon"), colour
    )


def cardboard_box(rng: np.random.Generator) -> ObjectModel:
    """Parcel, or an open carton with flaps."""
    b = Builder(rng)
    size = rng.uniform(0.1, 0.3, 3) * [1, 0.8, 0.75]
    brown = np.array([176, 132, 86]) * rng.uniform(0.8, 1.15)
    card = t.blend(t.smooth_noise(rng, 48, 48, 5), brown * 0.94, brown * 1.05)
    tape = t.plain(np.array([214, 186, 140]) * rng.uniform(0.7, 1.1))
    if rng.random() < 0.35:
        wall = 0.004
        for axis, sign in ((0, -1), (0, 1), (1, -1), (1, 1)):
            at = np.zeros(3)
            at[axis] = sign * (size[axis] - wall) / 2
            panel = size.copy()
            panel[axis] = wall
            b.box(panel, card, at=at)
            flap = size * [1, 1, 0]
            flap[axis], flap[2] = rng.uniform(0.25, 0.45) * size[axis], wall
            lean = rng.uniform(-20, 60)
            at = np.array([0.0, 0.0, size[2] - wall])
            at[axis] = sign * (size[axis] / 2 + flap[axis] / 2 * np.cos(np.radians(lean)))
            at[2] += flap[axis] / 2 * -np.sin(np.radians(lean))
            b.box(
                flap, card, at=at, turn=(0, sign * lean, 0) if axis == 0 else (-sign * lean, 0, 0)
            )
        b.box((size[0], size[1], wall), card)
    else:
        b.box(size, card)
        b.box((size[0] * 1.002, 0.16 * size[1], size[2] * 0.2), tape, at=(0, 0, 0.803 * size[2]))
        if rng.random() < 0.6:
            sticker = t.label(rng, (240, 240, 236), 48, 64, picture=False)
            b.box(
                (0.4 * size[0], 0.002, 0.4 * size[2]),
                sticker,
                front=sticker,
                at=(rng.uniform(-0.2, 0.2) * size[0], -size[1] / 2, 0.3 * size[2]),
            )
    nouns = ("cardboard box", "brown box", "parcel", "shipping carton", "package")
    return b.finish("cardboard box", describe(rng, nouns), "brown")


def shoe_box(rng: np.random.Generator) -> ObjectModel:
    """Box with a lid of another colour."""
    b = Builder(rng)
    x, y, z = rng.uniform(0.22, 0.33), rng.uniform(0.13, 0.2), rng.uniform(0.09, 0.13)
    colour = c.pick_colour(rng)
    lid = colour if rng.random() < 0.4 else c.other_colour(rng, colour)
    b.box(
        (x, y, z),
        colour.rgb,
        front=t.label(rng, colour.rgb, 48, 96),
        right=t.label(rng, colour.rgb, 48, 64),
    )
    b.box(
        (x * 1.03, y * 1.03, 0.28 * z),
        lid.rgb,
        at=(0, 0, 0.74 * z),
        top=t.label(rng, lid.rgb, 64, 96),
    )
    return b.finish(
        "shoe box", describe(rng, ("shoe box", "shoebox", "box with a lid"), colour), colour
    )


def tissue_box(rng: np.random.Generator) -> ObjectModel:
    """Long or cubic tissue box with a tissue standing out."""
    b = Builder(rng)
    size = (rng.uniform(0.2, 0.25), rng.uniform(0.1, 0.13), rng.uniform(0.06, 0.1))
    if rng.random() < 0.35:
        edge = rng.uniform(0.1, 0.12)
        size = (edge, edge, rng.uniform(0.11, 0.14))
    colour = c.pick_colour(rng)
    paint, adjective = t.decorate(
        rng, colour, 0.3, ("flowers", "dots", "patches", "zigzag", "bands")
    )
    b.box(size, paint)
    hole = section(24) * [0.3 * size[0], 0.2 * size[1]]
    b.prism(hole, 0.001, (60, 60, 60), at=(0, 0, size[2]))
    tall, a = rng.uniform(0.03, 0.06), np.linspace(0, 2 * np.pi, 25)[:-1]
    rings = []
    for s in np.linspace(0, 1, 6):
        wave = 1 + 0.35 * s * np.sin(5 * a + rng.uniform(0, 6))
        spread = 0.5 + 0.6 * s
        rings.append(
            np.stack(
                [
                    0.2 * size[0] * spread * wave * np.cos(a) * (1 - 0.4 * s),
                    0.12 * size[1] * spread * wave * np.sin(a),
                    0 * a + tall * s,
                ],
                1,
            )
        )
    rings.append(np.tile([[0, 0, 0.7 * tall]], (len(a), 1)))
    b.add(loft(np.array(rings)), (246, 246, 244), at=(0, 0, size[2]))
    nouns = ("tissue box", "box of tissues", "tissue dispenser", "kleenex box")
    return b.finish("tissue box", describe(rng, nouns, colour, adjective), colour)


def carton(rng: np.random.Generator) -> ObjectModel:
    """Milk or juice carton with a gable or flat top."""
    b = Builder(rng)
    x, z = rng.uniform(0.055, 0.09), rng.uniform(0.13, 0.22)
    y = x * rng.uniform(0.65, 1.0)
    colour = c.pick_colour(
        rng, ("white", "white", "orange", "red", "green", "blue", "purple", "yellow")
    )
    noun = str(rng.choice(["milk carton", "juice carton"]))
    face = t.label(rng, colour.rgb, 128, 72)
    other = t.label(rng, colour.rgb, 128, 72)
    b.box((x, y, z), colour.rgb, front=face, back=face, left=other, right=other)
    cap = c.pick_colour(rng, (*c.BRIGHT, "white"))
    if rng.random() < 0.65:
        h, e = 0.5 * y, 0.35
        v = np.array(
            [[-x, -y, 0], [x, -y, 0], [x, y, 0], [-x, y, 0], [-x * e, 0, 2 * h], [x * e, 0, 2 * h]]
        ) / [2, 2, 2]
        v[4:, 0] = [-x / 2, x / 2]
        f = np.array([[0, 1, 5], [0, 5, 4], [2, 3, 4], [2, 4, 5], [3, 0, 4], [1, 2, 5]])
        b.add(Mesh(v, f, np.full((6, 2), 0.5)), c.shade(colour.rgb, 0.95), at=(0, 0, z))
        b.box((x, 0.004, 0.02), colour.rgb, at=(0, 0, z + h))
        b.cylinder(0.011, 0.012, cap.rgb, at=(0, -0.26 * y, z + 0.24 * y), turn=(40, 0, 0))
    else:
        b.cylinder(0.012, 0.012, cap.rgb, at=(0.2 * x, 0, z))
    nouns = (noun, "drink carton", f"carton of {noun.split()[0]}", "carton")
    return b.finish("carton", describe(rng, nouns, colour), colour)


def brick(rng: np.random.Generator) -> ObjectModel:
    """Clay brick, concrete block with holes, or foam brick."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("red", "orange", "brown", "grey", "beige"))
    base = colour.rgb * (0.8 if colour.name != "grey" else 1.0)
    paint = t.speckle(rng, base, c.shade(base, rng.choice([0.75, 1.4])))
    if colour.name == "grey" and rng.random() < 0.6:
        return _cinder_block(b, rng, colour, paint)
    x, y, z = rng.uniform(0.19, 0.24), rng.uniform(0.09, 0.12), rng.uniform(0.055, 0.08)
    b.box((x, y, z), paint)
    if rng.random() < 0.6:
        for k in (-0.28, 0.0, 0.28):
            b.prism(section(14) * 0.2 * y, 0.001, c.shade(base, 0.3), at=(k * x, 0, z))
    nouns = ("brick", "clay brick", "building brick", "block")
    return b.finish("brick", describe(rng, nouns, colour), colour)


def _cinder_block(
    b: Builder, rng: np.random.Generator, colour: c.Colour, paint: np.ndarray
) -> ObjectModel:
    """Hollow concrete block: three ribs between two long walls."""
    x, y = rng.uniform(0.26, 0.4), rng.uniform(0.13, 0.19)
    z, wall = y * rng.uniform(0.8, 1.0), 0.16 * y
    for side in (-1, 1):
        b.box((x, wall, z), paint, at=(0, side * (y - wall) / 2, 0))
    for at in (-1, 0, 1):
        b.box((wall, y - 2 * wall, z), paint, at=(at * (x - wall) / 2, 0, 0))
    nouns = ("cinder block", "concrete block", "building block", "brick")
    return b.finish("brick", describe(rng, nouns, colour), colour)


def foam_brick(rng: np.random.Generator) -> ObjectModel:
    """Small soft block."""
    b = Builder(rng)
    colour = c.pick_colour(rng)
    size = rng.uniform(0.045, 0.08, 3)
    b.slab(size, 0.004, t.speckle(rng, colour.rgb, c.shade(colour.rgb, 0.85)), bevel=0.003)
    return b.finish(
        "foam brick", describe(rng, ("foam brick", "foam block", "soft block"), colour), colour
    )
