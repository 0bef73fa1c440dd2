"""How sure a measured figure is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_Z95 = 1.959963984540054


def wilson(successes: int, n: int, z: float = _Z95) -> tuple[float, float]:
    """95 % bounds of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    share = successes / n
    middle = share + z * z / (2 * n)
    spread = z * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    scale = 1 + z * z / n
    return max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0)


def bootstrap(
    values: np.ndarray, statistic: Callable[..., np.ndarray], draws: int = 1000, seed: int = 0
) -> list[float] | None:
    """95 % bounds of a statistic by resampling; None for fewer than two values."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return None
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(values), (draws, len(values)))
    found = statistic(values[rows], axis=1)
    return [float(np.quantile(found, q)) for q in (0.025, 0.975)]


def auroc(score: np.ndarray, positive: np.ndarray) -> float | None:
    """Chance that a positive scores above a negative, ties count half; None without both."""
    high, low = np.asarray(score)[positive], np.asarray(score)[~positive]
    if not len(high) or not len(low):
        return None
    above = (high[:, None] > low[None]).mean() + 0.5 * (high[:, None] == low[None]).mean()
    return float(above)
