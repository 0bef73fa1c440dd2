"""Balls, cubes and toys."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy.spatial.transform import Rotation

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.arrays import Numbers
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.mesh import curve
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


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
        tones = [c.pick_colour(rng, (*c.BRIGHT, "white")).rgb for _ in range(6)]
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
            at = (x * length, sign * 0.5 * wide + 0.08 * wide, wheel)
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


def letter(rng: np.random.Generator, base: Numbers, ink: Numbers, px: int = 48) -> np.ndarray:
    """A framed capital or figure, as on a toy block."""
    image = Image.new("RGB", (px, px), t.rgb8(base))
    draw = ImageDraw.Draw(image)
    draw.rectangle([3, 3, px - 4, px - 4], outline=t.rgb8(ink), width=3)
    t.write(
        draw, (px / 2, px / 2), str(rng.choice(list("ABCDEFGHKMPRSTXYZ123456789"))), 0.6 * px, ink
    )
    return np.asarray(image)


def pips(rng: np.random.Generator, base: Numbers, ink: Numbers, px: int = 40) -> np.ndarray:
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
    named: c.Colour | None = colour
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

        def face() -> np.ndarray:
            image = np.kron(tones[rng.integers(0, 6, (3, 3))], np.ones((16, 16, 1)))
            image[::16], image[:, ::16] = 16, 16
            return image.astype(np.uint8)

        nouns, named = ("puzzle cube", "cube", "toy cube"), None
    elif kind == 1:
        ink = c.other_colour(rng, colour, contrast=150)

        def face() -> np.ndarray:
            return pips(rng, colour.rgb, ink.rgb)

        nouns = ("dice", "die", "cube")
    elif kind == 2:
        ink = c.other_colour(rng, colour, contrast=120)

        def face() -> np.ndarray:
            return letter(rng, colour.rgb, ink.rgb)

        nouns = ("toy block", "alphabet block", "cube")
    else:
        paint = t.glazed(rng, colour.rgb)
        if rng.random() < 0.3:
            paint = t.wood(rng)
            named = c.Colour("brown", paint.mean((0, 1)))

        def face() -> np.ndarray:
            return paint

        nouns = ("cube", "block", "building block")
    sides = {k: face() for k in ("front", "back", "left", "right", "top", "bottom")}
    b.box((edge,) * 3, sides["top"], **sides)
    return b.finish("cube", describe(rng, nouns, named), named)
