"""What a scene's training is said to have come to, by `build`, `info` and reports alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_FIGURES = (
    ("psnr_db", "PSNR", "{:.1f} dB", 1),
    ("ssim", "SSIM", "{:.3f}", 1),
    ("depth_l1_mm", "depth error", "{:.1f} mm", 1),
    ("coverage", "covered", "{:.1f} %", 100),
)
"""Key in the scene's report, name for people, form and factor."""


@dataclass(frozen=True)
class HeldOutFigure:
    """One score on the frames that were kept from training.

    Attributes:
        name: what is measured.
        value: after training, with its unit.
        start: of what training started from, in brackets; empty where that was not measured.
    """

    name: str
    value: str
    start: str


def held_out_figures(report: Mapping[str, Any] | None) -> list[HeldOutFigure]:
    """The scores of a scene's report (`Scene.report`); none where nothing was held out."""
    after, before = _section(report, "held_out"), _section(report, "held_out_before")
    from_surfels = (report or {}).get("start", "surfels") == "surfels"
    start = "surfels" if from_surfels else "at the start"
    figures = []
    for key, name, form, factor in _FIGURES:
        now, was = (section.get(key) for section in (after, before))
        if now is not None:
            brackets = "" if was is None else f" ({start} {form.format(factor * was)})"
            figures.append(HeldOutFigure(name, form.format(factor * now), brackets))
    return figures


def training_counts(report: Mapping[str, Any] | None) -> str:
    """How long training took and what it saw; empty where there was none."""
    if not report or "steps" not in report:
        return ""
    seconds, engine = report.get("seconds"), report.get("engine")
    line = f"Trained {report['steps']} steps"
    line += f" in {seconds:.1f} s" if seconds is not None else ""
    line += f" ({engine})" if engine else ""
    if report.get("frames_colour_only"):
        line += f"; {report['frames_colour_only']} frames without depth taught colour only"
    return line


def training_text(report: Mapping[str, Any] | None) -> str:
    """A line on how training went and how well it fits; empty where there was none."""
    line, figures = training_counts(report), held_out_figures(report)
    if not report or not line or not figures:
        return line
    shown = ", ".join(f"{figure.name} {figure.value}{figure.start}" for figure in figures)
    return f"{line}; {report.get('frames_held_out', 'some')} held-out frames: {shown}"


def _section(report: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    section = (report or {}).get(name)
    return section if isinstance(section, Mapping) else {}
