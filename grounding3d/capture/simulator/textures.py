"""Pictures painted on simulated objects; all uint8 [h, w, 3], row 0 on top, drawn from an rng."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from grounding3d.capture.simulator.arrays import Numbers
from grounding3d.capture.simulator.colours import Colour, other_colour, pick_colour, shade

_SYLLABLES = [
    "ba",
    "lo",
    "mi",
    "ra",
    "ko",
    "ten",
    "su",
    "vi",
    "do",
    "ne",
    "ta",
    "lu",
    "fri",
    "za",
    "po",
    "min",
    "gar",
    "el",
    "on",
    "ix",
    "nu",
    "shi",
    "bel",
    "or",
]


def rgb8(rgb: Numbers) -> tuple[int, int, int]:
    """Clipped integer triple of a colour."""
    r, g, b = (int(np.clip(round(float(x)), 0, 255)) for x in rgb)
    return r, g, b


def plain(rgb: Numbers, size: int = 4) -> np.ndarray:
    """One colour."""
    return np.broadcast_to(np.array(rgb8(rgb), dtype=np.uint8), (size, size, 3)).copy()


def blend(mask: np.ndarray, rgb_off: Numbers, rgb_on: Numbers) -> np.ndarray:
    """Two colours mixed by a mask [h, w] from 0 to 1."""
    off, on = np.asarray(rgb_off, float), np.asarray(rgb_on, float)
    return np.clip(off + mask[..., None] * (on - off), 0, 255).astype(np.uint8)


def _grid(h: int, w: int) -> tuple[np.ndarray, np.ndarray]:
    return np.meshgrid(np.arange(w) / w, np.arange(h) / h)


def stripes(
    rng: np.random.Generator, base: Numbers, other: Numbers, h: int = 64, w: int = 128
) -> np.ndarray:
    """Upright stripes, all of one width."""
    u, _ = _grid(h, w)
    count, share = rng.integers(4, 14), rng.uniform(0.3, 0.6)
    return blend(((u * count) % 1.0 < share).astype(float), base, other)


def bands(
    rng: np.random.Generator, base: Numbers, other: Numbers, h: int = 96, w: int = 16
) -> np.ndarray:
    """Level bands: a few, or many of one width."""
    _, v = _grid(h, w)
    if rng.random() < 0.5:
        mask = ((v * rng.integers(3, 9)) % 1.0 < rng.uniform(0.3, 0.6)).astype(float)
    else:
        mask = np.zeros((h, w))
        for _ in range(rng.integers(1, 4)):
            low = rng.uniform(0.05, 0.85)
            mask[(v > low) & (v < low + rng.uniform(0.04, 0.2))] = 1.0
    return blend(mask, base, other)


def diagonal(
    rng: np.random.Generator, base: Numbers, other: Numbers, h: int = 96, w: int = 128
) -> np.ndarray:
    """Slanting stripes."""
    u, v = _grid(h, w)
    count = rng.integers(3, 9)
    return blend((((u * 2 + v) * count) % 1.0 < rng.uniform(0.3, 0.55)).astype(float), base, other)


def dots(
    rng: np.random.Generator, base: Numbers, other: Numbers, h: int = 96, w: int = 160
) -> np.ndarray:
    """Round dots on a staggered grid."""
    u, v = _grid(h, w)
    rows = int(rng.integers(3, 7))
    cols = int(rows * rng.uniform(1.4, 2.2))
    y = v * rows
    x = u * cols + 0.5 * (np.floor(y) % 2)
    distance = np.hypot((x % 1.0 - 0.5), (y % 1.0 - 0.5))
    return blend((distance < rng.uniform(0.2, 0.36)).astype(float), base, other)


def checker(
    rng: np.random.Generator, base: Numbers, other: Numbers, h: int = 96, w: int = 160
) -> np.ndarray:
    """A chequerboard."""
    u, v = _grid(h, w)
    rows = int(rng.integers(3, 8))
    mask = (np.floor(v * rows) + np.floor(u * rows * 2)) % 2
    return blend(mask, base, other)


def zigzag(
    rng: np.random.Generator, base: Numbers, other: Numbers, h: int = 96, w: int = 160
) -> np.ndarray:
    """Zigzag bands."""
    u, v = _grid(h, w)
    wave = np.abs((u * rng.integers(4, 10)) % 1.0 - 0.5) * rng.uniform(0.15, 0.4)
    mask = ((v + wave) * rng.integers(2, 6)) % 1.0 < rng.uniform(0.25, 0.5)
    return blend(mask.astype(float), base, other)


def speckle(
    rng: np.random.Generator, base: Numbers, other: Numbers, h: int = 96, w: int = 128
) -> np.ndarray:
    """Fine random specks, as on stoneware."""
    coarse = rng.random((h // 2, w // 2)) < rng.uniform(0.05, 0.2)
    return blend(np.kron(coarse, np.ones((2, 2))), base, other)


def flowers(
    rng: np.random.Generator, base: Numbers, other: Numbers, h: int = 96, w: int = 160
) -> np.ndarray:
    """Scattered flowers with five petals and a yellow heart."""
    image = Image.new("RGB", (w, h), rgb8(base))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(6, 16)):
        x, y, r = rng.uniform(6, w - 6), rng.uniform(6, h - 6), rng.uniform(3, 7)
        draw.line([x, y, x + rng.uniform(-5, 5), y + 3 * r], fill=(60, 130, 60), width=2)
        for k in range(5):
            a = 2 * np.pi * k / 5
            _disc(draw, x + r * np.cos(a), y + r * np.sin(a), 0.65 * r, other)
        _disc(draw, x, y, 0.5 * r, (240, 200, 60))
    return np.asarray(image)


def patches(
    rng: np.random.Generator, base: Numbers, other: Numbers, h: int = 96, w: int = 128
) -> np.ndarray:
    """Soft clouds of two colours: marble, glaze, camouflage."""
    field = smooth_noise(rng, h, w, cells=int(rng.integers(3, 8)))
    sharp = rng.choice([2.0, 6.0, 40.0])
    return blend(1 / (1 + np.exp(-sharp * (field - 0.5))), base, other)


def two_tone(
    rng: np.random.Generator, base: Numbers, other: Numbers, h: int = 96, w: int = 8
) -> np.ndarray:
    """The lower part dipped in another colour."""
    _, v = _grid(h, w)
    return blend((v > rng.uniform(0.35, 0.75)).astype(float), base, other)


# Pattern name -> painter and the adjective people use for it.
PATTERNS: dict[str, tuple[Callable[..., np.ndarray], str]] = {
    "stripes": (stripes, "striped"),
    "bands": (bands, "striped"),
    "diagonal": (diagonal, "striped"),
    "dots": (dots, "dotted"),
    "checker": (checker, "checkered"),
    "zigzag": (zigzag, "patterned"),
    "speckle": (speckle, "speckled"),
    "flowers": (flowers, "floral"),
    "patches": (patches, "patterned"),
    "two_tone": (two_tone, "two-tone"),
}


def decorate(
    rng: np.random.Generator, base: Colour, p_plain: float = 0.45, kinds: tuple[str, ...] = ()
) -> tuple[np.ndarray, str | None]:
    """Texture in a base colour, plain or with a random pattern, and the pattern's adjective."""
    if rng.random() < p_plain:
        return glazed(rng, base.rgb), None
    kind = str(rng.choice(kinds or tuple(PATTERNS)))
    paint, adjective = PATTERNS[kind]
    return paint(rng, base.rgb, other_colour(rng, base).rgb), adjective


def glazed(rng: np.random.Generator, rgb: Numbers, h: int = 32, w: int = 32) -> np.ndarray:
    """Nearly plain, with slight cloudiness so that no two surfaces are alike."""
    strength = rng.uniform(0.0, 0.12)
    factor = 1.0 + strength * (smooth_noise(rng, h, w, 3) - 0.5)
    return np.clip(np.asarray(rgb, float) * factor[..., None], 0, 255).astype(np.uint8)


def smooth_noise(rng: np.random.Generator, h: int, w: int, cells: int) -> np.ndarray:
    """Smooth random field [h, w] from 0 to 1."""
    small = (rng.random((cells, cells)) * 255).astype(np.uint8)
    return np.asarray(Image.fromarray(small).resize((w, h), Image.Resampling.BICUBIC)) / 255.0


def wood(
    rng: np.random.Generator, rgb: Numbers | None = None, h: int = 96, w: int = 96
) -> np.ndarray:
    """Grain along x in a given or random wood colour."""
    if rgb is None:
        tones = [(196, 150, 100), (160, 110, 66), (120, 78, 46), (86, 54, 34), (214, 180, 134)]
        rgb = np.array(tones[rng.integers(len(tones))]) * rng.uniform(0.85, 1.1)
    _, v = _grid(h, w)
    wave = 0.08 * smooth_noise(rng, h, w, 4)
    grain = 0.5 + 0.5 * np.sin(2 * np.pi * (v + wave) * rng.uniform(6, 16))
    fine = rng.random((h, 1)) * np.ones((1, w))
    return blend(0.6 * grain + 0.4 * fine, np.asarray(rgb, float) * 0.82, shade(rgb, 1.1))


def weave(rng: np.random.Generator, rgb: Numbers, h: int = 96, w: int = 128) -> np.ndarray:
    """Basket weave."""
    u, v = _grid(h, w)
    rows = int(rng.integers(6, 14))
    x, y = u * rows * 1.5, v * rows
    odd = (np.floor(x) + np.floor(y)) % 2
    bulge = np.where(odd > 0, np.sin(np.pi * (x % 1)), np.sin(np.pi * (y % 1)))
    return blend(0.35 + 0.65 * bulge, np.asarray(rgb, float) * 0.55, rgb)


def metal(
    rng: np.random.Generator, rgb: Numbers = (185, 188, 192), h: int = 64, w: int = 64
) -> np.ndarray:
    """Brushed metal with soft upright reflections."""
    streak = smooth_noise(rng, 1, w, 6)[0][None, :].repeat(h, axis=0)
    fine = rng.random((h, 1)) * 0.15
    return blend(
        np.clip(streak * 0.85 + fine, 0, 1), np.asarray(rgb, float) * 0.72, shade(rgb, 1.6)
    )


def fake_word(rng: np.random.Generator, syllables: int | None = None) -> str:
    """A pronounceable word that is no brand."""
    count = syllables or int(rng.integers(2, 4))
    return "".join(_SYLLABLES[i] for i in rng.integers(0, len(_SYLLABLES), count)).upper()


def _disc(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, rgb: Numbers) -> None:
    draw.ellipse([x - r, y - r, x + r, y + r], fill=rgb8(rgb))


def write(
    draw: ImageDraw.ImageDraw,
    centre: tuple[float, float],
    text: str,
    height_px: float,
    rgb: Numbers,
) -> None:
    """Text centred on a point of the picture."""
    font = ImageFont.load_default(max(6, height_px))
    draw.text(centre, text, font=font, fill=rgb8(rgb), anchor="mm")


def emblem(
    rng: np.random.Generator, draw: ImageDraw.ImageDraw, x: float, y: float, r: float, rgb: Numbers
) -> None:
    """A logo-like shape of radius r: disc, ring, diamond, star, leaf or banner."""
    kind = rng.integers(6)
    if kind == 0:
        _disc(draw, x, y, r, rgb)
    elif kind == 1:
        draw.ellipse([x - r, y - r, x + r, y + r], outline=rgb8(rgb), width=max(2, int(r / 3)))
    elif kind == 2:
        draw.polygon([(x, y - r), (x + r, y), (x, y + r), (x - r, y)], fill=rgb8(rgb))
    elif kind == 3:
        a = np.arange(10) * np.pi / 5 - np.pi / 2
        radii = np.where(np.arange(10) % 2, 0.45 * r, r)
        draw.polygon(
            [(x + q * np.cos(t), y + q * np.sin(t)) for q, t in zip(radii, a, strict=True)],
            fill=rgb8(rgb),
        )
    elif kind == 4:
        draw.ellipse([x - r, y - r / 2, x + r, y + r / 2], fill=rgb8(rgb))
    else:
        draw.rectangle([x - r, y - r / 2, x + r, y + r / 2], fill=rgb8(rgb))


def label(
    rng: np.random.Generator, base: Numbers, h: int = 96, w: int = 96, picture: bool = True
) -> np.ndarray:
    """One printed panel: background, bands, emblem, a big fake word and lines of small print."""
    ground = Colour("", np.asarray(base, float))
    accent, ink = other_colour(rng, ground), other_colour(rng, ground, contrast=160)
    image = Image.new("RGB", (w, h), rgb8(base))
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.4:
        top = rng.uniform(0, 0.7) * h
        draw.rectangle([0, top, w, top + rng.uniform(0.1, 0.35) * h], fill=rgb8(accent.rgb))
    if rng.random() < 0.25:
        draw.polygon([(0, h), (w, h), (w, h * rng.uniform(0.3, 0.8))], fill=rgb8(accent.rgb))
    if picture:
        for _ in range(rng.integers(1, 4)):
            emblem(
                rng,
                draw,
                rng.uniform(0.2, 0.8) * w,
                rng.uniform(0.45, 0.85) * h,
                rng.uniform(0.1, 0.3) * min(h, w),
                pick_colour(rng).rgb,
            )
    word = fake_word(rng)
    size = min(0.3 * h, 1.5 * w / len(word)) * rng.uniform(0.7, 1.0)
    y = rng.uniform(0.15, 0.4) * h
    if rng.random() < 0.4:
        draw.rectangle([0.05 * w, y - 0.6 * size, 0.95 * w, y + 0.6 * size], fill=rgb8(accent.rgb))
        ink = other_colour(rng, accent, contrast=160)
    write(draw, (w / 2, y), word, size, ink.rgb)
    for k in range(rng.integers(0, 4)):
        line = h * (0.93 - 0.05 * k)
        draw.line([0.1 * w, line, w * rng.uniform(0.5, 0.9), line], fill=rgb8(ink.rgb))
    return np.asarray(image)


def wrap(rng: np.random.Generator, base: Numbers, h: int = 80, copies: int = 2) -> np.ndarray:
    """A label that repeats around a bottle or can."""
    one = label(rng, base, h=h, w=int(h * rng.uniform(0.9, 1.4)))
    return np.concatenate([one] * copies, axis=1)
