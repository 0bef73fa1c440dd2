"""OpenSplat beside ours: the same frames and points as a nerfstudio project, its run, its result.

Building it for a CPU, after its CMakeLists.txt (not tried from a clone here; OpenSplat is AGPL-3.0
and stays a program of its own):

    apt-get install cmake g++ libopencv-dev
    git clone https://github.com/pierotofy/OpenSplat && cd OpenSplat && mkdir build && cd build
    cmake .. -DGPU_RUNTIME=CPU -DCMAKE_BUILD_TYPE=Release \\
        -DCMAKE_PREFIX_PATH=$(python -c "import torch; print(torch.utils.cmake_prefix_path)")
    cmake --build . -j2
    python benchmarks/splat_training.py --parts a --opensplat $PWD/opensplat

What makes the comparison fair, as read in its sources of 2024:

- It ignores the principal point and takes the image's middle, so all frames are resampled once such
  that it is there, and both train on those.
- `--sh-degree` must be over 0: degree 0 is degree 1 that is never reached (`--sh-degree-interval`).
- Densification is off by a `--warmup-length` over the number of iterations; `--num-downscales 0`
  keeps the image size; `--keep-crs` writes the result in the frames' coordinates.
- It trains before a pink background; its result is drawn before the same.
- Its rate is that of the lines it prints each step, so loading and saving do not count.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates

from grounding3d.capture.base import RGBDFrame
from grounding3d.capture.nerfstudio_writer import write_nerfstudio
from grounding3d.errors import GroundingError
from grounding3d.geometry.camera import Camera
from grounding3d.scene.base import Gaussians
from grounding3d.scene.ply import read_ply
from grounding3d.scene.splat.pyramid import halved_camera, halved_depth, halved_rgb

BACKGROUND = (0.6130, 0.0101, 0.3984)
QUOTED_RATE = {
    ("320x240", 20_000): "4.4-4.7",
    ("320x240", 50_000): "3.9",
    ("640x480", 20_000): "1.07",
    ("640x480", 50_000): "1.0",
}
_WARM_STEPS = 3


@dataclass(frozen=True)
class OpenSplatRun:
    """What one training gave."""

    gaussians: Gaussians
    steps_per_s: float
    seconds: float


def centred(frame: RGBDFrame) -> RGBDFrame:
    """The frame resampled so that the principal point is the middle of the image.

    The focal length grows as little as keeps every pixel inside the original. Colour is
    interpolated bilinearly, depth taken from the nearest pixel.
    """
    old = frame.camera
    middle = np.array([(old.width - 1) / 2, (old.height - 1) / 2])
    offset = np.abs(np.array([old.cx, old.cy]) - middle)
    zoom = float((middle / (middle - offset)).max())
    cx, cy = (float(value) for value in middle)
    new = Camera.from_focal(old.fx * zoom, old.fy * zoom, cx, cy, old.width, old.height)
    v, u = np.mgrid[0 : old.height, 0 : old.width]
    at = np.stack([(v - cy) / zoom + old.cy, (u - cx) / zoom + old.cx])
    channels = [
        map_coordinates(frame.rgb[..., c].astype(np.float32), at, order=1, mode="nearest")
        for c in range(3)
    ]
    rgb = np.clip(np.rint(np.stack(channels, -1)), 0, 255).astype(np.uint8)
    depth_m = map_coordinates(frame.depth_m, at, order=0, mode="nearest")
    return replace(frame, rgb=rgb, depth_m=depth_m.astype(np.float32), camera=new)


def halved(frame: RGBDFrame) -> RGBDFrame:
    """The frame at half the resolution."""
    return replace(
        frame,
        rgb=halved_rgb(frame.rgb),
        depth_m=halved_depth(frame.depth_m),
        camera=halved_camera(frame.camera),
    )


def write_project(folder: Path, frames: Sequence[RGBDFrame], points: Gaussians) -> Path:
    """A nerfstudio project of the frames with the points' places and 8-bit colours."""
    write_nerfstudio(frames, folder)  # type: ignore[arg-type]
    path = folder / "transforms.json"
    meta = {**json.loads(path.read_text()), "ply_file_path": "points.ply"}
    path.write_text(json.dumps(meta))
    properties = [("x", "<f4"), ("y", "<f4"), ("z", "<f4")]
    properties += [(name, "u1") for name in ("red", "green", "blue")]
    table = np.zeros(len(points), np.dtype(properties))
    colours = np.clip(np.rint(255 * points.rgb), 0, 255)
    for k in range(3):
        table[properties[k][0]] = points.means[:, k]
        table[properties[k + 3][0]] = colours[:, k]
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(table)}"]
    header += [f"property {'uchar' if t == 'u1' else 'float'} {name}" for name, t in properties]
    text = "\n".join([*header, "end_header\n"])
    (folder / "points.ply").write_bytes(text.encode() + table.tobytes())
    return folder


def version_of(binary: Path) -> str:
    """What the program says of itself."""
    done = subprocess.run([binary.resolve(), "--version"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown version"


def run_opensplat(
    binary: Path, project: Path, *, iterations: int, sh_degree: int, threads: int
) -> OpenSplatRun:
    """Train for a fixed count without densification.

    Raises:
        GroundingError: it failed; with its last lines.
    """
    interval = max(1, iterations // 4) if sh_degree else 10 * iterations
    output = project / "splat.ply"
    command = [
        *(str(binary.resolve()), str(project), "-o", str(output), "--cpu", "--keep-crs"),
        *("--num-iters", str(iterations), "--num-downscales", "0"),
        *("--sh-degree", str(max(1, sh_degree)), "--sh-degree-interval", str(interval)),
        *("--warmup-length", str(10 * iterations)),
    ]
    started = time.perf_counter()
    stamps: list[float] = []
    last: list[str] = []
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
    )
    assert process.stdout is not None
    for line in process.stdout:
        last = [*last[-5:], line.rstrip()]
        if line.startswith("Step "):
            stamps.append(time.perf_counter())
    if process.wait() != 0 or not output.is_file():
        raise GroundingError("OpenSplat failed", found=" / ".join(last), hint=" ".join(command))
    timed = stamps[min(_WARM_STEPS, len(stamps) - 2) :]
    rate = (len(timed) - 1) / (timed[-1] - timed[0])
    return OpenSplatRun(read_ply(output), rate, time.perf_counter() - started)
