"""From numbers to colours: depth, normals, relevancy, and pictures beside each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from grounding3d.geometry.camera import Camera

# "Turbo", the improved rainbow map (Mikhailov 2019), by the polynomial its author's company gives:
# columns are the coefficients of x^0 .. x^5 for red, green and blue
_TURBO = np.array(
    [
        [0.13572138, 0.09140261, 0.10667330],
        [4.61539260, 2.19418839, 12.64194608],
        [-42.66032258, 4.84296658, -60.58204836],
        [132.13108234, -14.18503333, 110.36276771],
        [-152.94239396, 4.27729857, -89.90310912],
        [59.28637943, 2.82956604, 27.34824973],
    ]
)
_EDGE_JUMP = 0.03  # neighbours whose depths differ by more than this share lie on two surfaces
UNKNOWN = (40, 40, 44)
"""Colour of pixels without a value."""


def turbo(values: np.ndarray) -> np.ndarray:
    """[..., 3] uint8 colours of values [...] in [0, 1]; what lies outside is clipped."""
    x = np.clip(np.nan_to_num(values), 0, 1)[..., None]
    colour = np.zeros((*x.shape[:-1], 3))
    for row in _TURBO[::-1]:
        colour = colour * x + row
    return np.rint(255 * np.clip(colour, 0, 1)).astype(np.uint8)


def depth_range(depth_m: np.ndarray) -> tuple[float, float]:
    """A near and a far limit in metres that nearly all known depth lies between."""
    known = depth_m[depth_m > 0]
    if len(known) == 0:
        return 0.0, 1.0
    near, far = np.percentile(known, (1, 99))
    return float(near), float(max(far, near + 1e-3))


def colour_depth(depth_m: np.ndarray, near_m: float, far_m: float) -> np.ndarray:
    """[H,W,3] uint8: near is red, far is blue, unknown is grey.

    Even steps of colour are even steps of 1 / depth, as what is near matters more.
    """
    near_m = max(near_m, 1e-3)
    inverse = 1 / np.maximum(depth_m, 1e-3)
    share = 0.06 + 0.86 * (inverse - 1 / far_m) / (1 / near_m - 1 / far_m)
    rgb = turbo(share)
    rgb[depth_m <= 0] = UNKNOWN
    return rgb


def depth_in_millimetres(depth_m: np.ndarray) -> np.ndarray:
    """[H,W] uint16 millimetres, 0 = unknown or beyond 65.5 m."""
    mm = np.rint(1000 * np.asarray(depth_m, np.float64))
    return np.where((mm > 0) & (mm <= 65535), mm, 0).astype(np.uint16)


def normals_of(depth_m: np.ndarray, camera: Camera, T_world_cam: np.ndarray) -> np.ndarray:
    """Unit normals in the world frame of the surface that a depth image shows.

    The cross product of central differences of the points; none across a depth edge.

    Returns:
        [H,W,3] float32 that point to the camera's side, 0 where there is no surface.
    """
    points = camera.backproject(depth_m).astype(np.float64)
    across, along = np.zeros_like(points), np.zeros_like(points)
    across[:, 1:-1] = points[:, 2:] - points[:, :-2]
    along[1:-1] = points[2:] - points[:-2]
    normal = np.cross(across, along)
    flip = np.einsum("hwc,hwc->hw", normal, points) > 0
    normal[flip] *= -1
    length = np.linalg.norm(normal, axis=-1)
    good = _is_smooth(depth_m) & (length > 0)
    normal = np.where(good[..., None], normal / np.maximum(length, 1e-30)[..., None], 0)
    return (normal @ T_world_cam[:3, :3].T).astype(np.float32)


def _is_smooth(depth_m: np.ndarray) -> np.ndarray:
    """[H,W] whether a pixel and its four neighbours lie on one surface."""
    smooth = np.zeros(depth_m.shape, bool)
    z = depth_m[1:-1, 1:-1]
    inner = z > 0
    for row, column in ((0, 1), (2, 1), (1, 0), (1, 2)):
        other = depth_m[row : row + z.shape[0], column : column + z.shape[1]]
        inner = inner & (other > 0) & (np.abs(other - z) < _EDGE_JUMP * z)
    smooth[1:-1, 1:-1] = inner
    return smooth


def colour_normals(normals: np.ndarray) -> np.ndarray:
    """[H,W,3] uint8: x, y, z of the world as red, green, blue, 0 in the middle; grey = none."""
    rgb = np.rint(127.5 * (normals + 1)).astype(np.uint8)
    rgb[~np.any(normals, axis=-1)] = UNKNOWN
    return rgb


def glow(relevancy: np.ndarray) -> np.ndarray:
    """Brightness in [0, 1] for painting: 0 up to neutral (0.5), 1 at full relevancy."""
    return np.clip(2 * relevancy - 1, 0, 1).astype(np.float32)


def paint_heat(rgb: np.ndarray, heat: np.ndarray, strength: float = 0.75) -> np.ndarray:
    """A picture [H,W,3] greyed, with `heat` [H,W] in [0, 1] glowing over it."""
    grey = rgb.astype(np.float64).mean(axis=-1, keepdims=True)
    muted = 0.35 * rgb + 0.65 * (0.75 * grey + 48)
    share = strength * np.clip(heat, 0, 1)[..., None] ** 0.7
    light = turbo(0.25 + 0.7 * np.clip(heat, 0, 1)).astype(np.float64)
    return np.rint(np.clip((1 - share) * muted + share * light, 0, 255)).astype(np.uint8)


def side_by_side(
    pictures: Sequence[np.ndarray], gap_px: int = 8, colour: tuple[int, int, int] = (255, 255, 255)
) -> np.ndarray:
    """Pictures [H,W,3] uint8 of one height in a row."""
    height = max(picture.shape[0] for picture in pictures)
    width = sum(picture.shape[1] for picture in pictures) + gap_px * (len(pictures) - 1)
    sheet = Image.new("RGB", (width, height), colour)
    left = 0
    for picture in pictures:
        sheet.paste(Image.fromarray(picture), (left, 0))
        left += picture.shape[1] + gap_px
    return np.asarray(sheet)
