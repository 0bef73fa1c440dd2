"""Hash grids: compiled kernels against the torch reference, and what interpolation must keep."""

from __future__ import annotations

import pytest
import torch

from grounding3d.nerf import hash_grid
from grounding3d.nerf.density_grid import DensityGrid, log_density_from_depth, sample_reference
from grounding3d.nerf.hash_grid import HashGrid, encode_reference

needs_numba = pytest.mark.skipif(hash_grid.grid_kernels is None, reason="numba is missing")


def points(n: int = 500) -> torch.Tensor:
    """Inside, outside and exactly on the border of the unit cube."""
    torch.manual_seed(0)
    corners = torch.tensor([[0.0, 0, 0], [1, 1, 1], [1, 0, 1]])
    return torch.cat([torch.rand(n, 3) * 1.2 - 0.1, corners])


@needs_numba
def test_compiled_and_reference_look_up_and_learn_alike() -> None:
    grid = HashGrid(levels=6, coarsest=4, finest=200, log2_size=10, seed_scale=1.0)
    x = points()
    compiled = grid(x)
    reference = encode_reference(x, grid.table, grid.starts, grid.sizes, grid.scales)
    torch.testing.assert_close(compiled, reference, atol=1e-5, rtol=1e-4)
    wanted = torch.rand_like(reference)
    (learned,) = torch.autograd.grad(compiled, grid.table, wanted)
    (expected,) = torch.autograd.grad(reference, grid.table, wanted)
    torch.testing.assert_close(learned, expected, atol=1e-4, rtol=1e-4)


def test_a_dense_level_reproduces_a_linear_function() -> None:
    cells = 8
    grid = HashGrid(levels=1, coarsest=cells, finest=cells, log2_size=12)
    axis = torch.arange(cells + 1) / cells
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    with torch.no_grad():
        grid.table[:] = (2 * x - 3 * y + 0.5 * z).reshape(-1, 1)
    inside = points().clamp(0, 1)
    found = grid(inside)[:, 0]
    torch.testing.assert_close(found, inside @ torch.tensor([2.0, -3.0, 0.5]), atol=1e-5, rtol=0)


@needs_numba
def test_density_grid_compiled_and_reference_agree() -> None:
    grid = DensityGrid((5, 9, 7), 8.0)
    with torch.no_grad():
        grid.log_density.copy_(torch.randn(5, 9, 7))
    at = points() * 8
    reference = sample_reference(at, grid.log_density)
    torch.testing.assert_close(grid(at / 8), torch.exp(reference) * 8, atol=1e-4, rtol=1e-4)
    (learned,) = torch.autograd.grad(grid(at / 8).sum(), grid.log_density)
    (expected,) = torch.autograd.grad((torch.exp(reference) * 8).sum(), grid.log_density)
    torch.testing.assert_close(learned, expected, atol=1e-2, rtol=1e-3)


def test_depth_makes_surfaces_dense_and_the_way_to_them_empty() -> None:
    grid = DensityGrid((17, 17, 17), 16.0)
    hit = torch.tensor([[0.5, 0.5, 0.75]])
    free = torch.tensor([[0.5, 0.5, z / 16] for z in range(11)])
    with torch.no_grad():
        grid.log_density.copy_(log_density_from_depth(hit, free, grid))
    at = torch.tensor([[0.5, 0.5, 0.75], [0.5, 0.5, 0.3], [0.1, 0.9, 0.5]])
    surface, way, unseen = grid(at).tolist()
    assert surface > 5 * unseen > 25 * way


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_and_cpu_look_up_alike() -> None:
    grid = HashGrid(levels=6, coarsest=4, finest=200, log2_size=10, seed_scale=1.0)
    on_cpu = grid(points())
    on_cuda = grid.to("cuda")(points().to("cuda"))
    torch.testing.assert_close(on_cuda.cpu(), on_cpu, atol=1e-5, rtol=1e-4)
