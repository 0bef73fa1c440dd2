"""Live mapping of a recording, looped: python benchmarks/live_mapping.py CAPTURE [--minutes 10].

Plays the frames at 10 Hz, re-stamped, again and again to a `MappingWorker`, and prints one JSON
line: keyframes used a second while frames are waiting, time a frame takes, the CPU time of the
mapping process (of how many cores, and a keyframe), and its memory and this one's, after the first
pass and at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from grounding3d.capture import open_capture
from grounding3d.capture.base import RGBDFrame
from grounding3d.live.config import load_config
from grounding3d.live.worker import MappingWorker


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("capture", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=10.0, help="frames a second")
    parser.add_argument("--set", action="append", default=[], help="override a field of Config")
    given = parser.parse_args()
    capture = open_capture(given.capture)
    frames = list(capture)
    with MappingWorker(load_config(None, given.set), up_world=capture.up_world) as worker:
        worker.wait_until_ready()
        print(json.dumps(play(worker, frames, given.rate, 60 * given.minutes)))


def play(
    worker: MappingWorker, frames: list[RGBDFrame], rate: float, seconds: float
) -> dict[str, object]:
    """Feed frames at a steady rate; figures of how mapping went."""
    start, cpu_before = time.monotonic(), cpu_s(worker.process_id)
    first_pass_s = max(len(frames) / rate, 10.0)
    memory: list[tuple[float, float, float]] = []
    for n, frame in enumerate(looped(frames, rate)):
        due = start + n / rate
        time.sleep(max(0.0, due - time.monotonic()))
        passed = time.monotonic() - start
        if passed >= seconds:
            break
        worker.submit(frame)
        if not memory or passed >= memory[-1][0] + 5.0:
            memory.append((passed, memory_mb(worker.process_id), memory_mb(os.getpid())))
    stats, used_cpu_s = worker.stats(), cpu_s(worker.process_id) - cpu_before
    settled = [row for row in memory if row[0] >= first_pass_s] or memory[-1:]
    return {
        "frames": len(frames), "played_s": round(passed, 1), "submitted": stats.received,
        "used": stats.used, "keyframes_per_s": round(stats.used / passed, 2),
        "mapper_cores": round(used_cpu_s / passed, 2),
        "cpu_s_a_keyframe": round(used_cpu_s / max(stats.used, 1), 3),
        "dropped": stats.dropped, "skipped": dict(stats.skipped), "frame_ms": stats.frame_ms,
        "objects": stats.n_objects, "gaussians": stats.n_gaussians,
        "mapper_mb_first_pass": settled[0][1], "mapper_mb_end": settled[-1][1],
        "growth": round(settled[-1][1] / settled[0][1] - 1, 4),
        "mapper_mb_by_minute": [row[1] for row in settled[::12]],
        "client_mb_first_pass": settled[0][2], "client_mb_end": settled[-1][2],
        "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def looped(frames: list[RGBDFrame], rate: float) -> Iterator[RGBDFrame]:
    """The frames over and over, there and back so that the camera never jumps, with new stamps."""
    there_and_back = [*frames, *frames[-2:0:-1]]
    for n in count():
        stamp_s = 1000.0 + n / rate
        yield replace(
            there_and_back[n % len(there_and_back)],
            stamp_s=stamp_s,
            depth_stamp_s=stamp_s,
            frame_index=n,
        )


def memory_mb(pid: int | None) -> float:
    """Resident memory of a process without the pages it shares with others."""
    fields = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    private = sum(int(line.split()[1]) for line in fields if line.startswith("Private_"))
    return round(private / 1024, 1)


def cpu_s(pid: int | None) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
