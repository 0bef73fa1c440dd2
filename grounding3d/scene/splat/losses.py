"""The training loss in torch, term by term as the contract of the engines states it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from grounding3d.scene.rasterizers.torch_rasterizer import Drawing
from grounding3d.scene.splat.engine import LossWeights

SSIM_WINDOW = 11
_SSIM_SIGMA = 1.5
_SSIM_C1, _SSIM_C2 = 0.01**2, 0.03**2  # (K1 L)^2 and (K2 L)^2 for a range L of 1


@dataclass(frozen=True, eq=False)
class Target:
    """What a view should look like.

    Attributes:
        rgb: [H,W,3] in [0, 1].
        depth_m: [H,W], 0 = unknown.
        exposure: [2,3] gain and offset applied to the rendered colour.
    """

    rgb: Tensor
    depth_m: Tensor
    exposure: Tensor


@dataclass(frozen=True, eq=False)
class Loss:
    """The differentiable total and what a step reports; fields as in `StepReport`."""

    total: Tensor
    l1: float
    mse: float
    ssim: float
    depth_m: float


def training_loss(
    drawing: Drawing,
    raw: dict[str, Tensor],
    target: Target,
    weights: LossWeights,
    ssim_phase: int = 0,
) -> Loss:
    """All the terms for one view; `raw` are the raw parameters by name."""
    seen = target.exposure[0] * drawing.rgb + target.exposure[1]
    difference = seen - target.rgb
    l1 = difference.abs().mean()
    total = (1 - weights.ssim) * l1
    ssim = mean_ssim(seen, target.rgb, weights.ssim_stride, ssim_phase) if weights.ssim else None
    if ssim is not None:
        total = total + weights.ssim * (1 - ssim)
    depth, depth_error_m = _depth_terms(drawing, target.depth_m, weights)
    total = total + depth + _regularisation(raw, drawing.radii.any(1), weights)
    return Loss(
        total=total,
        l1=float(l1.detach()),
        mse=float(difference.detach().square().mean()),
        ssim=math.nan if ssim is None else float(ssim.detach()),
        depth_m=depth_error_m,
    )


def mean_ssim(a: Tensor, b: Tensor, stride: int = 1, phase: int = 0) -> Tensor | None:
    """Mean structural similarity of images [H,W,3] (Wang et al. 2004, eq. 13).

    Windows lie inside the image; of the rows of the resulting map [H-10,W-10] only every `stride`th
    from `phase` on is evaluated. None where there is none.
    """
    phase %= stride
    if a.shape[0] < SSIM_WINDOW + phase or a.shape[1] < SSIM_WINDOW:
        return None
    planes = torch.cat([a, b, a * a, b * b, a * b], -1).permute(2, 0, 1)[:, None]
    window = _gaussian_window(planes)
    rows = torch.nn.functional.conv2d(planes[:, :, phase:], window[..., None], stride=(stride, 1))
    blurred = torch.nn.functional.conv2d(rows, window[:, :, None])[:, 0]
    mean_a, mean_b, aa, bb, ab = blurred.split(3)
    luminance = (2 * mean_a * mean_b + _SSIM_C1) / (mean_a**2 + mean_b**2 + _SSIM_C1)
    variances = aa - mean_a**2 + bb - mean_b**2
    structure = (2 * (ab - mean_a * mean_b) + _SSIM_C2) / (variances + _SSIM_C2)
    return (luminance * structure).mean()


def _gaussian_window(like: Tensor) -> Tensor:
    """Normalised weights [1,1,11]."""
    x = torch.arange(SSIM_WINDOW, dtype=like.dtype, device=like.device) - SSIM_WINDOW // 2
    window = torch.exp(-(x**2) / (2 * _SSIM_SIGMA**2))
    return (window / window.sum())[None, None]


def _depth_terms(drawing: Drawing, depth_m: Tensor, weights: LossWeights) -> tuple[Tensor, float]:
    """Depth and coverage terms, and the mean |D - A Z| where depth was measured, else NaN."""
    known = depth_m > 0
    total = depth_m.new_zeros(())
    if not known.any():
        return total, math.nan
    alpha = drawing.alpha[known]
    error = (drawing.depth_sum[known] - alpha * depth_m[known]).abs()
    if weights.depth:
        cutoff = weights.depth_cutoff_m
        total = total + weights.depth * (cutoff * (1 - torch.exp(-error / cutoff))).mean()
    if weights.coverage:
        total = total + weights.coverage * (1 - alpha).mean()
    return total, float(error.detach().mean())


def _regularisation(raw: dict[str, Tensor], drawn: Tensor, weights: LossWeights) -> Tensor:
    """Needle, opacity and scale terms over the Gaussians that were drawn."""
    log_scales, logits = raw["log_scales"][drawn], raw["logits"][drawn]
    total = log_scales.new_zeros(())
    if not len(log_scales):
        return total
    if weights.needle:
        longest = log_scales.sort(dim=1, descending=True).values
        excess = longest[:, 0] - longest[:, 1] - math.log(weights.max_ratio)
        total = total + weights.needle * excess.clamp(min=0).mean()
    if weights.opacity:
        total = total + weights.opacity * logits.sigmoid().mean()
    if weights.scale:
        total = total + weights.scale * log_scales.exp().sum(1).mean()
    return total
