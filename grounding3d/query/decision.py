"""From evidence to a decision: which objects are the answer, if any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.query.answer import ReasonCode, Status
from grounding3d.query.calibration import Calibration
from grounding3d.query.evidence import Evidence

NULL_FOUND = 0.98
"""Without a calibration: share of unrelated nouns that the answer has to beat."""
NULL_RANK = 0.03
"""Without a calibration: at most this share of rival nouns may fit the object better."""
NULL_TIE = 0.25
"""Without a calibration: two objects this near, in standard deviations, are a tie."""


@dataclass(frozen=True, eq=False)
class Decision:
    """What was decided for M objects.

    Attributes:
        status, reason_code, reason: as in the answer.
        score: [M] in [0, 1].
        order: [M] rows, best first.
        n_selected: how many of `order` are the answer.
    """

    status: Status
    reason_code: ReasonCode
    reason: str
    score: np.ndarray
    order: np.ndarray
    n_selected: int


def decide(evidence: Evidence, plural: bool, rule: Calibration | NullRule) -> Decision:
    """Apply a rule to the evidence."""
    score, strength = rule.score(evidence)
    order = np.argsort(-strength, kind="stable")
    passes = rule.passes(evidence, score)[order]
    best = float(score[order[0]])
    if not passes[0]:
        return _nothing(score, order, best, rule)
    n_passing = len(passes) if passes.all() else int(np.argmin(passes))
    if plural:
        reason = f"{n_passing} objects fit" if n_passing > 1 else "one object fits"
        return Decision("found", "ok", f"{reason}{rule.note}", score, order, n_passing)
    gap = strength[order[0]] - strength[order]
    tied = min(int((gap <= rule.tie).sum()), n_passing)
    if tied > 1:
        reason = f"{tied} objects fit equally well{rule.note}"
        return Decision("ambiguous", "ok", reason, score, order, tied)
    return Decision("found", "ok", f"score {best:.2f}{rule.note}", score, order, 1)


def _nothing(
    score: np.ndarray, order: np.ndarray, best: float, rule: Calibration | NullRule
) -> Decision:
    code: ReasonCode = "low_confidence" if best >= rule.low else "absent"
    what = "no object fits well enough" if code == "low_confidence" else "no object fits"
    reason = f"{what}, the best score is {best:.2f}{rule.note}"
    return Decision("not_found", code, reason, score, order, 0)


class NullRule:
    """Decides by the scene's own null distribution, for encoders without a calibration.

    An object is the answer if it fits the query better than nearly every unrelated noun fits any
    object of the scene, and if nearly no rival noun fits that object better.

    Args:
        null_best: [U] sorted best z of every unrelated noun.
    """

    id = None
    low = 0.9
    tie = NULL_TIE
    note = " (by the scene's own null distribution of unrelated nouns; not a probability)"

    def __init__(self, null_best: np.ndarray) -> None:
        self._null_best = null_best

    def score(self, evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
        """[M] share of unrelated nouns that are beaten, and [M] what to sort by."""
        beaten = np.searchsorted(self._null_best, evidence.z, side="left")
        return beaten / len(self._null_best), evidence.z + evidence.kind

    def passes(self, evidence: Evidence, score: np.ndarray) -> np.ndarray:
        """[M] whether an object may be an answer."""
        return (score >= NULL_FOUND) & (evidence.rank >= -NULL_RANK)
