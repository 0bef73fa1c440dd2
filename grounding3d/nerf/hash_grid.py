"""Multi-resolution grids of features with hashed fine levels (Mueller et al. 2022, Instant NGP)."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_log = logging.getLogger(__name__)

try:
    from grounding3d.nerf import grid_kernels
except ImportError as error:  # numba is optional: the reference below does the same, slower
    grid_kernels = None  # type: ignore[assignment]
    _log.info("hash grids run in torch, some ten times slower on a CPU: %s", error)

_PRIMES = (1, 2654435761, 805459861)


class HashGrid(nn.Module):
    """Features [N, L F] of points in the unit cube, by trilinear look-up in L grids.

    Levels whose corners fit into the table are stored densely, the others hashed.

    Args:
        levels: L.
        coarsest, finest: cells along an axis of the first and last level; geometric in between.
        log2_size: rows of a hashed level, as a power of two.
        features: F.
        seed_scale: the table starts uniform in +- this.
    """

    starts: Tensor
    sizes: Tensor
    scales: Tensor

    def __init__(
        self,
        levels: int = 8,
        coarsest: int = 16,
        finest: int = 1024,
        log2_size: int = 16,
        features: int = 4,
        seed_scale: float = 1e-4,
    ) -> None:
        super().__init__()
        scales = np.floor(np.geomspace(coarsest, finest, levels) + 1e-6)
        sizes = np.minimum((scales + 1) ** 3, 2**log2_size).astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self.register_buffer("starts", torch.from_numpy(starts), persistent=False)
        self.register_buffer("sizes", torch.from_numpy(sizes), persistent=False)
        cells = torch.from_numpy(scales.astype(np.float32))
        self.register_buffer("scales", cells, persistent=False)
        self.out_dim = levels * features
        table = (torch.rand(int(sizes.sum()), features) * 2 - 1) * seed_scale
        self.table = nn.Parameter(table)

    def forward(self, points: Tensor) -> Tensor:
        """Features [N, L F] of points [N,3]; what lies outside [0,1]^3 counts as on its border.

        There is no gradient by the points.
        """
        if self.table.is_cuda or grid_kernels is None or self.table.shape[1] != grid_kernels.WIDTH:
            return encode_reference(points, self.table, self.starts, self.sizes, self.scales)
        layout = self.starts.numpy(), self.sizes.numpy(), self.scales.numpy()
        return _Encode.apply(points.detach().contiguous(), self.table, layout)


class _Encode(torch.autograd.Function):
    """The compiled kernels as one differentiable step."""

    @staticmethod
    def forward(ctx: Any, points: Tensor, table: Tensor, layout: tuple[np.ndarray, ...]) -> Tensor:
        ctx.layout, ctx.rows = layout, table.shape
        ctx.save_for_backward(points)
        out = torch.empty(len(points), len(layout[0]) * table.shape[1])
        grid_kernels.encode(points.numpy(), table.detach().numpy(), *layout, out.numpy())
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor, None]:
        (points,) = ctx.saved_tensors
        grad = torch.zeros(ctx.rows)
        grid_kernels.scatter(
            points.numpy(), grads[0].contiguous().numpy(), *ctx.layout, grad.numpy()
        )
        return None, grad, None


def encode_reference(
    points: Tensor, table: Tensor, starts: Tensor, sizes: Tensor, scales: Tensor
) -> Tensor:
    """What the compiled kernels do, in torch; for CUDA, and for machines without numba."""
    n, n_levels = len(points), len(scales)
    at = points.detach().clamp(0, 1)[:, None] * scales[None, :, None]  # [N,L,3]
    cell = torch.minimum(at.long(), (scales.long() - 1)[None, :, None])
    share = at - cell
    offsets = torch.tensor([[c & 1, (c >> 1) & 1, c >> 2] for c in range(8)], device=points.device)
    corner = cell[:, :, None] + offsets  # [N,L,8,3]
    weight = torch.where(offsets.bool(), share[:, :, None], 1 - share[:, :, None]).prod(dim=-1)
    side = (scales.long() + 1)[None, :, None]
    dense = (corner[..., 2] * side + corner[..., 1]) * side + corner[..., 0]
    x, y, z = (corner[..., axis] * _PRIMES[axis] for axis in range(3))
    hashed = (x ^ y ^ z) & (sizes - 1)[None, :, None]
    rows = torch.where(side**3 <= sizes[None, :, None], dense, hashed) + starts[None, :, None]
    return (table[rows] * weight[..., None]).sum(dim=2).reshape(n, n_levels * table.shape[1])
