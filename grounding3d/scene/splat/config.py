"""The splat backend's section of the configuration."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from grounding3d.config import Section


class RateConfig(Section):
    """Adam's step sizes. Those of the means fall exponentially, the others stay."""

    means_voxels: float = Field(
        0.02, ge=0, description="first step of the means of a surfel start, voxel edges"
    )
    means_extent: float = Field(
        1.6e-4,
        ge=0,
        description="first step of the means of a sparse start, shares of the cameras' extent",
    )
    means_last: float = Field(
        0.05, gt=0, le=1, description="last step of the means, as a share of the first"
    )
    wxyz: float = Field(2e-3, ge=0, description="step of the quaternions")
    log_scales: float = Field(0.015, ge=0, description="step of the logarithms of the scales")
    logits: float = Field(0.05, ge=0, description="step of the opacities' logits")
    sh0: float = Field(0.02, ge=0, description="step of the constant colour coefficients")
    shN: float = Field(1e-3, ge=0, description="step of the view-dependent colour coefficients")


class LossConfig(Section):
    """Weights of the loss; its terms are those of `grounding3d.scene.splat.engine`."""

    ssim: float = Field(0.2, ge=0, le=1, description="share of SSIM in the colour loss")
    ssim_stride: int = Field(2, ge=1, le=8, description="SSIM is evaluated on every n-th row")
    depth: float = Field(2.0, ge=0, description="weight of the depth residual, per metre")
    depth_cutoff_m: float = Field(
        0.05, gt=0, description="depth residuals far beyond this no longer pull, metres"
    )
    coverage: float = Field(
        0.05, ge=0, description="weight of transparency where depth was measured"
    )
    needle: float = Field(
        0.02, ge=0, description="weight of a longest axis over max_ratio times the second"
    )
    max_ratio: float = Field(
        4.0, ge=1, description="largest ratio of the two longest axes that costs nothing"
    )
    opacity: float = Field(0.01, ge=0, description="weight of opacity, used with mcmc only")
    scale: float = Field(0.01, ge=0, description="weight of size, per metre, with mcmc only")


class DensifyConfig(Section):
    """When and how Gaussians are added and removed."""

    strategy: Literal["default", "mcmc", "none"] = Field(
        "default",
        description="default: clone, split and prune by gradient; mcmc: relocate the transparent "
        "and grow by a share; none: the number stays",
    )
    every: int = Field(50, ge=1, description="steps between two changes of the set")
    start: float = Field(0.05, ge=0, le=1, description="first change, as a share of iterations")
    stop: float = Field(0.6, ge=0, le=1, description="last change, as a share of iterations")
    max_gaussians: int = Field(
        200_000, ge=100, description="the set is not grown beyond this; a larger start stays"
    )
    max_growth: float = Field(
        1.6,
        ge=1,
        description="nor beyond this many times the surfels that the training was given",
    )
    gradient: float = Field(
        1e-4,
        gt=0,
        description="mean gradient by the projected centre, in half images, over which a Gaussian "
        "is cloned or split",
    )
    split_over_m: float | None = Field(
        None,
        gt=0,
        description="larger Gaussians are split instead of cloned, metres; None: 0.4 voxels of a "
        "surfel start, 0.01 of the cameras' extent of a sparse one",
    )
    prune_opacity: float = Field(0.02, ge=0, lt=1, description="fainter Gaussians are removed")
    prune_radius: float = Field(
        0.2,
        gt=0,
        description="Gaussians over this share of the image's longer side are removed",
    )
    reset_every: int | None = Field(
        None,
        ge=1,
        description="steps after which all opacities are lowered to reset_opacity, so that what "
        "is not needed fades; None: never for a surfel start, 3000 for a sparse one",
    )
    reset_opacity: float = Field(0.1, gt=0, lt=1, description="opacity after a reset")
    mcmc_growth: float = Field(0.05, ge=0, le=1, description="share of Gaussians mcmc adds")
    mcmc_noise: float = Field(
        5e5, ge=0, description="mcmc noise as a multiple of the step of the means"
    )


class SplatConfig(Section):
    """How Gaussians are trained on colour and depth."""

    engine: str = Field(
        "auto",
        description="name in the table of training engines; auto: gsplat on cuda, native else, "
        "reference (slow) where the compiled core is missing",
    )
    iterations: int = Field(400, ge=0, description="training steps, one frame each")
    max_seconds: float | None = Field(
        None,
        gt=0,
        description="training ends after this many seconds if that is earlier, its schedule "
        "following the time; None: after its iterations",
    )
    seed: int = Field(0, ge=0, description="seed of everything random")
    start: Literal["surfels", "sparse"] = Field(
        "surfels",
        description="surfels: fused depth as discs; sparse: few of its points as balls, as after "
        "structure from motion",
    )
    sparse_points: int = Field(5000, ge=4, description="points of a sparse start")
    merge_levels: int = Field(
        2,
        ge=0,
        le=4,
        description="a surfel start merges flat, even patches in cells of 2, 4, ... voxels that "
        "often: fewer Gaussians, faster steps, less exact before training",
    )
    sh_degree: int = Field(1, ge=0, le=3, description="degree of view-dependent colour")
    sh_every: float = Field(
        0.25, ge=0, le=1, description="share of iterations after which the degree rises by one"
    )
    rates: RateConfig = RateConfig()
    loss: LossConfig = LossConfig()
    densify: DensifyConfig = DensifyConfig()
    coarse_levels: int = Field(
        1, ge=0, le=4, description="training begins on images halved this many times"
    )
    coarse_until: float = Field(
        0.6, ge=0, le=1, description="share of iterations spent on the halved images"
    )
    exposure: bool = Field(
        True, description="fit a gain and an offset per frame and colour; their mean stays 1 and 0"
    )
    exposure_rate: float = Field(1e-3, ge=0, description="Adam's step of gains and offsets")
    exposure_prior: float = Field(
        1e-3, ge=0, description="weight that pulls gains to 1 and offsets to 0"
    )
    refine_poses: bool = Field(
        False,
        description="correct the frames' poses too; their mean correction stays zero, so the map "
        "does not drift, and the scene's keyframes hold the corrected poses",
    )
    pose_rate: float = Field(
        2e-4, ge=0, description="Adam's step of the pose corrections, metres and radians"
    )
    pose_prior: float = Field(
        10.0, ge=0, description="weight of squared corrections, per m^2 and rad^2"
    )
    held_out_every: int = Field(
        10,
        ge=0,
        description="every n-th frame is not trained on but compared with in the report; its "
        "depth is still fused into the surfels, so no answer misses it; 0: none",
    )
    held_out_max: int = Field(20, ge=1, description="at most this many frames are compared")
    max_frames: int = Field(
        1000,
        ge=2,
        description="frames kept for training, in a temporary file of at most 6.7 bytes a pixel; "
        "beyond it every second one is let go",
    )
    checkpoint: str | None = Field(
        None, description="file to save training to now and then; None: nowhere"
    )
    checkpoint_every_s: float = Field(
        30.0, gt=0, description="seconds between two saves, rounded up to a change of the set"
    )
    resume: Literal["fitting", "required", "never"] = Field(
        "fitting",
        description="fitting: go on from the checkpoint if it is of this capture and "
        "configuration, else start over with a warning; required: an error instead; never",
    )
