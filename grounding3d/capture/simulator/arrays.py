"""The type of literal-heavy arguments."""

from __future__ import annotations

from typing import Any, TypeAlias

# Whatever `numpy.asarray` reads: arrays and nested lists that mix integers, floats and arrays
# (numpy's own ArrayLike refuses the mixed lists that profiles and paths are written as).
Numbers: TypeAlias = Any
