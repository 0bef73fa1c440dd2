"""How fast Gaussians are trained, how good they get, and what memory it takes.

    python benchmarks/splat_training.py --out out/splat_training
    python benchmarks/splat_training.py --parts a --opensplat PATH/TO/opensplat
    python benchmarks/splat_training.py --parts b,d --quick

Prints tables and writes OUT/splat_training.md and .json. Frames that are held out are not seen by
the build at all. Parts:

a. A sparse start as OpenSplat does it: the same points, degree of colour and number of steps,
   colour only, no densification. Steps a second and held-out PSNR of ours (SSIM on every row as
   OpenSplat's, and on every second one, the default), of the reference engine (a few steps, its
   rate extrapolated) and of OpenSplat (`--opensplat`, see opensplat.py; else its published rates).
   The ratios take ours with SSIM on every row.
b. An RGB-D start against sparse ones on the same recording: seconds until the held-out PSNR that
   the sparse start has after its whole schedule. Seconds are of training, scoring not counted.
c. The kitchen of 7-Scenes, every tenth frame held out: PSNR and depth error of the fused surfels
   and of splats trained for some seconds each, every time from the start and to the end of a
   schedule of about that length.
d. Peak memory of a process that fuses and trains simulated frames of 640x480.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import grounding3d._core as core
import numpy as np
import torch
import tyro
from machine import describe_machine, markdown, write_report
from opensplat import (
    BACKGROUND,
    QUOTED_RATE,
    centred,
    halved,
    run_opensplat,
    version_of,
    write_project,
)

from grounding3d.capture import open_capture
from grounding3d.capture.base import RGBDFrame
from grounding3d.capture.simulator.record import record_tabletop
from grounding3d.capture.simulator.tabletop import TabletopConfig
from grounding3d.live.config import load_config
from grounding3d.scene.base import Gaussians
from grounding3d.scene.config import SceneConfig
from grounding3d.scene.points import PointsBuilder
from grounding3d.scene.rasterizers.cpu import CpuRasterizer
from grounding3d.scene.splat import make_engine
from grounding3d.scene.splat.builder import SplatBuilder
from grounding3d.scene.splat.config import DensifyConfig, LossConfig, SplatConfig
from grounding3d.scene.splat.engine import TrainView
from grounding3d.scene.splat.evaluation import ViewScore, score_views
from grounding3d.scene.splat.exposure import IDENTITY
from grounding3d.scene.splat.report import mean_background
from grounding3d.scene.splat.start import cameras_extent_m, start_parameters
from grounding3d.scene.splat.store import FrameStore
from grounding3d.scene.splat.trainer import Trainer

Rows = list[dict[str, Any]]
Colour = tuple[float, float, float]
_CALIBRATION_STEPS = 60


@dataclass
class Options:
    """What to run."""

    out: Annotated[Path, tyro.conf.arg(aliases=("-o",))] = Path("out/splat_training")
    """Folder for the figures."""
    parts: str = "a,b,c,d"
    """Parts to run, separated by commas."""
    quick: bool = False
    """Few steps, small counts, short trainings."""
    threads: int = 2
    """Threads of everything that is timed, OpenSplat too."""
    capture: Path = Path("scenes/tabletop")
    """Recording of parts a and b."""
    hold_out: int = 5
    """Every n-th frame of it is held out."""
    opensplat: Path | None = None
    """OpenSplat's program."""
    iterations: int = 200
    """Steps of part a."""
    points: tuple[int, ...] = (20_000, 50_000)
    """Points of part a."""
    sparse_seconds: float = 60.0
    """Length of the sparse start's schedule in part b."""
    dense_seconds: float = 10.0
    """Length of the RGB-D start's."""
    kitchen: Path = Path("../shared/data/kitchen")
    """7-Scenes' RedKitchen for part c; skipped where it is missing."""
    kitchen_config: Path = Path("configs/kitchen.yaml")
    """How it is read."""
    kitchen_seconds: tuple[float, ...] = (10.0, 60.0, 300.0)
    """Trainings of part c."""
    memory_frames: int = 300
    """Frames of part d."""
    memory_capture: Path | None = None
    """A recording for part d; None: simulated frames are recorded first, which takes minutes."""
    memory_voxel_m: float = 0.006
    """Voxels of part d; they decide how many Gaussians there are."""
    memory_iterations: int = 300
    """Steps of part d."""
    memory_child: Path | None = None
    """Used by part d itself: measure this recording and print JSON."""


def shortened(options: Options) -> Options:
    """The quick variant."""
    return replace(
        options,
        iterations=40,
        points=(20_000,),
        sparse_seconds=8.0,
        dense_seconds=4.0,
        kitchen_seconds=(3.0, 6.0),
        memory_frames=40,
        memory_iterations=40,
    )


# --- scoring ---------------------------------------------------------------------------------


def split(frames: Sequence[RGBDFrame], every: int) -> tuple[list[RGBDFrame], list[RGBDFrame]]:
    """Frames to train on and frames held out."""
    held = [k % every == every - 1 for k in range(len(frames))]
    return (
        [frame for frame, out in zip(frames, held, strict=True) if not out],
        [frame for frame, out in zip(frames, held, strict=True) if out],
    )


def background_of(frames: Sequence[RGBDFrame]) -> Colour:
    """Mean colour of what has no depth, as training uses it."""
    store = FrameStore(levels=0, max_frames=len(frames) + 1)
    for k, frame in enumerate(frames):
        store.add(frame, frame.depth_m, keyframe=k, held_out=False)
    return mean_background(store)


def score(
    gaussians: Gaussians,
    frames: Sequence[RGBDFrame],
    background: Colour,
    *,
    fit: bool,
    depth_range_m: tuple[float, float] = (0.0, np.inf),
) -> ViewScore:
    """Mean scores over held-out frames; `fit`: each one's exposure is fitted first."""
    low, high = depth_range_m
    views = [
        TrainView(
            rgb=frame.rgb,
            depth_m=np.where((frame.depth_m > low) & (frame.depth_m < high), frame.depth_m, 0),
            camera=frame.camera,
            T_world_cam=frame.T_world_cam,
            exposure=IDENTITY,
        )
        for frame in frames
    ]
    found = score_views(gaussians, views, CpuRasterizer(), background=background, fit=fit)
    assert found is not None
    return found


# --- a: as OpenSplat trains -------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class SparseTask:
    """Equal input for all programs."""

    size: str
    train: list[RGBDFrame]
    held_out: list[RGBDFrame]
    points: Gaussians
    sh_degree: int
    iterations: int


def sparse_tasks(options: Options) -> list[SparseTask]:
    """Points fused from the training frames, a random part of them, at both image sizes."""
    large = [centred(frame) for frame in open_capture(options.capture)]
    fused = PointsBuilder()
    for frame in split(large, options.hold_out)[0]:
        fused.add(frame)
    surfels = fused.finish().gaussians
    rng = np.random.default_rng(0)
    sizes = [[halved(frame) for frame in large], large]
    return [
        SparseTask(
            f"{frames[0].camera.width}x{frames[0].camera.height}",
            *split(frames, options.hold_out),
            surfels.select(np.sort(rng.choice(len(surfels), min(n, len(surfels)), replace=False))),
            sh_degree,
            options.iterations,
        )
        for frames in (sizes[:1] if options.quick else sizes)
        for n in options.points
        for sh_degree in (0, 3)
    ]


def sparse_trainer(task: SparseTask, engine: str, ssim_stride: int) -> tuple[Trainer, Colour]:
    """Ours, set to what OpenSplat does; also the background it trains before."""
    config = SplatConfig(
        engine=engine,
        iterations=task.iterations,
        start="sparse",
        sh_degree=task.sh_degree,
        loss=LossConfig(ssim_stride=ssim_stride, depth=0, coverage=0, needle=0),
        densify=DensifyConfig(strategy="none"),
        coarse_levels=0,
        exposure=False,
    )
    store = FrameStore(levels=0, max_frames=len(task.train) + 1)
    for k, frame in enumerate(task.train):
        store.add(frame, frame.depth_m, keyframe=k, held_out=False)
    extent = cameras_extent_m([frame.T_world_cam for frame in task.train])
    trainer = Trainer(
        config,
        make_engine(engine),
        store,
        start_parameters(task.points, config),
        np.zeros(len(task.points), np.int32),
        means_rate=config.rates.means_extent * extent,
        split_over_m=extent,
    )
    return trainer, mean_background(store)


def ours_sparse(task: SparseTask, ssim_stride: int) -> tuple[float, float]:
    """Steps a second and held-out PSNR."""
    trainer, background = sparse_trainer(task, "native", ssim_stride)
    while not trainer.done:
        trainer.step()
    psnr = score(trainer.gaussians(), task.held_out, background, fit=False).psnr_db
    return trainer.steps / trainer.seconds, psnr


def reference_rate(task: SparseTask, steps: int) -> float:
    """Steps a second of the reference engine, from a few."""
    trainer, _ = sparse_trainer(task, "reference", 1)
    for _ in range(steps):
        trainer.step()
    return trainer.steps / trainer.seconds


def opensplat_row(task: SparseTask, options: Options) -> tuple[str, str | float, float | None]:
    """Its name, rate and held-out PSNR; the published rate where its program is not given."""
    if options.opensplat is None:
        quoted = QUOTED_RATE.get((task.size, len(task.points)))
        return "OpenSplat (quoted, not measured here)", quoted or "-", None
    with tempfile.TemporaryDirectory() as folder:
        project = write_project(Path(folder) / "project", task.train, task.points)
        run = run_opensplat(
            options.opensplat,
            project,
            iterations=task.iterations,
            sh_degree=task.sh_degree,
            threads=options.threads,
        )
    psnr = score(run.gaussians, task.held_out, BACKGROUND, fit=False).psnr_db
    return f"OpenSplat {version_of(options.opensplat)}", run.steps_per_s, psnr


def part_a(options: Options) -> Rows:
    """Rates and PSNR; the ratio is our rate to the row's."""
    rows: Rows = []
    for task in sparse_tasks(options):
        same, ours = ours_sparse(task, 1), ours_sparse(task, 2)
        reference = reference_rate(task, 1 if options.quick else 2)
        name, rate, psnr = opensplat_row(task, options)
        for program, it_s, psnr_db in (
            ("ours, SSIM on every row", *same),
            ("ours", *ours),
            ("reference (extrapolated)", reference, None),
            (name, rate, psnr),
        ):
            compared = isinstance(it_s, float) and "ours" not in program
            times = same[0] / float(it_s) if compared else None
            rows.append(
                {
                    "size": task.size,
                    "points": len(task.points),
                    "SH degree": task.sh_degree,
                    "steps": task.iterations,
                    "program": program,
                    "steps/s": it_s,
                    "ours is faster by": times,
                    "held-out PSNR dB": None if psnr_db is None else round(psnr_db, 2),
                }
            )
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


# --- b: RGB-D start against sparse start ------------------------------------------------------


def steps_in(seconds: float, scene: SceneConfig, frames: Sequence[RGBDFrame]) -> int:
    """How many steps fill that time after the start, by the rate of a short training."""
    builder = make_splat(scene, _CALIBRATION_STEPS)
    for frame in frames:
        builder.add(frame)
    started = time.perf_counter()
    builder.refine(0.0)
    left = seconds - (time.perf_counter() - started)
    report = builder.finish().report
    assert report is not None
    return max(20, round(left * report["steps"] / report["seconds"]))


def make_splat(scene: SceneConfig, iterations: int) -> SplatBuilder:
    """A builder with that many steps, holding nothing out itself."""
    values = {"iterations": iterations, "held_out_every": 0}
    splat = scene.splat.model_copy(update=values)
    return SplatBuilder(scene.model_copy(update={"backend": "splat", "splat": splat}))


@dataclass(frozen=True)
class Curve:
    """Scores over seconds of training; the first point is what training starts from."""

    seconds: list[float]
    psnr_db: list[float]
    last: ViewScore
    gaussians: int
    iterations: int

    def reaches(self, psnr_db: float) -> float | None:
        """Seconds until that PSNR, None if never."""
        pairs = zip(self.seconds, self.psnr_db, strict=True)
        return next((t for t, p in pairs if p >= psnr_db), None)

    def at(self, seconds: float) -> float:
        """PSNR of the last score not after that time."""
        pairs = zip(self.seconds, self.psnr_db, strict=True)
        return [p for t, p in pairs if t <= seconds + 1e-6][-1]


def trained(
    scene: SceneConfig,
    frames: Sequence[RGBDFrame],
    scored: Callable[[Gaussians], ViewScore],
    seconds: float,
    every_s: float,
) -> Curve:
    """Train a schedule of about that length, scoring now and then."""
    iterations = steps_in(seconds, scene, frames)
    builder = make_splat(scene, iterations)
    for frame in frames:
        builder.add(frame)
    times: list[float] = []
    scores: list[ViewScore] = []
    changed, passed = True, 0.0
    while changed:
        started = time.perf_counter()
        changed = builder.refine(every_s if times else 0.0)  # the first one only starts
        passed += time.perf_counter() - started
        gaussians = builder.snapshot().gaussians
        times.append(passed)
        scores.append(scored(gaussians))
    psnr = [found.psnr_db for found in scores]
    return Curve(times, psnr, scores[-1], len(gaussians), iterations)


def part_b(options: Options) -> tuple[Rows, dict[str, Any]]:
    """Table, and the curves."""
    train, held_out = split(list(open_capture(options.capture)), options.hold_out)
    background = background_of(train)

    def scored(gaussians: Gaussians) -> ViewScore:
        return score(gaussians, held_out, background, fit=True)

    colour_only = {"depth": 0.0, "coverage": 0.0}
    starts: dict[str, tuple[dict[str, Any], float, float]] = {
        "RGB-D": ({}, options.dense_seconds, 0.25),
        "sparse": ({"start": "sparse"}, options.sparse_seconds, 2.0),
        "sparse, colour only": (
            {"start": "sparse", "loss": LossConfig(**colour_only)},
            options.sparse_seconds,
            2.0,
        ),
    }
    curves = {
        name: trained(SceneConfig(splat=SplatConfig(**values)), train, scored, seconds, every_s)
        for name, (values, seconds, every_s) in starts.items()
    }
    dense = curves["RGB-D"]
    rows = [
        {
            "start": name,
            "steps": curve.iterations,
            "start s": round(curve.seconds[0], 2),
            "seconds": round(curve.seconds[-1], 1),
            "Gaussians": curve.gaussians,
            "PSNR at the start": round(curve.psnr_db[0], 2),
            "PSNR after 10 s": round(curve.at(10.0), 2),
            "PSNR at the end": round(curve.psnr_db[-1], 2),
            "depth L1 mm": curve.last.depth_l1_mm,
            "RGB-D start gets there in s": dense.reaches(curve.psnr_db[-1]),
        }
        for name, curve in curves.items()
    ]
    return rows, {name: [c.seconds, c.psnr_db] for name, c in curves.items()}


# --- c: the kitchen ---------------------------------------------------------------------------


def part_c(options: Options) -> Rows:
    """Surfels and splats of several lengths."""
    config = load_config(options.kitchen_config)
    frames = list(open_capture(options.kitchen, config.capture))
    frames = frames[::6] if options.quick else frames
    train, held_out = split(frames, 10)
    background, scene = background_of(train), config.scene
    limits = (scene.min_depth_m, scene.max_depth_m)

    def scored(gaussians: Gaussians) -> ViewScore:
        return score(gaussians, held_out, background, fit=True, depth_range_m=limits)

    def row(name: str, found: ViewScore, count: int, seconds: float) -> dict[str, Any]:
        return {
            "scene": name,
            "Gaussians": count,
            "trained s": round(seconds, 1),
            "PSNR dB": round(found.psnr_db, 2),
            "SSIM": round(found.ssim, 3),
            "depth L1 mm": found.depth_l1_mm,
            "depth median mm": found.depth_median_mm,
            "coverage": found.coverage,
        }

    points = PointsBuilder(scene)
    for frame in train:
        points.add(frame)
    surfels = points.finish().gaussians
    rows = [row(f"points ({len(train)} frames)", scored(surfels), len(surfels), 0.0)]
    for seconds in options.kitchen_seconds:
        curve = trained(scene, train, scored, seconds, seconds)
        rows.append(row("splat", curve.last, curve.gaussians, curve.seconds[-1]))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


# --- d: memory --------------------------------------------------------------------------------


def part_d(options: Options) -> Rows:
    """Record simulated frames, then fuse and train them in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        capture = options.memory_capture
        if capture is None:
            capture = Path(folder) / "capture"
            world = TabletopConfig(n_frames=options.memory_frames)
            record_tabletop(capture, 77, world, format="folder")
        command = [sys.executable, __file__, "--memory-child", str(capture)]
        command += ["--memory-voxel-m", str(options.memory_voxel_m)]
        command += ["--memory-iterations", str(options.memory_iterations)]
        command += ["--threads", str(options.threads)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [json.loads(done.stdout.splitlines()[-1])]


def memory_child(options: Options) -> None:
    """Print the peak after importing, after fusing and after training, GB."""
    peaks = [_peak_gb()]
    scene = SceneConfig(voxel_size_m=options.memory_voxel_m)
    builder = make_splat(scene, options.memory_iterations)
    frames = 0
    for frame in open_capture(options.memory_child or Path()):
        frames += builder.add(frame).used
    surfels = len(builder.snapshot().gaussians)
    peaks.append(_peak_gb())
    count = len(builder.finish().gaussians)
    peaks.append(_peak_gb())
    row = {
        "frames": frames,
        "size": f"{frame.camera.width}x{frame.camera.height}",
        "surfels": surfels,
        "Gaussians": count,
        "steps": options.memory_iterations,
        "peak GB after import": round(peaks[0], 3),
        "peak GB after fusing": round(peaks[1], 3),
        "peak GB after training": round(peaks[2], 3),
    }
    print(json.dumps(row))


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


# --- all --------------------------------------------------------------------------------------


def main(options: Options) -> None:
    """Run the parts, print and write."""
    core.set_threads(options.threads)
    torch.set_num_threads(options.threads)
    if options.memory_child is not None:
        memory_child(options)
        return
    options = shortened(options) if options.quick else options
    head = {**describe_machine(options.threads), "recording": options.capture.name}
    parts = [part.strip() for part in options.parts.split(",")]
    found: dict[str, Any] = {}
    if "a" in parts:
        found["a. Sparse start as OpenSplat does it"] = part_a(options)
    if "b" in parts:
        found["b. RGB-D start against sparse start"], curves = part_b(options)
    if "c" in parts and options.kitchen.is_dir():
        found["c. Kitchen"] = part_c(options)
    if "d" in parts:
        found["d. Memory"] = part_d(options)
    text = "# Splat training\n\n" + "\n".join(f"- {k}: {v}" for k, v in head.items())
    text += "".join(f"\n\n## {title}\n\n{markdown(rows)}" for title, rows in found.items())
    record = {"machine": head, **found, **({"curves of b": curves} if "b" in parts else {})}
    write_report(options.out, "splat_training", text, record)


if __name__ == "__main__":
    main(tyro.cli(Options))
