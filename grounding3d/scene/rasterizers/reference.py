"""The reference rasteriser: plain torch, slow, each step as it is written in the papers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from grounding3d.geometry.camera import Camera
from grounding3d.scene.base import Gaussians
from grounding3d.scene.rasterizers.arguments import cell_grid, sh_degree_of
from grounding3d.scene.rasterizers.base import (
    MAX_ALPHA,
    MIN_ALPHA,
    MIN_TRANSMITTANCE,
    Contributions,
)
from grounding3d.scene.rasterizers.projection import GaussianTensors, drawn_radii, project
from grounding3d.scene.rasterizers.spherical_harmonics import sh_colour
from grounding3d.scene.rasterizers.torch_rasterizer import (
    Drawing,
    TorchRasterizer,
    TorchView,
)

TILE_PX = 16  # tiles bound the memory; they do not change the picture
_SLACK_PX = 0.01  # so that rounding a box cannot lose a pixel


@dataclass(frozen=True, eq=False)
class _Sorted:
    """The drawn Gaussians in front-to-back order.

    Attributes:
        row: [M] index into all Gaussians.
        means2d, conics, opacities: [M,2], [M,3], [M].
        values: [M,C] what is blended.
        low, high: [M,2] first and last tile column and row that each may touch.
    """

    row: Tensor
    means2d: Tensor
    conics: Tensor
    opacities: Tensor
    values: Tensor
    low: Tensor
    high: Tensor


def rasterize(
    gaussians: GaussianTensors, view: TorchView, channels: Tensor | None = None
) -> Drawing:
    """Draw a view, differentiable in every tensor (Kerbl et al. 2023; see `base` for the formula).

    Args:
        channels: [N,C] further values to blend.
    """
    height, width = view.camera.height, view.camera.width
    drawn, means2d, radii = _drawn_in_order(gaussians, view, channels)
    pixels, values = [], []
    for tile_pixels, members in _tiles(drawn, view.camera):
        # recomputed in the backward pass instead of stored: [pixels, Gaussians] is large
        blended = checkpoint(
            _blend,
            _coordinates(tile_pixels, width, means2d.dtype),
            drawn.means2d[members],
            drawn.conics[members],
            drawn.opacities[members],
            drawn.values[members],
            use_reentrant=False,
            preserve_rng_state=False,
        )
        pixels.append(tile_pixels)
        values.append(blended)
    image = drawn.values.new_zeros(height * width, drawn.values.shape[1])
    if pixels:
        image = image.index_copy(0, torch.cat(pixels), torch.cat(values))
    image = image.reshape(height, width, -1)
    alpha = image[..., 4]
    return Drawing(
        rgb=image[..., :3] + (1 - alpha[..., None]) * view.background,
        depth_sum=image[..., 3],
        alpha=alpha,
        channels=None if channels is None else image[..., 5:],
        means2d=means2d,
        radii=radii,
    )


def blending_weights(pixels: Tensor, means2d: Tensor, conics: Tensor, opacities: Tensor) -> Tensor:
    """Weights w [P,M] of Gaussians in front-to-back order at pixels [P,2]."""
    dx, dy = (pixels[:, None] - means2d[None]).unbind(-1)
    xx, xy, yy = conics.unbind(-1)
    exponent = 0.5 * (xx * dx * dx + yy * dy * dy) + xy * dx * dy
    alpha = (opacities * torch.exp(-exponent)).clamp(max=MAX_ALPHA)
    alpha = torch.where(alpha >= MIN_ALPHA, alpha, 0)
    behind = torch.cumprod(1 - alpha, 1)  # transmittance behind each Gaussian
    before = torch.cat([torch.ones_like(behind[:, :1]), behind[:, :-1]], 1)
    return torch.where(behind > MIN_TRANSMITTANCE, alpha * before, 0)


def _blend(
    pixels: Tensor, means2d: Tensor, conics: Tensor, opacities: Tensor, values: Tensor
) -> Tensor:
    return blending_weights(pixels, means2d, conics, opacities) @ values


def _drawn_in_order(
    gaussians: GaussianTensors, view: TorchView, channels: Tensor | None
) -> tuple[_Sorted, Tensor, Tensor]:
    """Also all projected centres [N,2] (zeros where not drawn) and radii [N,2]."""
    radii = drawn_radii(gaussians, view.viewmat, view.camera)
    rows = radii.any(1).nonzero()[:, 0]
    seen = gaussians.select(rows)
    projection = project(seen, view.viewmat, view.camera)
    means2d = gaussians.means.new_zeros(len(gaussians), 2).index_copy(0, rows, projection.means2d)
    direction = seen.means - torch.linalg.inv(view.viewmat)[:3, 3]
    colour = sh_colour(seen.sh0, seen.shN, direction, view.sh_degree)
    depth_m = projection.depth_m[:, None]
    values = [colour, depth_m, torch.ones_like(depth_m)]
    if channels is not None:
        values.append(channels[rows])
    order = torch.argsort(projection.depth_m.detach(), stable=True)  # ties by index
    row = rows[order]
    low, high = _tile_ranges(means2d[row].detach(), radii[row], view.camera)
    drawn = _Sorted(
        row=row,
        means2d=means2d[row],
        conics=projection.conics[order],
        opacities=seen.opacities[order],
        values=torch.cat(values, 1)[order],
        low=low,
        high=high,
    )
    return drawn, means2d, radii


def _tile_ranges(means2d: Tensor, radii: Tensor, camera: Camera) -> tuple[Tensor, Tensor]:
    last = means2d.new_tensor([(camera.width - 1) // TILE_PX, (camera.height - 1) // TILE_PX])
    reach = radii + _SLACK_PX
    low = ((means2d - reach) / TILE_PX).floor().clamp(min=0)
    high = torch.minimum(((means2d + reach) / TILE_PX).floor(), last)
    return low, high


def _tiles(drawn: _Sorted, camera: Camera) -> Iterator[tuple[Tensor, Tensor]]:
    """For each tile with Gaussians: its pixels' numbers [P], and rows [M'] of `drawn` in order."""
    index = torch.arange(camera.height * camera.width).reshape(camera.height, camera.width)
    for top in range(0, camera.height, TILE_PX):
        y = top // TILE_PX
        in_row = ((drawn.low[:, 1] <= y) & (drawn.high[:, 1] >= y)).nonzero()[:, 0]
        low, high = drawn.low[in_row, 0], drawn.high[in_row, 0]
        for left in range(0, camera.width, TILE_PX):
            x = left // TILE_PX
            members = in_row[(low <= x) & (high >= x)]
            if len(members):
                yield index[top : top + TILE_PX, left : left + TILE_PX].reshape(-1), members


def _coordinates(pixels: Tensor, width: int, dtype: torch.dtype) -> Tensor:
    """Centres (u, v) [P,2] of pixels numbered row by row."""
    return torch.stack([pixels % width, pixels // width], -1).to(dtype)


class ReferenceRasterizer(TorchRasterizer):
    """Plain torch on the CPU.

    Args:
        dtype: precision; float64 for checks against finite differences.
    """

    name = "reference"

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(rasterize, "cpu", dtype)

    @torch.no_grad()
    def contributions(
        self, gaussians: Gaussians, camera: Camera, T_world_cam: np.ndarray, *, cell_px: int = 8
    ) -> Contributions:
        """See `Rasterizer.contributions`."""
        grid = cell_grid(camera, cell_px)
        view = self.view(camera, T_world_cam, (0.0, 0.0, 0.0), sh_degree_of(gaussians.shN.shape[1]))
        drawn, _, _ = _drawn_in_order(self.tensors(gaussians), view, None)
        found = [np.zeros((3, 0))]
        for pixels, members in _tiles(drawn, camera):
            weights = blending_weights(
                _coordinates(pixels, camera.width, self.dtype),
                drawn.means2d[members],
                drawn.conics[members],
                drawn.opacities[members],
            )
            u, v = pixels % camera.width, pixels // camera.width
            cells, within = torch.unique(v // cell_px * grid[1] + u // cell_px, return_inverse=True)
            sums = weights.new_zeros(len(cells), len(members)).index_add(0, within, weights)
            c, m = sums.nonzero(as_tuple=True)
            rows = drawn.row[members[m]]
            found.append(np.stack([cells[c].numpy(), rows.numpy(), sums[c, m].double().numpy()]))
        cell, gaussian, weight = np.concatenate(found, 1)
        order = np.argsort(cell, kind="stable")  # keeps a cell's Gaussians front to back
        return Contributions(
            cell_px=cell_px,
            grid=grid,
            cell=cell[order].astype(np.int32),
            gaussian=gaussian[order].astype(np.int32),
            weight=weight[order].astype(np.float32),
        )
