"""What the image encoder sees of a mask: its surroundings, and the thing alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grounding3d.features.base import Encoder, Mask

MARGIN = 0.15
"""Border around the mask's rectangle, as a share of its longer side."""

FLAT_COLOUR = (124, 116, 104)
"""ImageNet's mean: what most image towers were trained to see as nothing in particular."""


def mask_crops(
    rgb: np.ndarray,
    mask: Mask,
    margin: float = MARGIN,
    fill: Sequence[int] = FLAT_COLOUR,
    enough_px: int = 1024,
) -> list[np.ndarray]:
    """Two square crops around a mask.

    Args:
        rgb: [H,W,3] uint8.
        mask: of that image.
        margin: border around the rectangle, as a share of its longer side.
        fill: colour for what lies outside the mask or the image.
        enough_px: of a crop at least twice as wide only every second, third, ... row and column is
            taken, so that it stays at least this wide.

    Returns:
        The crop with its surroundings, and the crop with everything outside the mask replaced by
        the flat colour. Both [s,s,3] uint8; beyond the image's border stands the flat colour.
    """
    h, w = mask.bits.shape
    side = max(round(max(h, w) * (1 + 2 * margin)), 2)
    step = max(side // enough_px, 1)
    top, left = round(mask.v0 + (h - side) / 2), round(mask.u0 + (w - side) / 2)
    context = np.empty((-(-side // step),) * 2 + (3,), np.uint8)
    context[:] = np.asarray(fill, np.uint8)
    alone = context.copy()
    rows, v = _sampled(top, side, step, 0, rgb.shape[0])
    columns, u = _sampled(left, side, step, 0, rgb.shape[1])
    context[rows, columns] = rgb[v, u]
    rows, v = _sampled(top, side, step, mask.v0, mask.v0 + h)
    columns, u = _sampled(left, side, step, mask.u0, mask.u0 + w)
    bits = mask.bits[v.start - mask.v0 :: step, u.start - mask.u0 :: step]
    alone[rows, columns][bits] = rgb[v, u][bits]
    return [context, alone]


def _sampled(start: int, side: int, step: int, low: int, high: int) -> tuple[slice, slice]:
    """Where the samples start, start + step, ... fall into [low, high): in the crop, and there."""
    first = max(-((start - low) // step), 0)
    last = -(-(min(high, start + side) - start) // step)
    return slice(first, last), slice(start + first * step, min(high, start + side), step)


def encode_masks(encoder: Encoder, rgb: np.ndarray, masks: Sequence[Mask]) -> np.ndarray:
    """[n,D] float32 unit vectors of n masks: the mean of their two crops' vectors.

    One batch holds every crop of the frame.
    """
    if not masks:
        return np.zeros((0, encoder.dim), np.float32)
    enough_px = _enough_px(encoder)
    crops = [crop for mask in masks for crop in mask_crops(rgb, mask, enough_px=enough_px)]
    pairs = encoder.encode_image(crops).reshape(len(masks), 2, -1)
    mean = pairs.mean(axis=1)
    return mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)


def _enough_px(encoder: Encoder) -> int:
    """Three times what the tower sees: thinning that much cannot be told from antialiasing."""
    preprocess = getattr(encoder, "preprocess", None)
    return 1024 if preprocess is None else 3 * int(np.max(preprocess.size))
