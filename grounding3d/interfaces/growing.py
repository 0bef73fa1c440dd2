"""Saving a scene while it is being built, so that `view --live` can show it grow."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grounding3d.live.mapping import Mapper

_MOST_OF_THE_TIME = 0.2  # spent on saving


class GrowingScene:
    """Saves a mapper's snapshot every so often; pass it to `build_scene` as `watch`.

    Args:
        folder: scene folder to write into.
        period_s: seconds between two snapshots, more where a snapshot takes long: at most a fifth
            of the time goes into them.
    """

    def __init__(self, folder: Path, period_s: float) -> None:
        self.folder = folder
        self.period_s = period_s
        self._due = time.monotonic() + period_s

    def __call__(self, mapper: Mapper) -> None:
        """Save, if it is time."""
        from grounding3d.objects.store import save_scene

        started = time.monotonic()
        if started < self._due or mapper.counts.used == 0:
            return
        save_scene(self.folder, mapper.snapshot())
        ended = time.monotonic()
        self._due = ended + max(self.period_s, (ended - started) * (1 / _MOST_OF_THE_TIME - 1))
