"""The `cpu` rasteriser: tiles of 16 x 16 pixels, blocks of them a vector, in C++ (folder cpp/)."""

from __future__ import annotations

import numpy as np

from grounding3d.checks import check_shape
from grounding3d.geometry.camera import Camera
from grounding3d.scene.base import Gaussians
from grounding3d.scene.rasterizers.arguments import cell_grid, check_channels, sh_degree_of
from grounding3d.scene.rasterizers.base import (
    Contributions,
    Gradients,
    ImageGradients,
    Rendering,
    SplatParameters,
)
from grounding3d.scene.rasterizers.core import contiguous, core_view, load_core


class CpuRasterizer:
    """Draws with all threads of OpenMP; results do not depend on how many there are.

    Keeps its buffers between calls: 64 bytes for each Gaussian and for each one in view, 32 to 44
    for each pair of Gaussian and tile (40 more for gradients), 20 for each pixel.

    Args:
        instruction_set: one of `instruction_sets()` of the core; empty: the fastest.
    """

    name = "cpu"

    def __init__(self, instruction_set: str = "") -> None:
        self._raster = load_core().Raster(instruction_set)

    def render(
        self,
        gaussians: Gaussians,
        camera: Camera,
        T_world_cam: np.ndarray,
        *,
        background: tuple[float, float, float] = (0.0, 0.0, 0.0),
        channels: np.ndarray | None = None,
    ) -> Rendering:
        """Draw one view, see `Rasterizer.render`."""
        n = len(gaussians)
        values = check_channels(channels, n)
        if values is None:
            values = np.zeros((n, 0), np.float32)
        view = core_view(camera, T_world_cam, background, sh_degree_of(gaussians.shN.shape[1]))
        rgb, depth_m, alpha, blended = self._raster.render(
            _arrays(gaussians), view, contiguous(values)[0]
        )
        return Rendering(rgb, depth_m, alpha, None if channels is None else blended)

    def contributions(
        self, gaussians: Gaussians, camera: Camera, T_world_cam: np.ndarray, *, cell_px: int = 8
    ) -> Contributions:
        """Shares of every cell, see `Rasterizer.contributions`.

        Raises:
            ConfigError: the cells do not divide a tile.
        """
        grid = cell_grid(camera, cell_px)
        view = core_view(camera, T_world_cam, (0.0, 0.0, 0.0), 0)
        cell, gaussian, weight = self._raster.contributions(_arrays(gaussians), view, cell_px)
        return Contributions(cell_px, grid, cell, gaussian, weight)

    def gradients(
        self,
        parameters: SplatParameters,
        camera: Camera,
        T_world_cam: np.ndarray,
        image: ImageGradients,
        *,
        background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> Gradients:
        """The vector-Jacobian product of `render`, see `Rasterizer.gradients`."""
        size = (camera.height, camera.width)
        check_shape(image.rgb, (*size, 3), "image.rgb")
        check_shape(image.depth_m, size, "image.depth_m")
        check_shape(image.alpha, size, "image.alpha")
        view = core_view(camera, T_world_cam, background, sh_degree_of(parameters.shN.shape[1]))
        *raw, pose, means2d = self._raster.gradients(
            contiguous(*vars(parameters).values()),
            view,
            *contiguous(image.rgb, image.depth_m, image.alpha),
        )
        return Gradients(SplatParameters(*raw), pose.astype(np.float32), means2d)

    def counts(self) -> tuple[int, int]:
        """How many Gaussians and pairs of Gaussian and tile the last call drew."""
        drawn, pairs = self._raster.counts()
        return drawn, pairs


def _arrays(g: Gaussians) -> list[np.ndarray]:
    return contiguous(g.means, g.wxyz, g.scales, g.opacities, g.sh0, g.shN)
