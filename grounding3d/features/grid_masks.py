"""Masks that need no segmentation: the image cut into square cells."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import Mask
from grounding3d.features.masks import MaskConfig


class GridMasks:
    """Square cells of the image, each the pixels whose depth is known.

    A baseline, and a fall-back for scenes without planes. A cell without depth would have no place
    in 3D, so a frame without depth has no masks here either.
    """

    def __init__(self, config: MaskConfig | None = None) -> None:
        self.config = config or MaskConfig(source="grid")

    def masks(self, frame: RGBDFrame, up_world: np.ndarray | None = None) -> list[Mask]:
        """Cells row by row; `up_world` is not used."""
        height, width = frame.depth_m.shape
        cell = max(1, round(width / self.config.grid_cells))
        known = (frame.depth_m > 0) & (frame.depth_m <= self.config.max_depth_m)
        masks = []
        for v0 in range(0, height, cell):
            for u0 in range(0, width, cell):
                bits = known[v0 : v0 + cell, u0 : u0 + cell]
                if bits.sum() >= self.config.min_pixels:
                    masks.append(Mask(u0, v0, bits.copy(), "object", float(bits.mean())))
        return masks
