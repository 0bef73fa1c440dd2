"""How sure a measured figure is.

Queries to one scene share its mapping errors, so they are no independent trials. Bounds by
resampling therefore draw whole scenes (cluster bootstrap, Davison and Hinkley 1997, 3.8): each draw
is a weight for every value, how often its scene was taken, and a statistic is computed of the
weighted values.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_Z95 = 1.959963984540054
_TAILS = (0.025, 0.975)
DRAWS = 1000

Statistic = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(values, weights [draws,n]) -> [draws], NaN where a draw holds nothing to compute it of."""


def wilson(successes: int, n: int, z: float = _Z95) -> tuple[float, float]:
    """95 % bounds of a share of independent trials (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    share = successes / n
    middle = share + z * z / (2 * n)
    spread = z * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    scale = 1 + z * z / n
    return max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0)


def bootstrap(
    values: np.ndarray,
    statistic: Statistic,
    clusters: np.ndarray | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[float] | None:
    """95 % bounds of a statistic by resampling clusters; None for fewer than two values.

    Args:
        values: [n,...].
        statistic: of weighted values, such as `weighted_mean`.
        clusters: [n] which scene each value is of; None, or one scene only: every value stands for
            itself, and what differs from scene to scene is not in the bounds.
        draws: number of resamplings.
        seed: same seed, same bounds.
    """
    values = np.asarray(values)
    if len(values) < 2:
        return None
    found = statistic(values, _draw(len(values), clusters, draws, seed))
    found = found[np.isfinite(found)]
    return [float(np.quantile(found, q)) for q in _TAILS] if len(found) else None


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[draws] means of values [n]."""
    total = weights.sum(axis=1)
    return np.where(total > 0, weights @ np.asarray(values, float) / np.maximum(total, 1), np.nan)


def weighted_quantile(q: float) -> Statistic:
    """The statistic that gives a quantile: the smallest value with at least q below or at it."""

    def statistic(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        order = np.argsort(values)
        below = np.cumsum(weights[:, order], axis=1)
        total = below[:, -1:]
        place = np.minimum((below < q * total).sum(axis=1), len(values) - 1)
        return np.where(total[:, 0] > 0, np.asarray(values, float)[order][place], np.nan)

    return statistic


def weighted_auroc(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[draws] AUROCs of rows (score, positive)."""
    order = np.argsort(values[:, 0], kind="stable")
    positive, drawn = values[order, 1] > 0.5, weights[:, order].astype(float)
    starts = np.unique(values[order, 0], return_index=True)[1]
    high = np.add.reduceat(drawn * positive, starts, axis=1)
    low = np.add.reduceat(drawn * ~positive, starts, axis=1)
    below = np.cumsum(low, axis=1) - 0.5 * low
    pairs = low.sum(axis=1) * high.sum(axis=1)
    return np.where(pairs > 0, (high * below).sum(axis=1) / np.maximum(pairs, 1), np.nan)


def auroc(score: np.ndarray, positive: np.ndarray) -> float | None:
    """Chance that a positive scores above a negative, ties count half; None without both."""
    values = np.column_stack([score, positive]).astype(float)
    found = weighted_auroc(values, np.ones((1, len(values)))) if len(values) else np.array([np.nan])
    return float(found[0]) if np.isfinite(found[0]) else None


def _draw(n: int, clusters: np.ndarray | None, draws: int, seed: int) -> np.ndarray:
    """[draws,n] how often each value is taken."""
    rng = np.random.default_rng(seed)
    names, member = np.unique(
        np.arange(n) if clusters is None else np.asarray(clusters), return_inverse=True
    )
    if len(names) < 2:
        names, member = np.arange(n), np.arange(n)
    k = len(names)
    picked = rng.integers(0, k, (draws, k))
    taken = np.zeros((draws, k), np.float32)
    np.add.at(taken, (np.arange(draws)[:, None], picked), 1)
    return taken[:, member.ravel()]
