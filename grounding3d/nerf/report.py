"""How well a NeRF shows frames it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from grounding3d.nerf.dataset import RGBDDataset
from grounding3d.nerf.export import StoredNerf
from grounding3d.nerf.frames import FrameFile
from grounding3d.nerf.views import draw_view
from grounding3d.scene.splat.evaluation import mean_ssim


def held_out_scores(
    nerf: StoredNerf,
    frames: Sequence[FrameFile],
    dataset: RGBDDataset,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Means over held-out frames, at the size that rays were trained at.

    Args:
        nerf: to be judged.
        frames: held out; their measured depth is the reference.
        dataset: of the same frames, in the same order.
        progress: called with (done, total).

    Returns:
        psnr_db, ssim, depth_median_m and depth_mean_m (of all pixels with measured and certain
        drawn depth), coverage (share of the measured pixels with certain depth), n_held_out; None
        where there is nothing to compare.
    """
    psnr, ssim, errors = [], [], []
    n_measured = 0
    for number, frame in enumerate(frames):
        width, height = dataset.sizes[number]
        view = draw_view(nerf, frame.camera.resized(width, height), frame.T_world_cam)
        image = dataset.get_numpy_image(number)[..., :3].astype(np.float32) / 255
        found = view.rgb.astype(np.float32) / 255
        psnr.append(-10 * np.log10(max(float(np.square(found - image).mean()), 1e-10)))
        ssim.append(mean_ssim(found, image, 1))
        measured = dataset.depth_m(number)
        if measured is not None:
            both = (measured > 0) & (view.depth_m > 0)
            errors.append(np.abs(measured - view.depth_m)[both])
            n_measured += int((measured > 0).sum())
        if progress is not None:
            progress(number + 1, len(frames))
    error = np.concatenate(errors) if errors else np.zeros(0)
    return {
        "psnr_db": _mean(psnr),
        "ssim": _mean(ssim),
        "depth_median_m": float(np.median(error)) if len(error) else None,
        "depth_mean_m": float(error.mean()) if len(error) else None,
        "coverage": len(error) / n_measured if n_measured else None,
        "n_held_out": len(frames),
    }


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else None
