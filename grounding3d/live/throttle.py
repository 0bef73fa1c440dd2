"""Warnings that would come with every frame are said now and then."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from grounding3d.capture.losses import general_reason

_MOST_KINDS = 200  # that are told apart; some texts hold names, and a map may run for days


class Throttle(logging.Filter):
    """Lets warnings and errors of one kind through once in a while, with how many were held back.

    Of one kind are those of one logger that differ in numbers only. What is said more quietly
    passes: who turned that on wants all of it.

    Args:
        every_s: least time between two of a kind, seconds.
        clock: seconds.
    """

    def __init__(self, every_s: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every_s, self._clock = every_s, clock
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}  # last said, held back since

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is to be said."""
        if record.levelno < logging.WARNING:
            return True
        text = record.getMessage()
        kind, now_s = (record.name, general_reason(text)), self._clock()
        said_s, held = self._kinds.pop(kind, (-float("inf"), 0))
        is_due = now_s - said_s >= self._every_s
        self._kinds[kind] = (now_s, 0) if is_due else (said_s, held + 1)
        if len(self._kinds) > _MOST_KINDS:
            del self._kinds[next(iter(self._kinds))]  # not met for the longest time
        if is_due and held:
            record.msg, record.args = f"{text} ({held} more like it since it was last said)", ()
        return is_due
