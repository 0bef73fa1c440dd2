"""The rasteriser on CUDA: gsplat's kernels behind our conventions."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grounding3d.geometry.camera import Camera
from grounding3d.scene.base import Gaussians
from grounding3d.scene.rasterizers.arguments import cell_grid, sh_degree_of
from grounding3d.scene.rasterizers.base import BLUR_PX2, MAX_ALPHA, NEAR_M, Contributions
from grounding3d.scene.rasterizers.gsplat_build import load_gsplat
from grounding3d.scene.rasterizers.projection import GaussianTensors
from grounding3d.scene.rasterizers.torch_rasterizer import (
    Drawing,
    TorchRasterizer,
    TorchView,
    to_numpy,
)

_PIXEL_CENTRE = (
    0.5  # gsplat samples pixel (0, 0) there, we at 0: this is the one place of the shift
)
_ALL_BATCHES = 1 << 30  # of Gaussians in a tile


def gsplat_view(viewmat: Tensor, camera: Camera) -> tuple[Tensor, Tensor]:
    """viewmats [1,4,4] and Ks [1,3,3] for gsplat.

    Its clamp of the projection's derivative needs a positive fy; a negative one is the same as
    looking at the scene mirrored in the camera's y.
    """
    mirror = viewmat.new_tensor([1.0, 1.0 if camera.fy > 0 else -1.0, 1.0, 1.0])
    K = viewmat.new_tensor(np.abs(camera.K) * [[1, 1, 0], [1, 1, 0], [0, 0, 1]])
    K[0, 2] = camera.cx + _PIXEL_CENTRE
    K[1, 2] = camera.cy + _PIXEL_CENTRE
    return (mirror[:, None] * viewmat)[None], K[None]


class GsplatDraw:
    """A differentiable rasteriser on gsplat.

    Args:
        gsplat: the module.
    """

    def __init__(self, gsplat: ModuleType) -> None:
        self._gsplat = gsplat

    def __call__(
        self, gaussians: GaussianTensors, view: TorchView, channels: Tensor | None = None
    ) -> Drawing:
        """See `Draw`."""
        if len(gaussians) == 0:
            return _background_only(gaussians, view, channels)
        sh = torch.cat([gaussians.sh0[:, None], gaussians.shN], 1)
        image, alpha, meta = self.rasterization(
            gaussians,
            view,
            colors=sh,
            sh_degree=view.sh_degree,
            render_mode="RGB+D",
            backgrounds=view.background[None],
        )
        if channels is not None:
            channels = self.rasterization(gaussians, view, colors=channels)[0]
        radii = meta["radii"][0]
        return Drawing(
            rgb=image[..., :3],
            depth_sum=image[..., 3],
            alpha=alpha,
            channels=channels,
            means2d=meta["means2d"],
            radii=radii.to(image.dtype),
        )

    def rasterization(
        self, gaussians: GaussianTensors, view: TorchView, **options: Any
    ) -> tuple[Tensor, Tensor, dict[str, Any]]:
        """gsplat's function for one view: image [H,W,C], alpha [H,W] and its intermediate data."""
        viewmats, Ks = gsplat_view(view.viewmat, view.camera)
        image, alpha, meta = self._gsplat.rasterization(
            means=gaussians.means,
            quats=gaussians.wxyz,
            scales=gaussians.scales,
            opacities=gaussians.opacities,
            viewmats=viewmats,
            Ks=Ks,
            width=view.camera.width,
            height=view.camera.height,
            near_plane=NEAR_M,
            eps2d=BLUR_PX2,
            packed=False,
            **options,
        )
        return image[0], alpha[0, ..., 0], meta

    def hits(self, gaussians: GaussianTensors, view: TorchView) -> tuple[Tensor, Tensor, Tensor]:
        """Every (Gaussian, pixel, weight) that the image is made of, pixel by pixel."""
        colours = torch.ones_like(gaussians.means[:, :1])
        _, alpha, meta = self.rasterization(gaussians, view, colors=colours)
        gaussian, pixel, _ = self._gsplat.rasterize_to_indices_in_range(
            0,
            _ALL_BATCHES,
            torch.ones_like(alpha)[None],
            meta["means2d"],
            meta["conics"],
            meta["opacities"],
            view.camera.width,
            view.camera.height,
            meta["tile_size"],
            meta["isect_offsets"],
            meta["flatten_ids"],
        )
        gaussian, pixel = gaussian.long(), pixel.long()
        d = _sampling_points(pixel, view.camera.width) - meta["means2d"][0, gaussian]
        xx, xy, yy = meta["conics"][0, gaussian].unbind(-1)
        exponent = 0.5 * (xx * d[:, 0] ** 2 + yy * d[:, 1] ** 2) + xy * d[:, 0] * d[:, 1]
        alpha = (gaussians.opacities[gaussian] * torch.exp(-exponent)).clamp(max=MAX_ALPHA)
        return gaussian, pixel, alpha * transmittances(alpha, pixel)


def _background_only(
    gaussians: GaussianTensors, view: TorchView, channels: Tensor | None
) -> Drawing:
    shape = (view.camera.height, view.camera.width)
    nothing = gaussians.means.new_zeros(shape)
    return Drawing(
        rgb=nothing[..., None] + view.background,
        depth_sum=nothing,
        alpha=nothing,
        channels=None if channels is None else nothing.new_zeros(*shape, channels.shape[1]),
        means2d=gaussians.means[:, :2],
        radii=gaussians.means[:, :2],
    )


def _sampling_points(pixel: Tensor, width: int) -> Tensor:
    return torch.stack([pixel % width, pixel // width], -1) + _PIXEL_CENTRE


def transmittances(alpha: Tensor, pixel: Tensor) -> Tensor:
    """Product of 1 - alpha over the earlier entries of the same pixel, for runs of pixels."""
    logs = torch.log1p(-alpha.double())
    before = logs.cumsum(0) - logs
    _, length = torch.unique_consecutive(pixel, return_counts=True)
    first = (length.cumsum(0) - length).repeat_interleave(length)
    return (before - before[first]).exp().to(alpha.dtype)


class CudaRasterizer(TorchRasterizer):
    """gsplat on the first CUDA device.

    Raises:
        MissingDependencyError: it cannot run here; says what to install.
    """

    name = "cuda"

    def __init__(self) -> None:
        self._gsplat_draw = GsplatDraw(load_gsplat())
        super().__init__(self._gsplat_draw, "cuda")

    @torch.no_grad()
    def contributions(
        self, gaussians: Gaussians, camera: Camera, T_world_cam: np.ndarray, *, cell_px: int = 8
    ) -> Contributions:
        """See `Rasterizer.contributions`."""
        grid = cell_grid(camera, cell_px)
        if len(gaussians) == 0:
            none = np.zeros(0, np.int32)
            return Contributions(cell_px, grid, none, none, none.astype(np.float32))
        view = self.view(camera, T_world_cam, (0.0, 0.0, 0.0), sh_degree_of(gaussians.shN.shape[1]))
        gaussian, pixel, weight = self._gsplat_draw.hits(self.tensors(gaussians), view)
        v, u = pixel // camera.width, pixel % camera.width
        pair = (v // cell_px * grid[1] + u // cell_px) * len(gaussians) + gaussian
        pairs, which = torch.unique(pair, return_inverse=True)
        sums = weight.new_zeros(len(pairs)).index_add(0, which, weight)
        return Contributions(
            cell_px=cell_px,
            grid=grid,
            cell=to_numpy(pairs // len(gaussians), np.int32),
            gaussian=to_numpy(pairs % len(gaussians), np.int32),
            weight=to_numpy(sums),
        )
