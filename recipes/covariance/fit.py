"""The parameters under which 95 % of the true centres lie in the 95 % ellipsoid."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from grounding3d.objects.covariance import CovarianceModel, center_covariance
from recipes.covariance.match import Match

CHI2_95 = 7.815
"""95 % point of chi square with three degrees of freedom."""

_SEEN_FACE_M = (0.003, 0.004, 0.005, 0.006, 0.008)
_UNSEEN_SHARE = (0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25)
_LOPSIDED = 1.0  # the two middles are both right; nothing to fit
_GROUPS = 3


def distances(
    found: Sequence[Match], model: CovarianceModel, pose_sigma_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Squared Mahalanobis distances [n] of the true centres, and 95 % semi-axes [n], metres."""
    squared, axes = [], []
    for match in found:
        covariance = center_covariance(
            match.box, match.cameras, match.bottom_known, pose_sigma_m,
            points=match.points, misfit_m=match.misfit_m, model=model,
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


def fit(found: Sequence[Match], pose_sigma_m: float) -> CovarianceModel:
    """The model on a small grid that comes nearest to 95 % overall and in each third.

    Coverage is a count, so nothing finer than the grid can be told apart; between models that come
    equally near, the one with the smaller ellipsoids is taken.
    """
    best, best_cost = CovarianceModel(), np.inf
    for seen, unseen in itertools.product(_SEEN_FACE_M, _UNSEEN_SHARE):
        model = CovarianceModel(seen, unseen, _LOPSIDED)
        report = coverage(found, model, pose_sigma_m)
        gaps = np.abs(np.array([report["inside"], *report["inside_by_third"]]) - 0.95)
        cost = float(gaps[0] + gaps[1:].max() + report["median_axis_m"])
        if cost < best_cost:
            best, best_cost = model, cost
    return best
