"""Clothes, cushions, sponges, cones and barrels."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.generators.drinkware import wall_profile
from grounding3d.capture.simulator.mesh import Mesh, curve, loft, section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


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
        nouns: tuple[str, ...] = ("hat", "sun hat", "brimmed hat", "fedora")
    else:
        dome = curve([[1.0, 0.0], [0.95, 0.5], [0.6, 0.9], [0.0, 1.0]], 12) * [r, tall]
        b.lathe(dome, paint, section() * [1.1, 0.95])
        b.ball(0.007, c.shade(colour.rgb, 0.8), n=8, at=(0, 0, tall))
        peak = c.other_colour(rng, colour).rgb if rng.random() < 0.4 else c.shade(colour.rgb, 0.85)
        b.ball((0.085, 0.07, 0.006), peak, at=(1.25 * r, 0, 0.004))
        nouns = ("cap", "baseball cap", "hat")
    return b.finish("hat", describe(rng, nouns, colour, adjective), colour)


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
