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
    rgb: np.ndarray, mask: Mask, margin: float = MARGIN, fill: Sequence[int] = FLAT_COLOUR
) -> list[np.ndarray]:
    """Two square crops around a mask.

    Args:
        rgb: [H,W,3] uint8.
        mask: of that image.
        margin: border around the rectangle, as a share of its longer side.
        fill: colour for what lies outside the mask or the image.

    Returns:
        The crop with its surroundings, and the crop with everything outside the mask replaced by
        the flat colour. Both [s,s,3] uint8; beyond the image's border stands the flat colour.
    """
    h, w = mask.bits.shape
    side = max(round(max(h, w) * (1 + 2 * margin)), 2)
    top, left = round(mask.v0 + (h - side) / 2), round(mask.u0 + (w - side) / 2)
    context = np.empty((side, side, 3), np.uint8)
    context[:] = np.asarray(fill, np.uint8)
    alone = context.copy()
    H, W = rgb.shape[:2]
    v0, v1, u0, u1 = max(top, 0), min(top + side, H), max(left, 0), min(left + side, W)
    context[v0 - top : v1 - top, u0 - left : u1 - left] = rgb[v0:v1, u0:u1]
    inside = alone[mask.v0 - top : mask.v0 - top + h, mask.u0 - left : mask.u0 - left + w]
    inside[mask.bits] = rgb[mask.window][mask.bits]
    return [context, alone]


def encode_masks(encoder: Encoder, rgb: np.ndarray, masks: Sequence[Mask]) -> np.ndarray:
    """[n,D] float32 unit vectors of n masks: the mean of their two crops' vectors.

    One batch holds every crop of the frame.
    """
    if not masks:
        return np.zeros((0, encoder.dim), np.float32)
    crops = [crop for mask in masks for crop in mask_crops(rgb, mask)]
    pairs = encoder.encode_image(crops).reshape(len(masks), 2, -1)
    mean = pairs.mean(axis=1)
    return mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
