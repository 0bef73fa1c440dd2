"""Part a of `splat_training.py`: a sparse start as OpenSplat does it.

The same points, degree of colour and number of steps, colour only, no densification. Steps a second
and held-out PSNR of ours (SSIM on every row as OpenSplat's, and on every second one, the default),
of the reference engine (a few steps, its rate extrapolated) and of OpenSplat (`--opensplat`, see
opensplat.py; else its published rates). The ratios take ours with SSIM on every row.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from opensplat import (
    BACKGROUND,
    QUOTED_RATE,
    centred,
    halved,
    run_opensplat,
    version_of,
    write_project,
)
from training_options import Options
from training_scores import Colour, score, split

from grounding3d.capture import open_capture
from grounding3d.capture.base import RGBDFrame
from grounding3d.scene.base import Gaussians
from grounding3d.scene.points import PointsBuilder
from grounding3d.scene.splat import make_engine
from grounding3d.scene.splat.config import DensifyConfig, LossConfig, SplatConfig
from grounding3d.scene.splat.report import mean_background
from grounding3d.scene.splat.start import cameras_extent_m, start_parameters
from grounding3d.scene.splat.store import FrameStore
from grounding3d.scene.splat.trainer import Trainer


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


def sparse_rows(options: Options) -> list[dict[str, Any]]:
    """Rates and PSNR; the ratio is our rate to the row's."""
    rows: list[dict[str, Any]] = []
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
