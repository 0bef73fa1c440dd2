"""Books, notebooks and framed pictures."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


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
