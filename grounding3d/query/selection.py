"""The joint decision: target, anchors, relations, exclusions and order together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from grounding3d.query.answer import ParsedQuery, ReasonCode
from grounding3d.query.attributes import MATCH
from grounding3d.query.decision import Decision
from grounding3d.query.descriptions import Describer, Fit, Rule
from grounding3d.query.joining import Joiner, needs_up, needs_view
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
from grounding3d.query.relating import Relating, is_geometric
from grounding3d.query.relations import Viewpoint
from grounding3d.query.verdict import Refusal, State, Verdict, nothing
from grounding3d.query.wording import described

MAX_TARGETS = 64
"""Objects that relations and orders are computed for, the best fitting ones."""
MEMBER = 0.5
"""Probability from which an object counts among several that were asked for. One answer is the
best of all, and may be less sure."""
CLEARLY = 1.2
"""Ratio of sizes from which "the big one" of two that fit equally well is clear."""
_SIZE_WORDS = {
    "big": ("size", 1), "large": ("size", 1), "huge": ("size", 1), "small": ("size", -1),
    "little": ("size", -1), "tiny": ("size", -1), "tall": ("height", 1), "long": ("length", 1),
    "short": ("height", -1), "wide": ("length", 1),
}  # fmt: skip


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
        self._calibrated = rule.id is not None
        self._joiner = Joiner(layout, describer, rule.low, self._calibrated)
        self._verdict = Verdict(layout, self._joiner, rule, labels)
        self._relating = Relating(layout, self._joiner, self._verdict)

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
            if any(is_geometric(r) for r in parsed.relations):
                state = self._relating.related(parsed, state, vectors, viewpoint)
            if parsed.order is not None:
                return self._ordered(parsed, state, viewpoint)
            return self._decided(parsed, state)
        except Refusal as refusal:
            return refusal.decision

    def _check(self, parsed: ParsedQuery, fit: Fit, viewpoint: Viewpoint | None) -> None:
        """Refuse what needs an up direction or a viewpoint that is not there."""
        order = parsed.order["by"] if parsed.order else ""
        relations = [r for r in parsed.relations if is_geometric(r)]
        up = order in NEEDS_UP or any(needs_up(r) for r in relations)
        view = order in NEEDS_VIEW or any(needs_view(r) for r in relations)
        if up and self._layout.up is None:
            reason = f"{described(parsed)}: the scene's up direction is not known, which this needs"
            raise Refusal(nothing("no_up_direction", reason, fit, fit.score))
        if view and viewpoint is None:
            reason = f"{described(parsed)}: the scene has no camera to look from; give a viewpoint"
            raise Refusal(nothing("low_confidence", reason, fit, fit.score))

    def _first(self, parsed: ParsedQuery, fit: Fit) -> State:
        """What passes for the target alone."""
        rows = np.flatnonzero(fit.passes)
        if not len(rows):
            best = float(fit.score.max())
            low = best >= self._rule.low
            what = "no object fits well enough" if low else "no object fits"
            reason = f"{described(parsed)}: {what}, the best score is {best:.2f}{self._rule.note}"
            code: ReasonCode = "low_confidence" if low else "absent"
            order = np.argsort(-fit.strength, kind="stable")
            raise Refusal(nothing(code, reason, fit, fit.score, order))
        rows = rows[np.argsort(-fit.strength[rows], kind="stable")]
        if parsed.relations or parsed.order is not None:
            rows = rows[:MAX_TARGETS]
        return State(fit, rows, self._joiner.certainty(fit, rows))

    def _without_excluded(
        self, parsed: ParsedQuery, state: State, vectors: Mapping[str, np.ndarray]
    ) -> State:
        kept = np.ones(len(state.rows), bool)
        belief = state.belief
        for word in parsed.excluded:
            has = self._describer.has(word, state.fit, vectors)[state.rows]
            kept &= has < MATCH
            belief = belief * (1 - has)
        if not kept.any():
            names = ", ".join(parsed.excluded)
            reason = (
                f"{described(parsed)}: {self._verdict.name(state.rows[0])} fits, but it is {names}"
            )
            raise Refusal(self._verdict.refused(state, belief, "absent", reason))
        return State(state.fit, state.rows[kept], belief[kept], state.notes)

    def _ordered(self, parsed: ParsedQuery, state: State, viewpoint: Viewpoint | None) -> Decision:
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
            raise Refusal(self._verdict.refused(state, state.belief, "low_confidence", reason))
        if parsed.plural and (parsed.quantity or by not in ("size", "height", "length", "width")):
            rows = in_order(key, rank)[: parsed.quantity or None]
            if not parsed.quantity:
                side = on_that_side(key, rank)
                rows = rows[side[rows]]
            notes.insert(0, f"the {len(rows)} {words} of {len(key)}")
            return self._verdict.found(parsed, state, rows, notes, "found", state.belief)
        claim = state.belief if self._calibrated else np.ones(len(key))
        belief = rank_probability(key, claim, rank)
        notes.insert(0, f"the {words} of {len(key)}")
        first = np.argsort(-belief, kind="stable")
        score = self._verdict.score(state, belief)[state.rows[first[0]]]
        notes.append(f"score {score:.2f}{self._rule.note}")
        return self._verdict.found(parsed, state, first[:1], notes, "found", belief)

    def _decided(self, parsed: ParsedQuery, state: State) -> Decision:
        """No order was asked for: the best one, all that are as good, or all for a plural."""
        note = self._rule.note
        if parsed.plural:
            rows = self._members(parsed, state)
            text = f"{len(rows)} objects fit" if len(rows) > 1 else "one object fits"
            if parsed.quantity and parsed.quantity != len(rows):
                rows = rows[: parsed.quantity]
                text += f", {parsed.quantity} were asked for"
            return self._verdict.found(parsed, state, rows, [*state.notes, text + note], "found")
        strength = self._strength(parsed, state)
        tied = np.flatnonzero(strength.max() - strength <= self._rule.tie)
        tied, words = self._by_size(parsed, state, tied)
        if len(tied) > 1:
            tied = tied[np.argsort(-strength[tied], kind="stable")]
            text = f"{len(tied)} objects fit equally well{note}"
            return self._verdict.found(parsed, state, tied, [*state.notes, text], "ambiguous")
        score = f"score {float(state.belief[tied[0]]):.2f}" if self._calibrated else ""
        text = score or f"score {float(state.fit.score[state.rows[tied[0]]]):.2f}"
        return self._verdict.found(
            parsed, state, tied, [*state.notes, *words, text + note], "found"
        )

    def _members(self, parsed: ParsedQuery, state: State) -> np.ndarray:
        """Which of the state's rows are meant by a plural; all where a number says how many.

        Who asks for several knows of two, so the best two need not be sure.
        """
        if parsed.quantity or not self._calibrated:
            return np.arange(len(state.rows))
        sure = state.belief >= MEMBER
        sure[np.argsort(-state.belief, kind="stable")[:2]] = True
        return np.flatnonzero(sure)

    def _strength(self, parsed: ParsedQuery, state: State) -> np.ndarray:
        """[T] what ties are judged by: logits of the fit, and of what was asked besides."""
        strength = state.fit.strength[state.rows]
        certain = self._joiner.certainty(state.fit, state.rows)
        return np.asarray(strength + np.log(np.maximum(state.belief / certain, 1e-9)))

    def _by_size(
        self, parsed: ParsedQuery, state: State, tied: np.ndarray
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
