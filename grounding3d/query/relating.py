"""Relations between the target and its anchors, judged together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from grounding3d.query.answer import ParsedQuery, ReasonCode
from grounding3d.query.decision import Decision
from grounding3d.query.joining import Joined, Joiner, needs_view
from grounding3d.query.layout import Layout
from grounding3d.query.relations import TRUE, Viewpoint
from grounding3d.query.verdict import Refusal, State, Verdict
from grounding3d.query.wording import described, relation_words


class Relating:
    """Keeps of what fits a description what also stands in the relations asked for.

    Args:
        layout: where the objects are.
        joiner: how true a relation is for each target and anchor.
        verdict: makes refusals.
    """

    def __init__(self, layout: Layout, joiner: Joiner, verdict: Verdict) -> None:
        self._layout, self._joiner, self._verdict = layout, joiner, verdict

    def related(
        self,
        parsed: ParsedQuery,
        state: State,
        vectors: Mapping[str, np.ndarray],
        viewpoint: Viewpoint | None,
    ) -> State:
        """The state with what all relations hold for, the most probable first.

        Raises:
            Refusal: an anchor was not found, or none of the targets stands so.
        """
        relations = [r for r in parsed.relations if is_geometric(r)]
        joined = [
            self._joiner.join(r, state.rows, state.belief, vectors, viewpoint) for r in relations
        ]
        for item in joined:
            if item.missing is not None and not item.negated:
                words = relation_words(item.relation)
                reason = f"{described(parsed)}: no {item.missing} was found for '{words}'"
                raise Refusal(self._verdict.refused(state, 0 * state.belief, "absent", reason))
        truth, notes = self._truth(joined, state, vectors, viewpoint)
        holds = truth >= TRUE
        if not holds.any():
            raise Refusal(self._untrue(parsed, state, joined, truth))
        best = int((state.belief * truth).argmax())
        used = tuple(notes[best])
        if any(needs_view(r) for r in relations) and viewpoint is not None:
            used = (*used, f"seen from {viewpoint.source}")
        weight = self._weight(joined)
        rows, belief = state.rows[holds], (state.belief * truth * weight)[holds]
        order = np.argsort(-belief, kind="stable")
        return State(state.fit, rows[order], belief[order], state.notes + used)

    def _truth(
        self,
        joined: list[Joined],
        state: State,
        vectors: Mapping[str, np.ndarray],
        viewpoint: Viewpoint | None,
    ) -> tuple[np.ndarray, list[list[str]]]:
        """[T] how true all relations are together, and for each target the words for it.

        A second relation may be the target's or the first anchor's: "the book on the shelf next
        to the door".
        """
        total = np.ones(len(state.rows))
        notes: list[list[str]] = [[] for _ in state.rows]
        first = joined[0]
        if len(joined) > 1 and len(first.anchors) and not (first.negated or joined[1].negated):
            certain = np.ones(len(first.anchors))
            inner = self._joiner.join(
                joined[1].relation, first.anchors, certain, vectors, viewpoint
            )
            of_anchor = inner.truth.max(axis=1, initial=0.0)
            of_target = joined[1].truth.max(axis=1, initial=0.0)
            pairs = first.truth * np.maximum(of_target[:, None], of_anchor[None])
            chosen = (pairs * first.weight).argmax(axis=1)
            total = pairs[np.arange(len(pairs)), chosen]
            for t, a in enumerate(chosen):
                notes[t].append(self._words(first, t, int(a)))
                if of_target[t] >= of_anchor[a]:
                    notes[t].append(self._words(joined[1], t))
                else:
                    notes[t].append("which is " + self._words(inner, int(a)))
            return total, notes
        for item in joined:
            if item.truth.shape[1] == 0:  # nothing that it could be on
                continue
            chosen = item.joint.argmax(axis=1)
            truth = item.truth[np.arange(len(chosen)), chosen]
            total = total * (1 - item.truth.max(axis=1) if item.negated else truth)
            for t in range(len(total)):
                notes[t].append(self._words(item, t, int(chosen[t])))
        return total, notes

    def _weight(self, joined: list[Joined]) -> float:
        """Plausibility of the best anchors, so that the score stays honest."""
        weights = [float(j.weight.max()) for j in joined if len(j.weight) and not j.negated]
        return float(np.prod(weights)) if weights else 1.0

    def _words(self, item: Joined, target: int, anchor: int | None = None) -> str:
        if not len(item.anchors):
            return relation_words(item.relation)
        best = int(item.joint[target].argmax()) if anchor is None else anchor
        ids = [int(self._layout.ids[item.anchors[best]])]
        if item.others is not None:
            ids.append(int(self._layout.ids[item.others[target, best]]))
        return relation_words(item.relation, () if item.negated else tuple(ids))

    def _untrue(
        self, parsed: ParsedQuery, state: State, joined: list[Joined], truth: np.ndarray
    ) -> Decision:
        best = int(truth.argmax())
        worst = min(
            joined,
            key=lambda j: (1 - j.truth[best].max(initial=0.0)) if j.negated
            else j.truth[best].max(initial=0.0),
        )  # fmt: skip
        words = relation_words(worst.relation)
        not_so = words.removeprefix("not ") if worst.negated else f"not {words}"
        reason = (
            f"{described(parsed)}: {self._verdict.name(state.rows[0])} fits, but it is {not_so}"
        )
        if len(state.rows) > 1:
            reason = f"{described(parsed)}: {len(state.rows)} objects fit, but all are {not_so}"
            if not worst.negated:
                reason = f"{described(parsed)}: {len(state.rows)} objects fit, but none is {words}"
        code: ReasonCode = "low_confidence" if truth.max() >= 0.5 * TRUE else "absent"
        return self._verdict.refused(state, state.belief * truth, code, reason)


def is_geometric(relation: Mapping[str, object]) -> bool:
    """Distances to the camera are an order, not a relation to look up."""
    distances = ("nearest", "near", "next_to", "farthest", "far")
    return not (relation["anchor"] == "camera" and relation["relation"] in distances)
