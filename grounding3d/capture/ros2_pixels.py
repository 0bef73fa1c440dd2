"""Pixel layouts of `sensor_msgs/image_encodings`, and their way to RGB."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.ndimage import convolve

_BAYER = {"rggb": (0, 0), "grbg": (0, 1), "gbrg": (1, 0), "bggr": (1, 1)}  # row, column of red

# encoding -> (type, channels)
PIXEL_TYPES: dict[str, tuple[type, int]] = {
    **dict.fromkeys(("mono8", "8UC1"), (np.uint8, 1)),
    **dict.fromkeys(("rgb8", "bgr8", "8UC3"), (np.uint8, 3)),
    **dict.fromkeys(("rgba8", "bgra8", "8UC4"), (np.uint8, 4)),
    **dict.fromkeys(("rgb16", "bgr16", "16UC3"), (np.uint16, 3)),
    **dict.fromkeys(("rgba16", "bgra16", "16UC4"), (np.uint16, 4)),
    **dict.fromkeys(("yuv422", "uyvy", "yuv422_yuy2", "yuyv"), (np.uint8, 2)),
    **{f"bayer_{tile}8": (np.uint8, 1) for tile in _BAYER},
    **{f"bayer_{tile}16": (np.uint16, 1) for tile in _BAYER},
    **dict.fromkeys(("mono16", "16UC1"), (np.uint16, 1)),
    "16SC1": (np.int16, 1),
    "32FC1": (np.float32, 1),
    "64FC1": (np.float64, 1),
}
DEPTH_TYPES = {"16UC1", "mono16", "16SC1", "32FC1", "64FC1"}


class SemiPlanar(NamedTuple):
    """A layout of luma followed by interleaved chroma.

    `chroma_step`: rows and columns of pixels that share a chroma value; `u_first`: which is first.
    """

    chroma_step: tuple[int, int]
    u_first: bool


SEMI_PLANAR = {
    "nv12": SemiPlanar((2, 2), True),
    "nv21": SemiPlanar((2, 2), False),
    "nv24": SemiPlanar((1, 1), True),
}


def rgb_from_bayer(mosaic: np.ndarray, tile: str) -> np.ndarray:
    """Bilinear demosaicing.

    Args:
        mosaic: [H,W] of any unsigned type.
        tile: the top left 2x2 pixels, row by row, such as "rggb".

    Returns:
        [H,W,3] of the same type.
    """
    red_row, red_column = _BAYER[tile]
    rows, columns = np.indices(mosaic.shape)
    is_red = (rows % 2 == red_row) & (columns % 2 == red_column)
    is_blue = (rows % 2 != red_row) & (columns % 2 != red_column)
    kernel = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32)
    planes = []
    for known in (is_red, ~is_red & ~is_blue, is_blue):
        weight = convolve(known.astype(np.float32), kernel, mode="mirror")
        total = convolve(np.where(known, mosaic, 0).astype(np.float32), kernel, mode="mirror")
        mean = total / np.maximum(weight, 1e-6)
        planes.append(np.where(known, mosaic, np.rint(mean)))
    return np.stack(planes, axis=-1).astype(mosaic.dtype)


def rgb_from_yuv422(pixels: np.ndarray, *, luma_first: bool) -> np.ndarray:
    """RGB [H,W,3] uint8 from packed 4:2:2 [H,W,2] uint8."""
    luma, chroma = (0, 1) if luma_first else (1, 0)
    width = pixels.shape[1]
    u, v = (np.repeat(pixels[:, i::2, chroma], 2, axis=1)[:, :width] for i in (0, 1))
    return _rgb_from_yuv(pixels[..., luma], u, v)


def semi_planar_rows(encoding: str, height: int) -> int:
    """How many rows of luma's length an image of `SEMI_PLANAR` takes."""
    rows, columns = SEMI_PLANAR[encoding].chroma_step
    return height + -(-height // rows) * 2 // columns


def rgb_from_semi_planar(rows: np.ndarray, encoding: str, height: int, width: int) -> np.ndarray:
    """RGB [height,width,3] uint8 from a plane of luma and, below it, one of interleaved chroma.

    Args:
        rows: [semi_planar_rows(encoding, height), n] uint8 with n of at least `width`, even.
    """
    layout = SEMI_PLANAR[encoding]
    chroma = rows[height:].reshape(-1, rows.shape[1] // layout.chroma_step[1], 2)
    for axis, step in enumerate(layout.chroma_step):
        chroma = np.repeat(chroma, step, axis=axis)
    chroma = chroma[:height, :width]
    u, v = (chroma[..., i] for i in ((0, 1) if layout.u_first else (1, 0)))
    return _rgb_from_yuv(rows[:height, :width], u, v)


def _rgb_from_yuv(y: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """RGB [H,W,3] uint8 of three [H,W] uint8, ITU-R BT.601 with video range."""
    y = 1.164 * (y.astype(np.float32) - 16)
    u, v = u.astype(np.float32) - 128, v.astype(np.float32) - 128
    rgb = np.stack([y + 1.596 * v, y - 0.813 * v - 0.391 * u, y + 2.018 * u], axis=-1)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def _grey(pixels: np.ndarray) -> np.ndarray:
    return np.repeat(pixels, 3, axis=-1)


def _high_byte(pixels: np.ndarray) -> np.ndarray:
    return (pixels >> 8).astype(np.uint8)


def _bayer8(tile: str) -> Callable[[np.ndarray], np.ndarray]:
    return lambda pixels: rgb_from_bayer(pixels[..., 0], tile)


def _bayer16(tile: str) -> Callable[[np.ndarray], np.ndarray]:
    return lambda pixels: _high_byte(rgb_from_bayer(pixels[..., 0], tile))


# encoding -> [H,W,channels] to [H,W,3] uint8
COLOR_CONVERTERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "rgb8": lambda pixels: pixels,
    "bgr8": lambda pixels: pixels[..., ::-1],
    "8UC3": lambda pixels: pixels[..., ::-1],  # says no order; cv_bridge shows it as OpenCV's
    "rgba8": lambda pixels: pixels[..., :3],
    "bgra8": lambda pixels: pixels[..., 2::-1],
    "8UC4": lambda pixels: pixels[..., 2::-1],
    "rgb16": _high_byte,
    "bgr16": lambda pixels: _high_byte(pixels[..., ::-1]),
    "16UC3": lambda pixels: _high_byte(pixels[..., ::-1]),
    "rgba16": lambda pixels: _high_byte(pixels[..., :3]),
    "bgra16": lambda pixels: _high_byte(pixels[..., 2::-1]),
    "16UC4": lambda pixels: _high_byte(pixels[..., 2::-1]),
    "mono8": _grey,
    "8UC1": _grey,
    "mono16": lambda pixels: _grey(_high_byte(pixels)),
    **dict.fromkeys(("yuv422", "uyvy"), lambda pixels: rgb_from_yuv422(pixels, luma_first=False)),
    **dict.fromkeys(
        ("yuv422_yuy2", "yuyv"), lambda pixels: rgb_from_yuv422(pixels, luma_first=True)
    ),
    **{f"bayer_{tile}8": _bayer8(tile) for tile in _BAYER},
    **{f"bayer_{tile}16": _bayer16(tile) for tile in _BAYER},
}
COLOR_ENCODINGS = (*COLOR_CONVERTERS, *SEMI_PLANAR)


def rgb_from_grey(pixels: np.ndarray, encoding: str) -> np.ndarray:
    """RGB [H,W,3] uint8 of a picture with one channel [H,W] of 8 or 16 bits.

    Args:
        encoding: of the image before it was compressed; of a mosaic the colours are made out.
    """
    if encoding.startswith("bayer_") and encoding in COLOR_CONVERTERS:
        rgb = rgb_from_bayer(pixels, encoding.removeprefix("bayer_").rstrip("0123456789"))
    else:
        rgb = _grey(pixels[..., None])
    return rgb if rgb.dtype == np.uint8 else _high_byte(rgb)
