"""Cells that take the feature of the encoder's patch they lie in."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import Encoder, FeatureCells, Mask
from grounding3d.features.dense_sources import DenseConfig, cell_centres


class PatchCells:
    """One pass of the image tower over the whole frame, finer than it was trained for.

    The masks are not looked at. Every cell is trusted alike.
    """

    def __init__(self, config: DenseConfig | None = None) -> None:
        self.config = config or DenseConfig(source="patches")

    def cells(
        self,
        encoder: Encoder,
        frame: RGBDFrame,
        masks: Sequence[Mask],
        mask_vectors: np.ndarray,
    ) -> FeatureCells:
        """As `DenseSource.cells`; the palette is the patches."""
        takes_scale = "scale" in signature(encoder.dense).parameters
        options = {"scale": self.config.patch_scale} if takes_scale else {}
        patches = encoder.dense(frame.rgb, **options)
        (height, width), cell_px = frame.depth_m.shape, self.config.cell_px
        rows = (cell_centres(height, cell_px) + 0.5) * patches.shape[0] / height
        columns = (cell_centres(width, cell_px) + 0.5) * patches.shape[1] / width
        index = rows.astype(np.int32)[:, None] * patches.shape[1] + columns.astype(np.int32)
        weight = np.ones(index.shape, np.float32)
        return FeatureCells(patches.reshape(-1, encoder.dim), index, weight, cell_px)
