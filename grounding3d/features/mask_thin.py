"""Thin things on a plane, whose height drowns in noise: found by colour, proved by height."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from grounding3d.features.planes import Plane
from grounding3d.features.surface import Surface, widen

_WINDOW = 31
_MIN_CONTRAST = 14.0
_MIN_DEVIATIONS = 1.8
_MIN_PIXELS = 8
_MIN_RISE_M = 0.0012
_CONFIDENCE = 3.5


def thin_things(surface: Surface, rgb: np.ndarray, plane: Plane, lying: np.ndarray) -> np.ndarray:
    """Pixels [h,w] bool of a plane that belong to thin things lying on it.

    Candidates differ in colour from the plane around them. A patch of them counts if its mean
    height over the plane next to it is larger than chance allows; prints, weave and shadows rise
    by nothing.

    Args:
        surface: the depth image.
        rgb: [h,w,3] float32 colour of the same size.
        plane: the plane.
        lying: [h,w] bool pixels that are on the plane by their own height.
    """
    rows, columns = np.flatnonzero(lying.any(axis=1)), np.flatnonzero(lying.any(axis=0))
    found = np.zeros_like(lying)
    if len(rows) == 0:
        return found
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    lying = lying[window]
    odd = lying & _differs(rgb[window], lying)
    patches, count = ndimage.label(odd, np.ones((3, 3)))
    if count == 0:
        return found
    height = plane.height(surface.points[window])
    around = _Window(lying & ~odd, 15)
    rise = height - around.mean(height)
    facing = np.abs(surface.camera.rays[window] @ plane.normal.astype(np.float32))
    variance = (surface.sigma_m[window] * facing) ** 2
    labels = patches[odd]
    size = np.bincount(labels, minlength=count + 1)
    many = np.maximum(size, 1)
    mean = np.bincount(labels, weights=rise[odd], minlength=count + 1) / many
    error = np.sqrt(np.bincount(labels, weights=variance[odd], minlength=count + 1)) / many
    proved = (size >= _MIN_PIXELS) & (mean > _MIN_RISE_M + _CONFIDENCE * error)
    proved[0] = False
    found[window] = proved[patches]
    return found


def _differs(rgb: np.ndarray, lying: np.ndarray) -> np.ndarray:
    """Pixels [h,w] whose colour is rare for the plane around them."""
    around = _Window(lying, _WINDOW)
    difference = rgb - np.stack([around.mean(rgb[..., channel]) for channel in range(3)], axis=-1)
    squared = np.einsum("...i,...i", difference, difference)
    spread = around.mean(squared)
    return squared > np.maximum(_MIN_CONTRAST**2, _MIN_DEVIATIONS**2 * spread)


def fill_flat_middles(labels: np.ndarray, supports: int, rgb: np.ndarray) -> None:
    """Give the middle of a saucer, level with the table within noise, to the rim around it.

    A hole in an object is filled where its colour is nearer to the object's than to that of the
    support beside the object. Changes `labels` [h,w] in place.
    """
    objects = np.where(labels > supports, labels, 0)
    for label, box in enumerate(ndimage.find_objects(objects), 1):
        if box is None:
            continue
        window = tuple(slice(max(0, s.start - 4), s.stop + 4) for s in box)
        here, inside = labels[window], labels[window] == label
        if inside.sum() < 5 * _MIN_PIXELS:
            continue
        closed = ~widen(~ndimage.binary_fill_holes(widen(inside)))
        holes, count = ndimage.label(closed & ~inside)
        if count == 0:
            continue
        beside = widen(widen(widen(widen(inside)))) & (holes == 0)
        for hole in range(1, count + 1):
            middle = (holes == hole) & (here > 0) & (here <= supports)
            if middle.sum() < _MIN_PIXELS:
                continue
            outer = beside & (here == here[middle][0])
            colors = rgb[window]
            own, rim = (np.median(colors[bits], axis=0) for bits in (middle, inside))
            ground = np.median(colors[outer], axis=0) if outer.any() else rim
            if np.abs(own - rim).sum() < np.abs(own - ground).sum():
                here[holes == hole] = label


class _Window:
    """Means over the masked pixels of a square window around each pixel."""

    def __init__(self, mask: np.ndarray, size: int) -> None:
        self.mask, self.size = mask, size
        weight = ndimage.uniform_filter(mask.astype(np.float32), size, mode="constant")
        self.scale = np.where(weight > 0.5 / size**2, 1 / np.maximum(weight, 0.5 / size**2), 0)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """[h,w] float32 mean of `values` [h,w]; 0 where the window has no masked pixel."""
        masked = np.where(self.mask, values, 0).astype(np.float32)
        return ndimage.uniform_filter(masked, self.size, mode="constant") * self.scale
