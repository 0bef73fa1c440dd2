"""Part c of `splat_training.py`: the kitchen of 7-Scenes, every tenth frame held out.

PSNR and depth error of the fused surfels and of splats trained for some seconds each, every time
from the start and to the end of a schedule of about that length.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from training_options import Options
from training_scores import background_of, score, split, trained

from grounding3d.capture import open_capture
from grounding3d.live.config import load_config
from grounding3d.scene.base import Gaussians
from grounding3d.scene.points import PointsBuilder
from grounding3d.scene.splat.evaluation import ViewScore


def kitchen_rows(options: Options) -> list[dict[str, Any]]:
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
