"""The nerf backend's section of the configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from grounding3d.config import Section


class NerfConfig(Section):
    """How a NeRF is trained, in nerfstudio's own environment, and made into surface points."""

    python: str | None = Field(
        None,
        description="interpreter of the environment with nerfstudio; None: "
        "$GROUNDING3D_NERF_PYTHON, else the one that `grounding3d nerf-setup` made",
    )
    preset: Literal["auto", "small", "full"] = Field(
        "auto",
        description="small: minutes on a CPU; full: nerfacto's usual size; auto: full on cuda",
    )
    iterations: int | None = Field(
        None, ge=1, description="training steps; None: as the preset says"
    )
    max_seconds: float | None = Field(
        None, gt=0, description="training ends after this many seconds if that is earlier"
    )
    rays_per_step: int | None = Field(
        None, ge=16, description="rays of a training step; None: as the preset says"
    )
    ray_width: int | None = Field(
        None,
        ge=16,
        description="images are reduced to this width for rays, pixels; None: as the preset says",
    )
    view_width: int | None = Field(
        None, ge=16, description="width of the rendered views, pixels; None: the job's choice"
    )
    seed: int = Field(0, ge=0, description="seed of everything random")
    language: bool = Field(
        True, description="train a language field too; else objects' vectors are all there is"
    )
    max_views: int = Field(
        40,
        ge=2,
        description="training views, spread over the camera's way, that are rendered and fused",
    )
    held_out_every: int = Field(
        10,
        ge=0,
        description="every n-th frame is not trained on but compared with in the report; 0: none",
    )
    held_out_max: int = Field(20, ge=1, description="at most this many frames are held out")
    max_frames: int = Field(
        1000,
        ge=2,
        description="frames kept for training; beyond it every second one is let go",
    )
    work: str | None = Field(
        None,
        description="folder of the training under way, for going on after a stop; None: a "
        "temporary one",
    )
