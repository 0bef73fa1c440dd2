"""Gaussians as samples of a Markov chain (Kheradmand et al. 2024, "3DGS as MCMC")."""

from __future__ import annotations

from math import comb

import numpy as np

from grounding3d.scene.rasterizers.base import SplatParameters
from grounding3d.scene.splat.config import DensifyConfig
from grounding3d.scene.splat.strategy import Edit, opacity, take

DEAD_OPACITY = 0.005
_MAX_COPIES = 51  # the sums of eq. 9 lose their digits beyond


def relocate_and_grow(
    parameters: SplatParameters, config: DensifyConfig, rng: np.random.Generator
) -> Edit:
    """Move transparent Gaussians to opaque ones and add a share of new ones there.

    Places are drawn with probability proportional to opacity; a Gaussian that is drawn is replaced
    by copies that together look as it did.
    """
    alpha = opacity(parameters)
    alive = np.flatnonzero(alpha > DEAD_OPACITY)
    n = len(parameters)
    if len(alive) == 0:
        return Edit(np.arange(n), np.zeros(0, np.intp), take(parameters, np.zeros(0, np.intp)))
    grown = min(int((1 + config.mcmc_growth) * n), max(n, config.max_gaussians))
    draws = grown - len(alive)
    drawn = rng.choice(alive, size=draws, p=alpha[alive] / alpha[alive].sum())
    sources, extra = np.unique(drawn, return_counts=True)
    copies = np.minimum(extra + 1, _MAX_COPIES)
    parents = np.repeat(sources, copies)
    return Edit(
        keep=np.setdiff1d(alive, sources, assume_unique=True),
        parents=parents,
        added=shared(take(parameters, parents), np.repeat(copies, copies)),
    )


def shared(parameters: SplatParameters, copies: np.ndarray) -> SplatParameters:
    """Gaussians such that `copies` [N] of each in one place look like it did alone (eq. 9)."""
    old = np.clip(opacity(parameters), DEAD_OPACITY, 1 - 1e-6)
    new = 1 - (1 - old) ** (1 / copies)
    shrink = old / _mass(new, copies)
    new = np.clip(new, DEAD_OPACITY, 1 - 1e-6)
    return SplatParameters(
        means=parameters.means,
        wxyz=parameters.wxyz,
        log_scales=parameters.log_scales + np.log(shrink)[:, None].astype(np.float32),
        logits=np.log(new / (1 - new)).astype(np.float32),
        sh0=parameters.sh0,
        shN=parameters.shN,
    )


def _mass(alpha: np.ndarray, copies: np.ndarray) -> np.ndarray:
    """Integral of the blend of that many Gaussians, in units of one opaque Gaussian's."""
    total = np.zeros(len(alpha))
    for i in range(1, int(copies.max(initial=0)) + 1):
        part = sum(comb(i - 1, k) * (-1) ** k / np.sqrt(k + 1) * alpha ** (k + 1) for k in range(i))
        total += np.where(i <= copies, part, 0)
    return total
