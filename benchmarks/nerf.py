"""NeRF against splats and fused points, on the same captures with exact ground truth.

    python benchmarks/nerf.py scenes/tabletop -o out/nerf
    python benchmarks/nerf.py CAPTURE CAPTURE -o out/nerf --backends points splat nerf

Of each capture every n-th frame is put aside; each backend builds a scene from the others with
`grounding3d build`, in a process of its own. What is put aside is then drawn from each scene at the
size NeRF rays are trained at, and compared: colour (PSNR) and depth against the measured one. Plain
questions of the ground truth are asked; an answer counts if it lies in the true box inflated by
4 cm. Time and peak memory are those of the whole build, language and objects included (memory: of
the largest process). Writes OUT/nerf.md and OUT/nerf.json.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from machine import describe_machine, markdown, write_report

from grounding3d.capture import open_capture
from grounding3d.capture.base import Capture, CaptureDescription, RGBDFrame
from grounding3d.capture.folder_writer import write_folder
from grounding3d.objects.store import load_scene, stored_nerf
from grounding3d.query.truth import GroundTruth, read_truth
from grounding3d.scene.nerf.drawing import DrawnViews
from grounding3d.scene.nerf.environment import require_environment
from grounding3d.scene.rasterizers import make_rasterizer

MARGIN_M = 0.04


@dataclass
class Options:
    """What to compare."""

    captures: tyro.conf.Positional[tuple[Path, ...]]
    """Recordings with a ground_truth.json in or beside them."""
    out: Annotated[Path, tyro.conf.arg(aliases=("-o",))] = Path("out/nerf")
    """Folder for scenes and figures."""
    backends: tuple[str, ...] = ("points", "splat", "nerf")
    """Scene backends."""
    every: int = 10
    """Every n-th frame is put aside."""
    width: int = 160
    """Width of the compared pictures, pixels."""
    set: tuple[str, ...] = ()
    """SECTION.FIELD=VALUE, handed to every build."""


class Part:
    """Some frames of a capture, as a capture."""

    def __init__(self, capture: Capture, numbers: Sequence[int]) -> None:
        self._capture, self._numbers = capture, set(numbers)
        self.world_frame, self.up_world = capture.world_frame, capture.up_world

    @property
    def length(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[RGBDFrame]:
        return (f for n, f in enumerate(self._capture) if n in self._numbers)

    def describe(self) -> CaptureDescription:
        return self._capture.describe()


def main(options: Options) -> None:
    """Build, draw, ask, and write the tables."""
    head = describe_machine(os.cpu_count() or 1)
    rows = []
    for path in options.captures:
        capture = open_capture(path)
        frames = list(capture)
        aside = list(range(options.every // 2, len(frames), options.every))
        name = path.parent.name if path.is_file() else path.name
        training = options.out / "captures" / name
        write_folder(Part(capture, sorted(set(range(len(frames))) - set(aside))), training)
        for backend in options.backends:
            scene = options.out / "scenes" / f"{name}-{backend}"
            row: dict[str, Any] = {"capture": name, "backend": backend}
            row |= build(training, scene, backend, options.set)
            row |= compare(scene, backend, [frames[n] for n in aside], options.width)
            row |= ask(scene, path)
            rows.append(row)
            print(json.dumps(row, default=float), file=sys.stderr, flush=True)
    text = "\n".join(
        [
            "# NeRF, splats and points\n",
            *(f"- {key}: {value}" for key, value in head.items()),
            f"- every {options.every}th frame put aside and drawn {options.width} pixels wide\n",
            markdown(rows),
        ]
    )
    write_report(options.out, "nerf", text, {"machine": head, "rows": rows})


def build(capture: Path, scene: Path, backend: str, overrides: Sequence[str]) -> dict[str, Any]:
    """Build one scene; seconds and peak memory."""
    command = [sys.executable, "-m", "grounding3d", "build", str(capture), "-o", str(scene)]
    command += ["--backend", backend]
    if backend != "points":  # nothing of what was put aside is in the capture
        command += ["--set", f"scene.{backend}.held_out_every=0"]
    for override in overrides:
        command += ["--set", override]
    before = time.monotonic()
    # a small parent, so that its children's peak is the build's own
    watch = (
        "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); "
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", watch, *command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    peak_kb = int(done.stderr.strip().splitlines()[-1])
    return {"seconds": round(time.monotonic() - before, 1), "memory MB": round(peak_kb / 1024)}


def compare(scene: Path, backend: str, frames: Sequence[RGBDFrame], width: int) -> dict[str, Any]:
    """PSNR, depth error and coverage on frames that were put aside."""
    small = [reduced(frame, width) for frame in frames]
    if backend == "nerf":
        drawn = draw_nerf(scene, small)
    else:
        gaussians, rasterizer = load_scene(scene).scene.gaussians, make_rasterizer("cpu")
        views = (rasterizer.render(gaussians, f.camera, f.T_world_cam) for f in small)
        drawn = [(v.rgb, np.where(v.alpha > 0.5, v.depth_m, 0)) for v in views]
    psnr, errors, n_known = [], [], 0
    for frame, (rgb, depth_m) in zip(small, drawn):
        square = np.square(np.clip(rgb, 0, 1) - frame.rgb / 255).mean()
        psnr.append(-10 * np.log10(max(float(square), 1e-10)))
        known = frame.depth_m > 0
        errors.append(np.abs(depth_m - frame.depth_m)[known & (depth_m > 0)])
        n_known += int(known.sum())
    error = np.concatenate(errors)
    return {
        "PSNR dB": round(float(np.mean(psnr)), 2),
        "depth median mm": round(1000 * float(np.median(error)), 1),
        "depth mean mm": round(1000 * float(error.mean()), 1),
        "covered": round(len(error) / n_known, 3),
    }


def reduced(frame: RGBDFrame, width: int) -> RGBDFrame:
    """The frame with `width` columns: mean colours, nearest depth."""
    from PIL import Image

    height = round(frame.camera.height * width / frame.camera.width)
    camera = frame.camera.resized(width, height)
    rgb = Image.fromarray(frame.rgb).resize((width, height), Image.Resampling.BOX)
    rows, columns = (
        ((np.arange(n) + 0.5) * full / n).astype(int)
        for n, full in ((height, frame.camera.height), (width, frame.camera.width))
    )
    return replace(
        frame, rgb=np.array(rgb), depth_m=frame.depth_m[np.ix_(rows, columns)], camera=camera
    )


def draw_nerf(scene: Path, frames: Sequence[RGBDFrame]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Colours in [0, 1] and depth of the frames' views, by the scene's NeRF."""
    files = stored_nerf(scene)
    assert files is not None
    places = [(frame.camera, frame.T_world_cam) for frame in frames]
    views = DrawnViews(require_environment(), files, places)
    return [(views[n].rgb / 255, views[n].depth_m) for n in range(len(views))]


def ask(scene: Path, capture: Path) -> dict[str, Any]:
    """Share of plain questions answered inside the true box inflated by 4 cm."""
    folder = capture.parent if capture.is_file() else capture
    truth = GroundTruth.from_json(read_truth(folder / "ground_truth.json"))
    queries = [query for query in truth.queries if query.kind == "plain"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(query.text for query in queries) + "\n")
        file.flush()
        command = [sys.executable, "-m", "grounding3d", "query", str(scene), "--file", file.name]
        done = subprocess.run([*command, "--json"], check=True, capture_output=True, text=True)
    right = 0
    for query, line in zip(queries, done.stdout.splitlines()):
        chosen = [c for c in json.loads(line)["candidates"] if c["selected"]]
        targets = [truth.objects[number] for number in query.targets]
        right += any(
            bool(t.contains(np.array(c["position"]), MARGIN_M)) for c in chosen for t in targets
        )
    return {"plain right": f"{right}/{len(queries)}"}


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
