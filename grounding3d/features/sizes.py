"""How large things of a name usually are: what only a metric map can tell names apart by."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from grounding3d.features.vocabulary import read_lengths

_SHORTER, _LONGER = 0.6, 1.3
"""Beyond its usual range a thing may be this much shorter, since it is often seen in part, and this
much longer, before it counts as off."""
MOST_OCTAVES = 3.0
"""Farther off makes no difference: toys and models exist."""


@lru_cache(maxsize=8)
def _log_ranges(names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """[N] each: logarithms to 2 of the lengths from and to which a thing is not off."""
    known = read_lengths()
    ranges = np.array([known.get(name, (0.0, np.inf)) for name in names]).reshape(-1, 2)
    with np.errstate(divide="ignore"):  # a noun of any size has 0 and infinity
        return np.log2(_SHORTER * ranges[:, 0]), np.log2(_LONGER * ranges[:, 1])


def octaves_off(names: Sequence[str], lengths_m: np.ndarray) -> np.ndarray:
    """How far things lie outside the usual sizes of what they may be called.

    Args:
        names: N nouns; those of the household list have a size, others fit any.
        lengths_m: [M] longest side of each thing's box.

    Returns:
        [N,M] float32, in doublings of length, 0 within the usual range and at most
        `MOST_OCTAVES`.
    """
    low, high = _log_ranges(tuple(names))
    length = np.log2(np.maximum(np.asarray(lengths_m, float), 1e-3))
    short, long = low[:, None] - length, length - high[:, None]
    return np.clip(np.maximum(short, long), 0.0, MOST_OCTAVES).astype(np.float32)
