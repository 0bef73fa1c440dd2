"""Electronics, lamps and clocks, each a random instance of its category."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.generators_containers import landscape
from grounding3d.capture.simulator.mesh import curve, loft, section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


def screen(rng: np.random.Generator, h: int = 80, w: int = 128, p_off: float = 0.35) -> np.ndarray:
    """A dark screen with a soft reflection, windows with text, or a picture."""
    if rng.random() < p_off:
        v = np.linspace(0, 1, h)[:, None] + np.linspace(0, 0.6, w)[None]
        return t.blend(np.clip(v - 0.7, 0, 1), (14, 15, 18), (58, 62, 70))
    if rng.random() < 0.4:
        return landscape(rng, h, w)
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


def keys(rng: np.random.Generator, body, key, rows: int, cols: int, h=72, w=200) -> np.ndarray:
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

    def back(y):
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
        path = curve(
            [[0, 0.48 * d, 0.005], [side, 0.48 * d + 0.03, 0.002], [-side, 0.48 * d + 0.06, 0.002]],
            10,
        )
        b.tube(path, 0.002, dark, n=6)
    nouns = ("computer mouse", "mouse", "wireless mouse", "pc mouse")
    return b.finish("computer mouse", describe(rng, nouns, colour), colour)


def _display(rng: np.random.Generator, w, category, nouns) -> ObjectModel:
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


def _touch(rng: np.random.Generator, w, d, category, nouns) -> ObjectModel:
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


def lamp(rng: np.random.Generator) -> ObjectModel:
    """Table lamp with a shade, or a jointed desk lamp."""
    b = Builder(rng)
    colour = c.pick_colour(rng)
    if rng.random() < 0.6:
        height = rng.uniform(0.26, 0.42)
        r = height * rng.uniform(0.1, 0.2)
        foot = curve([[r, 0.01], [rng.uniform(0.2, 1.2) * r, 0.25], [0.15 * r + 0.003, 0.6]], 14)
        body = np.vstack([[[0, 0], [r, 0]], foot]) * [1, height]
        b.lathe(body, t.decorate(rng, colour, 0.7)[0])
        shade_colour = c.pick_colour(
            rng, ("white", "beige", "white", "red", "yellow", "green", "blue", "black")
        )
        low = height * rng.uniform(0.3, 0.4)
        high = low * rng.uniform(0.45, 0.95)
        wall = np.array([[low, 0.55 * height], [high, height]])
        paint = t.decorate(rng, shade_colour, 0.75)[0]
        b.lathe(wall, paint)
        b.lathe(wall[::-1] - [0.002, 0], c.shade(shade_colour.rgb, 1.5))
        b.ball(0.03, (255, 248, 220), n=10, at=(0, 0, 0.7 * height))
        b.tube([[0, 0, 0.58 * height], [0, 0, 0.98 * height]], 0.005, (150, 140, 120), n=6)
        nouns = ("table lamp", "lamp", "bedside lamp", "lamp with a shade")
        main = shade_colour
    else:
        height = rng.uniform(0.28, 0.42)
        b.cylinder(rng.uniform(0.06, 0.09), 0.02, colour.rgb, taper=0.85)
        elbow = np.array([rng.uniform(0.04, 0.1), 0, 0.55 * height])
        head = np.array([-rng.uniform(0.04, 0.1), 0, height])
        b.tube([[0, 0, 0.01], elbow], 0.007, colour.rgb)
        b.tube([elbow, head], 0.006, colour.rgb)
        b.ball(0.012, (60, 60, 60), n=10, at=elbow)
        cone = np.array([[0.065, -0.09], [0.03, -0.01], [0.02, 0.01]])
        b.lathe(np.vstack([cone, [0, 0.012]]), colour.rgb, at=head, turn=(0, 35, 0))
        b.lathe(cone[1::-1] - [0.002, 0], (250, 246, 225), at=head, turn=(0, 35, 0))
        b.ball(0.022, (255, 250, 220), n=10, at=head + [-0.03, 0, -0.045])
        nouns, main = ("desk lamp", "lamp", "reading lamp", "table lamp"), colour
    return b.finish("lamp", describe(rng, nouns, main), main)


def dial(rng: np.random.Generator, face, ink, px: int = 112) -> np.ndarray:
    """A clock face with marks or figures and two hands."""
    image = Image.new("RGB", (px, px), t.rgb8(face))
    draw, m = ImageDraw.Draw(image), px / 2
    figures = rng.random() < 0.6
    for k in range(12):
        a = k * np.pi / 6
        x, y = m + 0.8 * m * np.sin(a), m - 0.8 * m * np.cos(a)
        if figures:
            t.write(draw, (x, y), str(k or 12), 0.24 * m, ink)
        else:
            draw.line(
                [x, y, m + 0.92 * m * np.sin(a), m - 0.92 * m * np.cos(a)],
                fill=t.rgb8(ink),
                width=4,
            )
    for reach, width in ((0.5, 5), (0.72, 3)):
        a = rng.uniform(0, 2 * np.pi)
        draw.line(
            [m, m, m + reach * m * np.sin(a), m - reach * m * np.cos(a)],
            fill=t.rgb8(ink),
            width=width,
        )
    return np.asarray(image)


def clock(rng: np.random.Generator) -> ObjectModel:
    """Alarm clock with bells, desk clock, digital clock or a wall clock that stands."""
    b = Builder(rng)
    colour = c.pick_colour(rng, c.ANY + ("silver", "gold"))
    kind = str(
        rng.choice(["alarm clock", "alarm clock", "desk clock", "wall clock", "digital clock"])
    )
    face = c.pick_colour(rng, ("white", "white", "beige", "black", "yellow"))
    ink = c.other_colour(rng, face, ("black", "white", "red"), 200).rgb
    if kind == "digital clock":
        w, h = rng.uniform(0.12, 0.2), rng.uniform(0.06, 0.09)
        image = Image.new("RGB", (120, 56), (12, 14, 14))
        tone = c.pick_colour(rng, ("red", "green", "blue", "orange", "white")).rgb
        t.write(
            ImageDraw.Draw(image),
            (60, 28),
            f"{rng.integers(24):02d}:{rng.integers(60):02d}",
            42,
            tone,
        )
        b.slab((w, 0.06, h), 0.01, colour.rgb)
        b.box(
            (0.86 * w, 0.002, 0.7 * h),
            (12, 14, 14),
            front=np.asarray(image),
            at=(0, -0.031, 0.15 * h),
        )
    elif kind == "desk clock":
        w = rng.uniform(0.1, 0.16)
        paint = t.plain(colour.rgb)
        if rng.random() < 0.4:
            paint = t.wood(rng)
            colour = c.Colour("brown", paint.mean((0, 1)))
        b.box((w, 0.05, w * rng.uniform(1.0, 1.2)), paint)
        b.prism(
            section(32) * 0.42 * w,
            0.003,
            face.rgb,
            top=dial(rng, face.rgb, ink),
            at=(0, -0.025, 0.5 * w),
            turn=(90, 0, 0),
        )
    else:
        wall = kind == "wall clock"
        r, deep = (
            (rng.uniform(0.1, 0.15), 0.035)
            if wall
            else (rng.uniform(0.045, 0.075), rng.uniform(0.03, 0.05))
        )
        z = r + (0.0 if wall else 0.015)
        ring = section(36, power=rng.choice([2, 2, 2, 5]))
        b.prism(
            ring * r,
            deep,
            colour.rgb,
            top=t.plain(colour.rgb),
            at=(0, deep / 2, z),
            turn=(90, 0, 0),
            bevel=0.004,
        )
        b.prism(
            ring * r * 0.86,
            0.002,
            face.rgb,
            top=dial(rng, face.rgb, ink),
            at=(0, -deep / 2, z),
            turn=(90, 0, 0),
        )
        if not wall:
            metal = (
                c.pick_colour(rng, ("silver", "gold", "black")).rgb
                if rng.random() < 0.6
                else colour.rgb
            )
            for s in (-1, 1):
                b.tube([[s * 0.5 * r, 0, z - 0.7 * r], [s * 0.75 * r, 0, 0.004]], 0.005, metal)
            if rng.random() < 0.75:
                for s in (-1, 1):
                    b.ball(
                        (0.42 * r, 0.36 * r, 0.28 * r),
                        metal,
                        n=14,
                        at=(s * 0.5 * r, 0, z + 1.08 * r),
                        turn=(0, s * 28, 0),
                    )
                b.tube([[0, 0, z + r], [0, 0, z + 1.3 * r]], 0.004, metal)
                b.ball(0.008, metal, n=8, at=(0, 0, z + 1.3 * r))
    nouns = (kind, "clock", "bedside clock" if kind != "wall clock" else "round clock")
    return b.finish("clock", describe(rng, nouns, colour), colour)


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
