"""Results kept from one snapshot of a map to the next."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

Result = TypeVar("Result")


class Memo:
    """Results of functions that depend on nothing but their arguments.

    Between two snapshots of a map most things stay as they are. An argument is the same if it is
    the same object (a number, a text or bytes: if it is equal), so arrays must not be written to
    once a result was made of them; what is remembered is then, bit for bit, what would be worked
    out again. What was not asked for between two calls of `turn` is forgotten.
    """

    def __init__(self) -> None:
        self._before: dict[Hashable, tuple[Any, tuple[Any, ...]]] = {}
        self._now: dict[Hashable, tuple[Any, tuple[Any, ...]]] = {}

    def __len__(self) -> int:
        """Results that are kept."""
        return len(self._before.keys() | self._now.keys())

    def recall(self, work_out: Callable[..., Result], *of: Any) -> Result:
        """`work_out(*of)`, worked out only if it is not known yet."""
        key = (work_out, *(x if isinstance(x, _VALUES) else id(x) for x in of))
        entry = self._now.get(key) or self._before.get(key)
        if entry is None:
            entry = work_out(*of), of  # arguments are kept: no other object takes their address
        self._now[key] = entry
        result: Result = entry[0]
        return result

    def turn(self) -> None:
        """Forget what was not asked for since the last turn."""
        self._before, self._now = self._now, {}


_VALUES = (str, bytes, float, int, bool, type(None))
