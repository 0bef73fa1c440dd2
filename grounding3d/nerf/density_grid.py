"""A dense grid of densities that says where along a ray samples are worth taking.

It plays the part of nerfacto's proposal networks: a single trilinear look-up in place of a hash
grid and a network, and it can be filled from measured depth before training begins.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from grounding3d.nerf.hash_grid import grid_kernels

UNSEEN = -1.0
"""Logarithm of the density per cell where no measured ray went: a ray passes some three cells."""


class DensityGrid(nn.Module):
    """Density at points of the unit cube, as nerfstudio scales it.

    Args:
        shape: vertices along x, y, z; the unit cube's x, y and z are cut into one less.
        cells_per_unit: cells along a length of 1 in the unit cube.
    """

    def __init__(self, shape: tuple[int, int, int], cells_per_unit: float) -> None:
        super().__init__()
        self.cells_per_unit = cells_per_unit
        # thin enough that a ray's samples are spread over all of its length at first
        start = -math.log(cells_per_unit) - 1
        self.log_density = nn.Parameter(torch.full(shape, start))

    def forward(self, points: Tensor) -> Tensor:
        """[N] density per unit of the cube's length, of points [N,3]."""
        at = (points.detach() * self.cells_per_unit).contiguous()
        if self.log_density.is_cuda or grid_kernels is None:
            value = sample_reference(at, self.log_density)
        else:
            value = _Sample.apply(at, self.log_density)
        return torch.exp(value.clamp(-9.0, 6.0)) * self.cells_per_unit


class _Sample(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, at: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(at)
        ctx.shape = grid.shape
        out = torch.empty(len(at))
        grid_kernels.sample_grid(at.numpy(), grid.detach().numpy(), out.numpy())
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor]:
        (at,) = ctx.saved_tensors
        grad = torch.zeros(ctx.shape)
        grid_kernels.scatter_grid(at.numpy(), grads[0].contiguous().numpy(), grad.numpy())
        return None, grad


def sample_reference(at: Tensor, grid: Tensor) -> Tensor:
    """What the compiled kernel does, in torch: [N] values of `grid` at points [N,3] in cells."""
    top = torch.tensor(grid.shape, device=at.device) - 1
    at = torch.minimum(at.clamp(min=0), top.to(at.dtype))
    cell = torch.minimum(at.long(), top - 1)
    share = at - cell
    value = torch.zeros(len(at), device=at.device)
    for corner in range(8):
        d = torch.tensor([corner & 1, (corner >> 1) & 1, corner >> 2], device=at.device)
        x, y, z = (cell + d).unbind(1)
        value = value + torch.where(d.bool(), share, 1 - share).prod(dim=1) * grid[x, y, z]
    return value


def log_density_from_depth(points_hit: Tensor, points_free: Tensor, grid: DensityGrid) -> Tensor:
    """Values [X,Y,Z] for a grid from measured depth: dense on surfaces, empty in front of them.

    Args:
        points_hit: [N,3] points of measured surfaces, in the unit cube.
        points_free: [M,3] points that measured rays passed before their surface.
        grid: whose shape is taken.

    Returns:
        Logarithms; vertices that no ray saw get `UNSEEN`.
    """
    shape = grid.log_density.shape
    top = torch.tensor(shape) - 1
    value = torch.full(shape, UNSEEN)
    for points, logarithm in ((points_free, -6.0), (points_hit, 1.0)):
        at = points.cpu() * grid.cells_per_unit
        at = at[((at > -0.5) & (at < top + 0.5)).all(dim=1)]
        low = torch.minimum(at.clamp(min=0).long(), top - 1) if logarithm > 0 else None
        if low is None:  # a passing ray clears its nearest vertex only
            x, y, z = torch.minimum(at.round().long().clamp(min=0), top).unbind(1)
            value[x, y, z] = logarithm
            continue
        for corner in range(8):  # a surface fills its cell
            x, y, z = (low + torch.tensor([corner & 1, (corner >> 1) & 1, corner >> 2])).unbind(1)
            value[x, y, z] = logarithm
    return value
