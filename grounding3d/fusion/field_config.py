"""Configuration of the language field."""

from __future__ import annotations

from pydantic import Field

from grounding3d.config import Section
from grounding3d.fusion.codebook import CodebookConfig


class FieldConfig(Section):
    """How language seen in images comes to lie on the Gaussians."""

    cell_px: int = Field(8, description="edge of a feature cell: 1, 2, 4, 8 or 16 pixels")
    max_views: int = Field(
        256, ge=1, description="views kept, spread over the camera's way; 53 kB each at 640x480"
    )
    codebook: CodebookConfig = CodebookConfig(new_cosine=0.99, drift_cosine=0.998)
    sigma_floor_m: float = Field(
        0.01, gt=0, description="error of a Gaussian's depth beside the sensor's noise, metres"
    )
    unknown_depth_agreement: float = Field(
        0.25, ge=0, le=1, description="trust where the view measured no depth"
    )
    slots: int = Field(
        24, ge=1, description="codes a Gaussian sums apart; a further one joins the most alike"
    )
    majority_cosine: float = Field(
        0.5,
        ge=0,
        le=1,
        description="codes this alike side with each other; 0: as unlike as two codes of the scene "
        "usually are, 1: the same",
    )
    minority_weight: float = Field(
        0.1, ge=0, le=1, description="what the codes outside the majority count; 1: as the others"
    )
    things_share: float = Field(
        0.5, ge=0, le=1, description="share of its object's vector in a Gaussian's feature"
    )
    half_sure_views: float = Field(
        5.0, gt=0, description="half the confidence at this many views that agree"
    )
    codes: int = Field(1, ge=1, le=8, description="codes stored a Gaussian")
    result: CodebookConfig = CodebookConfig(new_cosine=0.996, drift_cosine=0.9995)
    refine_rounds: int = Field(
        0, ge=0, description="rounds of smoothing over alike neighbours; 0: none"
    )
    refine_neighbours: int = Field(8, ge=1, description="neighbours of a Gaussian in that graph")
    refine_reach_m: float = Field(
        0.02, gt=0, description="distance at which neighbours hardly count, metres"
    )
    refine_colour: float = Field(
        0.15, gt=0, description="difference of colour at which they hardly count, of 1"
    )
