"""How close a rendered view comes to the frame that was recorded there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from grounding3d.capture.base import RGBDFrame
from grounding3d.interfaces.renders.view import View


@dataclass(frozen=True)
class ViewQuality:
    """Figures of one view against its frame.

    Attributes:
        frame_index: the frame.
        psnr_db: over the pixels the scene covers; None where it covers none.
        depth_l1_mm: mean |rendered - measured| over pixels where both are known; None without any.
        depth_median_mm: median of the same.
        coverage: share of the pixels with measured depth that the scene covers; None where none
            was measured.
    """

    frame_index: int
    psnr_db: float | None
    depth_l1_mm: float | None
    depth_median_mm: float | None
    coverage: float | None


def compare(view: View, frame: RGBDFrame) -> ViewQuality:
    """Figures of a view; the frame is brought to its size."""
    rgb, depth_m = frame_like(view, frame)
    covered = view.depth_m > 0
    psnr_db = None
    if covered.any():
        difference = view.rgb[covered].astype(float) - rgb[covered]
        psnr_db = float(10 * np.log10(255**2 / max(float(np.square(difference).mean()), 1e-3)))
    known = depth_m > 0
    both = covered & known
    gap_mm = 1000 * np.abs(view.depth_m[both] - depth_m[both])
    return ViewQuality(
        frame_index=frame.frame_index,
        psnr_db=psnr_db,
        depth_l1_mm=float(gap_mm.mean()) if len(gap_mm) else None,
        depth_median_mm=float(np.median(gap_mm)) if len(gap_mm) else None,
        coverage=float(both.sum() / known.sum()) if known.any() else None,
    )


def describe_quality(figures: Sequence[ViewQuality]) -> str:
    """Medians over views, for people; empty without any."""
    parts = []
    for name, unit, form in (
        ("psnr_db", "dB PSNR", ".1f"),
        ("depth_median_mm", "mm median depth error", ".1f"),
        ("coverage", "of the measured pixels covered", ".0%"),
    ):
        values = [v for v in (getattr(f, name) for f in figures) if v is not None]
        if values:
            parts.append(f"{float(np.median(values)):{form}} {unit}")
    return ", ".join(parts)


def frame_like(view: View, frame: RGBDFrame) -> tuple[np.ndarray, np.ndarray]:
    """Colour and depth of a frame in the view's size: averaged, and the nearest pixel's."""
    height, width = view.depth_m.shape
    if frame.depth_m.shape == (height, width):
        return frame.rgb, frame.depth_m
    rgb = Image.fromarray(frame.rgb).resize((width, height), Image.Resampling.BOX)
    depth = Image.fromarray(frame.depth_m).resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(rgb), np.asarray(depth, np.float32)
