"""Cells that take the feature of a crop around them, of the size that fits the distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import Encoder, FeatureCells, Mask
from grounding3d.features.dense_sources import DenseConfig, cell_centres, grid_shape

_BATCH = 64
"""Crops held in memory at once."""


@dataclass(frozen=True)
class Level:
    """One size of crops.

    Attributes:
        side: edge, pixels.
        tops, lefts: first row of each row of crops, first column of each column of crops.
    """

    side: int
    tops: np.ndarray
    lefts: np.ndarray


class CropCells:
    """LERF's pyramid of crops (Kerr et al. 2023, section 3.2), with the scale taken from depth.

    LERF keeps every scale and lets each query choose. Here depth is known, so each cell takes the
    one level whose crops are, at the cell's distance, closest to `crop_size_m` wide (the size of
    the things people ask for), and of that level the crop with the nearest centre. Its weight
    falls with the ratio of the two sizes. Cells without depth take the middle level with half the
    weight. Crops that no cell takes are not encoded.
    """

    def __init__(self, config: DenseConfig | None = None) -> None:
        self.config = config or DenseConfig(source="crops")

    def cells(
        self,
        encoder: Encoder,
        frame: RGBDFrame,
        masks: Sequence[Mask],
        mask_vectors: np.ndarray,
    ) -> FeatureCells:
        """As `DenseSource.cells`; the palette is the crops, the masks are not looked at."""
        cell_px = self.config.cell_px
        levels = pyramid(frame.rgb.shape[:2], self.config)
        chosen, weight = choose_levels(frame, levels, self.config)
        crop = np.zeros(chosen.shape, np.int64)
        windows: list[tuple[int, int, int]] = []
        for number, level in enumerate(levels):
            rows = _nearest(level.tops, level.side, cell_centres(frame.rgb.shape[0], cell_px))
            columns = _nearest(level.lefts, level.side, cell_centres(frame.rgb.shape[1], cell_px))
            here = rows[:, None] * len(level.lefts) + columns + len(windows)
            crop = np.where(chosen == number, here, crop)
            windows += [(int(t), int(left), level.side) for t in level.tops for left in level.lefts]
        used, index = np.unique(crop, return_inverse=True)
        vectors = _encode(encoder, frame.rgb, [windows[i] for i in used])
        return FeatureCells(vectors, index.reshape(crop.shape).astype(np.int32), weight, cell_px)


def pyramid(shape: tuple[int, ...], config: DenseConfig) -> list[Level]:
    """The levels of crops over an image [H,W], each covering it up to its border."""
    levels = []
    for share in sorted(config.crop_shares):
        side = min(max(round(share * min(shape[:2])), 1), min(shape[:2]))
        step = max(round(side * (1 - config.crop_overlap)), 1)
        tops, lefts = (
            np.linspace(0, length - side, -(-(length - side) // step) + 1).round().astype(int)
            for length in shape[:2]
        )
        levels.append(Level(side, tops, lefts))
    return levels


def choose_levels(
    frame: RGBDFrame, levels: Sequence[Level], config: DenseConfig
) -> tuple[np.ndarray, np.ndarray]:
    """[h,w] int level of each cell and [h,w] float32 weight."""
    depth = cell_depth(frame, config.cell_px)
    focal = float(frame.camera.K[0, 0])
    with np.errstate(divide="ignore"):
        wanted_px = config.crop_size_m * focal / depth
    sides = np.array([level.side for level in levels], float)
    known = depth > 0
    ratio = np.abs(np.log(np.where(known, wanted_px, 1.0))[..., None] - np.log(sides))
    chosen = np.where(known, ratio.argmin(axis=-1), len(levels) // 2)
    weight = np.where(known, np.exp(-ratio.min(axis=-1)), 0.5)
    return chosen, weight.astype(np.float32)


def cell_depth(frame: RGBDFrame, cell_px: int) -> np.ndarray:
    """[h,w] mean known depth of each cell in metres, 0 where none is known."""
    h, w = grid_shape(frame, cell_px)
    height, width = frame.depth_m.shape
    padded = np.zeros((h * cell_px, w * cell_px), np.float64)
    padded[:height, :width] = frame.depth_m
    blocks = padded.reshape(h, cell_px, w, cell_px)
    count = (blocks > 0).sum(axis=(1, 3))
    return blocks.sum(axis=(1, 3)) / np.maximum(count, 1)


def _nearest(starts: np.ndarray, side: int, centres: np.ndarray) -> np.ndarray:
    """[n] which of the crops along one side has its centre nearest to each cell's."""
    middles = starts + (side - 1) / 2
    return np.abs(centres[:, None] - middles).argmin(axis=1)


def _encode(
    encoder: Encoder, rgb: np.ndarray, windows: Sequence[tuple[int, int, int]]
) -> np.ndarray:
    rows = [np.zeros((0, encoder.dim), np.float32)]
    for start in range(0, len(windows), _BATCH):
        part = windows[start : start + _BATCH]
        rows.append(encoder.encode_image([rgb[t : t + s, u : u + s] for t, u, s in part]))
    return np.concatenate(rows)
