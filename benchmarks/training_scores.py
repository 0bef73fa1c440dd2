"""Frames held out, scores over them, and trainings that are scored on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.scene.base import Gaussians
from grounding3d.scene.config import SceneConfig
from grounding3d.scene.rasterizers.cpu import CpuRasterizer
from grounding3d.scene.splat.builder import SplatBuilder
from grounding3d.scene.splat.engine import TrainView
from grounding3d.scene.splat.evaluation import ViewScore, score_views
from grounding3d.scene.splat.exposure import IDENTITY
from grounding3d.scene.splat.report import mean_background
from grounding3d.scene.splat.store import FrameStore

Colour = tuple[float, float, float]
_CALIBRATION_STEPS = 60


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
