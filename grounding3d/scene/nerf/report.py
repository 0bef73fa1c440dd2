"""A scene's report, from what the job measured."""

from __future__ import annotations

from typing import Any

PHOTOMETRIC = "photometric only: no frame had depth, scale and shape come from the poses"


def scene_report(
    measured: dict[str, Any],
    model: dict[str, Any],
    *,
    frames: int,
    colour_only: int,
    held_out_frames: list[int],
) -> dict[str, Any]:
    """The report in the words that all backends use.

    Args:
        measured: the job's report.json.
        model: the job's nerf.json.
        frames: kept for training.
        colour_only: of these, how many had no depth.
        held_out_frames: indices in the capture of those that were not trained on.
    """
    seconds = measured.get("seconds") or {}
    report = {
        "engine": f"nerfstudio {model.get('nerfstudio')}, {model.get('implementation')}",
        "steps": measured.get("iterations"),
        "seconds": seconds.get("train"),
        "frames": frames,
        "frames_held_out": measured.get("n_held_out", 0),
        "held_out_frames": held_out_frames,
        "frames_colour_only": colour_only,
        "warnings": [PHOTOMETRIC] if colour_only == frames else [],
        "held_out": _held_out(measured),
        "nerf": measured,
    }
    return {name: value for name, value in report.items() if value is not None}


def _held_out(measured: dict[str, Any]) -> dict[str, float]:
    """Figures of the frames that were not trained on."""
    figures = {
        "psnr_db": measured.get("psnr_db"),
        "ssim": measured.get("ssim"),
        "depth_l1_mm": _millimetres(measured.get("depth_mean_m")),
        "depth_median_mm": _millimetres(measured.get("depth_median_m")),
        "coverage": measured.get("coverage"),
    }
    return {name: value for name, value in figures.items() if value is not None}


def _millimetres(metres: float | None) -> float | None:
    return None if metres is None else 1000 * metres
