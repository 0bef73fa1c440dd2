"""Cells painted with the vectors that a frame's masks have already: no further encoder work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import Encoder, FeatureCells, Mask
from grounding3d.features.dense_sources import DenseConfig, check_mask_vectors, grid_shape


class MaskCells:
    """Each cell takes the vector of the mask that covers most of it.

    Where masks overlap, the smaller one has the pixel: a handle's mask lies on its mug's. The
    cell's weight is the share of its pixels that are of that mask, so that cells on an outline
    count for less.
    """

    def __init__(self, config: DenseConfig | None = None) -> None:
        self.config = config or DenseConfig(source="masks")

    def cells(
        self,
        encoder: Encoder,
        frame: RGBDFrame,
        masks: Sequence[Mask],
        mask_vectors: np.ndarray,
    ) -> FeatureCells:
        """As `DenseSource.cells`; the palette is `mask_vectors`."""
        check_mask_vectors(masks, mask_vectors, encoder.dim)
        cell_px = self.config.cell_px
        labels = paint(masks, frame.depth_m.shape[0], frame.depth_m.shape[1])
        index, weight = vote(labels, len(masks), cell_px, grid_shape(frame, cell_px))
        return FeatureCells(np.asarray(mask_vectors, np.float32), index, weight, cell_px)


def paint(masks: Sequence[Mask], height: int, width: int) -> np.ndarray:
    """[H,W] int32: the smallest mask over each pixel, -1 where there is none."""
    labels = np.full((height, width), -1, np.int32)
    for number in sorted(range(len(masks)), key=lambda i: -masks[i].area):
        labels[masks[number].window][masks[number].bits] = number
    return labels


def vote(
    labels: np.ndarray, n: int, cell_px: int, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The commonest label of each cell's labelled pixels, and its share of the cell's pixels.

    Args:
        labels: [H,W] int32 in [-1, n).
        n: number of labels.
        cell_px: edge of a cell.
        shape: rows and columns of cells.

    Returns:
        index [h,w] int32 (-1 where no pixel is labelled) and weight [h,w] float32.
    """
    index = np.full(shape, -1, np.int32)
    weight = np.zeros(shape, np.float32)
    for row in range(shape[0]):  # one row of cells at a time: few counters, also for many masks
        strip = labels[row * cell_px : (row + 1) * cell_px]
        columns = np.broadcast_to(np.arange(strip.shape[1]) // cell_px, strip.shape)
        known = strip >= 0
        counts = np.bincount(columns[known] * n + strip[known], minlength=shape[1] * n)
        if n == 0 or not known.any():
            continue
        votes = counts.reshape(shape[1], n)
        best = votes.argmax(axis=1)
        most = votes[np.arange(shape[1]), best]
        sizes = np.bincount(columns[0], minlength=shape[1]) * strip.shape[0]
        index[row] = np.where(most > 0, best, -1)
        weight[row] = most / sizes
    return index, weight
