"""Lines and words on pictures: boxes, labels, legends."""

from __future__ import annotations

import unicodedata

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose, transform_points

INK, PAPER, MUTED = (28, 30, 34), (255, 255, 255), (110, 114, 122)
ACCENT = (214, 39, 40)
PALETTE = (
    (214, 39, 40), (31, 119, 180), (44, 140, 44), (148, 103, 189), (217, 107, 0),
    (0, 139, 150), (140, 86, 75), (194, 74, 160), (96, 105, 20), (70, 80, 160),
)  # fmt: skip
# pairs of `OBB.corners` rows that differ in one coordinate
_EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if (a ^ b) in (1, 2, 4)]
_NEAR_M = 0.05


def font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that comes with pillow, in pixels."""
    return ImageFont.load_default(max(8, round(size)))


def plain(text: str, longest: int = 48) -> str:
    """One line of at most `longest` characters that the font has, whatever the text holds."""
    known = unicodedata.normalize("NFKD", text)
    known = "".join(c for c in known if not unicodedata.combining(c))
    words = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in known).split()
    flat = " ".join(words).encode("ascii", "replace").decode()
    return flat if len(flat) <= longest else flat[: longest - 3] + "..."


def fitting(pen: ImageDraw.ImageDraw, text: str, size: float, room_px: float) -> str:
    """The text, cut to fit into `room_px` pixels at this size of the font."""
    face = font(size)
    while len(text) > 8 and pen.textlength(text, font=face) > room_px:
        text = text[:-4].rstrip(".") + "..."
    return text


def size_text(box: OBB) -> str:
    """A box's full extents as people read them, in metres."""
    return " x ".join(f"{side:.2f}" for side in box.size)


def metres(position: np.ndarray) -> str:
    """Coordinates as people read them: (x, y, z) m."""
    x, y, z = position
    return f"({x:.2f}, {y:.2f}, {z:.2f}) m"


def project_box(box: OBB, camera: Camera, T_world_cam: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [8,2] and depths [8] of a box's corners."""
    return camera.project(transform_points(invert_pose(T_world_cam), box.corners))


def draw_box(
    image: Image.Image,
    box: OBB,
    camera: Camera,
    T_world_cam: np.ndarray,
    colour: tuple[int, int, int],
    width: int = 2,
) -> None:
    """A wire box; an edge that reaches behind the camera is cut there."""
    corners = transform_points(invert_pose(T_world_cam), box.corners)
    pen = ImageDraw.Draw(image)
    for a, b in _EDGES:
        ends = _in_front(corners[a], corners[b])
        if ends is None:
            continue
        uv, _ = camera.project(ends)
        if np.abs(uv).max() < 1e5:
            pen.line([tuple(uv[0]), tuple(uv[1])], fill=colour, width=width)


def _in_front(a: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    """The part [2,3] of a segment with z > `_NEAR_M`, None if there is none."""
    if a[2] < b[2]:
        a, b = b, a
    if a[2] <= _NEAR_M:
        return None
    if b[2] < _NEAR_M:
        b = b + (a - b) * (_NEAR_M - b[2]) / (a[2] - b[2])
    return np.stack([a, b])


def draw_label(
    image: Image.Image,
    at: tuple[float, float],
    text: str,
    colour: tuple[int, int, int] = INK,
    size: float | None = None,
    anchor: str = "mb",
) -> tuple[float, float, float, float]:
    """Text on a white plate, kept inside the picture.

    Args:
        at: pixel that `anchor` (pillow's notation: l/m/r, then a/m/b for top, middle, bottom)
            refers to.

    Returns:
        The plate's rectangle.
    """
    pen = ImageDraw.Draw(image)
    face = font(size or max(12, image.width / 64))
    pad = 4
    left, top, right, bottom = pen.multiline_textbbox((0, 0), text, font=face)
    w, h = right - left + 2 * pad, bottom - top + 2 * pad
    x = at[0] - {"l": 0.0, "m": w / 2, "r": w}[anchor[0]]
    y = at[1] - {"a": 0.0, "m": h / 2, "b": h}[anchor[1]]
    x = float(np.clip(x, 2, max(2, image.width - w - 3)))
    y = float(np.clip(y, 2, max(2, image.height - h - 3)))
    pen.rounded_rectangle([x, y, x + w, y + h], 4, fill=PAPER, outline=colour)
    pen.multiline_text((x + pad - left, y + pad - top), text, fill=colour, font=face)
    return x, y, x + w, y + h


def caption(picture: np.ndarray, text: str) -> np.ndarray:
    """The picture [H,W,3] with a strip of text above it."""
    height = max(18, round(picture.shape[1] / 26))
    image = Image.new("RGB", (picture.shape[1], picture.shape[0] + height), PAPER)
    image.paste(Image.fromarray(picture), (0, height))
    pen = ImageDraw.Draw(image)
    face = font(0.62 * height)
    text = fitting(pen, text, 0.62 * height, image.width - 12)
    pen.text((6, height / 2), text, fill=INK, font=face, anchor="lm")
    return np.asarray(image)
