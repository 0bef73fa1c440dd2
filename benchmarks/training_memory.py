"""Part d of `splat_training.py`: peak memory of a process that fuses and trains.

The frames are simulated ones of 640x480, unless a recording is given.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from machine import use_threads
from training_options import Options
from training_scores import make_splat

from grounding3d.capture import open_capture
from grounding3d.capture.simulator.record import record_tabletop
from grounding3d.capture.simulator.tabletop import TabletopConfig
from grounding3d.scene.config import SceneConfig


@dataclass
class Measured:
    """What the process of its own measures."""

    capture: Path
    """Recording to fuse and train."""
    voxel_m: float
    """Voxels of the fusion."""
    iterations: int
    """Steps of the training."""
    threads: int
    """Threads in use."""


def memory_rows(options: Options) -> list[dict[str, Any]]:
    """Record simulated frames, then fuse and train them in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        capture = options.memory_capture
        if capture is None:
            capture = Path(folder) / "capture"
            world = TabletopConfig(n_frames=options.memory_frames)
            record_tabletop(capture, 77, world, format="folder")
        command = [sys.executable, __file__, "--capture", str(capture)]
        command += ["--voxel-m", str(options.memory_voxel_m)]
        command += ["--iterations", str(options.memory_iterations)]
        command += ["--threads", str(options.threads)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [json.loads(done.stdout.splitlines()[-1])]


def measure(measured: Measured) -> dict[str, Any]:
    """The peak after importing, after fusing and after training, GB."""
    peaks = [_peak_gb()]
    builder = make_splat(SceneConfig(voxel_size_m=measured.voxel_m), measured.iterations)
    frames = 0
    for frame in open_capture(measured.capture):
        frames += builder.add(frame).used
    surfels = len(builder.snapshot().gaussians)
    peaks.append(_peak_gb())
    count = len(builder.finish().gaussians)
    peaks.append(_peak_gb())
    return {
        "frames": frames,
        "size": f"{frame.camera.width}x{frame.camera.height}",
        "surfels": surfels,
        "Gaussians": count,
        "steps": measured.iterations,
        "peak GB after import": round(peaks[0], 3),
        "peak GB after fusing": round(peaks[1], 3),
        "peak GB after training": round(peaks[2], 3),
    }


def _peak_gb() -> float:
    """Of this program alone: on Linux, getrusage also counts what started it."""
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        peak = next(line for line in lines if line.startswith("VmHWM:"))  # "VmHWM:  1234 kB"
        return int(peak.split()[1]) * 1024 / 1e9
    unit = 1 if sys.platform == "darwin" else 1024  # bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def main(measured: Measured) -> None:
    """Measure and print JSON."""
    use_threads(measured.threads)
    print(json.dumps(measure(measured)))


if __name__ == "__main__":
    main(tyro.cli(Measured))
