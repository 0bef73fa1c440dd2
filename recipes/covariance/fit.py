"""The parameters under which 95 % of the true centres lie in the 95 % ellipsoid."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from grounding3d.objects.covariance import CovarianceModel, center_covariance
from recipes.covariance.match import Match

CHI2_95 = 7.815
"""95 % point of chi square with three degrees of freedom."""

_SEEN_FACE_M = (0.003, 0.004, 0.005, 0.006, 0.008)
_HIDDEN_SHARE = (0.1, 0.15, 0.2, 0.25, 0.3)
_HIDDEN_LACK = (0.0, 0.15, 0.25, 0.35)
_GROUPS = 3
_SHARPNESS = 1.0  # a centimetre of semi-axis is worth a per cent of coverage


def distances(
    found: Sequence[Match], model: CovarianceModel, pose_sigma_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Squared Mahalanobis distances [n] of the true centres, and 95 % semi-axes [n], metres."""
    squared, axes = [], []
    for match in found:
        covariance = center_covariance(
            match.box, match.cameras, match.bottom_known, pose_sigma_m,
            points=match.points, reach_m=match.reach_m, misfit_m=match.misfit_m,
            hidden_m=match.hidden_m, topped_m=match.topped_m, model=model,
        )  # fmt: skip
        squared.append(match.error @ np.linalg.solve(covariance, match.error))
        axes.append(np.sqrt(CHI2_95 * np.linalg.eigvalsh(covariance)[-1]))
    return np.array(squared), np.array(axes)


def coverage(found: Sequence[Match], model: CovarianceModel, pose_sigma_m: float) -> dict[str, Any]:
    """Share of true centres inside, overall and in thirds of predicted size; median semi-axes."""
    squared, axes = distances(found, model, pose_sigma_m)
    thirds = np.array_split(np.argsort(axes, kind="stable"), _GROUPS)
    return {
        "n": len(found),
        "inside": round(float((squared < CHI2_95).mean()), 4),
        "inside_by_third": [round(float((squared[t] < CHI2_95).mean()), 4) for t in thirds],
        "median_axis_m": round(float(np.median(axes)), 4),
        "median_axis_by_third_m": [round(float(np.median(axes[t])), 4) for t in thirds],
    }


def fit(kinds: Sequence[Sequence[Match]], pose_sigma_m: float) -> CovarianceModel:
    """The model on a small grid that brings coverage nearest to 95 % where it is farthest.

    Coverage counts overall, in each third of predicted size and in each kind of scene: faces of
    table tops are mostly seen, faces in rooms are mostly not. It is a count: nothing finer than the
    grid can be told apart. How lopsided things are needs no fitting, as both middles are right.

    Args:
        kinds: matches of calibration scenes, those of one kind (table tops, rooms) together.
        pose_sigma_m: error that the poses share, metres; for a simulated camera it stands for what
            the grid and the trimming shift all faces by.
    """
    best, best_cost = CovarianceModel(), np.inf
    for seen, share, lack in product(_SEEN_FACE_M, _HIDDEN_SHARE, _HIDDEN_LACK):
        model = CovarianceModel(seen, share, lack)
        reports = [coverage(found, model, pose_sigma_m) for found in kinds if found]
        shares = [[report["inside"], *report["inside_by_third"]] for report in reports]
        worst = np.abs(np.array(shares) - 0.95).max(axis=1).mean()
        axis = float(np.mean([report["median_axis_m"] for report in reports]))
        cost = float(worst + _SHARPNESS * axis)
        if cost < best_cost:
            best, best_cost = model, cost
    return best
