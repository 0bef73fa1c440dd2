"""Things that stand on flat things: a mug on a book is two objects, a laptop's screen is not."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from grounding3d.features.surface import Surface
from grounding3d.features.upright import Upright, outline, within

_MIN_LAYER_M2 = 0.0025
_LAYER_M = 0.006
_MIN_RISE_M = 0.015
_BIN_M = 0.004
_LAYERS = 3
_CONTACT_M = 0.03
_TRIMMING_M = 0.05


def split_stacks(surface: Surface, pieces: np.ndarray, upright: Upright) -> np.ndarray:
    """Give what stands on a flat piece a number of its own.

    Args:
        surface: the depth image.
        pieces: [h,w] int32 pieces from 1, 0 elsewhere.
        upright: level frame of the image.
    """
    pieces = pieces.copy()
    last = int(pieces.max())
    for piece, window in enumerate(ndimage.find_objects(pieces), 1):
        if window is None:
            continue
        inside = pieces[window] == piece
        if inside.sum() < 150:
            continue
        for upper in _uppers(surface, inside, upright, window):
            last += 1
            pieces[window][upper] = last
            cut_off = _cut_off(inside & ~upper, upper, upright.ground[window])
            pieces[window][cut_off] = last
            inside &= ~upper & ~cut_off
    return pieces


def _uppers(
    surface: Surface, inside: np.ndarray, upright: Upright, window: tuple[slice, ...]
) -> list[np.ndarray]:
    """Parts [h,w] of a piece's window that stand on the piece's widest level layers."""
    height, ground = upright.height[window], upright.ground[window]
    area, sigma = surface.area_m2[window], surface.sigma_m[window]
    level = inside & upright.level[window]
    if area[level].sum() < _MIN_LAYER_M2:
        return []
    lowest = height[level].min()
    bins = ((height[level] - lowest) / _BIN_M).astype(int)
    sums = np.bincount(bins, weights=area[level], minlength=3)
    found: list[np.ndarray] = []
    for _ in range(_LAYERS):
        around = np.convolve(sums, np.ones(3), "same")
        peak = int(around.argmax())
        if around[peak] < _MIN_LAYER_M2:
            break
        layer_height = lowest + (peak + 0.5) * _BIN_M
        layer = level & (np.abs(height - layer_height) < _LAYER_M + 2 * sigma)
        above = inside & (height > layer_height + _LAYER_M + 3 * sigma)
        stature = layer_height - np.percentile(height[inside], 2)
        found += _parts_on(height - layer_height, ground, layer, above, stature)
        if found:
            break
        sums[max(0, peak - 2) : peak + 3] = 0
    return found


def _parts_on(
    rise: np.ndarray, ground: np.ndarray, layer: np.ndarray, above: np.ndarray, stature: float
) -> list[np.ndarray]:
    """Connected parts [h,w] of `above` that stand on the layer as things of their own.

    Args:
        rise: [h,w] height over the layer, metres.
        ground: [h,w,2] positions seen from above.
        layer, above: [h,w] bool.
        stature: height of the layer over the thing's foot, metres.
    """
    breadth = np.ptp(ground[layer], axis=0).max()
    parts, count = ndimage.label(above)
    found = []
    for part in range(1, count + 1):
        upper = parts == part
        if upper.sum() < 30 or np.percentile(rise[upper], 95) < _MIN_RISE_M:
            continue
        if _is_trimming(ground[upper], rise[upper], breadth, stature):
            continue
        contact = ground[upper & (rise < _CONTACT_M)]
        if _stands_on(contact, ground[upper], ground[layer]):
            found.append(upper)
    return found


def _is_trimming(ground: np.ndarray, rise: np.ndarray, breadth: float, stature: float) -> bool:
    """Whether a part is small for the thing below it: the bow of a gift box, a toaster's lever.

    Args:
        ground: [n,2] positions of the part seen from above.
        rise: [n] heights over the layer, metres.
        breadth: of the layer, metres.
        stature: height of the layer over the thing's foot, metres.
    """
    own, tall = np.ptp(ground, axis=0).max(), rise.max()
    # a cup on a large box is in the same proportion to it, but no trimming is as tall
    return bool(own < 0.5 * breadth and 0.3 * own < tall < min(0.5 * stature, _TRIMMING_M))


def _cut_off(rest: np.ndarray, upper: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Pixels [h,w] of the rest that only the upper part holds: the bottom of a bowl on a book."""
    parts, count = ndimage.label(rest, np.ones((3, 3)))
    hull = outline(ground[upper])
    if count < 2 or hull is None:
        return rest & False
    size = np.bincount(parts.ravel(), minlength=count + 1)
    size[0] = 0
    chosen = np.zeros(count + 1, bool)
    for part in range(1, count + 1):
        if part != size.argmax() and size[part] < 2 * upper.sum():
            chosen[part] = within(ground[parts == part].mean(axis=0)[None], hull, 0.005)[0]
    return chosen[parts]


def _stands_on(contact: np.ndarray, upper: np.ndarray, layer: np.ndarray) -> bool:
    """Whether an upper part is a thing of its own, by ground positions [n,2].

    Not so for a rim around the layer, for a stem much thinner than what it carries, for a screen
    along the layer's edge.
    """
    if len(contact) < 8:
        return False
    base, hull = outline(layer), outline(upper)
    if base is None or hull is None:
        return False
    if within(layer, hull, 0.0).mean() > 0.5 or within(contact, base, 0.01).mean() < 0.5:
        return False
    directions = np.linalg.svd(contact - contact.mean(axis=0), full_matrices=False)[2]
    length, breadth = (np.ptp(contact @ direction) for direction in directions)
    if length < 0.25 * max(np.ptp(upper @ direction) for direction in directions):
        return False
    return not (breadth < 0.35 * length and length > 0.75 * np.ptp(layer @ directions[0]))
