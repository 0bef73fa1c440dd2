"""Mugs and cups, and the open vessel they and other things are made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.arrays import Numbers
from grounding3d.capture.simulator.builder import Builder, Paint
from grounding3d.capture.simulator.mesh import curve, section
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


def wall_profile(
    rng: np.random.Generator, radius: float, height: float, kind: str | None = None
) -> np.ndarray:
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


def vessel(
    b: Builder,
    outer: Numbers,
    paint: Paint,
    inner: Paint,
    thickness: float,
    ring: np.ndarray | None = None,
    rim: Paint | None = None,
) -> None:
    """Open shell: foot and outside in one paint, rim and inside in others."""
    outer = np.asarray(outer)
    lip = outer[-1]
    foot = [[0, 0], [outer[0, 0] * 0.92, 0], outer[0]]
    inside = outer[::-1] - [thickness, 0]
    inside = inside[inside[:, 1] > outer[0, 1] + thickness]
    floor = max(outer[0, 1], 0) + thickness
    b.lathe(foot, paint if np.asarray(paint).ndim == 1 else paint[-2:, :].mean((0, 1)), ring)
    b.lathe(outer, paint, ring)
    top = [lip, lip + np.array([-thickness / 2, thickness / 3]), lip - [thickness, 0]]
    b.lathe(top, inner if rim is None else rim, ring)
    b.lathe([*inside, [inside[-1, 0] * 0.85, floor], [0, floor]], inner, ring)


def handle(
    b: Builder,
    rng: np.random.Generator,
    radius_at: Callable[[float], float],
    height: float,
    paint: Paint,
    kind: str | None = None,
) -> None:
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
            sleeve = curve(outer, 8)[2:6] + np.array([0.0012, 0])
            b.lathe(sleeve, t.label(rng, c.pick_colour(rng, c.EARTHY).rgb, 48, 120))
        words = ("paper coffee cup", "takeaway cup", "coffee cup", "paper cup")
        return b.finish("cup", describe(rng, words, colour), colour)
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
