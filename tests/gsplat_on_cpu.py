"""gsplat's interface for one camera on the CPU, made of gsplat's own torch functions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from grounding3d.scene.rasterizers.cuda import CudaRasterizer, GsplatDraw
from grounding3d.scene.rasterizers.reference import blending_weights
from grounding3d.scene.rasterizers.torch_rasterizer import TorchRasterizer


def stand_in() -> Any:
    """gsplat's two functions for one camera, without tiles and CUDA."""
    theirs = pytest.importorskip("gsplat.cuda._torch_impl")

    def rasterization(
        means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, colors: Tensor,
        viewmats: Tensor, Ks: Tensor, width: int, height: int, near_plane: float, eps2d: float,
        packed: bool, sh_degree: int | None = None, render_mode: str = "RGB",
        backgrounds: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, dict[str, Any]]:  # fmt: skip
        assert not packed
        assert near_plane == 0.01
        covars = theirs._quat_scale_to_covar_preci(quats, scales, True, False)[0]
        radii, means2d, depths, conics, _ = theirs._fully_fused_projection(
            means, covars, viewmats, Ks, width, height, eps2d, near_plane
        )
        if sh_degree is not None:
            directions = means - torch.inverse(viewmats)[0, :3, 3]
            colors = (theirs._spherical_harmonics(sh_degree, directions, colors) + 0.5).clamp(min=0)
        if render_mode == "RGB+D":
            colors = torch.cat([colors, depths[0, :, None]], 1)
        order = torch.argsort(depths[0], stable=True)
        order = order[(radii[0] > 0).all(-1)[order]]
        y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        points = torch.stack([x, y], -1).reshape(-1, 2) + 0.5
        weights = blending_weights(points, means2d[0, order], conics[0, order], opacities[order])
        alpha = weights.sum(1).reshape(1, height, width, 1)
        image = (weights @ colors[order]).reshape(1, height, width, -1)
        if backgrounds is not None:
            image = torch.cat([image[..., :3] + (1 - alpha) * backgrounds, image[..., 3:]], -1)
        meta = {
            "radii": radii, "means2d": means2d, "conics": conics, "opacities": opacities[None],
            "tile_size": 16, "isect_offsets": None, "flatten_ids": (order, weights),
        }  # fmt: skip
        return image, alpha, meta

    def rasterize_to_indices_in_range(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
        order, weights = arguments[-1]
        pixel, column = weights.nonzero(as_tuple=True)
        return order[column], pixel, torch.zeros_like(pixel)

    return SimpleNamespace(
        rasterization=rasterization, rasterize_to_indices_in_range=rasterize_to_indices_in_range
    )


def cuda_rasterizer_on_cpu(dtype: torch.dtype = torch.float64) -> CudaRasterizer:
    """The class with the stand-in below it; skips the test where gsplat is not installed."""
    made = CudaRasterizer.__new__(CudaRasterizer)
    made._gsplat_draw = GsplatDraw(stand_in())
    TorchRasterizer.__init__(made, made._gsplat_draw, "cpu", dtype)
    return made
