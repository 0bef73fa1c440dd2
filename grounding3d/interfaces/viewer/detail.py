"""Level of detail: which Gaussians a browser gets when a scene has more than its budget.

Weighted sampling without replacement (Efraimidis and Spirakis 2006, "Weighted random sampling with
a reservoir"): every Gaussian keeps one random number for good and gets the key -log(u) / w; the
smallest keys are drawn. What contributes much to the picture is drawn first, and since the random
numbers stay, two nearby views draw nearly the same subset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.interfaces.viewer.model import ViewModel

DEFAULT_BUDGET = 300_000
MAX_BUDGET = 1_000_000
_SEED = 7
_NEAREST_M = 0.3  # closer than this, detail does not grow any more
_BEHIND = 0.02  # weight of what the camera cannot see, so that turning round shows something
_MOST_GROWTH = 2.0  # widening of the drawn Gaussians that stand for their neighbours


@dataclass(frozen=True, eq=False)
class Eye:
    """Where a browser looks from.

    Attributes:
        position: [3] metres, world.
        forward: [3] unit viewing direction.
        half_angle: radians from the middle of the picture to its corner.
    """

    position: np.ndarray
    forward: np.ndarray
    half_angle: float


@dataclass(frozen=True, eq=False)
class Selection:
    """What is drawn.

    Attributes:
        rows: [n] int64 ascending rows of the scene's Gaussians.
        growth: [n] float32 factor on their size, 1 where nothing was left out.
        n_candidates: how many there would be without a budget.
    """

    rows: np.ndarray
    growth: np.ndarray
    n_candidates: int


def select(
    model: ViewModel, budget: int, eye: Eye | None = None, keep: np.ndarray | None = None
) -> Selection:
    """Choose at most `budget` Gaussians.

    Args:
        model: N Gaussians.
        budget: how many may be drawn.
        eye: draws more where it is near and looks; None spreads them by their contribution.
        keep: [N] bool, which may be drawn at all (a clipping box), None for all.
    """
    rows = np.arange(len(model)) if keep is None else np.flatnonzero(keep)
    if len(rows) <= budget:
        return Selection(rows, np.ones(len(rows), np.float32), len(rows))
    weight = model.area[rows] + np.float32(1e-12)
    if eye is not None:
        weight = weight * _view_weight(model.means[rows], eye)
    luck = _exponential(len(model))[rows]
    key = luck / weight
    chosen = np.argpartition(key, budget - 1)[:budget]
    limit = key[chosen].max()
    chosen.sort()
    # a Gaussian of weight w has a key below the limit with probability 1 - exp(-w limit)
    share = -np.expm1(-weight[chosen] * limit)
    growth = np.clip(1 / np.sqrt(np.maximum(share, 1e-6)), 1, _MOST_GROWTH)
    return Selection(rows[chosen], growth.astype(np.float32), len(rows))


def _view_weight(means: np.ndarray, eye: Eye) -> np.ndarray:
    """How large a Gaussian of unit size appears; little for what is outside the picture."""
    offset = means - eye.position.astype(np.float32)
    distance = np.sqrt(np.einsum("ni,ni->n", offset, offset))
    along = offset @ eye.forward.astype(np.float32)
    inside = along > np.cos(eye.half_angle) * distance
    weight = 1 / np.square(np.maximum(distance, _NEAREST_M))
    return np.where(inside, weight, _BEHIND * weight).astype(np.float32)


def _exponential(n: int) -> np.ndarray:
    """[n] float32 exponential random numbers, the same for the same n."""
    return np.random.default_rng(_SEED).standard_exponential(n, np.float32)
