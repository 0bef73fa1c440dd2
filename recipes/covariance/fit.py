"""The parameters under which 95 % of the true centres lie in the 95 % ellipsoid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from grounding3d.objects.covariance import CovarianceModel, center_covariance, unseen_faces
from recipes.covariance.match import Match

CHI2_95 = 7.815
"""95 % point of chi square with three degrees of freedom."""

_SEEN_FACE_M = (0.003, 0.004, 0.005, 0.006, 0.008)
_Z95 = 1.96
_LOPSIDED = 1.0  # the two middles are both right; nothing to fit
_GROUPS = 3
_SHARPNESS = 0.3  # a centimetre of semi-axis is worth this share of a per cent of coverage


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
    """Each parameter from what it causes.

    The unseen share from the errors along axes of which a face was not seen; then, for the faces
    that were, the value on a small grid that brings coverage nearest to 95 % where it is farthest,
    overall or in a third. Coverage is a count: nothing finer than the grid can be told apart.

    Args:
        found: matches of calibration scenes.
        pose_sigma_m: error that the poses share, metres; for a simulated camera it stands for what
            the grid and the trimming shift all faces by.
    """
    unseen = unseen_share(found)
    best, best_cost = CovarianceModel(), np.inf
    for seen in _SEEN_FACE_M:
        model = CovarianceModel(seen, unseen, _LOPSIDED)
        report = coverage(found, model, pose_sigma_m)
        gaps = np.abs(np.array([report["inside"], *report["inside_by_third"]]) - 0.95)
        cost = float(gaps.max() + _SHARPNESS * report["median_axis_m"])
        if cost < best_cost:
            best, best_cost = model, cost
    return best


def unseen_share(found: Sequence[Match]) -> float:
    """Standard deviation of an unseen face per size, from the 95 % point of the centres' errors."""
    shares = []
    for match in found:
        unseen = unseen_faces(match.box, match.cameras, match.bottom_known).max(axis=0)
        error = np.abs(match.error @ match.box.R) / match.box.size
        shares += error[:2][unseen[:2] > 0.5].tolist()
    # the centre moves by half of what the face is wrong
    return round(2 * float(np.quantile(shares, 0.95)) / _Z95, 2)
