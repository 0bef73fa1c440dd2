"""The joint decision: target, anchors, relations, exclusions and order together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from grounding3d.query.answer import ParsedQuery, ReasonCode, Status
from grounding3d.query.attributes import MATCH
from grounding3d.query.decision import Decision
from grounding3d.query.descriptions import Describer, Fit, Rule
from grounding3d.query.joining import Joined, Joiner, needs_up, needs_view
from grounding3d.query.layout import Layout
from grounding3d.query.ordering import (
    NEEDS_UP,
    NEEDS_VIEW,
    in_order,
    on_that_side,
    order_key,
    order_words,
    rank_probability,
)
from grounding3d.query.relations import TRUE, Viewpoint
from grounding3d.query.wording import described, object_name, relation_words

MAX_TARGETS = 64
"""Objects that relations and orders are computed for, the best fitting ones."""
CLEARLY = 1.2
"""Ratio of sizes from which "the big one" of two that fit equally well is clear."""
_SIZE_WORDS = {
    "big": ("size", 1), "large": ("size", 1), "huge": ("size", 1), "small": ("size", -1),
    "little": ("size", -1), "tiny": ("size", -1), "tall": ("height", 1), "long": ("length", 1),
    "short": ("height", -1), "wide": ("length", 1),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class _State:
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


class Selector:
    """Decides which of M objects are the answer to a question.

    Args:
        layout: where the objects are.
        describer: how well they fit descriptions.
        rule: thresholds.
        labels: [M] names of the objects, for reasons.
    """

    def __init__(
        self, layout: Layout, describer: Describer, rule: Rule, labels: tuple[str, ...]
    ) -> None:
        self._layout, self._describer, self._rule = layout, describer, rule
        self._labels = labels
        self._calibrated = rule.id is not None
        self._joiner = Joiner(layout, describer, rule.low, self._calibrated)

    def select(
        self,
        parsed: ParsedQuery,
        vectors: Mapping[str, np.ndarray],
        viewpoint: Viewpoint | None = None,
    ) -> Decision:
        """Decide.

        Args:
            parsed: the question.
            vectors: of every text in `texts_of`.
            viewpoint: where left, right and near are seen from.
        """
        fit = self._describer.fit(parsed.target, vectors)
        try:
            self._check(parsed, fit, viewpoint)
            state = self._first(parsed, fit)
            if parsed.excluded:
                state = self._without_excluded(parsed, state, vectors)
            if any(_is_geometric(r) for r in parsed.relations):
                state = self._related(parsed, state, vectors, viewpoint)
            if parsed.order is not None:
                return self._ordered(parsed, state, viewpoint)
            return self._decided(parsed, state)
        except Refusal as refusal:
            return refusal.decision

    def _check(self, parsed: ParsedQuery, fit: Fit, viewpoint: Viewpoint | None) -> None:
        """Refuse what needs an up direction or a viewpoint that is not there."""
        order = parsed.order["by"] if parsed.order else ""
        relations = [r for r in parsed.relations if _is_geometric(r)]
        up = order in NEEDS_UP or any(needs_up(r) for r in relations)
        view = order in NEEDS_VIEW or any(needs_view(r) for r in relations)
        if up and self._layout.up is None:
            reason = f"{described(parsed)}: the scene's up direction is not known, which this needs"
            raise Refusal(_nothing("no_up_direction", reason, fit, fit.score))
        if view and viewpoint is None:
            reason = f"{described(parsed)}: the scene has no camera to look from; give a viewpoint"
            raise Refusal(_nothing("low_confidence", reason, fit, fit.score))

    def _first(self, parsed: ParsedQuery, fit: Fit) -> _State:
        """What passes for the target alone."""
        rows = np.flatnonzero(fit.passes)
        if not len(rows):
            best = float(fit.score.max())
            low = best >= self._rule.low
            what = "no object fits well enough" if low else "no object fits"
            reason = f"{described(parsed)}: {what}, the best score is {best:.2f}{self._rule.note}"
            code: ReasonCode = "low_confidence" if low else "absent"
            order = np.argsort(-fit.strength, kind="stable")
            raise Refusal(_nothing(code, reason, fit, fit.score, order))
        rows = rows[np.argsort(-fit.strength[rows], kind="stable")]
        if parsed.relations or parsed.order is not None:
            rows = rows[:MAX_TARGETS]
        return _State(fit, rows, self._joiner.certainty(fit, rows))

    def _without_excluded(
        self, parsed: ParsedQuery, state: _State, vectors: Mapping[str, np.ndarray]
    ) -> _State:
        kept = np.ones(len(state.rows), bool)
        belief = state.belief
        for word in parsed.excluded:
            has = self._describer.has(word, state.fit, vectors)[state.rows]
            kept &= has < MATCH
            belief = belief * (1 - has)
        if not kept.any():
            names = ", ".join(parsed.excluded)
            reason = f"{described(parsed)}: {self._name(state.rows[0])} fits, but it is {names}"
            raise Refusal(self._refused(state, belief, "absent", reason))
        return _State(state.fit, state.rows[kept], belief[kept], state.notes)

    def _related(
        self,
        parsed: ParsedQuery,
        state: _State,
        vectors: Mapping[str, np.ndarray],
        viewpoint: Viewpoint | None,
    ) -> _State:
        relations = [r for r in parsed.relations if _is_geometric(r)]
        joined = [
            self._joiner.join(r, state.rows, state.belief, vectors, viewpoint) for r in relations
        ]
        for item in joined:
            if item.missing is not None and not item.negated:
                words = relation_words(item.relation)
                reason = f"{described(parsed)}: no {item.missing} was found for '{words}'"
                raise Refusal(self._refused(state, 0 * state.belief, "absent", reason))
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
        return _State(state.fit, rows[order], belief[order], state.notes + used)

    def _truth(
        self,
        joined: list[Joined],
        state: _State,
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
        self, parsed: ParsedQuery, state: _State, joined: list[Joined], truth: np.ndarray
    ) -> Decision:
        best = int(truth.argmax())
        worst = min(
            joined,
            key=lambda j: (1 - j.truth[best].max(initial=0.0)) if j.negated
            else j.truth[best].max(initial=0.0),
        )  # fmt: skip
        words = relation_words(worst.relation)
        not_so = words.removeprefix("not ") if worst.negated else f"not {words}"
        reason = f"{described(parsed)}: {self._name(state.rows[0])} fits, but it is {not_so}"
        if len(state.rows) > 1:
            reason = f"{described(parsed)}: {len(state.rows)} objects fit, but all are {not_so}"
            if not worst.negated:
                reason = f"{described(parsed)}: {len(state.rows)} objects fit, but none is {words}"
        code: ReasonCode = "low_confidence" if truth.max() >= 0.5 * TRUE else "absent"
        return self._refused(state, state.belief * truth, code, reason)

    def _ordered(self, parsed: ParsedQuery, state: _State, viewpoint: Viewpoint | None) -> Decision:
        assert parsed.order is not None
        by, rank = parsed.order["by"], parsed.order["rank"]
        key = order_key(by, state.rows, self._layout, viewpoint)
        words = order_words(by, rank)
        notes = [*state.notes]
        if by in NEEDS_VIEW and viewpoint is not None:
            notes.append(f"seen from {viewpoint.source}")
        if abs(rank) > len(key):
            count = f"only {len(key)} fit{'s' if len(key) == 1 else ''}"
            reason = f"{described(parsed)}: {count}, the {words} was asked for"
            raise Refusal(self._refused(state, state.belief, "low_confidence", reason))
        if parsed.plural and (parsed.quantity or by not in ("size", "height", "length", "width")):
            rows = in_order(key, rank)[: parsed.quantity or None]
            if not parsed.quantity:
                side = on_that_side(key, rank)
                rows = rows[side[rows]]
            notes.insert(0, f"the {len(rows)} {words} of {len(key)}")
            return self._found(parsed, state, rows, notes, "found", state.belief)
        claim = state.belief if self._calibrated else np.ones(len(key))
        belief = rank_probability(key, claim, rank)
        notes.insert(0, f"the {words} of {len(key)}")
        first = np.argsort(-belief, kind="stable")
        score = self._score(state, belief)[state.rows[first[0]]]
        notes.append(f"score {score:.2f}{self._rule.note}")
        return self._found(parsed, state, first[:1], notes, "found", belief)

    def _decided(self, parsed: ParsedQuery, state: _State) -> Decision:
        """No order was asked for: the best one, all that are as good, or all for a plural."""
        note = self._rule.note
        if parsed.plural:
            rows = np.arange(len(state.rows))
            text = f"{len(rows)} objects fit" if len(rows) > 1 else "one object fits"
            if parsed.quantity and parsed.quantity != len(rows):
                rows = rows[: parsed.quantity]
                text += f", {parsed.quantity} were asked for"
            return self._found(parsed, state, rows, [*state.notes, text + note], "found")
        strength = self._strength(parsed, state)
        tied = np.flatnonzero(strength.max() - strength <= self._rule.tie)
        tied, words = self._by_size(parsed, state, tied)
        if len(tied) > 1:
            tied = tied[np.argsort(-strength[tied], kind="stable")]
            text = f"{len(tied)} objects fit equally well{note}"
            return self._found(parsed, state, tied, [*state.notes, text], "ambiguous")
        score = f"score {float(state.belief[tied[0]]):.2f}" if self._calibrated else ""
        text = score or f"score {float(state.fit.score[state.rows[tied[0]]]):.2f}"
        return self._found(parsed, state, tied, [*state.notes, *words, text + note], "found")

    def _strength(self, parsed: ParsedQuery, state: _State) -> np.ndarray:
        """[T] what ties are judged by: logits of the fit, and of what was asked besides."""
        strength = state.fit.strength[state.rows]
        certain = self._joiner.certainty(state.fit, state.rows)
        return np.asarray(strength + np.log(np.maximum(state.belief / certain, 1e-9)))

    def _by_size(
        self, parsed: ParsedQuery, state: _State, tied: np.ndarray
    ) -> tuple[np.ndarray, list[str]]:
        """ "the big box" of two that fit equally well is the bigger one, if that is clear."""
        word = next((w for w in parsed.attributes if w in _SIZE_WORDS), None)
        if len(tied) < 2 or word is None:
            return tied, []
        by, sign = _SIZE_WORDS[word]
        if by == "height" and self._layout.up is None:
            return tied, []
        size = -order_key(by, state.rows[tied], self._layout, None)
        order = np.argsort(-sign * size, kind="stable")
        ratio = size[order[0]] / max(size[order[1]], 1e-9)
        if (ratio if sign > 0 else 1 / max(ratio, 1e-9)) < CLEARLY:
            return tied, []
        return tied[order[:1]], [f"the {order_words(by, sign)} of {len(tied)}"]

    def _found(
        self,
        parsed: ParsedQuery,
        state: _State,
        chosen: np.ndarray,
        notes: list[str],
        status: Status,
        belief: np.ndarray | None = None,
    ) -> Decision:
        """The decision for some of the state's rows; the others follow, then all objects."""
        score = self._score(state, state.belief if belief is None else belief)
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

    def _score(self, state: _State, belief: np.ndarray) -> np.ndarray:
        """[M] the fit's score, times what was asked besides for the rows that were looked at."""
        score = state.fit.score.copy()
        certain = np.maximum(self._joiner.certainty(state.fit, state.rows), 1e-9)
        score[state.rows] = score[state.rows] * np.clip(belief / certain, 0, 1)
        return score

    def _refused(
        self, state: _State, belief: np.ndarray, code: ReasonCode, reason: str
    ) -> Decision:
        order = _with_the_others(state.rows, state.fit.strength)
        score = self._score(state, belief)
        return _nothing(code, reason + self._rule.note, state.fit, score, order)

    def _name(self, row: int) -> str:
        return object_name(self._labels[row], int(self._layout.ids[row]))


def _is_geometric(relation: Mapping[str, object]) -> bool:
    """Distances to the camera are an order, not a relation to look up."""
    distances = ("nearest", "near", "next_to", "farthest", "far")
    return not (relation["anchor"] == "camera" and relation["relation"] in distances)


def _with_the_others(front: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """All rows: those in front first, then the others by strength."""
    order = np.argsort(-strength, kind="stable")
    taken = np.zeros(len(strength), bool)
    taken[front] = True
    return np.concatenate([front, order[~taken[order]]])


def _nothing(
    code: ReasonCode, reason: str, fit: Fit, score: np.ndarray, order: np.ndarray | None = None
) -> Decision:
    rows = np.argsort(-fit.strength, kind="stable") if order is None else order
    evidence = fit.evidence
    return Decision(
        "not_found", code, reason, score, evidence.similarity, evidence.relevancy, rows, 0
    )
