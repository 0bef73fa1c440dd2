"""Fruit, vegetables, bread, balls and toys, each a random instance of its category."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy.spatial.transform import Rotation

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.mesh import curve, section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


def _skin(rng: np.random.Generator, rgb, other, strength=None) -> np.ndarray:
    """Fruit skin: clouds between two colours with fine specks."""
    field = t.smooth_noise(rng, 48, 96, int(rng.integers(3, 6)))
    base = t.blend(field * (rng.uniform(0.1, 0.7) if strength is None else strength), rgb, other)
    specks = rng.random((48, 96)) < 0.02
    base[specks] = t.rgb8(c.shade(rgb, 1.4))
    return base


def _fruit(
    b: Builder, rng: np.random.Generator, profile, radius, paint, stem=True, ring=None
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


def sponge(rng: np.random.Generator) -> ObjectModel:
    """Kitchen sponge with a scouring side."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("yellow", "blue", "pink", "green", "orange"))
    x, y, z = rng.uniform(0.08, 0.12), rng.uniform(0.055, 0.08), rng.uniform(0.022, 0.035)
    b.slab((x, y, z), 0.008, t.speckle(rng, colour.rgb, c.shade(colour.rgb, 0.7)))
    if rng.random() < 0.75:
        pad = c.other_colour(rng, colour, ("green", "black", "blue", "red", "white")).rgb
        b.slab((x, y, 0.3 * z), 0.008, t.speckle(rng, pad, c.shade(pad, 0.8)), at=(0, 0, z * 0.97))
    nouns = ("sponge", "kitchen sponge", "cleaning sponge", "scrubber")
    return b.finish("sponge", describe(rng, nouns, colour), colour)


def _sphere_directions(h: int, w: int) -> np.ndarray:
    """Unit directions [h, w, 3] of a ball's texture, whose v follows the meridian."""
    phi = np.pi / 2 - np.pi * (np.arange(h) + 0.5) / h
    theta = 2 * np.pi * (np.arange(w) + 0.5) / w
    cp = np.cos(phi)[:, None]
    return np.stack([cp * np.cos(theta), cp * np.sin(theta), np.sin(phi)[:, None] + 0 * theta], -1)


def _icosahedron() -> np.ndarray:
    g = (1 + 5**0.5) / 2
    v = np.array([p for a in (-1, 1) for b in (-g, g) for p in ([0, a, b], [a, b, 0], [b, 0, a])])
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def _ball_texture(
    rng: np.random.Generator, kind: str, colour: c.Colour, other: c.Colour
) -> np.ndarray:
    d = _sphere_directions(96, 192)
    x, y, z = np.moveaxis(d, -1, 0)
    if kind == "soccer ball":
        near = (d @ _icosahedron().T).max(axis=-1)
        return t.blend((near > rng.uniform(0.91, 0.94)).astype(float), colour.rgb, other.rgb)
    if kind == "basketball":
        seam = (np.abs(x) < 0.03) | (np.abs(z) < 0.03) | (np.abs(y**2 - x**2 * 0.6 - 0.18) < 0.03)
        return t.blend(seam.astype(float), colour.rgb, (24, 20, 18))
    if kind == "tennis ball":
        a = np.arctan2(y, x)
        return t.blend(
            (np.abs(z - 0.55 * np.sin(2 * a)) < 0.07).astype(float), colour.rgb, (245, 245, 240)
        )
    if kind == "beach ball":
        index = np.floor((np.arctan2(y, x) / (2 * np.pi) + 0.5) * 6).astype(int) % 6
        tones = [c.pick_colour(rng, c.BRIGHT + ("white",)).rgb for _ in range(6)]
        tones[0::2] = [colour.rgb] * 3
        return np.clip(np.array(tones)[index], 0, 255).astype(np.uint8)
    return t.decorate(rng, colour, 0.5)[0]


def ball(rng: np.random.Generator) -> ObjectModel:
    """Soccer, basket, tennis, beach or toy ball."""
    kind = str(rng.choice(["soccer ball", "basketball", "tennis ball", "beach ball", "toy ball"]))
    radius, among, nouns = {
        "soccer ball": (
            rng.uniform(0.07, 0.11),
            ("white", "white", "yellow", "orange"),
            ("soccer ball", "football", "ball"),
        ),
        "basketball": (rng.uniform(0.08, 0.12), ("orange", "brown"), ("basketball", "ball")),
        "tennis ball": (
            rng.uniform(0.031, 0.034),
            ("yellow", "green"),
            ("tennis ball", "small ball", "ball"),
        ),
        "beach ball": (rng.uniform(0.09, 0.15), c.BRIGHT, ("beach ball", "colourful ball", "ball")),
        "toy ball": (rng.uniform(0.03, 0.08), c.ANY, ("ball", "toy ball", "rubber ball")),
    }[kind]
    colour = c.pick_colour(rng, among)
    if kind == "tennis ball":
        colour = c.Colour("yellow", np.array([205, 225, 60]) * rng.uniform(0.9, 1.05))
    other = c.other_colour(rng, colour, ("black", "black", "blue", "red"))
    b = Builder(rng)
    b.ball(radius, _ball_texture(rng, kind, colour, other), n=28)
    mesh, paint = b._parts.pop()
    b.add(
        mesh.placed(
            turn_deg=Rotation.random(random_state=int(rng.integers(2**31))).as_euler("xyz", True)
        ),
        paint,
    )
    return b.finish("ball", describe(rng, nouns, colour), colour)


def toy_car(rng: np.random.Generator) -> ObjectModel:
    """Car, van or truck of simple blocks on four wheels."""
    b = Builder(rng)
    colour = c.pick_colour(rng)
    length, wide, tall = rng.uniform(0.08, 0.18), 0.0, 0.0
    wide, tall = length * rng.uniform(0.4, 0.52), length * rng.uniform(0.16, 0.24)
    wheel = length * rng.uniform(0.09, 0.13)
    b.slab((length, wide, tall), 0.15 * wide, colour.rgb, at=(0, 0, wheel * 0.6), bevel=0.1 * tall)
    glass, roof = np.array([60, 80, 100]), wheel * 0.6 + tall
    kind = str(rng.choice(["car", "van", "truck"]))
    if kind == "truck":
        b.box(
            (0.28 * length, 0.9 * wide, 1.1 * tall),
            colour.rgb,
            at=(-0.34 * length, 0, roof),
            left=glass,
        )
        load = c.other_colour(rng, colour).rgb
        b.box(
            (0.6 * length, 0.95 * wide, rng.uniform(0.8, 1.8) * tall),
            load,
            at=(0.17 * length, 0, roof),
        )
    else:
        cabin = (0.85 if kind == "van" else rng.uniform(0.45, 0.6)) * length
        b.slab(
            (cabin, 0.85 * wide, 0.9 * tall),
            0.1 * wide,
            glass,
            at=(0.05 * length, 0, roof),
            bevel=0.2 * tall,
        )
        b.slab(
            (cabin * 0.85, 0.8 * wide, 0.16 * tall),
            0.1 * wide,
            colour.rgb,
            at=(0.05 * length, 0, roof + 0.85 * tall),
        )
    for x in (-0.3, 0.3):
        for sign in (-1, 1):
            at = (x * length, sign * 0.5 * wide + (0.08 * wide if sign > 0 else 0.08 * wide), wheel)
            b.cylinder(
                wheel,
                0.16 * wide,
                (28, 28, 30),
                top=t.plain((170, 170, 175)),
                at=at,
                turn=(90, 0, 0),
            )
    for sign in (-1, 1):
        b.ball(
            0.1 * tall + 0.002,
            (250, 240, 180),
            n=8,
            at=(-length / 2, sign * 0.32 * wide, wheel + 0.4 * tall),
        )
    noun = {"car": "toy car", "van": "toy van", "truck": "toy truck"}[kind]
    nouns = (noun, "toy car", "model car", "toy vehicle")
    return b.finish("toy car", describe(rng, nouns, colour), colour)


def teddy_bear(rng: np.random.Generator) -> ObjectModel:
    """Seated plush bear."""
    b = Builder(rng)
    s = rng.uniform(0.06, 0.1)
    colour = c.pick_colour(
        rng, ("brown", "brown", "beige", "white", "pink", "grey", "blue", "black")
    )
    fur = t.speckle(rng, colour.rgb, c.shade(colour.rgb, rng.choice([0.85, 1.3])))
    pale = c.shade(colour.rgb, 1.8)
    b.ball((0.75 * s, 0.65 * s, 0.9 * s), fur, at=(0, 0, 0.85 * s))
    b.ball((0.5 * s, 0.2 * s, 0.6 * s), pale, at=(0, -0.5 * s, 0.8 * s))
    head = (0, 0, 2.1 * s)
    b.ball((0.68 * s, 0.62 * s, 0.6 * s), fur, at=head)
    b.ball((0.28 * s, 0.26 * s, 0.22 * s), pale, at=(0, -0.55 * s, 1.98 * s))
    b.ball(0.09 * s, (20, 18, 18), n=10, at=(0, -0.8 * s, 2.05 * s))
    for sign in (-1, 1):
        b.ball((0.22 * s, 0.12 * s, 0.22 * s), fur, at=(sign * 0.5 * s, 0, 2.6 * s))
        b.ball((0.13 * s, 0.06 * s, 0.13 * s), pale, at=(sign * 0.5 * s, -0.09 * s, 2.6 * s))
        b.ball(0.075 * s, (20, 18, 18), n=10, at=(sign * 0.25 * s, -0.56 * s, 2.25 * s))
        b.ball(
            (0.26 * s, 0.26 * s, 0.6 * s),
            fur,
            at=(sign * 0.85 * s, -0.2 * s, 1.15 * s),
            turn=(-30, -35 * sign, 0),
        )
        b.ball(
            (0.3 * s, 0.6 * s, 0.3 * s),
            fur,
            at=(sign * 0.5 * s, -0.6 * s, 0.3 * s),
            turn=(0, 0, 18 * sign),
        )
        b.ball((0.2 * s, 0.06 * s, 0.2 * s), pale, at=(sign * 0.68 * s, -1.16 * s, 0.3 * s))
    if rng.random() < 0.4:
        b.tube(
            [[-0.3 * s, -0.6 * s, 1.6 * s], [0.3 * s, -0.6 * s, 1.6 * s]],
            0.12 * s,
            c.pick_colour(rng, c.BRIGHT).rgb,
        )
    nouns = ("teddy bear", "teddy", "stuffed bear", "plush toy", "stuffed toy")
    return b.finish("teddy bear", describe(rng, nouns, colour), colour)


def rubber_duck(rng: np.random.Generator) -> ObjectModel:
    """Bath duck."""
    b = Builder(rng)
    s = rng.uniform(0.025, 0.05)
    colour = c.pick_colour(rng, ("yellow",) * 5 + ("pink", "blue", "white", "green"))
    b.ball((1.25 * s, 0.95 * s, 0.75 * s), colour.rgb, at=(0, 0, 0.72 * s), power_z=2.3)
    b.tube(
        curve([[0.9 * s, 0, 0.9 * s], [1.3 * s, 0, 1.15 * s], [1.5 * s, 0, 1.5 * s]], 6),
        np.linspace(0.5, 0.1, 6) * s,
        colour.rgb,
    )
    b.ball(0.62 * s, colour.rgb, at=(-0.6 * s, 0, 1.75 * s))
    bill = c.pick_colour(rng, ("orange", "orange", "red")).rgb
    b.ball((0.32 * s, 0.3 * s, 0.1 * s), bill, n=12, at=(-1.25 * s, 0, 1.68 * s))
    for sign in (-1, 1):
        b.ball(0.1 * s, (16, 16, 18), n=8, at=(-1.02 * s, sign * 0.36 * s, 1.95 * s))
        b.ball(
            (0.6 * s, 0.16 * s, 0.36 * s),
            c.shade(colour.rgb, 0.92),
            at=(0.25 * s, sign * 0.9 * s, 0.95 * s),
        )
    nouns = ("rubber duck", "toy duck", "duck", "bath toy")
    return b.finish("rubber duck", describe(rng, nouns, colour), colour)


def letter(rng: np.random.Generator, base, ink, px: int = 48) -> np.ndarray:
    """A framed capital or figure, as on a toy block."""
    image = Image.new("RGB", (px, px), t.rgb8(base))
    draw = ImageDraw.Draw(image)
    draw.rectangle([3, 3, px - 4, px - 4], outline=t.rgb8(ink), width=3)
    t.write(
        draw, (px / 2, px / 2), str(rng.choice(list("ABCDEFGHKMPRSTXYZ123456789"))), 0.6 * px, ink
    )
    return np.asarray(image)


def pips(rng: np.random.Generator, base, ink, px: int = 40) -> np.ndarray:
    """One face of a die."""
    count = int(rng.integers(1, 7))
    spots = [(0.5, 0.5)] if count % 2 else []
    spots += [(0.25, 0.25), (0.75, 0.75)] if count > 1 else []
    spots += [(0.25, 0.75), (0.75, 0.25)] if count > 3 else []
    spots += [(0.25, 0.5), (0.75, 0.5)] if count > 5 else []
    v, u = np.mgrid[:px, :px] / px
    mask = sum((np.hypot(u - x, v - y) < 0.11).astype(float) for x, y in spots)
    return t.blend(np.clip(mask, 0, 1), base, ink)


def dice(rng: np.random.Generator) -> ObjectModel:
    """Cube with pips, letters or a puzzle's coloured squares."""
    b = Builder(rng)
    kind = int(rng.integers(4))
    edge = rng.uniform(0.035, 0.07)
    colour = c.pick_colour(rng)
    if kind == 0:
        tones = np.array(
            [
                (200, 30, 40),
                (240, 240, 240),
                (30, 90, 190),
                (250, 210, 40),
                (30, 150, 70),
                (250, 120, 20),
            ]
        )

        def face():
            image = np.kron(tones[rng.integers(0, 6, (3, 3))], np.ones((16, 16, 1)))
            image[::16], image[:, ::16] = 16, 16
            return image.astype(np.uint8)

        nouns, colour = ("puzzle cube", "cube", "toy cube"), None
    elif kind == 1:
        ink = c.other_colour(rng, colour, contrast=150)

        def face():
            return pips(rng, colour.rgb, ink.rgb)

        nouns = ("dice", "die", "cube")
    elif kind == 2:
        ink = c.other_colour(rng, colour, contrast=120)

        def face():
            return letter(rng, colour.rgb, ink.rgb)

        nouns = ("toy block", "alphabet block", "cube")
    else:
        paint = t.glazed(rng, colour.rgb)
        if rng.random() < 0.3:
            paint = t.wood(rng)
            colour = c.Colour("brown", paint.mean((0, 1)))

        def face():
            return paint

        nouns = ("cube", "block", "building block")
    sides = {k: face() for k in ("front", "back", "left", "right", "top", "bottom")}
    b.box((edge,) * 3, sides["top"], **sides)
    return b.finish("cube", describe(rng, nouns, colour), colour)
