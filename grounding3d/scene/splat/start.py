"""The Gaussians that training starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from grounding3d.scene.base import Gaussians
from grounding3d.scene.rasterizers.base import SplatParameters
from grounding3d.scene.splat.config import SplatConfig

_SPARSE_OPACITY = 0.1  # Kerbl et al. 2023
_NEIGHBOURS = 3
_SH_COEFFICIENTS = (0, 3, 8, 15)  # above the constant one, by degree


def start_rows(count: int, config: SplatConfig) -> np.ndarray:
    """Which of `count` surfels a start uses, in their order."""
    if config.start == "surfels" or count <= config.sparse_points:
        return np.arange(count)
    rng = np.random.default_rng([config.seed, 0x5BA25E])
    return np.sort(rng.choice(count, config.sparse_points, replace=False))


def start_parameters(surfels: Gaussians, config: SplatConfig) -> SplatParameters:
    """Raw parameters to train, of the configured kind of start and degree of colour.

    Args:
        surfels: those of `start_rows`: discs whose thin axis is the normal, metric and opaque.
    """
    gaussians = surfels if config.start == "surfels" else as_balls(surfels)
    parameters = SplatParameters.from_gaussians(gaussians)
    return with_sh_degree(parameters, config.sh_degree)


def as_balls(points: Gaussians) -> Gaussians:
    """Faint balls that reach to their neighbours, knowing but the points' places and colours.

    Standard deviations are the mean distance to the three nearest neighbours, opacities 0.1 (Kerbl
    et al. 2023, section 5.1): what one can start from without depth.
    """
    n = len(points)
    neighbours = min(_NEIGHBOURS, n - 1)
    if neighbours < 1:
        sigma = points.scales.max(axis=1, initial=1e-2)
    else:
        distance = cKDTree(points.means).query(points.means, k=neighbours + 1)[0]
        sigma = np.asarray(distance)[:, 1:].mean(axis=1)
    return replace(
        points,
        wxyz=np.tile(np.array([1, 0, 0, 0], np.float32), (n, 1)),
        scales=np.repeat(np.maximum(sigma, 1e-4)[:, None], 3, axis=1).astype(np.float32),
        opacities=np.full(n, _SPARSE_OPACITY, np.float32),
    )


def with_sh_degree(parameters: SplatParameters, degree: int) -> SplatParameters:
    """The same with room for colour of that degree; new coefficients are zero."""
    count = _SH_COEFFICIENTS[degree]
    shN = np.zeros((len(parameters), count, 3), np.float32)
    kept = min(count, parameters.shN.shape[1])
    shN[:, :kept] = parameters.shN[:, :kept]
    return replace(parameters, shN=shN)


def cameras_extent_m(poses: Sequence[np.ndarray]) -> float:
    """Radius of the ball around the cameras' mean that holds them, a tenth added, metres.

    The unit of lengths of Kerbl et al. 2023's reference implementation.
    """
    centres = np.array([pose[:3, 3] for pose in poses]).reshape(-1, 3)
    if len(centres) == 0:
        return 1.0
    radius = np.linalg.norm(centres - centres.mean(axis=0), axis=1).max()
    return float(max(1.1 * radius, 0.1))
