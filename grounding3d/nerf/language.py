"""Multi-scale language supervision: a pyramid of crops of every image (LERF, section 3.2)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from grounding3d.capture.base import RGBDFrame
from grounding3d.capture.files import read_rgb
from grounding3d.features.base import Encoder, FeatureCells, Mask
from grounding3d.features.dense_cache import CachedCells
from grounding3d.features.dense_crops import Level, pyramid
from grounding3d.features.dense_sources import DenseConfig
from grounding3d.geometry.camera import Camera

_log = logging.getLogger(__name__)
_BATCH = 64
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PyramidConfig:
    """Which crops are encoded.

    Attributes:
        shares: edges of the crops, as shares of the image's shorter side.
        overlap: of neighbours, as a share of their edge.
        max_frames: at most this many frames, evenly chosen; bounds time and memory.
    """

    shares: tuple[float, ...] = (0.12, 0.25, 0.5)
    overlap: float = 0.5
    max_frames: int = 200


class _EveryCrop:
    """All crops of a frame's pyramid, one a cell of a single row: what the disk cache can keep."""

    def __init__(self, config: DenseConfig) -> None:
        self.config = config

    def cells(
        self, encoder: Encoder, frame: RGBDFrame, masks: Sequence[Mask], mask_vectors: np.ndarray
    ) -> FeatureCells:
        windows = [
            (int(top), int(left), level.side)
            for level in pyramid(frame.rgb.shape, self.config)
            for top in level.tops
            for left in level.lefts
        ]
        parts = []
        for start in range(0, len(windows), _BATCH):
            crops = [frame.rgb[t : t + s, u : u + s] for t, u, s in windows[start : start + _BATCH]]
            parts.append(encoder.encode_image(crops))
        index = np.arange(len(windows), dtype=np.int32)[None]
        return FeatureCells(np.concatenate(parts), index, np.ones_like(index, np.float32), 1)


class LanguagePyramid:
    """Vectors of crops, looked up by frame, pixel and crop size.

    Attributes:
        frames: positions, among the images given, of those that have crops.
        size_range: smallest and largest edge of a crop, as shares of the image's shorter side.
    """

    def __init__(
        self,
        encoder: Encoder,
        images: Sequence[Path],
        config: PyramidConfig,
        progress: Progress | None = None,
    ) -> None:
        """Encode the crops, or read them from the cache.

        Args:
            encoder: gives the vectors.
            images: files of full-size images.
            config: which crops.
            progress: called with (done, total) after each image.
        """
        count = min(config.max_frames, len(images))
        self.frames = np.unique(np.linspace(0, len(images) - 1, count).round().astype(int)).tolist()
        dense = DenseConfig(
            source="pyramid", crop_shares=tuple(sorted(config.shares)), crop_overlap=config.overlap
        )
        source = CachedCells(_EveryCrop(dense), dense)
        self.size_range = min(config.shares), max(config.shares)
        vectors, layouts, n_before = [], [], 0
        for done, number in enumerate(self.frames):
            rgb = read_rgb(images[number])
            found = source.cells(encoder, _bare_frame(rgb, number), (), np.zeros((0, encoder.dim)))
            vectors.append(torch.from_numpy(found.vectors.astype(np.float16)))
            layouts.append(_layouts(pyramid(rgb.shape, dense), n_before))
            n_before += len(found.vectors)
            if progress is not None:
                progress(done + 1, len(self.frames))
        self._vectors = torch.cat(vectors)
        self._levels = torch.tensor(layouts, dtype=torch.float64)  # [F,L,8]
        megabytes = self._vectors.numel() * 2 / 1e6
        _log.info("%d crops of %d images, %.0f MB", len(self._vectors), len(self.frames), megabytes)

    @property
    def dim(self) -> int:
        """D of the vectors."""
        return int(self._vectors.shape[1])

    @property
    def mean(self) -> Tensor:
        """[D] mean of all vectors."""
        return self._vectors.float().mean(dim=0)

    def sides(self, slot: Tensor) -> Tensor:
        """[n,L] edges in pixels of the levels of frames, given as positions in `frames` [n]."""
        return self._levels[slot, :, 7].float()

    def look_up(self, slot: Tensor, u: Tensor, v: Tensor, side: Tensor) -> Tensor:
        """Unit vectors [n,D] at pixels of full-size images, for crops of an edge between levels.

        Between centres of crops and between levels the vectors are blended linearly, as LERF does.

        Args:
            slot: [n] positions in `frames`.
            u, v: [n] column and row, pixel centres at integers.
            side: [n] edge of the crop, pixels.
        """
        sides = self.sides(slot)
        above = (sides < side[:, None]).sum(dim=1).clamp(1, max(sides.shape[1] - 1, 1))
        if sides.shape[1] == 1:
            return torch.nn.functional.normalize(self._level(slot, above * 0, u, v), dim=1)
        low = sides.gather(1, above[:, None] - 1)[:, 0]
        high = sides.gather(1, above[:, None])[:, 0]
        share = ((side - low) / (high - low).clamp(min=1)).clamp(0, 1)[:, None]
        blend = (1 - share) * self._level(slot, above - 1, u, v)
        blend = blend + share * self._level(slot, above, u, v)
        return torch.nn.functional.normalize(blend, dim=1)

    def _level(self, slot: Tensor, level: Tensor, u: Tensor, v: Tensor) -> Tensor:
        """[n,D] blend of the four crops whose centres surround pixels."""
        first, n_rows, n_columns, v0, u0, step_v, step_u, _ = self._levels[slot, level].unbind(1)
        row, share_v = _between((v - v0) / step_v, n_rows)
        column, share_u = _between((u - u0) / step_u, n_columns)
        blend = torch.zeros(len(slot), self.dim)
        for dv, wv in ((0, 1 - share_v), (1, share_v)):
            for du, wu in ((0, 1 - share_u), (1, share_u)):
                at_row = torch.minimum(row + dv, n_rows - 1)
                at_column = torch.minimum(column + du, n_columns - 1)
                index = (first + at_row * n_columns + at_column).long()
                blend += (wv * wu).float()[:, None] * self._vectors[index].float()
        return blend


def _between(at: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Whole number below a coordinate, kept inside, and the share of the way to the next."""
    at = torch.minimum(at.clamp(min=0), count - 1)
    low = at.floor()
    return low, at - low


def _layouts(levels: Sequence[Level], first: int) -> list[list[float]]:
    """Per level: first vector, rows, columns, first centre (v, u), steps (v, u), edge."""
    layouts = []
    for level in levels:
        tops, lefts = level.tops, level.lefts
        middle = (level.side - 1) / 2
        steps = [float(x[-1] - x[0]) / max(len(x) - 1, 1) or 1.0 for x in (tops, lefts)]
        layouts.append(
            [first, len(tops), len(lefts), tops[0] + middle, lefts[0] + middle, *steps, level.side]
        )
        first += len(tops) * len(lefts)
    return layouts


def _bare_frame(rgb: np.ndarray, number: int) -> RGBDFrame:
    """Crops look at colour alone, so equal images share their cached vectors."""
    h, w = rgb.shape[:2]
    return RGBDFrame(rgb, np.zeros((h, w), np.float32), Camera(np.eye(3), w, h), np.eye(4), number)
