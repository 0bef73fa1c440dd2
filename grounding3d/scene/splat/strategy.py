"""Which Gaussians are cloned, split and removed: pure functions of what training saw.

The rules are those of Kerbl et al. 2023 (section 5.2) with the thresholds of gsplat's default
strategy, in metres: surfels start at the right size and place, so that lengths compare with the
voxel and not with the extent of the cameras.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.geometry.transforms import matrix_from_wxyz
from grounding3d.scene.rasterizers.base import SplatParameters
from grounding3d.scene.splat.config import DensifyConfig
from grounding3d.scene.splat.engine import DensifyStatistics

_SPLIT_SHRINK = 1.6  # both halves of a split are smaller by this


@dataclass(frozen=True, eq=False)
class Edit:
    """A change of the set of Gaussians.

    Attributes:
        keep: indices of those that stay, in their order.
        parents: [M] index of the Gaussian that each added one comes from.
        added: M new ones.
    """

    keep: np.ndarray
    parents: np.ndarray
    added: SplatParameters

    def carry(self, values: np.ndarray) -> np.ndarray:
        """Values per Gaussian [N,...] after the edit; added ones inherit."""
        return np.concatenate([values[self.keep], values[self.parents]])


def densify(
    parameters: SplatParameters,
    statistics: DensifyStatistics,
    config: DensifyConfig,
    split_over_m: float,
    rng: np.random.Generator,
) -> Edit:
    """Clone small and split large Gaussians that the image pulls at; remove useless ones.

    Args:
        split_over_m: larger standard deviations are split.
    """
    useless = prunable(parameters, statistics, config)
    pull = statistics.gradient / np.maximum(statistics.count, 1)
    grow = np.flatnonzero((pull > config.gradient) & ~useless)
    room = max(0, config.max_gaussians - int((~useless).sum()))
    if len(grow) > room:  # those that are pulled most
        grow = np.sort(grow[np.argsort(-pull[grow], kind="stable")[:room]])
    large = np.exp(parameters.log_scales[grow].max(axis=1)) > split_over_m
    clones, splits = grow[~large], grow[large]
    stay = ~useless
    stay[splits] = False
    halves = split_in_two(parameters, splits, rng)
    return Edit(
        keep=np.flatnonzero(stay),
        parents=np.concatenate([clones, splits, splits]),
        added=concatenate([take(parameters, clones), halves]),
    )


def prunable(
    parameters: SplatParameters, statistics: DensifyStatistics, config: DensifyConfig
) -> np.ndarray:
    """[N] bool: too faint to be seen, or covering too much of an image."""
    faint = opacity(parameters) < config.prune_opacity
    return faint | (statistics.radius > config.prune_radius)


def split_in_two(
    parameters: SplatParameters, rows: np.ndarray, rng: np.random.Generator
) -> SplatParameters:
    """Two smaller Gaussians for each row, drawn from it; all first ones, then all second ones."""
    both = take(parameters, np.concatenate([rows, rows]))
    if len(rows) == 0:
        return both
    R = matrix_from_wxyz(both.wxyz)
    local = rng.normal(size=(len(both), 3)) * np.exp(both.log_scales)
    offset = np.einsum("nij,nj->ni", R, local).astype(np.float32)
    return SplatParameters(
        means=both.means + offset,
        wxyz=both.wxyz,
        log_scales=both.log_scales - np.float32(np.log(_SPLIT_SHRINK)),
        logits=both.logits,
        sh0=both.sh0,
        shN=both.shN,
    )


def reset_logits(parameters: SplatParameters, ceiling: float) -> np.ndarray:
    """[N] logits with no opacity over `ceiling`."""
    return np.minimum(parameters.logits, np.float32(np.log(ceiling / (1 - ceiling))))


def opacity(parameters: SplatParameters) -> np.ndarray:
    """[N] activated opacities."""
    return 1 / (1 + np.exp(-parameters.logits.astype(np.float64)))


def take(parameters: SplatParameters, rows: np.ndarray) -> SplatParameters:
    """A copy of rows."""
    return SplatParameters(**{name: values[rows] for name, values in vars(parameters).items()})


def concatenate(parts: list[SplatParameters]) -> SplatParameters:
    """One after the other."""
    return SplatParameters(
        **{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])}
    )
