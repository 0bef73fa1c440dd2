"""Checks of what every rasteriser is asked for."""

from __future__ import annotations

import numpy as np

from grounding3d.checks import check_shape
from grounding3d.errors import ArrayError, ConfigError
from grounding3d.geometry.camera import Camera

CELL_SIZES_PX = (1, 2, 4, 8, 16)
_SH_DEGREE = {0: 0, 3: 1, 8: 2, 15: 3}


def sh_degree_of(count: int) -> int:
    """Degree 0 to 3 of spherical harmonics with `count` coefficients above the constant one.

    Raises:
        ArrayError: that is not a complete degree.
    """
    if count not in _SH_DEGREE:
        raise ArrayError(
            "incomplete spherical harmonics",
            expected="0, 3, 8 or 15 coefficients above the constant one",
            found=str(count),
        )
    return _SH_DEGREE[count]


def check_channels(channels: np.ndarray | None, count: int) -> np.ndarray | None:
    """`channels` if there is one row for each of `count` Gaussians."""
    return None if channels is None else check_shape(channels, (count, None), "channels")


def cell_grid(camera: Camera, cell_px: int) -> tuple[int, int]:
    """(rows, columns) of cells that cover the image.

    Raises:
        ConfigError: cells of this size do not fill the tiles of the rasterisers.
    """
    if cell_px not in CELL_SIZES_PX:
        raise ConfigError(
            "cell_px must divide a tile", expected=f"one of {CELL_SIZES_PX}", found=str(cell_px)
        )
    return -(-camera.height // cell_px), -(-camera.width // cell_px)
