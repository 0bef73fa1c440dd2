"""Drinking vessels, tableware and cookware, each a random instance of its category."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.mesh import Mesh, both_sides, curve, section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


def random_ring(rng: np.random.Generator, p_round: float = 0.75) -> np.ndarray:
    """Mostly round; else squarish, faceted or lobed."""
    if rng.random() < p_round:
        return section()
    kind = rng.integers(4)
    if kind == 0:
        return section(power=rng.uniform(3, 6))
    if kind == 1:
        return section(int(rng.choice([6, 8, 10, 12])))
    lobes = int(rng.integers(6, 16))
    return section(lobes * 4, lobes=lobes, depth=rng.uniform(0.015, 0.04))


def wall_profile(rng: np.random.Generator, radius, height, kind=None) -> np.ndarray:
    """Outer wall (radius, height) [m, 2], from the foot to the rim."""
    kind = kind or rng.choice(["straight", "tapered", "barrel", "waisted", "tulip", "flared"])
    base, middle = {
        "straight": (1.0, 1.0),
        "tapered": (rng.uniform(0.65, 0.85), None),
        "barrel": (rng.uniform(0.75, 0.9), rng.uniform(1.05, 1.15)),
        "waisted": (rng.uniform(0.9, 1.05), rng.uniform(0.78, 0.9)),
        "tulip": (rng.uniform(0.5, 0.7), rng.uniform(1.0, 1.08)),
        "flared": (rng.uniform(0.6, 0.75), rng.uniform(0.7, 0.78)),
    }[str(kind)]
    middle = (1 + base) / 2 if middle is None else middle
    foot = 0.04 * height
    points = [[base * 0.97, foot], [middle, height * rng.uniform(0.45, 0.6)], [1.0, height]]
    return curve(np.array(points) * [radius, 1.0], 10)


def vessel(b: Builder, outer, paint, inner, thickness, ring=None, rim=None) -> None:
    """Open shell: foot and outside in one paint, rim and inside in others."""
    outer = np.asarray(outer)
    lip = outer[-1]
    foot = [[0, 0], [outer[0, 0] * 0.92, 0], outer[0]]
    inside = outer[::-1] - [thickness, 0]
    inside = inside[inside[:, 1] > outer[0, 1] + thickness]
    floor = max(outer[0, 1], 0) + thickness
    b.lathe(foot, paint if np.asarray(paint).ndim == 1 else paint[-2:, :].mean((0, 1)), ring)
    b.lathe(outer, paint, ring)
    top = [lip, lip + [-thickness / 2, thickness / 3], lip - [thickness, 0]]
    b.lathe(top, inner if rim is None else rim, ring)
    b.lathe([*inside, [inside[-1, 0] * 0.85, floor], [0, floor]], inner, ring)


def handle(b: Builder, rng: np.random.Generator, radius_at, height, paint, kind=None) -> None:
    """Mug handle on +x between two heights: C, D or ear shaped."""
    kind = kind or rng.choice(["c", "d", "ear"])
    low, high = rng.uniform(0.12, 0.25) * height, rng.uniform(0.75, 0.92) * height
    reach = rng.uniform(0.28, 0.42) * height
    x0, x1 = radius_at(low) * 0.97, radius_at(high) * 0.97
    mid = (low + high) / 2
    if kind == "c":
        points = [
            [x0, low],
            [x0 + reach * 0.8, low + 0.12 * (high - low)],
            [x0 + reach, mid],
            [x1 + reach * 0.8, high - 0.12 * (high - low)],
            [x1, high],
        ]
    elif kind == "d":
        points = [
            [x0, low],
            [x0 + reach * 0.95, low],
            [x0 + reach, low + 0.15 * (high - low)],
            [x1 + reach, high - 0.15 * (high - low)],
            [x1 + reach * 0.95, high],
            [x1, high],
        ]
    else:
        points = [
            [x0, low],
            [x0 + reach * 0.45, low + 0.25 * (high - low)],
            [x1 + reach * 1.05, high - 0.25 * (high - low)],
            [x1 + reach * 0.7, high + 0.06 * height],
            [x1, high],
        ]
    path = curve(points, 14)
    thick = rng.uniform(0.035, 0.06) * height
    b.tube(
        np.column_stack([path[:, 0], np.zeros(len(path)), path[:, 1]]),
        thick,
        paint,
        flat=rng.uniform(0.8, 1.6),
    )


def mug(rng: np.random.Generator) -> ObjectModel:
    """Mug with a handle."""
    b = Builder(rng)
    radius, height = rng.uniform(0.035, 0.05), rng.uniform(0.075, 0.12)
    kind = rng.choice(["straight", "straight", "tapered", "barrel", "waisted", "tulip"])
    outer = wall_profile(rng, radius, height, kind)
    colour = c.pick_colour(rng)
    accent = c.other_colour(rng, colour)
    detail = None
    if rng.random() < 0.2:
        paint, adjective, detail = t.wrap(rng, colour.rgb), None, "with letters"
    else:
        paint, adjective = t.decorate(rng, colour)
    inner = [colour.rgb, np.array([240, 238, 232]), accent.rgb][rng.choice(3, p=[0.5, 0.4, 0.1])]
    ring = random_ring(rng, 0.85)
    vessel(b, outer, paint, inner, rng.uniform(0.003, 0.006), ring)
    hand = accent.rgb if rng.random() < 0.15 else colour.rgb
    handle(b, rng, lambda z: np.interp(z, outer[:, 1], outer[:, 0]), height, hand)
    if rng.random() < 0.4:
        drink = c.shade(np.array([110, 64, 32]), rng.uniform(0.4, 1.4))
        r = np.interp(0.85 * height, outer[:, 1], outer[:, 0]) - 0.004
        b.lathe([[r, 0.84 * height], [0, 0.84 * height]], drink)
    nouns = ("mug", "coffee mug", "coffee cup", "tea mug", "cup with a handle")
    return b.finish("mug", describe(rng, nouns, colour, adjective, detail), colour)


def cup(rng: np.random.Generator) -> ObjectModel:
    """Cup without a handle: tumbler, beaker or takeaway cup."""
    b = Builder(rng)
    radius, height = rng.uniform(0.033, 0.048), rng.uniform(0.08, 0.14)
    colour = c.pick_colour(rng)
    outer = wall_profile(
        rng, radius, height, rng.choice(["tapered", "tapered", "straight", "flared"])
    )
    if rng.random() < 0.25:
        paint = t.bands(rng, colour.rgb, c.other_colour(rng, colour).rgb)
        vessel(b, outer, paint, np.array([240, 240, 235]), 0.002)
        lid = c.pick_colour(rng, c.NEUTRAL).rgb
        b.cylinder(radius * 1.06, 0.008, lid, at=(0, 0, height - 0.002))
        b.cylinder(radius * 0.85, 0.008, lid, at=(0, 0, height + 0.006), taper=0.95)
        if rng.random() < 0.6:
            sleeve = curve(outer, 8)[2:6] + [0.0012, 0]
            b.lathe(sleeve, t.label(rng, c.pick_colour(rng, c.EARTHY).rgb, 48, 120))
        nouns = ("paper coffee cup", "takeaway cup", "coffee cup", "paper cup")
        return b.finish("cup", describe(rng, nouns, colour), colour)
    paint, adjective = t.decorate(rng, colour, 0.6)
    vessel(
        b,
        outer,
        paint,
        c.shade(colour.rgb, rng.choice([0.8, 1.0, 3.0])),
        0.002,
        random_ring(rng, 0.7),
    )
    nouns = ("cup", "drinking cup", "tumbler", "plastic cup", "beaker")
    return b.finish("cup", describe(rng, nouns, colour, adjective), colour)


def bowl(rng: np.random.Generator) -> ObjectModel:
    """Bowl from flat to deep."""
    b = Builder(rng)
    radius = rng.uniform(0.05, 0.12)
    height = radius * rng.uniform(0.45, 0.95)
    bulge = rng.uniform(0.7, 0.92)
    outer = curve(
        np.array([[0.42, 0.03], [bulge * 0.92, 0.4], [0.97, 0.75], [1.0, 1.0]]) * [radius, height],
        12,
    )
    colour = c.pick_colour(rng)
    paint, adjective = t.decorate(rng, colour)
    inner = colour.rgb if rng.random() < 0.6 else c.pick_colour(rng, c.NEUTRAL[:1]).rgb
    if rng.random() < 0.2:
        wood = t.wood(rng)
        vessel(b, outer, wood, wood.mean((0, 1)), 0.006)
        return b.finish("bowl", describe(rng, ("wooden bowl", "salad bowl"), None), "brown")
    vessel(b, outer, paint, inner, rng.uniform(0.003, 0.006), random_ring(rng, 0.8))
    nouns = ("bowl", "cereal bowl", "soup bowl", "salad bowl", "ceramic bowl")
    return b.finish("bowl", describe(rng, nouns, colour, adjective), colour)


def _dish(rng: np.random.Generator, radius, height, category, nouns) -> ObjectModel:
    b = Builder(rng)
    flat = rng.uniform(0.55, 0.72)
    profile = np.array(
        [
            [0, 0],
            [flat, 0],
            [flat + 0.05, 0.1],
            [1.0, 0.9],
            [0.99, 1.0],
            [flat + 0.04, 0.3],
            [flat, 0.22],
        ]
    ) * [radius, height]
    colour = c.pick_colour(rng, c.ANY + ("white",) * 6)
    ring = random_ring(rng, 0.75)
    b.lathe(profile[:5], colour.rgb, ring)
    rim = c.other_colour(rng, colour)
    style = rng.integers(4)
    paint = [
        t.plain(colour.rgb),
        t.dots(rng, colour.rgb, rim.rgb, 32, 160),
        t.flowers(rng, colour.rgb, rim.rgb, 40, 200),
        t.bands(rng, colour.rgb, rim.rgb, 48),
    ][style]
    b.lathe(profile[4:6], paint, ring)
    b.lathe([*profile[5:], [0, height * 0.2]], rim.rgb if rng.random() < 0.12 else colour.rgb, ring)
    detail = f"with a {rim.name} rim" if style else None
    return b.finish(category, describe(rng, nouns, colour, None, detail), colour)


def plate(rng: np.random.Generator) -> ObjectModel:
    """Dinner or dessert plate."""
    radius = rng.uniform(0.085, 0.14)
    nouns = ("plate", "dinner plate", "round dish", "dish", "ceramic plate")
    return _dish(rng, radius, radius * rng.uniform(0.14, 0.24), "plate", nouns)


def saucer(rng: np.random.Generator) -> ObjectModel:
    """Saucer of a tea cup."""
    radius = rng.uniform(0.06, 0.08)
    return _dish(
        rng,
        radius,
        radius * rng.uniform(0.2, 0.3),
        "saucer",
        ("saucer", "small plate", "tea saucer", "small dish"),
    )


def jar(rng: np.random.Generator) -> ObjectModel:
    """Closed jar with a lid and often a label."""
    b = Builder(rng)
    radius, height = rng.uniform(0.028, 0.05), rng.uniform(0.06, 0.16)
    contents = c.pick_colour(rng)
    ring = random_ring(rng, 0.7)
    neck = radius * rng.uniform(0.72, 0.92)
    body = [
        [0, 0],
        [radius * 0.95, 0],
        [radius, 0.06 * height],
        [radius, 0.72 * height],
        [neck, 0.85 * height],
        [neck, 0.9 * height],
    ]
    b.lathe(body, t.glazed(rng, contents.rgb), ring)
    if rng.random() < 0.75:
        b.lathe(
            [[radius * 1.012, 0.15 * height], [radius * 1.012, 0.65 * height]],
            t.wrap(rng, c.other_colour(rng, contents).rgb),
            ring,
        )
    lid = c.pick_colour(rng, ("gold", "silver", "red", "green", "white", "black", "blue", "brown"))
    b.cylinder(neck * 1.08, 0.14 * height, lid.rgb, at=(0, 0, 0.88 * height))
    nouns = ("jar", "glass jar", "food jar", rng.choice(["jam jar", "honey jar", "jar of sauce"]))
    return b.finish("jar", describe(rng, nouns, contents, None, f"with a {lid.name} lid"), contents)


def can(rng: np.random.Generator) -> ObjectModel:
    """Drinks, soup, tuna, coffee or meat tin."""
    b = Builder(rng)
    colour = c.pick_colour(rng, c.BRIGHT + ("white", "black", "silver", "brown"))
    radius, height, nouns, ring = {
        0: (0.033, rng.uniform(0.11, 0.16), ("soda can", "drink can", "beer can"), section()),
        1: (
            rng.uniform(0.034, 0.042),
            rng.uniform(0.095, 0.12),
            ("soup can", "tin can", "tin of vegetables"),
            section(),
        ),
        2: (
            rng.uniform(0.038, 0.048),
            rng.uniform(0.03, 0.045),
            ("can of tuna", "flat tin", "fish can"),
            section(),
        ),
        3: (
            rng.uniform(0.048, 0.06),
            rng.uniform(0.12, 0.16),
            ("coffee can", "large can", "tin of coffee"),
            section(),
        ),
        4: (
            rng.uniform(0.04, 0.05),
            rng.uniform(0.07, 0.1),
            ("can of meat", "rectangular tin can", "spam can"),
            section(power=5) * [1.0, 0.6],
        ),
    }[int(rng.integers(5))]
    steel = np.array([190, 192, 196])
    side = t.wrap(rng, colour.rgb, copies=int(rng.integers(1, 4)))
    b.lathe([[0, 0], [0.9 * radius, 0], [radius, 0.05 * height]], steel, ring)
    b.lathe([[radius, 0.05 * height], [radius, 0.93 * height]], side, ring)
    b.lathe(
        [
            [radius, 0.93 * height],
            [radius * 0.9, height],
            [radius * 0.87, height],
            [radius * 0.85, 0.97 * height],
            [0, 0.97 * height],
        ],
        t.metal(rng),
        ring,
    )
    return b.finish("can", describe(rng, (nouns[0], *nouns[1:], "can"), colour), colour)


def bottle(rng: np.random.Generator) -> ObjectModel:
    """Wine, water, sauce, shampoo, spray or sport bottle."""
    kind = str(rng.choice(["wine", "water", "sauce", "shampoo", "spray", "sport"]))
    radius, height, neck, shoulder, nouns = {
        "wine": (0.037, rng.uniform(0.27, 0.32), 0.36, 0.62, ("wine bottle", "glass bottle")),
        "water": (
            rng.uniform(0.03, 0.04),
            rng.uniform(0.19, 0.26),
            0.4,
            0.72,
            ("water bottle", "plastic bottle", "drink bottle"),
        ),
        "sauce": (
            rng.uniform(0.026, 0.036),
            rng.uniform(0.14, 0.21),
            0.4,
            0.66,
            ("sauce bottle", "condiment bottle", "ketchup bottle"),
        ),
        "shampoo": (
            rng.uniform(0.03, 0.042),
            rng.uniform(0.15, 0.23),
            0.45,
            0.84,
            ("shampoo bottle", "soap bottle", "lotion bottle"),
        ),
        "spray": (
            rng.uniform(0.035, 0.045),
            rng.uniform(0.2, 0.26),
            0.34,
            0.62,
            ("spray bottle", "cleaner bottle", "spray cleaner"),
        ),
        "sport": (
            rng.uniform(0.032, 0.042),
            rng.uniform(0.2, 0.27),
            0.75,
            0.84,
            ("flask", "thermos bottle", "sports bottle"),
        ),
    }[kind]
    among = ("green", "brown", "black", "red") if kind == "wine" else c.ANY + ("silver",)
    colour = c.pick_colour(rng, among)
    b = Builder(rng)
    ring = section()
    if kind == "shampoo":
        ring = section(power=rng.uniform(2, 4)) * [1.0, rng.uniform(0.5, 0.8)]
    elif kind in ("sauce", "water") and rng.random() < 0.3:
        ring = section(power=4)
    shoulder += rng.uniform(-0.05, 0.05)
    wave = 0.04 * rng.uniform(0, 1) if kind in ("water", "spray") else 0.0
    lower = np.linspace(0.04, shoulder, 9)
    waist = rng.uniform(0.8, 0.95) if kind in ("spray", "sauce") and rng.random() < 0.5 else 1.0
    widths = 1.0 - wave * (np.arange(9) % 2) - (1 - waist) * np.sin(np.pi * (lower / shoulder)) ** 2
    up = curve(
        [
            [widths[-1], shoulder],
            [neck * 1.35, 0.5 * (shoulder + 0.86)],
            [neck, 0.88],
            [neck, 0.93],
        ],
        10,
    )
    body = np.concatenate([[[0, 0], [0.9, 0]], np.column_stack([widths, lower]), up[1:]])
    b.lathe(body * [radius, height], t.glazed(rng, colour.rgb), ring)
    if kind != "sport" or rng.random() < 0.3:
        low, high = sorted(rng.uniform(0.1, shoulder - 0.03, 2))
        if high - low < 0.2:
            low, high = 0.12, shoulder - 0.08
        zone = (lower >= low) & (lower <= high)
        if zone.sum() >= 2:
            wall = np.column_stack([widths[zone] * 1.015, lower[zone]]) * [radius, height]
            b.lathe(wall, t.wrap(rng, c.other_colour(rng, colour).rgb), ring)
    cap = c.other_colour(rng, colour)
    top = neck * radius * min(1.0, ring[:, 1].max() * 1.2)
    if kind == "spray":
        b.cylinder(top * 1.1, 0.06 * height, cap.rgb, at=(0, 0, 0.9 * height))
        b.box((0.05, 0.02, 0.03), cap.rgb, at=(0.012, 0, 0.955 * height))
        b.tube(
            [[0.02, 0, 0.96 * height], [0.035, 0, 0.9 * height], [0.033, 0, 0.84 * height]],
            0.004,
            cap.rgb,
            flat=1.5,
        )
    elif kind == "shampoo" and rng.random() < 0.5:
        b.cylinder(0.007, 0.12 * height, cap.rgb, at=(0, 0, 0.92 * height))
        b.box((0.05, 0.014, 0.012), cap.rgb, at=(0.014, 0, 1.03 * height))
    else:
        b.cylinder(
            top * 1.12,
            rng.uniform(0.05, 0.12) * height,
            cap.rgb,
            at=(0, 0, 0.91 * height),
            taper=rng.choice([1.0, 0.85, 0.6]),
        )
    words = (nouns[0], *nouns[1:], "bottle")
    return b.finish("bottle", describe(rng, words, colour, None, f"with a {cap.name} cap"), colour)


def vase(rng: np.random.Generator) -> ObjectModel:
    """Vase with a free profile."""
    b = Builder(rng)
    height = rng.uniform(0.13, 0.3)
    radius = height * rng.uniform(0.2, 0.4)
    belly = rng.uniform(0.25, 0.65)
    points = [
        [rng.uniform(0.45, 0.7), 0.02],
        [1.0, belly],
        [rng.uniform(0.3, 0.6), 0.85],
        [rng.uniform(0.4, 0.75), 1.0],
    ]
    outer = curve(np.array(points) * [radius, height], 16)
    colour = c.pick_colour(rng)
    paint, adjective = t.decorate(rng, colour, 0.35)
    vessel(b, outer, paint, c.shade(colour.rgb, 0.5), 0.004, random_ring(rng, 0.6))
    nouns = ("vase", "flower vase", "ceramic vase", "urn")
    return b.finish("vase", describe(rng, nouns, colour, adjective), colour)


def _pot(b: Builder, rng: np.random.Generator, radius, height, colour) -> str | None:
    ring = random_ring(rng, 0.75)
    outer = wall_profile(
        rng, radius * 0.94, height * 0.8, rng.choice(["tapered", "straight", "barrel"])
    )
    paint, adjective = t.decorate(rng, colour, 0.6)
    if rng.random() < 0.6:
        lip = np.array([[radius, 0.8], [radius, 1.0]]) * [1, height]
        outer = np.concatenate([outer, lip])
    else:
        outer = outer * [1, 1.25]
    vessel(b, outer, paint, c.shade(colour.rgb, 0.6), 0.005, ring)
    return adjective


def plant_pot(rng: np.random.Generator) -> ObjectModel:
    """Empty flower pot, sometimes filled with soil."""
    b = Builder(rng)
    radius = rng.uniform(0.055, 0.1)
    height = radius * rng.uniform(1.3, 2.0)
    colour = c.pick_colour(rng, ("orange", "brown", *c.ANY))
    adjective = _pot(b, rng, radius, height, colour)
    if rng.random() < 0.5:
        b.lathe(
            [[radius * 0.85, 0.8 * height], [0, 0.82 * height]],
            t.speckle(rng, (60, 42, 30), (110, 84, 60)),
        )
    nouns = ("plant pot", "flower pot", "empty flower pot", "planter")
    return b.finish("plant pot", describe(rng, nouns, colour, adjective), colour)


def _leaf(b: Builder, start, yaw, length, width, droop, lift, paint) -> None:
    s = np.linspace(0, 1, 7)
    out = length * s * np.cos(lift)
    up = length * (s * np.sin(lift) - droop * s**2)
    half = width * np.sin(np.pi * np.clip(s * 0.92 + 0.06, 0, 1))
    middle = np.stack([out, 0 * s, up], 1)
    side = np.stack([0 * s, half, 0.15 * half], 1)
    rows = np.stack([middle - side, middle, middle + side], axis=1)
    index = np.arange(21).reshape(7, 3)
    a, q, r, d = (
        index[:-1, :-1].ravel(),
        index[:-1, 1:].ravel(),
        index[1:, 1:].ravel(),
        index[1:, :-1].ravel(),
    )
    faces = np.concatenate([np.stack([a, q, r], 1), np.stack([a, r, d], 1)])
    uv = np.stack(np.meshgrid(np.linspace(0, 1, 3), s), -1).reshape(-1, 2)
    b.add(both_sides(Mesh(rows.reshape(-1, 3), faces, uv)), paint, at=start, turn=(0, 0, yaw))


def potted_plant(rng: np.random.Generator) -> ObjectModel:
    """Leafy plant, cactus or bush in a pot."""
    b = Builder(rng)
    radius = rng.uniform(0.045, 0.09)
    height = radius * rng.uniform(1.2, 1.9)
    colour = c.pick_colour(rng, ("white", "orange", "brown", *c.ANY))
    _pot(b, rng, radius, height, colour)
    b.lathe(
        [[radius * 0.88, 0.85 * height], [0, 0.88 * height]],
        t.speckle(rng, (60, 42, 30), (110, 84, 60)),
    )
    green = c.pick_colour(rng, ("green",)).rgb * rng.uniform(0.7, 1.1)
    kind = str(rng.choice(["leaves", "leaves", "cactus", "bush", "blades"]))
    top = 0.85 * height
    if kind == "cactus":
        tall = rng.uniform(0.06, 0.16)
        ribs = section(48, lobes=12, depth=0.08)
        ball = curve([[0.7, 0.0], [1.0, 0.5], [0.8, 0.85], [0.0, 1.0]], 10)
        b.lathe(
            ball * [radius * rng.uniform(0.45, 0.7), tall],
            t.speckle(rng, green, c.shade(green, 2.5)),
            ribs,
            at=(0, 0, top),
        )
    elif kind == "bush":
        for _ in range(rng.integers(8, 16)):
            spot = rng.normal(0, 0.5 * radius, 3) + [0, 0, top + radius]
            b.ball(
                radius * rng.uniform(0.35, 0.6),
                t.speckle(rng, green, c.shade(green, 1.6)),
                n=10,
                at=spot,
            )
        b.tube([[0, 0, top], [0, 0, top + radius]], 0.006, (90, 60, 40))
    else:
        paint = t.stripes(rng, green, c.shade(green, 1.4), 16, 32)
        for k in range(rng.integers(7, 18)):
            stem = rng.uniform(0.0, 1.2) * radius
            length = rng.uniform(1.0, 2.4) * radius
            if kind == "blades":
                _leaf(
                    b,
                    (0, 0, top),
                    50 * k,
                    length * 1.5,
                    radius * 0.14,
                    rng.uniform(0, 0.3),
                    rng.uniform(1.0, 1.5),
                    paint,
                )
            else:
                _leaf(
                    b,
                    (0, 0, top + stem),
                    47 * k + rng.uniform(-15, 15),
                    length,
                    radius * rng.uniform(0.25, 0.5),
                    rng.uniform(0.1, 0.7),
                    rng.uniform(0.3, 1.2),
                    paint,
                )
        b.tube([[0, 0, top * 0.9], [0, 0, top + 1.2 * radius]], 0.004, green)
    nouns = ("potted plant", "house plant", "plant in a pot", "houseplant")
    if kind == "cactus":
        nouns = ("potted cactus", "cactus", "potted plant", "house plant")
    detail = f"in a {colour.name} pot"
    return b.finish("potted plant", describe(rng, nouns, None, None, detail), None)
