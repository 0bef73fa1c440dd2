"""The table of class-agnostic mask sources, and their configuration."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from grounding3d.config import Section
from grounding3d.features.base import MaskSource
from grounding3d.registry import Registry

MASKS = Registry(
    "mask source",
    {
        "geometric": "grounding3d.features.geometric_masks:GeometricMasks",
        "grid": "grounding3d.features.grid_masks:GridMasks",
        "sam": "grounding3d.features.sam_masks:SamMasks",
        "mobile_sam": "grounding3d.features.sam_masks:MobileSamMasks",
        "sam2": "grounding3d.features.sam_masks:Sam2Masks",
    },
    group="grounding3d.masks",
)
"""Each entry is called with a `MaskConfig` and gives a `MaskSource`."""


class MaskConfig(Section):
    """How a frame is cut into things."""

    source: str = Field("geometric", description="name of the mask source")
    min_pixels: int = Field(40, ge=1, description="smaller masks are dropped, pixels")
    working_width: int = Field(320, ge=40, description="width the frame is segmented at, pixels")
    max_depth_m: float = Field(4.0, gt=0, description="what lies beyond is not segmented, metres")
    min_height_m: float = Field(
        0.003, gt=0, description="what rises less above its support belongs to it, metres"
    )
    min_support_area_m2: float = Field(
        0.06, gt=0, description="smallest visible support plane, square metres"
    )
    min_wall_area_m2: float = Field(
        0.3, gt=0, description="smallest vertical plane taken for a wall, square metres"
    )
    min_panel_area_m2: float = Field(
        0.06, gt=0, description="smallest vertical face of furniture, square metres"
    )
    max_support_tilt: float = Field(
        0.26, gt=0, lt=0.8, description="largest angle of a support to the horizontal, radians"
    )
    max_image_share: float = Field(
        0.6, gt=0, le=1, description="an object covers at most this share of the image"
    )
    grid_cells: int = Field(8, ge=1, description="cells along the image's width of the grid source")
    weights: Path | None = Field(None, description="SAM family: file of weights")
    model: str | None = Field(
        None,
        description="SAM family: variant, such as vit_b or hiera_t; None: from the file's name",
    )
    device: str = Field("cpu", description="SAM family: torch device")
    points_per_side: int = Field(
        24, ge=1, description="SAM family: prompts along each side of the image"
    )
    min_quality: float | None = Field(
        None, description="SAM family: least predicted IoU; None: the package's own"
    )
    min_stability: float | None = Field(
        None, description="SAM family: least stability score; None: the package's own"
    )
    split_by_depth: bool = Field(
        False, description="SAM family: a mask that reaches over a step in depth becomes several"
    )
    geometric_supports: bool = Field(
        True,
        description="SAM family: tables, floors and shelves from geometry, where depth is known",
    )


def make_mask_source(config: MaskConfig | None = None) -> MaskSource:
    """The mask source a configuration names.

    Raises:
        ConfigError: no source of that name.
    """
    config = config or MaskConfig()
    source: MaskSource = MASKS.load(config.source)(config)
    return source
