"""From evidence to a decision: which objects are the answer, if any."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.query.answer import ReasonCode, Status
from grounding3d.query.evidence import Evidence

NULL_FOUND = 0.98
"""Without a calibration: share of unrelated nouns that the answer has to beat."""
NULL_RANK = 0.03
"""Without a calibration: at most this share of rival nouns may fit the object better."""
NULL_OFF = 1.5
"""Without a calibration: at most so many doublings may the object be outside the usual sizes."""
NULL_TIE = 0.25
"""Without a calibration: two objects this near, in standard deviations, are a tie."""


@dataclass(frozen=True, eq=False)
class Decision:
    """What was decided for M objects.

    Attributes:
        status, reason_code, reason: as in the answer.
        score: [M] in [0, 1].
        similarity, relevancy: [M] of the target's text.
        order: [M] rows, best first.
        n_selected: how many of `order` are the answer.
    """

    status: Status
    reason_code: ReasonCode
    reason: str
    score: np.ndarray
    similarity: np.ndarray
    relevancy: np.ndarray
    order: np.ndarray
    n_selected: int


class NullRule:
    """Decides by the scene's own null distribution, for encoders without a calibration.

    An object is the answer if it fits the query better than nearly every unrelated noun fits any
    object of the scene, if nearly no rival noun fits that object better, and if it is of a size
    that such things have.

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
        return beaten / len(self._null_best), evidence.z + evidence.kind + evidence.size

    def passes(self, evidence: Evidence, score: np.ndarray) -> np.ndarray:
        """[M] whether an object may be an answer."""
        credible = evidence.size >= -NULL_OFF
        return (score >= NULL_FOUND) & (evidence.rank >= -NULL_RANK) & credible
