"""How a mapping worker is doing."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field

from grounding3d.capture.losses import general_reason
from grounding3d.live.worker_messages import FrameDone

_TIMED = 100  # frames that the mean durations are taken over


@dataclass(frozen=True)
class MappingStats:
    """How a mapping worker is doing.

    Attributes:
        received: frames submitted.
        queued: frames that wait.
        used: frames that entered the map.
        skipped: frames that did not, by reason; numbers in reasons are written #.
        dropped: frames that newer ones pushed out of the queue.
        n_objects, n_gaussians: of the latest scene.
        snapshot_age_s: seconds since the latest scene came, None without one.
        snapshot_s: seconds that making it took.
        frame_ms: mean duration of the last frames, milliseconds; None before the first.
        latency_ms: mean time from submitting one of them until it was in the map, milliseconds.
        shared_bytes: that one frame takes in shared memory.
        ready: the encoder is loaded.
        alive: the process runs.
        error: why it does not, None unless something went wrong.
    """

    received: int = 0
    queued: int = 0
    used: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    n_objects: int = 0
    n_gaussians: int = 0
    snapshot_age_s: float | None = None
    snapshot_s: float | None = None
    frame_ms: float | None = None
    latency_ms: float | None = None
    shared_bytes: int = 0
    ready: bool = False
    alive: bool = False
    error: str | None = None


@dataclass(eq=False)
class FrameTally:
    """What became of the frames so far; `settled` ones no longer wait in the queue."""

    received: int = 0
    settled: int = 0
    used: int = 0
    dropped: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    shared_bytes: int = 0
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_TIMED))
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=_TIMED))

    def refuse(self, reason: str, count: int = 1) -> None:
        """Count frames that will never be worked on."""
        self.settled += count
        if count:
            self.skipped[reason] += count

    def note(self, done: FrameDone, submitted_s: float) -> None:
        """Count a frame that has been worked on, submitted at that time of the monotonic clock."""
        if not done.used:
            self.skipped[general_reason(done.reason)] += 1
            return
        self.used += 1
        self.seconds.append(done.seconds)
        self.latencies.append(time.monotonic() - submitted_s)


def mean_ms(seconds: deque[float]) -> float | None:
    """Mean duration in milliseconds, None without any."""
    return 1e3 * sum(seconds) / len(seconds) if seconds else None
