"""Saving a scene while it is being built, so that `view --live` can show it grow."""

from __future__ import annotations

import time
from collections.abc import Callable

from grounding3d.errors import ConfigError
from grounding3d.live.mapping import Mapper
from grounding3d.objects.base import LanguageScene

_MOST_OF_THE_TIME = 0.2  # spent on saving


class GrowingScene:
    """Saves a mapper's snapshot every so often; pass it to `build_scene` as `watch`.

    Args:
        save: takes the snapshot.
        period_s: seconds between two snapshots, more where a snapshot takes long: at most a fifth
            of the time goes into them.
        clock: seconds.

    Raises:
        ConfigError: the period is negative or no number.
    """

    def __init__(
        self,
        save: Callable[[LanguageScene], object],
        period_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not period_s >= 0:
            raise ConfigError(
                "a scene cannot be saved that often",
                expected="0 seconds or more between two snapshots",
                found=f"{period_s:g}",
            )
        self._save, self._period_s, self._clock = save, period_s, clock
        self._due = clock() + period_s

    def __call__(self, mapper: Mapper) -> None:
        """Save, if it is time."""
        started = self._clock()
        if started < self._due or mapper.counts.used == 0:
            return
        self._save(mapper.snapshot())
        ended = self._clock()
        self._due = ended + max(self._period_s, (ended - started) * (1 / _MOST_OF_THE_TIME - 1))
