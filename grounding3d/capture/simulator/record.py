"""Recording a simulated camera to disk, with its ground truth beside the frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from grounding3d.capture.base import RGBDFrame
from grounding3d.capture.simulator.capture import SimulatedCapture
from grounding3d.capture.simulator.room.config import RoomConfig
from grounding3d.capture.simulator.room.world import simulate_room
from grounding3d.capture.simulator.tabletop import TabletopConfig
from grounding3d.capture.simulator.truth import write_ground_truth
from grounding3d.capture.simulator.world import SimulatedWorld, simulate_tabletop
from grounding3d.capture.writers import WRITERS

TRUTH_NAME = "ground_truth.json"


class _WatchedCapture(SimulatedCapture):
    """A simulated capture that tells how many of its frames have been taken."""

    progress: Callable[[int, int], None] | None = None

    def __iter__(self) -> Iterator[RGBDFrame]:
        for done, frame in enumerate(super().__iter__(), start=1):
            yield frame
            if self.progress is not None:
                self.progress(done, self.length)


def record_tabletop(
    out: Path,
    seed: int,
    config: TabletopConfig | None = None,
    *,
    format: str = "ros2",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Simulate a table top and write it as a capture.

    Args:
        out: capture to write; `ground_truth.json` goes into it.
        seed: same seed and configuration, same recording.
        config: the world and the camera.
        format: name in `WRITERS`.
        progress: called with the frames written so far and their number.

    Returns:
        The ground truth record.
    """
    return _record(simulate_tabletop(config or TabletopConfig(), seed), out, format, progress)


def record_room(
    out: Path,
    seed: int,
    config: RoomConfig | None = None,
    *,
    format: str = "ros2",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Simulate a furnished room and a walk through it; arguments as in `record_tabletop`."""
    return _record(simulate_room(config or RoomConfig(), seed), out, format, progress)


def _record(
    world: SimulatedWorld,
    out: Path,
    format: str,
    progress: Callable[[int, int], None] | None,
) -> dict[str, Any]:
    capture = _WatchedCapture(world)
    capture.progress = progress
    try:
        WRITERS.load(format)(capture, out)
        truth = capture.ground_truth()
        write_ground_truth(truth, out / TRUTH_NAME)
    finally:
        capture.close()
    return truth
