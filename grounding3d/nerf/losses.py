"""What training asks of the weights along a ray where depth was measured.

Terms after Rematas et al. 2022 (Urban Radiance Fields, section 4.3: emptiness in front of the
surface, termination at it) and a Huber loss on the expected distance. All lengths are metres, so
the weights mean the same in every capture.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from grounding3d.nerf.sampling import middles


@dataclass(frozen=True)
class DepthTerms:
    """Means over the rays with measured depth; zero where there are none.

    Attributes:
        distance: Huber loss of the expected distance, in units of its bend.
        empty: squared weight in front of the surface.
        near: squared weight that is missing close to the surface.
    """

    distance: Tensor
    empty: Tensor
    near: Tensor


def depth_terms(
    weights: Tensor,
    edges_m: Tensor,
    mean_m: Tensor,
    measured_m: Tensor,
    margin_m: float,
    bend_m: float = 0.03,
) -> DepthTerms:
    """Depth terms of R rays.

    Args:
        weights: [R,S].
        edges_m: [R,S+1] distances from the camera along the ray.
        mean_m: [R] expected distance.
        measured_m: [R] measured distance along the ray, 0 = unknown. Surfaces beyond the last edge
            ask for emptiness only.
        margin_m: half width of what counts as close to the surface.
        bend_m: where the Huber loss turns linear.
    """
    known = measured_m > 0
    if not known.any():
        zero = weights.sum() * 0
        return DepthTerms(zero, zero, zero)
    weights, edges_m = weights[known], edges_m[known]
    mean_m, measured_m = mean_m[known], measured_m[known]
    inside = (measured_m < edges_m[:, -1]).to(weights.dtype)
    t = middles(edges_m)
    before = (t < (measured_m - margin_m)[:, None]).to(weights.dtype)
    close = ((t - measured_m[:, None]).abs() <= margin_m).to(weights.dtype)
    error = torch.nn.functional.huber_loss(
        mean_m / bend_m, measured_m / bend_m, reduction="none", delta=1.0
    )
    missing = (1 - (weights * close).sum(dim=1)).clamp(min=0)
    empty = (weights * before).sum(dim=1)
    n = len(weights)
    return DepthTerms(
        (error * inside).sum() / n, (empty**2).sum() / n, (missing**2 * inside).sum() / n
    )


def language_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared distance of vectors [R,D] from unit vectors [R,D], and of their directions.

    The first lets vectors shrink where the views disagree, the second keeps directions exact.
    """
    direction = torch.nn.functional.cosine_similarity(found, wanted, dim=1)
    return ((found - wanted) ** 2).sum(dim=1).mean() + (1 - direction).mean()
