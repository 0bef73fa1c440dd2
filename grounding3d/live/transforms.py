"""Live transforms: one buffer, filled from /tf by one thread and asked by others."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from grounding3d.capture.tf_buffer import TfBuffer, stamp_seconds
from grounding3d.capture.tf_edge import NotCoveredError
from grounding3d.errors import TransformError

_SET_BACK_S = 1.0  # a link whose stamps fall back by more belongs to another run of the clock
_STRAYS = 2  # so many of those in a row may be late messages of the present run


class LiveTransforms:
    """A `TfBuffer` that several threads may use.

    When the clock is set back (a simulation that was restarted, a bag played in a loop), the moving
    transforms are forgotten, as tf2 does: interpolating between two runs would give poses that
    never were.

    Args:
        keep_s: how long moving transforms are remembered, seconds.
        max_gap_s: longest pause of a moving transform that is interpolated, seconds.

    Attributes:
        buffer: the present buffer; to be used under `lock` only.
        n_broken: transforms that were of no use, and the last reason in `last_problem`.
        n_set_back: how often the clock was set back.
    """

    def __init__(self, keep_s: float | None = 30.0, max_gap_s: float = 2.0) -> None:
        self._keep_s, self._max_gap_s = keep_s, max_gap_s
        self.lock = threading.RLock()
        self.buffer = self._new_buffer()
        self.n_broken = self.n_set_back = 0
        self.last_problem = ""
        self._static: dict[tuple[str, str], Any] = {}
        self._newest: dict[tuple[str, str], tuple[float, int]] = {}  # stamp, late ones in a row

    def add(self, message: Any, *, is_static: bool = False) -> None:
        """Take in a `tf2_msgs/TFMessage`; transforms that are not rigid are counted, not used."""
        with self.lock:
            for transform in message.transforms:
                link = (transform.header.frame_id, transform.child_frame_id)
                if not is_static and self._is_set_back(link, stamp_seconds(transform.header.stamp)):
                    self._begin_run()
                try:
                    self.buffer.add(transform, is_static=is_static)
                    if is_static:
                        self._static[link] = transform
                except TransformError as error:
                    self.n_broken += 1
                    self.last_problem = str(error)

    def set_back_to(self, stamp_s: float) -> None:
        """The clock was set back to this time: forget what moves, if it is of the run before."""
        with self.lock:
            if any(newest_s > stamp_s + _SET_BACK_S for newest_s, _ in self._newest.values()):
                self._begin_run()

    def _is_set_back(self, link: tuple[str, str], stamp_s: float) -> bool:
        newest_s, n_late = self._newest.get(link, (stamp_s, 0))
        n_late = n_late + 1 if stamp_s < newest_s - _SET_BACK_S else 0
        self._newest[link] = max(newest_s, stamp_s), n_late
        return n_late > _STRAYS

    def _begin_run(self) -> None:
        self.n_set_back += 1
        self._newest.clear()
        self.buffer = self._new_buffer()
        for transform in self._static.values():
            self.buffer.add(transform, is_static=True)

    def _new_buffer(self) -> TfBuffer:
        return TfBuffer(max_gap_s=self._max_gap_s, keep_s=self._keep_s)

    def lookup(
        self, target: str, source: str, stamp_s: float | None
    ) -> tuple[np.ndarray, float | None]:
        """T_target_source [4,4] at a time, or at the latest that all links cover.

        Returns:
            the transform, and the time it was looked up at; None where no link moves.

        Raises:
            TransformError: no chain of transforms, or not at that time.
        """
        with self.lock:
            first, last = self.buffer.time_range(target, source)
            if np.isinf(last):
                return self.buffer.lookup_static(target, source), None
            if first > last:
                raise NotCoveredError(
                    f"the transforms from {source!r} to {target!r} never cover the same time"
                )
            at = last if stamp_s is None else stamp_s
            return self.buffer.lookup(target, source, at), at

    def frames(self) -> list[str]:
        """Names of all frames that were heard of."""
        with self.lock:
            return self.buffer.frames


def message_stamp(message: Any) -> float | None:
    """Seconds of a `builtin_interfaces/Time`, None for zero."""
    return None if message.sec == 0 and message.nanosec == 0 else stamp_seconds(message)
