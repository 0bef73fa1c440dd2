"""Checks of arrays and numbers at the border of the package."""

from __future__ import annotations

from typing import Any

import numpy as np

from grounding3d.errors import ArrayError


def check_shape(array: np.ndarray, shape: tuple[int | None, ...], name: str) -> np.ndarray:
    """Return `array` if its shape matches; None in `shape` stands for any length."""
    array = np.asarray(array)
    fits = array.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = "[" + ", ".join("*" if s is None else str(s) for s in shape) + "]"
        raise ArrayError(f"{name} has the wrong shape", expected=wanted, found=str(array.shape))
    return array


def check_finite(array: np.ndarray, name: str) -> np.ndarray:
    """Return `array` if every element is finite."""
    if not np.isfinite(array).all():
        bad = int(array.size - np.isfinite(array).sum())
        raise ArrayError(f"{name} is not finite", found=f"{bad} NaN or infinite of {array.size}")
    return array


def as_float(array: Any, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """Convert to float64, then check shape and finiteness."""
    return check_finite(check_shape(np.asarray(array, dtype=np.float64), shape, name), name)
