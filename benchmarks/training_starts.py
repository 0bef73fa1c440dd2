"""Part b of `splat_training.py`: an RGB-D start against sparse ones on the same recording.

Seconds until the held-out PSNR that the sparse start has after its whole schedule. Seconds are of
training, scoring not counted.
"""

from __future__ import annotations

from typing import Any

from training_options import Options
from training_scores import background_of, score, split, trained

from grounding3d.capture import open_capture
from grounding3d.scene.base import Gaussians
from grounding3d.scene.config import SceneConfig
from grounding3d.scene.splat.config import LossConfig, SplatConfig
from grounding3d.scene.splat.evaluation import ViewScore


def start_rows(options: Options) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Table, and the curves of PSNR over seconds."""
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
