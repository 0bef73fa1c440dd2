"""Halved images: colour by a box filter, depth without mixing surfaces."""

from __future__ import annotations

import numpy as np

from grounding3d.geometry.camera import Camera

MIN_SIDE_PX = 48  # smaller images teach nothing
_SAME_SURFACE = 0.02  # relative difference of depths that are averaged


def halved_camera(camera: Camera) -> Camera:
    """The camera whose pixels are 2 x 2 of `camera`'s; an odd last row or column is left out."""
    width, height = camera.width // 2, camera.height // 2
    return Camera(camera.K, 2 * width, 2 * height).resized(width, height)


def halved_rgb(rgb: np.ndarray) -> np.ndarray:
    """Mean colour [h,w,3] uint8 of 2 x 2 pixels, rounded."""
    total = np.sum(_quarters(rgb), axis=0, dtype=np.uint16)
    return ((total + 2) // 4).astype(np.uint8)


def halved_depth(depth_m: np.ndarray) -> np.ndarray:
    """Depth [h,w] float32 of 2 x 2 pixels: the mean of those near their median, 0 = unknown.

    Of two surfaces in a block the one with more pixels wins, the nearer one of equals; a value
    between them never appears. Blocks with fewer than two known pixels are unknown.
    """
    parts = np.stack(_quarters(depth_m))
    known = parts > 0
    count = known.sum(axis=0)
    ordered = np.sort(np.where(known, parts, np.inf), axis=0)
    median = np.take_along_axis(ordered, np.maximum(count - 1, 0)[None] // 2, axis=0)[0]
    median = np.where(count > 0, median, 0)
    same = known & (np.abs(parts - median) <= _SAME_SURFACE * median)
    mean = np.where(same, parts, 0).sum(axis=0) / np.maximum(same.sum(axis=0), 1)
    return np.where(count >= 2, mean, 0).astype(np.float32)


def levels_of(camera: Camera, levels: int) -> int:
    """How many of `levels` halvings leave the image large enough."""
    side = min(camera.width, camera.height)
    while levels > 0 and side >> levels < MIN_SIDE_PX:
        levels -= 1
    return levels


def _quarters(image: np.ndarray) -> list[np.ndarray]:
    """The images made of each block's first, second, third and fourth pixel."""
    h, w = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    return [image[i:h:2, j:w:2] for i in (0, 1) for j in (0, 1)]
