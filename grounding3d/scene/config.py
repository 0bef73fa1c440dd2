"""The scene stage's section of the configuration."""

from __future__ import annotations

from pydantic import Field

from grounding3d.config import Section
from grounding3d.scene.nerf.config import NerfConfig
from grounding3d.scene.splat.config import SplatConfig


class SceneConfig(Section):
    """How frames become Gaussians."""

    backend: str = Field(default="splat", description="name in the table of scene backends")
    voxel_size_m: float = Field(
        default=0.01,
        gt=0,
        description="edge of the voxels that observations are averaged in, metres",
    )
    max_gaussians: int = Field(
        default=1_000_000,
        ge=1000,
        description="bound on the voxels in memory; beyond it voxels seen once long ago are "
        "forgotten, then the voxel size doubles",
    )
    min_depth_m: float = Field(default=0.1, ge=0, description="nearer depth is not fused, metres")
    max_depth_m: float = Field(default=5.0, gt=0, description="farther depth is not fused, metres")
    detail_distance_m: float = Field(
        default=2.5,
        gt=0,
        description="up to this distance in metres pixels are averaged no coarser than a voxel",
    )
    max_incidence_rad: float = Field(
        default=1.31,
        gt=0,
        lt=1.57,
        description="pixels whose ray meets the surface at more than this angle from the normal "
        "are rejected, radians",
    )
    min_views: int = Field(
        default=2,
        ge=1,
        description="surfels seen in fewer frames are dropped (if there are as many)",
    )
    carve_every: int = Field(
        default=5, ge=0, description="every n-th frame looks for surfels it sees through; 0: never"
    )
    forget_after_looks: int = Field(
        default=4,
        ge=0,
        description="a surfel that so many of those looks in a row saw through has gone, however "
        "often it was seen before; 0: never",
    )
    max_jump_m: float | None = Field(
        default=None,
        gt=0,
        description="a frame whose camera lies farther from the last one is skipped, metres; "
        "None: never",
    )
    device: str | None = Field(
        default=None, description="where scenes are trained: cpu, cuda; None: the build's device"
    )
    encoder: str | None = Field(
        default=None,
        description="encoder SPEC whose features a NeRF learns; None: the build's encoder",
    )
    splat: SplatConfig = SplatConfig()
    nerf: NerfConfig = NerfConfig()
