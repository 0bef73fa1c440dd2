"""How the model represents a scene, and what training asks of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nerfstudio.models.base_model import ModelConfig


def _model() -> type:
    from grounding3d.nerf.model import GroundingModel  # it names this record

    return GroundingModel


@dataclass
class GroundingModelConfig(ModelConfig):
    """How scenes are represented and what training asks of them."""

    _target: type = field(default_factory=_model)
    implementation: Literal["tcnn", "torch"] = "tcnn"
    """tiny-cuda-nn's hash grids, or this package's (compiled on a CPU, torch on CUDA)."""
    near_plane_m: float = 0.05
    """Nothing nearer to a camera is sampled, metres."""
    far_plane: float = 50.0
    """Farthest sample where the seen space is not known from depth, nerfstudio's units."""
    grid_cells: int = 160
    """Cells of the proposal grid along the longest side of the seen space."""
    proposal_samples: int = 96
    """Samples of the proposal grid along a ray."""
    samples: int = 32
    """Samples of the fields along a ray."""
    levels: int = 12
    """Levels of the hash grid."""
    finest: int = 2048
    """Cells of its finest level along the longest side."""
    log2_size: int = 19
    """Rows of a hashed level, as a power of two."""
    hidden: int = 64
    """Width of the networks' hidden layers."""
    language_levels: int = 10
    """Levels of the language's hash grid."""
    language_finest: int = 512
    """Cells of its finest level along the longest side."""
    language_log2_size: int = 18
    """Rows of a hashed level of it, as a power of two."""
    language_hidden: int = 256
    """Width of the language network's hidden layers."""
    language_samples: int = 4
    """Samples of largest weight along a ray at which language is looked up."""
    depth_mult: float = 0.1
    """Weight of the expected distance's Huber loss."""
    empty_mult: float = 0.1
    """Weight of emptiness in front of measured surfaces."""
    near_mult: float = 0.3
    """Weight of termination at measured surfaces."""
    margin_m: tuple[float, float] = (0.10, 0.03)
    """Half width of what counts as at the surface, at first and after `margin_steps`, metres."""
    margin_steps: int = 1000
    """Steps over which that half width shrinks."""
    distortion_mult: float = 0.002
    """Weight of the distortion loss."""
    proposal_mult: float = 1.0
    """Weight of the proposal grid's loss."""
    coarse_steps: int = 10_000
    """Without depth: steps over which the hash grid's levels open, coarse ones first."""
    proposal_every: int = 2
    """The proposal grid learns every n-th step."""
    language_mult: float = 0.5
    """Weight of the language loss; it moves the language field alone."""
    regulariser_mult: float = 0.1
    """Weight of the regulariser's features, where one is set; it moves the language field alone."""
    min_alpha: float = 0.7
    """A pixel shows a surface from this share of weight on."""
    max_sigma_m: float = 0.05
    """Its depth is sure if its weights spread less than this, metres, ..."""
    max_sigma_share: float = 0.03
    """... or than this share of its distance."""
