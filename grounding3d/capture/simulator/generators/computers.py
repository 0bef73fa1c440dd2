"""Laptops, keyboards, mice, screens and telephones."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.arrays import Numbers
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.generators.paper import landscape
from grounding3d.capture.simulator.mesh import curve, loft, section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


def screen(rng: np.random.Generator, h: int = 80, w: int = 128, p_off: float = 0.35) -> np.ndarray:
    """A dark screen with a soft reflection, windows with text, or a picture."""
    if rng.random() < p_off:
        v = np.linspace(0, 1, h)[:, None] + np.linspace(0, 0.6, w)[None]
        return t.blend(np.clip(v - 0.7, 0, 1), (14, 15, 18), (58, 62, 70))
    kind = rng.random()
    if kind < 0.4:
        return landscape(rng, h, w)
    if kind < 0.55:
        return _code(rng, h, w)
    image = Image.new("RGB", (w, h), t.rgb8(c.pick_colour(rng, c.ANY).rgb))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(1, 4)):
        x, y = rng.uniform(0, 0.5) * w, rng.uniform(0, 0.4) * h
        x1, y1 = x + rng.uniform(0.3, 0.6) * w, y + rng.uniform(0.3, 0.6) * h
        paper = c.pick_colour(rng, ("white", "white", "black", "grey"))
        draw.rectangle([x, y, x1, y1], fill=t.rgb8(paper.rgb))
        ink = c.other_colour(rng, paper).rgb
        for line in np.arange(y + 6, y1 - 3, 5):
            draw.line(
                [x + 4, line, x + 4 + rng.uniform(0.3, 0.9) * (x1 - x - 8), line], fill=t.rgb8(ink)
            )
    return np.asarray(image)


def _code(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """An editor: coloured words on a dark or white ground."""
    ground = c.pick_colour(rng, ("black", "black", "white"))
    image = Image.new("RGB", (w, h), t.rgb8(ground.rgb))
    draw = ImageDraw.Draw(image)
    for y in range(5, h - 4, 5):
        x = 5 + 6 * int(rng.integers(0, 4))
        while x < w - 20 and rng.random() < 0.8:
            reach = float(rng.uniform(5, 22))
            ink = c.other_colour(rng, ground, c.ANY).rgb
            draw.line([x, y, x + reach, y], fill=t.rgb8(ink), width=2)
            x += int(reach) + 4
    return np.asarray(image)


def keys(
    rng: np.random.Generator,
    body: Numbers,
    key: Numbers,
    rows: int,
    cols: int,
    h: int = 72,
    w: int = 200,
) -> np.ndarray:
    """A field of keys with a space bar in the last row."""
    image = Image.new("RGB", (w, h), t.rgb8(body))
    draw = ImageDraw.Draw(image)
    ph, pw = (h - 4) / rows, (w - 4) / cols
    ink = (40, 40, 40) if np.mean(key) > 120 else (220, 220, 220)
    for r in range(rows):
        for k in range(cols):
            if r == rows - 1 and cols * 0.28 < k < cols * 0.62:
                continue
            x, y = 2 + k * pw, 2 + r * ph
            draw.rectangle([x + 0.8, y + 0.8, x + pw - 1.2, y + ph - 1.2], fill=t.rgb8(key))
            draw.point([x + pw / 2, y + ph / 2], fill=ink)
    y = 2 + (rows - 1) * ph
    draw.rectangle([2 + pw * cols * 0.3, y + 1, 2 + pw * cols * 0.62, y + ph - 1], fill=t.rgb8(key))
    return np.asarray(image)


def laptop(rng: np.random.Generator) -> ObjectModel:
    """Open laptop."""
    b = Builder(rng)
    w = rng.uniform(0.28, 0.37)
    d, thin = w * rng.uniform(0.64, 0.7), rng.uniform(0.012, 0.02)
    colour = c.pick_colour(
        rng, ("silver", "silver", "black", "grey", "white", "blue", "pink", "gold")
    )
    key = np.array([30, 30, 32]) if rng.random() < 0.8 else np.array([230, 230, 230])
    deck = np.empty((96, 140, 3), np.uint8)
    deck[:] = t.rgb8(colour.rgb)
    board = keys(rng, c.shade(colour.rgb, 0.7), key, 6, 15, 48, 124)
    deck[8:56, 8:132] = board
    deck[64:92, 48:94] = t.rgb8(c.shade(colour.rgb, 0.82))
    b.slab((w, d, thin), 0.012, colour.rgb, at=(0, 0, 0), bevel=0.002)
    b.box((w * 0.97, d * 0.97, 0.0008), colour.rgb, top=deck, at=(0, 0, thin))
    open_deg = rng.uniform(5, 35)
    lean = np.radians(open_deg)
    size = (w, 0.008, d * 0.95)
    frame = np.pad(screen(rng, 84, 128), ((4, 8), (4, 4), (0, 0)), constant_values=20)
    logo = Image.new("RGB", (96, 64), t.rgb8(colour.rgb))
    t.emblem(rng, ImageDraw.Draw(logo), 48, 32, 8, c.other_colour(rng, colour).rgb)
    b.box(
        size,
        colour.rgb,
        front=frame,
        back=np.asarray(logo),
        at=(0, d / 2, thin * 0.8),
        turn=(-np.degrees(lean), 0, 0),
    )
    nouns = ("laptop", "laptop computer", "notebook computer", "open laptop")
    return b.finish("laptop", describe(rng, nouns, colour), colour)


def keyboard(rng: np.random.Generator) -> ObjectModel:
    """Computer keyboard, full size or short."""
    b = Builder(rng)
    w, d, h = rng.uniform(0.28, 0.46), rng.uniform(0.11, 0.16), rng.uniform(0.012, 0.025)
    colour = c.pick_colour(
        rng, ("black", "black", "white", "white", "grey", "silver", "pink", "blue")
    )
    key = colour.rgb * 0.85 if rng.random() < 0.5 else c.pick_colour(rng, c.NEUTRAL).rgb
    if colour.name == "black" and key.mean() < 60:
        key = np.array([62, 62, 66]) * rng.uniform(0.8, 1.2)
    top = keys(rng, colour.rgb, key, int(rng.integers(5, 7)), int(w / 0.0195))
    b.slab((w, d, h), 0.008, colour.rgb, top=top, bevel=0.003)
    nouns = ("keyboard", "computer keyboard", "typing keyboard")
    return b.finish("keyboard", describe(rng, nouns, colour), colour)


def computer_mouse(rng: np.random.Generator) -> ObjectModel:
    """Mouse with two buttons and a wheel, wireless or corded."""
    b = Builder(rng)
    w, d, h = rng.uniform(0.055, 0.07), rng.uniform(0.095, 0.125), rng.uniform(0.03, 0.042)
    colour = c.pick_colour(
        rng, ("black", "black", "white", "grey", "silver", "red", "blue", "pink")
    )
    s = np.linspace(0, 1, 7)
    outline = section(28, power=rng.uniform(2.0, 2.8)) * [w / 2, d / 2]
    waist = 1 - rng.uniform(0, 0.12) * np.cos(np.pi * outline[:, 1] / d) ** 2
    outline = outline * np.column_stack([waist, np.ones(28)])
    hump = rng.uniform(0.0, 0.25)
    rings = [
        np.column_stack(
            [outline * np.sqrt(max(1 - k**3, 0.0)), h * k * (1 - hump * outline[:, 1] / d * 2 * k)]
        )
        for k in s
    ]
    b.add(loft(np.array(rings)), t.glazed(rng, colour.rgb))
    dark = c.shade(colour.rgb, 0.55) if colour.rgb.mean() > 60 else np.array([90, 90, 95])

    def back(y: float) -> float:
        """Height of the shell over its middle line at y."""
        k = np.linspace(0, 1, 200)
        reach = d / 2 * np.sqrt(1 - k**3) > abs(y)
        return h * k[reach].max() * (1 - 2 * hump * y / d * k[reach].max())

    seam = np.linspace(0.05 * d, 0.46 * d, 9)
    path = [[0, y, back(y)] for y in seam]
    b.tube(path, 0.0012, dark, n=6)
    b.cylinder(0.009, 0.007, dark, at=(-0.0035, 0.27 * d, back(0.27 * d) - 0.004), turn=(0, 90, 0))
    if rng.random() < 0.4:
        side = rng.uniform(-0.05, 0.05)
        cord = curve(
            [[0, 0.48 * d, 0.005], [side, 0.48 * d + 0.03, 0.002], [-side, 0.48 * d + 0.06, 0.002]],
            10,
        )
        b.tube(cord, 0.002, dark, n=6)
    nouns = ("computer mouse", "mouse", "wireless mouse", "pc mouse")
    return b.finish("computer mouse", describe(rng, nouns, colour), colour)


def _display(
    rng: np.random.Generator, w: float, category: str, nouns: tuple[str, ...]
) -> ObjectModel:
    b = Builder(rng)
    h, bezel, foot = w * rng.uniform(0.54, 0.64), rng.uniform(0.008, 0.02), rng.uniform(0.05, 0.12)
    colour = c.pick_colour(rng, ("black", "black", "black", "grey", "white", "silver"))
    picture = screen(rng, 90, 150)
    b.box((w, 0.03, h), colour.rgb, at=(0, 0, foot))
    b.box(
        (w - 2 * bezel, 0.002, h - 2.5 * bezel),
        (10, 10, 10),
        front=picture,
        at=(0, -0.016, foot + 1.5 * bezel),
    )
    b.box((0.5 * w, 0.03, 0.6 * h), c.shade(colour.rgb, 0.9), at=(0, 0.03, foot + 0.15 * h))
    if rng.random() < 0.65:
        b.box((0.06, 0.02, foot + 0.2 * h), colour.rgb, at=(0, 0.03, 0))
        base = section(28, power=rng.choice([2, 6])) * [
            rng.uniform(0.2, 0.3) * w,
            rng.uniform(0.08, 0.11),
        ]
        b.prism(base, 0.012, colour.rgb)
    else:
        for x in (-0.32 * w, 0.32 * w):
            b.box((0.02, 0.18, 0.012), colour.rgb, at=(x, 0, 0))
            b.box((0.02, 0.02, foot), colour.rgb, at=(x, 0, 0.01))
    return b.finish(category, describe(rng, nouns, colour), colour)


def monitor(rng: np.random.Generator) -> ObjectModel:
    """Desktop display on a stand."""
    return _display(
        rng,
        rng.uniform(0.4, 0.6),
        "monitor",
        ("monitor", "computer screen", "desktop display", "computer monitor"),
    )


def television(rng: np.random.Generator) -> ObjectModel:
    """Flat television, table-top sized to large."""
    return _display(
        rng, rng.uniform(0.6, 1.0), "television", ("television", "tv", "flat screen tv", "tv set")
    )


def _touch(
    rng: np.random.Generator, w: float, d: float, category: str, nouns: tuple[str, ...]
) -> ObjectModel:
    b = Builder(rng)
    h = rng.uniform(0.007, 0.011)
    colour = c.pick_colour(
        rng, ("black", "black", "white", "silver", "blue", "red", "pink", "gold", "green")
    )
    picture = screen(rng, 128, int(128 * w / d))
    edge = int(rng.integers(3, 9))
    rim = 12 if rng.random() < 0.8 else 240
    picture = np.pad(picture, ((2 * edge, 2 * edge), (edge, edge), (0, 0)), constant_values=rim)
    if rng.random() < 0.45:
        image = Image.fromarray(picture)
        draw, (hh, ww) = ImageDraw.Draw(image), picture.shape[:2]
        for r in range(5):
            for k in range(4):
                x, y = ww * (0.2 + 0.2 * k), hh * (0.25 + 0.11 * r)
                s = 0.055 * ww
                draw.rectangle([x - s, y - s, x + s, y + s], fill=t.rgb8(c.pick_colour(rng).rgb))
        picture = np.asarray(image)
    b.slab((w, d, h), rng.uniform(0.005, 0.012), colour.rgb, top=picture, bevel=0.0012)
    return b.finish(category, describe(rng, nouns, colour), colour)


def phone(rng: np.random.Generator) -> ObjectModel:
    """Smartphone, screen up."""
    w = rng.uniform(0.064, 0.08)
    return _touch(
        rng,
        w,
        w * rng.uniform(1.95, 2.2),
        "phone",
        ("smartphone", "phone", "mobile phone", "cell phone"),
    )


def tablet_computer(rng: np.random.Generator) -> ObjectModel:
    """Tablet, screen up."""
    w = rng.uniform(0.12, 0.19)
    return _touch(
        rng,
        w,
        w * rng.uniform(1.3, 1.6),
        "tablet computer",
        ("tablet computer", "tablet", "touch screen tablet"),
    )
