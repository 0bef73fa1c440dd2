"""Boxes, books, bins and cookware, each a random instance of its category."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.generators_vessels import handle, random_ring, vessel
from grounding3d.capture.simulator.mesh import Mesh, curve, fan, loft, section
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
}


def food_box(rng: np.random.Generator) -> ObjectModel:
    """Cereal, pasta, tea, sugar or biscuit box."""
    kind, size = [
        ("cereal box", (0.19, 0.06, 0.28)),
        ("pasta box", (0.12, 0.045, 0.19)),
        ("tea box", (0.13, 0.07, 0.085)),
        ("sugar box", (0.09, 0.05, 0.17)),
        ("cracker box", (0.16, 0.06, 0.21)),
        ("biscuit box", (0.2, 0.05, 0.08)),
        ("pudding box", (0.12, 0.035, 0.09)),
    ][rng.integers(7)]
    size = np.array(size) * rng.uniform(0.8, 1.15, 3)
    colour = c.pick_colour(rng, c.BRIGHT + ("brown", "white", "beige", "black"))
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
    nouns = (kind, "food box", f"box of {_CONTENTS[kind]}", "food package")
    return b.finish("food box", describe(rng, nouns, colour), colour)


def gift_box(rng: np.random.Generator) -> ObjectModel:
    """Wrapped present with a ribbon and a bow."""
    b = Builder(rng)
    size = rng.uniform(0.08, 0.2, 3) * [1, 1, 0.8]
    colour = c.pick_colour(rng)
    ribbon = c.other_colour(rng, colour, c.BRIGHT + ("white", "gold"))
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
        size = (*[rng.uniform(0.1, 0.12)] * 2, rng.uniform(0.11, 0.14))
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
    cap = c.pick_colour(rng, c.BRIGHT + ("white",))
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


def book(rng: np.random.Generator) -> ObjectModel:
    """Hardcover or paperback lying flat."""
    b = Builder(rng)
    x, y, z = rng.uniform(0.11, 0.2), rng.uniform(0.17, 0.27), rng.uniform(0.012, 0.05)
    colour = c.pick_colour(rng)
    cover = t.label(rng, colour.rgb, 128, 92) if rng.random() < 0.8 else t.plain(colour.rgb)
    pages = t.blend(
        (np.arange(24) % 3 > 0)[:, None] * np.ones((1, 16)), (205, 198, 180), (244, 240, 228)
    )
    hard = rng.random() < 0.6
    lip, board = (0.004, 0.0025) if hard else (0.0, 0.0008)
    b.box((x - lip, y - 2 * lip, z - 2 * board), pages, at=(0, 0, board))
    b.box((x + lip, y, board), colour.rgb)
    b.box((x + lip, y, board), colour.rgb, top=cover, at=(0, 0, z - board))
    spine = np.rot90(t.label(rng, colour.rgb, 24, 110, picture=False), 2)
    b.box((board + 0.0005, y, z), colour.rgb, left=spine, at=(-x / 2 - lip / 2, 0, 0))
    nouns = ("book", "hardcover book" if hard else "paperback", "novel", "cookbook", "textbook")
    return b.finish("book", describe(rng, nouns, colour), colour)


def notebook(rng: np.random.Generator) -> ObjectModel:
    """Spiral notebook, bound notebook with a band, or a notepad showing lined paper."""
    b = Builder(rng)
    x, y, z = rng.uniform(0.09, 0.21), rng.uniform(0.13, 0.28), rng.uniform(0.008, 0.018)
    colour = c.pick_colour(rng)
    paper = t.blend(
        ((np.arange(96) % 8) == 0)[:, None] * np.ones((1, 64)), (247, 246, 238), (120, 150, 210)
    )
    kind = str(rng.choice(["spiral", "banded", "pad"]))
    paint, adjective = t.decorate(rng, colour, 0.7)
    b.box((x * 0.98, y * 0.98, z * 0.8), (240, 238, 228), at=(0, 0, 0.1 * z))
    b.box((x, y, 0.1 * z), colour.rgb)
    b.box((x, y, 0.1 * z), colour.rgb, at=(0, 0, 0.9 * z), top=paper if kind == "pad" else paint)
    if kind == "spiral":
        wire = c.pick_colour(rng, ("black", "silver", "white")).rgb
        for k in np.linspace(-0.45, 0.45, int(y / 0.011)):
            a = np.linspace(0, 2 * np.pi, 9)
            ring = np.stack(
                [0.75 * z * np.cos(a) - x / 2, 0 * a + k * y, 0.75 * z * np.sin(a) + z / 2], 1
            )
            b.tube(ring, 0.001, wire, n=4)
    elif kind == "banded":
        b.box(
            (0.005, y * 1.002, z * 1.06),
            c.other_colour(rng, colour).rgb,
            at=(0.35 * x, 0, -0.01 * z),
        )
    else:
        b.box((x * 1.01, 0.06 * y, z * 1.05), c.other_colour(rng, colour).rgb, at=(0, 0.47 * y, 0))
    nouns = ("notebook", "notepad", f"{'spiral ' if kind == 'spiral' else ''}notebook", "note book")
    return b.finish("notebook", describe(rng, nouns, colour, adjective), colour)


def picture_frame(rng: np.random.Generator) -> ObjectModel:
    """Framed picture leaning back on a strut."""
    b = Builder(rng)
    w, h = rng.uniform(0.1, 0.22), rng.uniform(0.12, 0.26)
    bar, deep = rng.uniform(0.012, 0.03), rng.uniform(0.01, 0.02)
    colour = c.pick_colour(
        rng, ("black", "white", "gold", "silver", "brown", "red", "blue", "green")
    )
    paint = t.wood(rng) if colour.name == "brown" else t.glazed(rng, colour.rgb)
    photo = landscape(rng) if rng.random() < 0.6 else t.label(rng, c.pick_colour(rng).rgb, 110, 96)
    if rng.random() < 0.4:
        edge = int(rng.integers(8, 18))
        photo = np.pad(photo, ((edge, edge), (edge, edge), (0, 0)), constant_values=244)
    b.box((w - bar, deep * 0.4, h - bar), (90, 84, 78), front=photo, at=(0, 0, bar / 2))
    for at, size in (
        ((0, 0, 0), (w, deep, bar)),
        ((0, 0, h - bar), (w, deep, bar)),
        ((-(w - bar) / 2, 0, bar), (bar, deep, h - 2 * bar)),
        (((w - bar) / 2, 0, bar), (bar, deep, h - 2 * bar)),
    ):
        b.box(size, paint, at=at)
    b.turn((-rng.uniform(8, 18), 0, 0))
    b.box((0.3 * w, 0.003, 0.72 * h), (70, 66, 62), at=(0, 0.42 * h, 0), turn=(22, 0, 0))
    nouns = ("picture frame", "photo frame", "framed picture", "framed photo")
    return b.finish("picture frame", describe(rng, nouns, colour), colour)


def landscape(rng: np.random.Generator, h: int = 96, w: int = 96) -> np.ndarray:
    """A painted view: sky, sun, hills, water."""
    sky = c.pick_colour(rng, ("blue", "orange", "pink", "teal", "grey")).rgb
    u = np.arange(w) / w
    v = (np.arange(h) / h)[:, None]
    picture = c.shade(sky, 2.0) * (v[..., None]) + sky * (1 - v[..., None]) + np.zeros((h, w, 3))
    sun = np.hypot(u[None] - rng.uniform(0.2, 0.8), v - rng.uniform(0.1, 0.35)) < rng.uniform(
        0.05, 0.1
    )
    picture[sun] = (250, 240, 180)
    for k in range(rng.integers(2, 5)):
        line = 0.4 + 0.14 * k + 0.09 * np.sin(2 * np.pi * (u * rng.uniform(0.5, 2) + rng.random()))
        picture[v > line[None]] = c.pick_colour(rng, ("green", "brown", "green", "teal")).rgb * 0.9
    return np.clip(picture, 0, 255).astype(np.uint8)


def brick(rng: np.random.Generator) -> ObjectModel:
    """Clay brick, concrete block with holes, or foam brick."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("red", "orange", "brown", "grey", "beige"))
    base = colour.rgb * (0.8 if colour.name != "grey" else 1.0)
    paint = t.speckle(rng, base, c.shade(base, rng.choice([0.75, 1.4])))
    x, y, z = rng.uniform(0.19, 0.24), rng.uniform(0.09, 0.12), rng.uniform(0.055, 0.08)
    b.box((x, y, z), paint)
    if rng.random() < 0.6:
        for k in (-0.28, 0.0, 0.28):
            b.prism(section(14) * 0.2 * y, 0.001, c.shade(base, 0.3), at=(k * x, 0, z))
    nouns = ("brick", "clay brick", "building brick", "block")
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


def _bin(
    rng: np.random.Generator, radius, height, category, nouns, bail=False, wire=False
) -> ObjectModel:
    b = Builder(rng)
    colour = c.pick_colour(rng, c.ANY + ("grey", "blue", "silver"))
    foot = radius * rng.uniform(0.68, 0.85)
    outer = np.array([[foot, 0.0], [radius, 1.0]]) * [1, height]
    outer = np.linspace(outer[0] + [0, 0.004], outer[1], 6)
    paint, adjective = (t.weave(rng, colour.rgb), None) if wire else t.decorate(rng, colour, 0.65)
    if colour.name == "silver":
        paint = t.metal(rng)
    ring = random_ring(rng, 0.65)
    vessel(b, outer, paint, c.shade(colour.rgb, 0.75), 0.004, ring)
    rim = np.array([[radius, 0], [radius * 1.05, 0.0], [radius * 1.05, 0.03], [radius, 0.03]])
    b.lathe(rim * [1, height], c.shade(colour.rgb, 0.85), ring, at=(0, 0, 0.97 * height))
    if bail:
        a = np.linspace(0, np.pi, 14)
        arc = np.stack([radius * 1.03 * np.cos(a), 0 * a, radius * 1.05 * np.sin(a)], 1)
        b.tube(
            arc,
            0.004,
            (150, 150, 155),
            n=6,
            at=(0, 0, 0.93 * height),
            turn=(rng.choice([0, 35, 75]), 0, 0),
        )
    return b.finish(category, describe(rng, nouns, colour, adjective), colour)


def waste_basket(rng: np.random.Generator) -> ObjectModel:
    """Open bin."""
    radius = rng.uniform(0.1, 0.15)
    nouns = ("waste basket", "trash can", "trash bin", "garbage bin", "bin")
    return _bin(
        rng, radius, radius * rng.uniform(1.8, 2.6), "waste basket", nouns, wire=rng.random() < 0.25
    )


def bucket(rng: np.random.Generator) -> ObjectModel:
    """Pail with a bail handle."""
    radius = rng.uniform(0.07, 0.14)
    return _bin(
        rng,
        radius,
        radius * rng.uniform(1.6, 2.1),
        "bucket",
        ("bucket", "pail", "bucket with a handle"),
        bail=True,
    )


def basket(rng: np.random.Generator) -> ObjectModel:
    """Woven basket, round or rectangular, sometimes with an arched handle."""
    b = Builder(rng)
    radius = rng.uniform(0.09, 0.16)
    height = radius * rng.uniform(0.7, 1.3)
    colour = c.pick_colour(rng, ("brown", "beige", "brown", "beige", "white", "grey"))
    ring = section(power=rng.choice([2, 2, 6])) * [1.0, rng.uniform(0.65, 1.0)]
    outer = np.linspace([radius * 0.85, 0.004], [radius, height], 6)
    vessel(b, outer, t.weave(rng, colour.rgb), c.shade(colour.rgb, 0.6), 0.006, ring)
    if rng.random() < 0.5:
        a = np.linspace(0, np.pi, 14)
        arc = np.stack([radius * 0.97 * np.cos(a), 0 * a, 1.1 * radius * np.sin(a)], 1)
        b.tube(arc, 0.007, c.shade(colour.rgb, 0.8), n=8, at=(0, 0, 0.95 * height))
    nouns = ("basket", "wicker basket", "woven basket")
    return b.finish("basket", describe(rng, nouns, colour), colour)


def _open_box(rng: np.random.Generator, size, wall, category, nouns, wooden) -> ObjectModel:
    b = Builder(rng)
    colour = c.pick_colour(rng)
    outline = np.array(size[:2]) / 2
    ring = section(40, power=rng.uniform(6, 14)) * outline
    slope = rng.uniform(0.85, 0.97)
    outer = np.array([[slope, 0.003], [1.0, size[2]]])
    inset = 1.0 - 2 * wall / min(size[:2])
    paint, adjective = t.decorate(rng, colour, 0.6)
    if wooden:
        paint = t.wood(rng)
        colour, adjective = c.Colour("brown", paint.mean((0, 1))), "wooden"
    flat = paint.mean((0, 1))
    b.lathe([[0, 0], [slope, 0], outer[0]], flat, ring)
    b.lathe(outer, paint, ring)
    b.lathe([outer[1], [inset, size[2]]], c.shade(flat, 0.9), ring)
    b.lathe([[inset, size[2]], [inset * slope, wall]], c.shade(flat, 0.85), ring)
    b.add(fan(ring * inset * slope, wall, up=True), paint)
    if rng.random() < 0.5:
        for sign in (-1, 1):
            grip = [[sign * outline[0], k * 0.2 * size[1], size[2] * 0.9] for k in (-1, 0, 1)]
            grip[1][0] += sign * 0.015
            b.tube(curve(grip, 8), 0.004, c.shade(flat, 0.6))
    return b.finish(category, describe(rng, nouns, colour, adjective), colour)


def tray(rng: np.random.Generator) -> ObjectModel:
    """Serving tray."""
    size = (rng.uniform(0.25, 0.42), rng.uniform(0.18, 0.3), rng.uniform(0.02, 0.045))
    return _open_box(
        rng, size, 0.006, "tray", ("tray", "serving tray", "platter"), rng.random() < 0.4
    )


def storage_box(rng: np.random.Generator) -> ObjectModel:
    """Open plastic tote or wooden crate."""
    size = (rng.uniform(0.2, 0.4), rng.uniform(0.15, 0.28), rng.uniform(0.1, 0.2))
    nouns = ("storage box", "plastic bin", "tote", "crate")
    return _open_box(rng, size, 0.006, "storage box", nouns, rng.random() < 0.25)


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


def _long_handle(b: Builder, rng: np.random.Generator, radius, height, length) -> None:
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
