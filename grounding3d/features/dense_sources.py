"""The table of dense sources, which give every cell of a frame its features; configuration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from pydantic import Field

from grounding3d.capture.base import RGBDFrame
from grounding3d.config import Section
from grounding3d.errors import ArrayError
from grounding3d.features.affinity import AffinitySource, load_affinity, sharpen
from grounding3d.features.base import Encoder, FeatureCells, Mask
from grounding3d.registry import Registry

DENSE = Registry(
    "dense source",
    {
        "masks": "grounding3d.features.dense_masks:MaskCells",
        "crops": "grounding3d.features.dense_crops:CropCells",
        "patches": "grounding3d.features.dense_patches:PatchCells",
    },
    group="grounding3d.dense",
)
"""Each entry is called with a `DenseConfig` and gives a `DenseSource`."""


class DenseConfig(Section):
    """How a frame's cells come by their language features."""

    source: str | None = Field(
        None,
        description="name of the dense source: masks, crops or patches; None: Gaussians take the "
        "vectors of the things they lie on, and parts of things cannot be asked for",
    )
    cell_px: int = Field(8, ge=1, description="edge of a cell, pixels of the frame")
    crop_size_m: float = Field(
        0.25, gt=0, description="crops: width of what a crop should show, metres"
    )
    crop_shares: tuple[float, ...] = Field(
        (0.1, 0.16, 0.25, 0.4, 0.63),
        min_length=1,
        description="crops: edges of the pyramid's crops, as shares of the image's shorter side",
    )
    crop_overlap: float = Field(
        0.5, ge=0, lt=1, description="crops: overlap of neighbours, as a share of their edge"
    )
    patch_scale: float = Field(
        2.0,
        gt=0,
        le=8,
        description="patches: shorter side of the tower's input, in multiples of its training size",
    )
    affinity: str | None = Field(
        None,
        description="smooth features along the outlines that a tower without text sees: "
        "timm:ARCH or timm:ARCH@FILE, such as timm:vit_small_patch14_dinov2; None: leave them",
    )
    cache: bool | None = Field(
        None, description="keep features on disk; None: all but unsharpened ones of masks"
    )
    cache_folder: Path | None = Field(
        None, description="where to keep them; None: the user's cache folder"
    )
    cache_limit_mb: float = Field(
        2000.0, gt=0, description="the oldest features on disk are dropped beyond this, megabytes"
    )


class DenseSource(Protocol):
    """Gives each cell of a frame a vector of language features, or none."""

    def cells(
        self,
        encoder: Encoder,
        frame: RGBDFrame,
        masks: Sequence[Mask],
        mask_vectors: np.ndarray,
    ) -> FeatureCells:
        """Features of one frame.

        Args:
            encoder: that of the scene.
            frame: RGB-D frame.
            masks: n masks of that frame; may be empty.
            mask_vectors: [n,D] float32 unit vectors of those masks.

        Returns:
            A grid of ceil(H / cell_px) x ceil(W / cell_px) cells.

        Raises:
            ArrayError: not one vector a mask.
        """
        ...


class SharpenedCells:
    """A dense source whose features are smoothed along a tower's affinities, see `sharpen`."""

    def __init__(self, source: DenseSource, affinity: AffinitySource) -> None:
        self._source, self._affinity = source, affinity

    def cells(
        self,
        encoder: Encoder,
        frame: RGBDFrame,
        masks: Sequence[Mask],
        mask_vectors: np.ndarray,
    ) -> FeatureCells:
        """As the source's, each cell with a vector of its own."""
        cells = self._source.cells(encoder, frame, masks, mask_vectors)
        return sharpen(cells, self._affinity.features(frame.rgb))


def make_dense_source(config: DenseConfig | None = None, device: str = "cpu") -> DenseSource | None:
    """The dense source a configuration names, behind the disk cache where that is wanted.

    None where it names none: a thing's vector, of all its views, fits its Gaussians better than
    what single views lift onto them from masks (mean average precision of the bundled encoder's
    relevancy on three simulated table tops: 0.75 against 0.60), and costs a tenth of the time.

    Args:
        config: the dense section.
        device: where an affinity tower runs.

    Raises:
        ConfigError: no source of that name.
        EncoderError: no affinity tower of that name.
    """
    from grounding3d.features.dense_cache import CachedCells

    config = config or DenseConfig()
    if config.source is None:
        return None
    source: DenseSource = DENSE.load(config.source)(config)
    is_cheap = config.source == "masks" and config.affinity is None
    if config.affinity is not None:
        source = SharpenedCells(source, load_affinity(config.affinity, device))
    is_cached = not is_cheap if config.cache is None else config.cache
    return CachedCells(source, config) if is_cached else source


def check_mask_vectors(masks: Sequence[Mask], vectors: np.ndarray, dim: int) -> None:
    """Raise unless there is one vector of `dim` numbers a mask.

    Raises:
        ArrayError: says how many there are.
    """
    if vectors.shape != (len(masks), dim):
        raise ArrayError(
            "every mask needs one vector",
            expected=f"[{len(masks)}, {dim}]",
            found=str(list(vectors.shape)),
        )


def grid_shape(frame: RGBDFrame, cell_px: int) -> tuple[int, int]:
    """Rows and columns of cells that cover a frame."""
    height, width = frame.depth_m.shape
    return -(-height // cell_px), -(-width // cell_px)


def cell_centres(length_px: int, cell_px: int) -> np.ndarray:
    """[n] pixel in the middle of each cell along one side; inside the image for the last too."""
    starts = np.arange(0, length_px, cell_px)
    return (starts + np.minimum(starts + cell_px, length_px) - 1) / 2
