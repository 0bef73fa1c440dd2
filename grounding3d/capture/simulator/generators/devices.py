"""Remote controls, toasters, loudspeakers, cameras and other devices."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.generators.computers import keys
from grounding3d.capture.simulator.mesh import section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


def remote_control(rng: np.random.Generator) -> ObjectModel:
    """Remote with coloured and plain buttons."""
    b = Builder(rng)
    w, d, h = rng.uniform(0.036, 0.055), rng.uniform(0.13, 0.22), rng.uniform(0.014, 0.024)
    colour = c.pick_colour(rng, ("black", "black", "black", "grey", "white", "silver"))
    image = Image.new("RGB", (48, 190), t.rgb8(colour.rgb))
    draw = ImageDraw.Draw(image)
    knob = c.other_colour(rng, colour, ("white", "grey", "black")).rgb
    draw.ellipse([6, 6, 14, 14], fill=(210, 40, 40))
    ring = int(rng.integers(50, 90))
    draw.ellipse([10, ring, 38, ring + 28], outline=t.rgb8(knob), width=4)
    for y in [*range(24, ring - 8, 12), *range(ring + 40, 180, 12)]:
        row = y == ring + 40
        for k, x in enumerate((8, 20, 32)):
            tone = ((200, 40, 40), (60, 160, 70), (60, 90, 200))[k] if row else t.rgb8(knob)
            draw.rounded_rectangle([x, y, x + 8, y + 6], 2, fill=tone)
    b.slab((w, d, h), rng.uniform(0.004, 0.018), colour.rgb, top=np.asarray(image), bevel=0.003)
    nouns = ("remote control", "tv remote", "remote", "remote controller")
    return b.finish("remote control", describe(rng, nouns, colour), colour)


def toaster(rng: np.random.Generator) -> ObjectModel:
    """Two-slot toaster."""
    b = Builder(rng)
    x, y, z = rng.uniform(0.24, 0.3), rng.uniform(0.14, 0.18), rng.uniform(0.16, 0.2)
    colour = c.pick_colour(rng, ("silver", "silver", "red", "white", "black", "teal", "beige"))
    paint = t.metal(rng) if colour.name == "silver" else t.glazed(rng, colour.rgb)
    b.slab((x, y, z), 0.03, paint, at=(0, 0, 0.01), bevel=0.02)
    b.slab((x * 1.01, y * 1.01, 0.02), 0.03, (30, 30, 32))
    for s in (-1, 1):
        b.box((0.72 * x, 0.025, 0.001), (20, 18, 18), at=(0, s * 0.2 * y, z + 0.01))
        if rng.random() < 0.4:
            b.slab((0.5 * x, 0.016, 0.05), 0.006, (214, 168, 104), at=(0, s * 0.2 * y, z - 0.01))
    b.box((0.006, 0.012, 0.5 * z), (20, 20, 20), at=(x / 2, 0, 0.3 * z))
    b.box((0.025, 0.04, 0.015), (30, 30, 30), at=(x / 2 + 0.012, 0, rng.uniform(0.4, 0.75) * z))
    b.cylinder(0.014, 0.012, (30, 30, 30), at=(x / 2, 0.3 * y, 0.3 * z), turn=(0, 90, 0))
    nouns = ("toaster", "bread toaster", "kitchen toaster")
    return b.finish("toaster", describe(rng, nouns, colour), colour)


def microwave(rng: np.random.Generator) -> ObjectModel:
    """Microwave oven."""
    b = Builder(rng)
    x, y, z = rng.uniform(0.4, 0.5), rng.uniform(0.3, 0.36), rng.uniform(0.24, 0.3)
    colour = c.pick_colour(rng, ("white", "black", "silver", "grey", "red"))
    b.box((x, y, z), colour.rgb, at=(0, 0, 0.01))
    b.box((0.66 * x, 0.012, 0.88 * z), c.shade(colour.rgb, 0.9), at=(-0.14 * x, -y / 2, 0.06 * z))
    b.box((0.5 * x, 0.002, 0.6 * z), (28, 30, 34), at=(-0.16 * x, -y / 2 - 0.007, 0.2 * z))
    b.box((0.015, 0.03, 0.7 * z), (190, 190, 194), at=(0.14 * x, -y / 2 - 0.02, 0.15 * z))
    panel = keys(rng, c.shade(colour.rgb, 0.8), (90, 90, 96), 5, 3, 72, 44)
    b.box((0.2 * x, 0.002, 0.5 * z), (60, 60, 60), front=panel, at=(0.34 * x, -y / 2, 0.12 * z))
    b.box((0.18 * x, 0.002, 0.12 * z), (10, 30, 20), at=(0.34 * x, -y / 2, 0.76 * z))
    nouns = ("microwave", "microwave oven", "oven")
    return b.finish("microwave", describe(rng, nouns, colour), colour)


def headphones(rng: np.random.Generator) -> ObjectModel:
    """Over-ear headphones standing on their cups."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("black", "black", "white", "red", "blue", "silver", "pink"))
    accent = c.other_colour(rng, colour, c.ANY).rgb
    r, cup = rng.uniform(0.07, 0.085), rng.uniform(0.032, 0.042)
    a = np.linspace(0, np.pi, 18)
    b.tube(
        np.stack([r * np.cos(a), 0 * a, cup + r * 1.15 * np.sin(a)], 1), 0.008, colour.rgb, flat=0.6
    )
    a = a[4:14]
    b.tube(
        np.stack([(r - 0.008) * np.cos(a), 0 * a, cup + (r * 1.15 - 0.008) * np.sin(a)], 1),
        0.009,
        (36, 34, 34),
    )
    for s in (-1, 1):
        b.cylinder(
            cup,
            0.022,
            colour.rgb,
            top=t.plain(accent),
            at=(s * (r - 0.002), 0, cup),
            turn=(0, s * 90, 0),
            taper=0.85,
        )
        b.cylinder(
            cup * 0.95, 0.02, (32, 30, 30), at=(s * (r - 0.002), 0, cup), turn=(0, -s * 90, 0)
        )
    nouns = ("headphones", "pair of headphones", "headset", "over-ear headphones")
    return b.finish("headphones", describe(rng, nouns, colour), colour)


def speaker(rng: np.random.Generator) -> ObjectModel:
    """Loudspeaker box or a round portable speaker."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("black", "black", "white", "grey", "brown", "red", "blue"))
    paint = t.wood(rng) if colour.name == "brown" else t.plain(colour.rgb)
    if rng.random() < 0.65:
        x, y, z = rng.uniform(0.1, 0.18), rng.uniform(0.1, 0.18), rng.uniform(0.16, 0.28)
        b.box((x, y, z), paint)
        for size, high in ((0.38, 0.32), (0.2, 0.76)):
            ring = section(24) * size * x
            b.prism(
                ring,
                0.006,
                (90, 90, 92),
                top=t.plain((34, 34, 36)),
                at=(0, -y / 2, high * z),
                turn=(90, 0, 0),
            )
            b.ball(
                (0.4 * size * x, 0.012, 0.4 * size * x),
                (64, 64, 68),
                n=12,
                at=(0, -y / 2, high * z),
            )
    else:
        mesh = t.dots(rng, colour.rgb, c.shade(colour.rgb, 0.5), 64, 160)
        r = rng.uniform(0.035, 0.055)
        b.cylinder(r, rng.uniform(0.1, 0.2), mesh, top=t.plain(c.shade(colour.rgb, 0.6)))
        b.cylinder(r * 1.02, 0.01, (30, 30, 30))
    nouns = ("speaker", "loudspeaker", "music speaker", "audio speaker")
    return b.finish("speaker", describe(rng, nouns, colour), colour)


def camera(rng: np.random.Generator) -> ObjectModel:
    """Photo camera with a lens."""
    b = Builder(rng)
    x, y, z = rng.uniform(0.1, 0.14), rng.uniform(0.035, 0.06), rng.uniform(0.065, 0.09)
    colour = c.pick_colour(rng, ("black", "black", "black", "silver", "brown", "red"))
    b.slab((x, y, z), 0.008, (34, 34, 36) if rng.random() < 0.5 else colour.rgb, bevel=0.004)
    b.slab((x * 1.005, y * 1.01, 0.3 * z), 0.008, colour.rgb, at=(0, 0, 0.72 * z), bevel=0.003)
    b.box((0.3 * x, 0.8 * y, 0.2 * z), colour.rgb, at=(0, 0, z))
    r, reach = 0.36 * z, rng.uniform(0.02, 0.07)
    lens = (rng.uniform(-0.1, 0.1) * x, -y / 2, 0.46 * z)
    glass = t.blend(t.smooth_noise(rng, 24, 24, 3), (30, 34, 60), (90, 100, 160))
    b.cylinder(
        r, reach, (26, 26, 28), top=t.plain((70, 70, 74)), at=lens, turn=(90, 0, 0), taper=0.94
    )
    b.prism(
        section(24) * 0.7 * r,
        0.001,
        (20, 20, 30),
        top=glass,
        at=(lens[0], -y / 2 - reach, lens[2]),
        turn=(90, 0, 0),
    )
    b.cylinder(0.007, 0.006, (170, 170, 174), at=(0.32 * x, 0, z))
    nouns = ("camera", "digital camera", "photo camera")
    return b.finish("camera", describe(rng, nouns, colour), colour)


def flashlight(rng: np.random.Generator) -> ObjectModel:
    """Torch lying on its side."""
    b = Builder(rng)
    colour = c.pick_colour(rng, ("black", "silver", "red", "yellow", "blue", "green", "orange"))
    length, r = rng.uniform(0.12, 0.2), rng.uniform(0.013, 0.02)
    head = r * rng.uniform(1.4, 1.8)
    b.lathe(
        np.array([[0, 0], [r, 0], [r, 0.62 * length], [head, 0.78 * length], [head, length]]),
        t.bands(rng, colour.rgb, c.shade(colour.rgb, 0.7)),
        turn=(0, 90, 0),
    )
    b.lathe(
        [[head, length], [0.85 * head, length], [0.4 * head, 0.95 * length], [0, 0.95 * length]],
        (235, 235, 215),
        turn=(0, 90, 0),
    )
    b.ball(0.006, (200, 40, 40), n=8, at=(0.5 * length, 0, r))
    nouns = ("flashlight", "torch", "hand torch")
    return b.finish("flashlight", describe(rng, nouns, colour), colour)
