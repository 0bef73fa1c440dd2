"""The decision on its way, and how it ends: found, or refused with a reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.query.answer import ParsedQuery, ReasonCode, Status
from grounding3d.query.decision import Decision
from grounding3d.query.descriptions import Fit, Rule
from grounding3d.query.joining import Joiner
from grounding3d.query.layout import Layout
from grounding3d.query.wording import described, object_name


@dataclass(frozen=True, eq=False)
class State:
    """The decision on its way.

    Attributes:
        fit: of the target.
        rows: [T] rows that may still be the answer, best first.
        belief: [T] probability that each is.
        notes: what was used, for the reason.
    """

    fit: Fit
    rows: np.ndarray
    belief: np.ndarray
    notes: tuple[str, ...] = ()


class Refusal(Exception):
    """Nothing is the answer; carries the decision."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.reason)
        self.decision = decision


class Verdict:
    """Makes decisions of states.

    Args:
        layout: where the M objects are.
        joiner: tells how certain a fit is.
        rule: thresholds.
        labels: [M] names of the objects, for reasons.
    """

    def __init__(self, layout: Layout, joiner: Joiner, rule: Rule, labels: tuple[str, ...]) -> None:
        self._layout, self._joiner, self._rule, self._labels = layout, joiner, rule, labels

    def found(
        self,
        parsed: ParsedQuery,
        state: State,
        chosen: np.ndarray,
        notes: list[str],
        status: Status,
        belief: np.ndarray | None = None,
    ) -> Decision:
        """The decision for some of the state's rows; the others follow, then all objects."""
        score = self.score(state, state.belief if belief is None else belief)
        rest = np.ones(len(state.rows), bool)
        rest[chosen] = False
        by_belief = np.argsort(-state.belief, kind="stable")
        front = np.concatenate([chosen, by_belief[rest[by_belief]]]).astype(int)
        order = _with_the_others(state.rows[front], state.fit.strength)
        reason = "; ".join([described(parsed), *notes])
        evidence = state.fit.evidence
        return Decision(
            status, "ok", reason, score, evidence.similarity, evidence.relevancy, order, len(chosen)
        )

    def score(self, state: State, belief: np.ndarray) -> np.ndarray:
        """[M] the fit's score, times what was asked besides for the rows that were looked at."""
        score = state.fit.score.copy()
        certain = np.maximum(self._joiner.certainty(state.fit, state.rows), 1e-9)
        score[state.rows] = score[state.rows] * np.clip(belief / certain, 0, 1)
        return score

    def refused(self, state: State, belief: np.ndarray, code: ReasonCode, reason: str) -> Decision:
        """Nothing is the answer, though the state's rows came close; they are listed first."""
        order = _with_the_others(state.rows, state.fit.strength)
        score = self.score(state, belief)
        return nothing(code, reason + self._rule.note, state.fit, score, order)

    def name(self, row: int) -> str:
        """What a reason calls an object, by its row."""
        return object_name(self._labels[row], int(self._layout.ids[row]))


def _with_the_others(front: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """All rows: those in front first, then the others by strength."""
    order = np.argsort(-strength, kind="stable")
    taken = np.zeros(len(strength), bool)
    taken[front] = True
    return np.concatenate([front, order[~taken[order]]])


def nothing(
    code: ReasonCode, reason: str, fit: Fit, score: np.ndarray, order: np.ndarray | None = None
) -> Decision:
    """Nothing was found; `order` [M] lists the objects, None: the best fitting first."""
    rows = np.argsort(-fit.strength, kind="stable") if order is None else order
    evidence = fit.evidence
    return Decision(
        "not_found", code, reason, score, evidence.similarity, evidence.relevancy, rows, 0
    )
