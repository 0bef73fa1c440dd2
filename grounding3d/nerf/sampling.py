"""Samples along rays: bins, weights, resampling, and what is read off the weights.

Shapes: R rays, S bins, edges [R,S+1]; distances along unit directions in nerfstudio's units.
Formulas: Mildenhall et al. 2020 (NeRF), sections 4 and 5.2; Barron et al. 2022 (Mip-NeRF 360),
section 3 and appendix A.
"""

from __future__ import annotations

import torch
from torch import Tensor


def box_range(
    origins: Tensor, directions: Tensor, box: Tensor, near: float
) -> tuple[Tensor, Tensor]:
    """Where rays [R,3] enter and leave a box [2,3]: distances [R], [R].

    Rays that miss it get a sliver behind `near`.
    """
    safe = torch.where(directions.abs() < 1e-8, torch.full_like(directions, 1e-8), directions)
    at = (box[:, None] - origins) / safe
    enter = at.amin(dim=0).amax(dim=1).clamp(min=near)
    leave = at.amax(dim=0).amin(dim=1)
    return enter, torch.maximum(leave, enter + 1e-3)


def bins(near: Tensor, far: Tensor, count: int, jitter: bool, even_in_log: bool = False) -> Tensor:
    """Edges [R,count+1] from near [R] to far [R].

    Args:
        jitter: shift all inner edges of a ray by one random share of a bin.
        even_in_log: bins grow with distance, for scenes without an outer border.
    """
    share = torch.arange(count + 1, device=near.device) / count
    share = share.expand(len(near), -1)
    if jitter:
        shift = (torch.rand(len(near), 1, device=near.device) - 0.5) / count
        inner = share[:, 1:-1] + shift
        share = torch.cat([share[:, :1], inner, share[:, -1:]], dim=1)
    if even_in_log:
        low, high = near.clamp(min=1e-3).log()[:, None], far.log()[:, None]
        return torch.exp(low + (high - low) * share)
    return near[:, None] + (far - near)[:, None] * share


def middles(edges: Tensor) -> Tensor:
    """[R,S] middle of each bin."""
    return 0.5 * (edges[:, 1:] + edges[:, :-1])


def weights_of(density: Tensor, edges: Tensor) -> Tensor:
    """[R,S] share of each bin in the ray's colour (NeRF, equation 3)."""
    thickness = density * (edges[:, 1:] - edges[:, :-1])
    passed = torch.cumsum(thickness, dim=1)
    before = torch.exp(-(passed - thickness))
    return before * (1 - torch.exp(-thickness))


def quiet_near_camera(density: Tensor, features: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """The same values [R,S] and [R,S,F], with gradients scaled down close to the camera.

    Places near a camera are sampled by it far more densely than elsewhere and, without depth, tend
    to learn its picture by heart (Philip and Deschaintre 2023, Floaters No More, section 4).
    """
    share = middles(edges).square().clamp(max=1)
    calmed = density * share + density.detach() * (1 - share)
    share = share[..., None]
    return calmed, features * share + features.detach() * (1 - share)


def resample(edges: Tensor, weights: Tensor, count: int, jitter: bool, floor: float) -> Tensor:
    """Edges [R,count+1] drawn from the histogram of `weights` by its inverse distribution.

    Args:
        floor: share spread evenly over the bins, so that none is forgotten.
    """
    share = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-6)
    share = share + floor / weights.shape[1]
    up = torch.cumsum(share, dim=1)
    up = torch.cat([torch.zeros_like(up[:, :1]), up / up[:, -1:]], dim=1)
    wanted = torch.arange(count + 1, device=edges.device) / count
    wanted = wanted.expand(len(edges), -1)
    if jitter:
        shift = torch.rand(len(edges), 1, device=edges.device) - 0.5
        wanted = (wanted + shift / count).clamp(0, 1)
    return interpolate(wanted.contiguous(), up, edges)


def interpolate(x: Tensor, known_x: Tensor, known_y: Tensor) -> Tensor:
    """[R,n] piecewise linear values at x [R,n] of points (known_x, known_y) [R,m], x rising."""
    above = torch.searchsorted(known_x.contiguous(), x, right=True)
    above = above.clamp(1, known_x.shape[1] - 1)
    x0, x1 = known_x.gather(1, above - 1), known_x.gather(1, above)
    y0, y1 = known_y.gather(1, above - 1), known_y.gather(1, above)
    share = ((x - x0) / (x1 - x0).clamp(min=1e-7)).clamp(0, 1)
    return y0 + share * (y1 - y0)


def quantile_distance(weights: Tensor, edges: Tensor, share: float) -> Tensor:
    """[R] distance at which a share of a ray's weight is reached, exact within a bin."""
    up = torch.cumsum(weights, dim=1)
    up = torch.cat([torch.zeros_like(up[:, :1]), up], dim=1)
    return interpolate(share * up[:, -1:], up, edges)[:, 0]


def median_and_spread(weights: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
    """[R] distance of half the weight, and [R] half the range of its middle 68 %.

    For a bell curve the second is its standard deviation, but a little haze far off adds nothing;
    a ray that grazes an edge, its weight in two places, has all of the gap.
    """
    low, median, high = (quantile_distance(weights, edges, q) for q in (0.16, 0.5, 0.84))
    return median, (high - low) / 2


def mean_distance(weights: Tensor, edges: Tensor) -> Tensor:
    """[R] mean distance of a ray's weight; the last bin's end where there is no weight."""
    total = weights.sum(dim=1)
    mean = (weights * middles(edges)).sum(dim=1) / total.clamp(min=1e-6)
    return torch.where(total > 1e-6, mean, edges[:, -1])


def histogram_excess(edges: Tensor, weights: Tensor, outer_edges: Tensor, outer: Tensor) -> Tensor:
    """[R] how far a proposal's histogram fails to bound the field's (Mip-NeRF 360, equation 13).

    Args:
        edges, weights: of the field, without gradient.
        outer_edges, outer: of the proposal, [R,P+1] and [R,P].
    """
    up = torch.cumsum(outer, dim=1)
    up = torch.cat([torch.zeros_like(up[:, :1]), up], dim=1)
    last = outer_edges.shape[1] - 1
    low = torch.searchsorted(outer_edges.contiguous(), edges[:, :-1].contiguous(), right=True) - 1
    high = torch.searchsorted(outer_edges.contiguous(), edges[:, 1:].contiguous())
    bound = up.gather(1, high.clamp(0, last)) - up.gather(1, low.clamp(0, last))
    excess = (weights - bound).clamp(min=0)
    return (excess**2 / (weights + 1e-5)).sum(dim=1)


def distortion(weights: Tensor, edges: Tensor, near: Tensor, far: Tensor) -> Tensor:
    """[R] spread of a ray's weight, in shares of its range (Mip-NeRF 360, equation 15).

    The double sum is taken with prefix sums, since the bins are sorted.
    """
    scale = (far - near).clamp(min=1e-6)[:, None]
    t, width = (middles(edges) - near[:, None]) / scale, (edges[:, 1:] - edges[:, :-1]) / scale
    before = torch.cumsum(weights, dim=1) - weights
    before_t = torch.cumsum(weights * t, dim=1) - weights * t
    pairs = 2 * (weights * (t * before - before_t)).sum(dim=1)
    return pairs + (weights**2 * width).sum(dim=1) / 3
