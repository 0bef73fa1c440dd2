"""One answer against the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from grounding3d.geometry.boxes import aabb_iou
from grounding3d.query.answer import Answer, Candidate
from grounding3d.query.truth import MARGIN_M, GroundTruth, TrueObject, TrueQuery

CHI2_95 = 7.814727903251179
"""95 % quantile of chi-square with three degrees of freedom: the 95 % ellipsoid of a position."""
_SMALLEST_VARIANCE = 1e-10  # 0.01 mm: keeps a singular covariance from dividing by zero
_NAN = float("nan")


@dataclass(frozen=True)
class Outcome:
    """One query's result.

    What is measured of the best candidate refers to the target whose centre is nearest to it, and
    is NaN for an absent thing.

    Attributes:
        text, kind: the query.
        present: whether the scene holds what it asks for.
        held_out: whether every target is an instance that the encoder's training was kept from.
        status, reason_code: of the answer.
        score: of the best candidate, 0 without one.
        success: present: an answer was given and its best candidate's centre lies in a target's
            box; plural: every target holds the centre of a selected candidate, and every selected
            one lies in a target; absent: no answer was given.
        distance_m: between the centres; infinite where nothing was answered.
        answered: found or ambiguous.
        total_ms, text_ms, search_ms: latency.
        scene: whose query it is; queries of one scene are drawn together for bounds.
        iou: of the two boxes, each made axis-aligned; 0 where nothing was answered.
        mahalanobis2: squared distance of the true centre in the candidate's covariance; NaN where
            nothing was answered.
        semi_axis_m: longest semi-axis of the 95 % ellipsoid; NaN where nothing was answered.
    """

    text: str
    kind: str
    present: bool
    held_out: bool
    status: str
    score: float
    success: bool
    distance_m: float
    answered: bool
    total_ms: float
    text_ms: float = 0.0
    search_ms: float = 0.0
    reason_code: str = "ok"
    scene: str = ""
    iou: float = _NAN
    mahalanobis2: float = _NAN
    semi_axis_m: float = _NAN


Judge = Callable[[Answer, TrueQuery, GroundTruth], Outcome]
"""Decides whether an answer is right; a suite of other data may bring its own."""


def judge(answer: Answer, query: TrueQuery, truth: GroundTruth) -> Outcome:
    """One answer's outcome; an ambiguous one is right only if its best candidate is."""
    targets = [truth.objects[t] for t in query.targets]
    answered = answer.status in ("found", "ambiguous")
    best = answer.candidates[0] if answer.candidates else None
    distance, iou = (float("inf"), 0.0) if targets else (_NAN, _NAN)
    mahalanobis2 = semi_axis = _NAN
    if targets and answered and best is not None:
        target = min(targets, key=lambda t: float(np.linalg.norm(best.box.center - t.center)))
        distance = float(np.linalg.norm(best.box.center - target.center))
        iou = aabb_iou(best.box.aabb(), (target.minimum, target.maximum))
        mahalanobis2, semi_axis = ellipsoid(best.covariance, target.center - best.box.center)
    return Outcome(
        text=query.text,
        kind=query.kind,
        present=bool(targets),
        held_out=bool(targets) and all(t.held_out for t in targets),
        status=answer.status,
        score=best.score if best is not None else 0.0,
        success=_right(answer, query, targets) if targets else not answered,
        distance_m=distance,
        answered=answered,
        total_ms=float(answer.latency_ms.get("total", 0.0)),
        text_ms=float(answer.latency_ms.get("text", 0.0)),
        search_ms=float(answer.latency_ms.get("search", 0.0)),
        reason_code=answer.reason_code,
        iou=iou,
        mahalanobis2=mahalanobis2,
        semi_axis_m=semi_axis,
    )


def ellipsoid(covariance: np.ndarray, error: np.ndarray) -> tuple[float, float]:
    """Squared Mahalanobis distance of an error [3], and the 95 % ellipsoid's longest semi-axis."""
    variances, axes = np.linalg.eigh(np.asarray(covariance, float))
    variances = np.maximum(variances, _SMALLEST_VARIANCE)
    along = np.asarray(error, float) @ axes
    return float((along**2 / variances).sum()), float(np.sqrt(CHI2_95 * variances[-1]))


def _right(answer: Answer, query: TrueQuery, targets: Sequence[TrueObject]) -> bool:
    """Whether the answer to a question about something present is right."""
    if answer.status not in ("found", "ambiguous") or not answer.candidates:
        return False
    if query.kind != "plural":
        return any(_inside(answer.candidates[0], target) for target in targets)
    hits = np.array([[_inside(item, target) for target in targets] for item in answer.selected])
    return bool(len(hits) and hits.any(axis=0).all() and hits.any(axis=1).all())


def _inside(candidate: Candidate, target: TrueObject) -> bool:
    return bool(target.contains(candidate.box.center, MARGIN_M))
