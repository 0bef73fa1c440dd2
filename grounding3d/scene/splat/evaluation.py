"""How well Gaussians reproduce frames: colour, structure, depth, coverage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from grounding3d.scene.base import Gaussians
from grounding3d.scene.rasterizers.base import Rasterizer
from grounding3d.scene.splat.engine import TrainView
from grounding3d.scene.splat.exposure import fit_exposure

_WINDOW = 11  # SSIM as in Wang et al. 2004
_SIGMA = 1.5
_C1, _C2 = 0.01**2, 0.03**2
_ROW_STRIDE = 4  # rows on which SSIM is evaluated; the mean over a quarter of them is as good
_COVERED = 0.5  # alpha from which a pixel shows the scene


@dataclass(frozen=True)
class ViewScore:
    """Scores of one view, or means over several.

    Attributes:
        psnr_db: peak signal-to-noise ratio of the colour, dB.
        ssim: structural similarity.
        depth_l1_mm: mean absolute error of the expected depth where depth was measured and the
            scene covers it, millimetres; None without such pixels.
        depth_median_mm: median of the same.
        coverage: share of the pixels with measured depth that the scene covers; None without.
    """

    psnr_db: float
    ssim: float
    depth_l1_mm: float | None
    depth_median_mm: float | None
    coverage: float | None


def score_views(
    gaussians: Gaussians,
    views: Iterable[TrainView],
    rasterizer: Rasterizer,
    *,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    fit: bool = False,
) -> ViewScore | None:
    """Mean scores over views, None without a view.

    Args:
        background: colour behind the scene.
        fit: fit each view's exposure to the rendering first, by least squares; else the views'
            own exposures are applied.
    """
    scores = [score_view(gaussians, view, rasterizer, background, fit) for view in views]
    if not scores:
        return None
    return ViewScore(
        psnr_db=_mean([s.psnr_db for s in scores]) or 0.0,
        ssim=_mean([s.ssim for s in scores]) or 0.0,
        depth_l1_mm=_mean([s.depth_l1_mm for s in scores]),
        depth_median_mm=_mean([s.depth_median_mm for s in scores]),
        coverage=_mean([s.coverage for s in scores]),
    )


def score_view(
    gaussians: Gaussians,
    view: TrainView,
    rasterizer: Rasterizer,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    fit: bool = False,
) -> ViewScore:
    """Scores of one view."""
    drawn = rasterizer.render(gaussians, view.camera, view.T_world_cam, background=background)
    covered = drawn.alpha > _COVERED
    exposure = fit_exposure(drawn.rgb, view.rgb, covered) if fit else view.exposure
    rgb = np.clip(drawn.rgb * exposure[0] + exposure[1], 0, 1).astype(np.float32)
    image = view.rgb.astype(np.float32) / 255
    measured = view.depth_m > 0
    both = measured & covered
    error = 1000 * np.abs(drawn.depth_m[both] - view.depth_m[both])
    mse = max(float(np.square(rgb - image).mean()), 1e-10)
    return ViewScore(
        psnr_db=-10 * float(np.log10(mse)),
        ssim=mean_ssim(rgb, image),
        depth_l1_mm=float(error.mean()) if both.any() else None,
        depth_median_mm=float(np.median(error)) if both.any() else None,
        coverage=float(covered[measured].mean()) if measured.any() else None,
    )


def mean_ssim(a: np.ndarray, b: np.ndarray, row_stride: int = _ROW_STRIDE) -> float:
    """Mean structural similarity of two images [H,W,3] in [0, 1]; NaN below 11 x 11 pixels."""
    if min(a.shape[:2]) < _WINDOW:
        return float("nan")
    mean_a, mean_b = _blur(a, row_stride), _blur(b, row_stride)
    var_a = _blur(a * a, row_stride) - mean_a**2
    var_b = _blur(b * b, row_stride) - mean_b**2
    cov = _blur(a * b, row_stride) - mean_a * mean_b
    top = (2 * mean_a * mean_b + _C1) * (2 * cov + _C2)
    bottom = (mean_a**2 + mean_b**2 + _C1) * (var_a + var_b + _C2)
    return float((top / bottom).mean())


def _blur(image: np.ndarray, row_stride: int) -> np.ndarray:
    """Gaussian windows that lie inside the image, on every n-th row."""
    x = np.arange(_WINDOW) - _WINDOW // 2
    taps = np.exp(-0.5 * np.square(x / _SIGMA))
    taps = (taps / taps.sum()).astype(np.float32)
    rows = image.shape[0] - _WINDOW + 1
    columns = image.shape[1] - _WINDOW + 1
    down = sum(t * image[k : k + rows : row_stride] for k, t in enumerate(taps))
    return np.asarray(sum(t * down[:, k : k + columns] for k, t in enumerate(taps)))


def _mean(values: list[float] | list[float | None]) -> float | None:
    known = [value for value in values if value is not None and np.isfinite(value)]
    return float(np.mean(known)) if known else None
