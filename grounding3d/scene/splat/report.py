"""What is told of a training: counts, time, and scores on frames it has not seen."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from grounding3d.scene.base import Gaussians
from grounding3d.scene.splat.engine import TrainView
from grounding3d.scene.splat.engines import rasterizer_of
from grounding3d.scene.splat.evaluation import ViewScore, score_views
from grounding3d.scene.splat.store import FrameStore
from grounding3d.scene.splat.trainer import Trainer

_log = logging.getLogger(__name__)

_WORSE = 1.05  # a depth error this much over the surfels' is worth a warning


def held_out_score(trainer: Trainer, store: FrameStore, gaussians: Gaussians) -> ViewScore | None:
    """Scores of Gaussians on the held-out frames, None without such frames.

    Where training fits exposures, each held-out frame's is fitted to the rendering too, by least
    squares; else none is applied.
    """
    return score_views(
        gaussians,
        _held_out_views(trainer, store),
        rasterizer_of(trainer.engine),
        background=mean_background(store),
        fit=trainer.config.exposure,
    )


def training_report(
    trainer: Trainer, store: FrameStore, before: ViewScore | None
) -> dict[str, Any]:
    """JSON values for the scene's manifest.

    Args:
        before: scores of the fused surfels.
    """
    after = held_out_score(trainer, store, trainer.gaussians())
    was, now = (score.depth_l1_mm if score else None for score in (before, after))
    if was is not None and now is not None and now > _WORSE * was:
        _log.warning(
            "training made the held-out depth error worse: %.1f mm, then %.1f mm", was, now
        )
    held_out = [frame for frame in store.frames if frame.held_out]
    return {
        "engine": trainer.engine.name,
        "start": trainer.config.start,
        "steps": trainer.steps,
        "seconds": round(trainer.seconds, 2),
        "frames_trained": len(store) - len(held_out),
        "frames_colour_only": sum(frame.keyframe < 0 for frame in store.frames),
        "frames_held_out": len(held_out),
        "exposure_of_held_out": "fitted" if trainer.config.exposure else "none",
        "held_out": _rounded(after),
        "held_out_before": _rounded(before),
    }


def mean_background(store: FrameStore) -> tuple[float, float, float]:
    """Mean colour of what has no depth, over the frames that have such pixels; else black."""
    known = [frame.background for frame in store.frames if any(frame.background)]
    mean = np.mean(known, axis=0) if known else np.zeros(3)
    return float(mean[0]), float(mean[1]), float(mean[2])


def _held_out_views(trainer: Trainer, store: FrameStore) -> Iterator[TrainView]:
    positions = [n for n, frame in enumerate(store.frames) if frame.held_out]
    most = trainer.config.held_out_max
    if len(positions) > most:
        chosen = np.linspace(0, len(positions) - 1, most).round().astype(int)
        positions = [positions[n] for n in chosen]
    for position in positions:
        yield trainer.view(position)


def _rounded(score: ViewScore | None) -> dict[str, float | None] | None:
    if score is None:
        return None
    return {k: None if v is None else round(v, 4) for k, v in asdict(score).items()}
