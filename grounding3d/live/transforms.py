"""Live transforms: one buffer, filled from /tf by one thread and asked by others."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from grounding3d.capture.tf_buffer import NotCoveredError, TfBuffer, stamp_seconds
from grounding3d.errors import TransformError


class LiveTransforms:
    """A `TfBuffer` that several threads may use.

    Args:
        keep_s: how long moving transforms are remembered, seconds.
        max_gap_s: longest pause of a moving transform that is interpolated, seconds.
    """

    def __init__(self, keep_s: float | None = 30.0, max_gap_s: float = 2.0) -> None:
        self._make = lambda: TfBuffer(max_gap_s=max_gap_s, keep_s=keep_s)
        self.lock = threading.RLock()
        self.buffer = self._make()
        self.n_broken = 0
        self.last_problem = ""

    def add(self, message: Any, *, is_static: bool = False) -> None:
        """Take in a `tf2_msgs/TFMessage`; transforms that are not rigid are counted, not used."""
        with self.lock:
            for transform in message.transforms:
                try:
                    self.buffer.add(transform, is_static=is_static)
                except TransformError as error:
                    self.n_broken += 1
                    self.last_problem = str(error)

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
