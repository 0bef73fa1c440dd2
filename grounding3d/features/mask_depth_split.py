"""A mask that reaches over a step in depth falls into its connected pieces."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from grounding3d.features.base import Mask

STEP = 0.04
"""A step: neighbours differ by more than this share of their distance, or `STEP_M`."""

STEP_M = 0.03
"""Metres; twice what a Kinect-like camera's noise reaches at 3 m."""


def split_by_depth(mask: Mask, depth_m: np.ndarray, min_pixels: int) -> list[Mask]:
    """The pieces of a mask that hang together in space; itself where there is only one.

    Pixels at a step or without depth go to the nearest piece in the image. Pieces smaller than
    `min_pixels` are no pieces of their own.

    Args:
        mask: of that image.
        depth_m: [H,W] float32, 0 = unknown.
        min_pixels: smallest piece.
    """
    depth = depth_m[mask.window]
    known = mask.bits & (depth > 0)
    far = ndimage.maximum_filter(np.where(known, depth, -np.inf), 3)
    near = ndimage.minimum_filter(np.where(known, depth, np.inf), 3)
    smooth = known & (far - near < np.maximum(STEP_M, STEP * depth))
    pieces, count = ndimage.label(smooth)
    big = np.flatnonzero(np.bincount(pieces.ravel(), minlength=count + 1) >= min_pixels)
    big = big[big > 0]
    if len(big) < 2:
        return [mask]
    seeds = np.where(np.isin(pieces, big), pieces, 0)
    nearest = ndimage.distance_transform_edt(
        seeds == 0, return_distances=False, return_indices=True
    )
    owner = np.where(mask.bits, seeds[tuple(nearest)], 0)
    return [_piece(mask, owner == label) for label in big]


def _piece(mask: Mask, bits: np.ndarray) -> Mask:
    local = Mask.from_image(bits, mask.kind, mask.score)
    return Mask(local.u0 + mask.u0, local.v0 + mask.v0, local.bits, mask.kind, mask.score)
