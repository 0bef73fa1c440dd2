"""Pens, cutlery, hand tools, clothing and small things, each a random instance."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.generators_vessels import wall_profile
from grounding3d.capture.simulator.mesh import Mesh, curve, loft, section
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
    colour = c.pick_colour(rng, c.BRIGHT + ("black", "grey"))
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
    colour = c.pick_colour(rng, c.BRIGHT + ("black",))
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
    nouns = ("power drill", "drill", "cordless drill", "electric screwdriver")
    return b.finish("drill", describe(rng, nouns, colour), colour)


def _cutlery(rng: np.random.Generator, category, nouns) -> ObjectModel:
    b = Builder(rng)
    length = rng.uniform(0.16, 0.23)
    material = str(rng.choice(["steel", "steel", "wood", "plastic"]))
    colour = {
        "steel": c.Colour("silver", STEEL * rng.uniform(0.9, 1.1)),
        "wood": c.Colour("brown", np.array([180, 134, 84]) * rng.uniform(0.7, 1.1)),
        "plastic": c.pick_colour(rng, c.BRIGHT + ("black", "white")),
    }[material]
    stem = np.array([[0, 0, 0.004], [0.35, 0, 0.002], [0.6, 0, 0.006]]) * [length, 1, 1]
    width = np.interp(np.linspace(0, 1, 12), [0, 0.15, 0.7, 1], [0.006, 0.009, 0.0045, 0.004])
    grip = c.pick_colour(rng).rgb if material == "steel" and rng.random() < 0.25 else colour.rgb
    b.tube(curve(stem, 12), width, grip, flat=0.35)
    if category == "spoon":
        radius = np.array([0.2 * length, rng.uniform(0.09, 0.13) * length])
        cup = curve([[0.05, 0.2], [0.7, 0.35], [1.0, 1.0]], 8) * [1, 0.009]
        b.lathe(cup * [1, 1], colour.rgb, section(24) * radius, at=(0.76 * length, 0, 0))
        b.lathe(
            cup[::-1] + [0, 0.001],
            c.shade(colour.rgb, 0.9),
            section(24) * radius,
            at=(0.76 * length, 0, 0),
        )
    elif category == "fork":
        b.ball((0.06 * length, 0.012, 0.003), colour.rgb, at=(0.66 * length, 0, 0.006))
        for k in np.linspace(-0.0095, 0.0095, int(rng.integers(3, 5))):
            b.tube(
                curve(
                    [
                        [0.68 * length, 0.8 * k, 0.006],
                        [0.8 * length, k, 0.003],
                        [0.95 * length, k, 0.008],
                    ],
                    6,
                ),
                0.0017,
                colour.rgb,
                n=6,
            )
    else:
        blade = np.array([[0.5, -0.008], [0.9, -0.009], [1.02, 0.004], [0.95, 0.012], [0.5, 0.012]])
        steel = STEEL * rng.uniform(0.95, 1.1) if material != "plastic" else colour.rgb
        b.prism(blade * [length, 1.2], 0.002, steel, at=(0, 0, 0.004))
    what = {"steel": "metal", "wood": "wooden", "plastic": "plastic"}[material]
    return b.finish(category, describe(rng, nouns, colour, what), colour)


def spoon(rng: np.random.Generator) -> ObjectModel:
    """Spoon, hollow side up."""
    return _cutlery(rng, "spoon", ("spoon", "tablespoon", "kitchen utensil"))


def fork(rng: np.random.Generator) -> ObjectModel:
    """Fork."""
    return _cutlery(rng, "fork", ("fork", "dinner fork", "kitchen utensil"))


def knife(rng: np.random.Generator) -> ObjectModel:
    """Table knife."""
    return _cutlery(rng, "knife", ("knife", "table knife", "kitchen knife"))


def spatula(rng: np.random.Generator) -> ObjectModel:
    """Turner with a slotted blade, lying."""
    b = Builder(rng)
    colour = c.pick_colour(rng, c.ANY)
    length = rng.uniform(0.24, 0.33)
    b.tube(
        curve([[0, 0, 0.008], [0.4 * length, 0, 0.006], [0.72 * length, 0, 0.002]], 8),
        0.008,
        colour.rgb,
        flat=0.5,
    )
    w = rng.uniform(0.06, 0.085)
    blade = STEEL if rng.random() < 0.4 else colour.rgb
    paint = t.plain(blade, 48)
    for k in (14, 24, 34):
        paint[k - 2 : k + 2, 10:40] = 30
    b.slab((0.28 * length, w, 0.003), 0.01, blade, top=paint, at=(0.85 * length, 0, 0))
    nouns = ("spatula", "turner", "kitchen utensil")
    return b.finish("spatula", describe(rng, nouns, colour), colour)


def dumbbell(rng: np.random.Generator) -> ObjectModel:
    """Hand weight lying."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("black", "grey", "blue", "pink", "red", "green", "purple"))
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


def shoe(rng: np.random.Generator) -> ObjectModel:
    """Sneaker."""
    b = Builder(rng)
    colour = c.pick_colour(rng)
    sole = c.pick_colour(rng, ("white", "white", "black", "grey", "brown")).rgb
    length = rng.uniform(0.2, 0.29)
    w, tall = 0.36 * length, length * rng.uniform(0.3, 0.42)
    s = np.linspace(0, 2 * np.pi, 29)[:-1]
    foot = np.stack(
        [0.5 * length * np.cos(s), 0.5 * w * np.sin(s) * (1 - 0.14 * np.cos(s - 0.5))], 1
    )
    b.prism(foot * 1.03, 0.09 * length, sole, bevel=0.006)
    rings = []
    for k in np.linspace(0, 1, 9):
        back = np.clip(0.5 - 0.5 * foot[:, 0] / (0.5 * length), 0, 1)
        ceiling = np.interp(back, [0, 0.25, 0.5, 1], [0.35, 0.5, 0.85, 1.0]) * tall
        shrink = np.sqrt(max(1 - 0.62 * k**2, 0))
        shape = foot * [1, shrink] - [0.22 * length * k**2 * 0.5, 0]
        shape[:, 0] = np.where(shape[:, 0] > 0, shape[:, 0] * (1 - 0.62 * k**2), shape[:, 0])
        rings.append(np.column_stack([shape, 0.08 * length + (ceiling - 0.08 * length) * k]))
    paint, adjective = t.decorate(rng, colour, 0.5, ("bands", "diagonal", "patches", "two_tone"))
    b.add(loft(np.array(rings)), paint)
    rim = rings[-1] * [0.92, 0.88, 1.0] + [-0.01, 0, 0.001]
    centre = rim.mean(axis=0) - [0, 0, 0.3 * tall]
    n = len(rim)
    index = np.arange(n)
    faces = np.stack([index, (index + 1) % n, np.full(n, n)], 1)
    b.add(
        Mesh(np.vstack([rings[-1] + [0, 0, 0.0005], centre]), faces, np.full((n + 1, 2), 0.5)),
        (34, 32, 34),
    )
    for k in np.linspace(0.02, 0.22, 4):
        z = np.interp(k, [0, 0.22], [0.86, 0.55]) * tall
        b.tube(
            [[k * length, -0.2 * w, z], [k * length, 0, z + 0.012], [k * length, 0.2 * w, z]],
            0.004,
            sole,
            n=6,
        )
    nouns = ("shoe", "sneaker", "running shoe", "sports shoe")
    return b.finish("shoe", describe(rng, nouns, colour, adjective), colour)


def hat(rng: np.random.Generator) -> ObjectModel:
    """Brimmed hat or cap."""
    b = Builder(rng)
    colour = c.pick_colour(rng)
    r, tall = rng.uniform(0.075, 0.09), rng.uniform(0.08, 0.12)
    paint, adjective = t.decorate(
        rng, colour, 0.6, ("checker", "dots", "bands", "stripes", "diagonal")
    )
    if rng.random() < 0.55:
        brim = r * rng.uniform(1.5, 1.9)
        crown = curve([[1.0, 0.03], [0.95, 0.6], [0.8, 0.95]], 8) * [r, tall]
        b.lathe(
            [*crown, [0.4 * r, tall * rng.uniform(0.9, 1.02)], [0, 0.93 * tall]],
            paint,
            section() * [1, 0.85],
        )
        edge = np.array([[r * 0.8, 0.0], [brim, 0.01], [brim, 0.013], [r, 0.004]])
        b.lathe(edge, colour.rgb, section() * [1, 0.85])
        b.lathe(
            [[r * 1.01, 0.005], [r * 0.99, 0.02 + 0.1 * tall]],
            c.other_colour(rng, colour).rgb,
            section() * [1, 0.85],
        )
        nouns = ("hat", "sun hat", "brimmed hat", "fedora")
    else:
        dome = curve([[1.0, 0.0], [0.95, 0.5], [0.6, 0.9], [0.0, 1.0]], 12) * [r, tall]
        b.lathe(dome, paint, section() * [1.1, 0.95])
        b.ball(0.007, c.shade(colour.rgb, 0.8), n=8, at=(0, 0, tall))
        peak = c.other_colour(rng, colour).rgb if rng.random() < 0.4 else c.shade(colour.rgb, 0.85)
        b.ball((0.085, 0.07, 0.006), peak, at=(1.25 * r, 0, 0.004))
        nouns = ("cap", "baseball cap", "hat")
    return b.finish("hat", describe(rng, nouns, colour, adjective), colour)


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


def pillow(rng: np.random.Generator) -> ObjectModel:
    """Square or oblong cushion lying flat."""
    b = Builder(rng)
    colour = c.pick_colour(rng)
    x, y, z = rng.uniform(0.14, 0.25), rng.uniform(0.12, 0.2), rng.uniform(0.04, 0.07)
    paint, adjective = t.decorate(rng, colour, 0.4)
    n = 15
    grid = np.linspace(-1, 1, n)
    gx, gy = np.meshgrid(grid, grid)
    fill = (1 - gx**4) * (1 - gy**4)
    pinch = 1 - 0.1 * (1 - gx**2) * np.abs(gy) ** 3, 1 - 0.1 * (1 - gy**2) * np.abs(gx) ** 3
    index = np.arange(n * n).reshape(n, n)
    q = [index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]]
    p, r, s, w = (k.ravel() for k in q)
    faces = np.concatenate([np.stack([p, r, s], 1), np.stack([p, s, w], 1)])
    uv = np.stack([(gx + 1) / 2, (gy + 1) / 2], -1).reshape(-1, 2)
    for sign in (1, -1):
        v = np.stack([gx * x * pinch[1], gy * y * pinch[0], sign * z * np.sqrt(fill)], -1).reshape(
            -1, 3
        )
        b.add(Mesh(v, faces if sign > 0 else faces[:, ::-1], uv), paint)
    nouns = ("pillow", "cushion", "throw pillow")
    return b.finish("pillow", describe(rng, nouns, colour, adjective), colour)


def towel(rng: np.random.Generator) -> ObjectModel:
    """Folded towel: soft layers."""
    b = Builder(rng)
    colour = c.pick_colour(rng)
    x, y = rng.uniform(0.16, 0.26), rng.uniform(0.12, 0.18)
    paint, adjective = t.decorate(rng, colour, 0.5, ("bands", "stripes", "checker", "dots"))
    layers = int(rng.integers(2, 5))
    for k in range(layers):
        b.ball(
            (x / 2, y / 2 * rng.uniform(0.96, 1.0), 0.011),
            paint,
            power=8,
            power_z=3,
            n=28,
            at=(0, 0, 0.011 + 0.02 * k),
        )
    b.tube(
        [[-x / 2, -y / 2 + 0.01, 0.011 * layers], [x / 2, -y / 2 + 0.01, 0.011 * layers]],
        0.0095 * layers,
        paint,
        n=16,
        flat=0.5,
        turn=(0, 0, 0),
    )
    nouns = ("towel", "folded towel", "cloth", "hand towel")
    return b.finish("towel", describe(rng, nouns, colour, adjective), colour)


def traffic_cone(rng: np.random.Generator) -> ObjectModel:
    """Small to large cone with reflective bands."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("orange", "orange", "orange", "red", "yellow", "green"))
    h = rng.uniform(0.15, 0.4)
    r = h * rng.uniform(0.22, 0.3)
    b.slab(
        (2.6 * r, 2.6 * r, 0.05 * h),
        0.2 * r,
        colour.rgb if rng.random() < 0.6 else np.array([30, 30, 30]),
    )
    bandy = t.bands(rng, colour.rgb, (240, 240, 238))
    b.lathe(
        [[r, 0.05 * h], [0.18 * r, h], [0, h]],
        bandy if rng.random() < 0.75 else t.plain(colour.rgb),
    )
    nouns = ("traffic cone", "cone", "safety cone", "road cone")
    return b.finish("traffic cone", describe(rng, nouns, colour), colour)


def barrel(rng: np.random.Generator) -> ObjectModel:
    """Wooden cask or steel drum, toy-sized to large."""
    b = Builder(rng)
    r = rng.uniform(0.06, 0.15)
    h = r * rng.uniform(2.2, 2.8)
    if rng.random() < 0.5:
        paint, colour = np.rot90(t.wood(rng)), c.Colour("brown", np.array([120, 80, 50]))
        wall = wall_profile(rng, 0.85 * r, h, "barrel")
        wall[:, 0] = 0.82 * r + 0.18 * r * np.sin(np.pi * wall[:, 1] / h)
        rings = [0.12, 0.3, 0.7, 0.88]
    else:
        colour = c.pick_colour(rng, ("blue", "red", "green", "black", "orange", "grey", "yellow"))
        paint = t.bands(rng, colour.rgb, c.shade(colour.rgb, 0.8))
        wall, rings = np.array([[r, 0.0], [r, h]]), [0.02, 0.33, 0.66, 0.98]
    b.lathe([[0, 0], [wall[0, 0], 0.0], *wall], paint)
    b.lathe(
        [wall[-1], [wall[-1, 0] * 0.93, h - 0.004], [0, h - 0.004]],
        c.shade(paint.mean((0, 1)), 0.8),
    )
    for k in rings:
        q = np.interp(k * h, wall[:, 1], wall[:, 0]) + 0.002
        b.lathe([[q, k * h - 0.02 * h], [q + 0.002, k * h], [q, k * h + 0.02 * h]], (90, 90, 94))
    nouns = ("barrel", "drum", "cask")
    return b.finish("barrel", describe(rng, nouns, colour), colour)
