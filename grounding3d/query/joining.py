"""Relations joined with what the target and the anchors are: which targets stand in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from grounding3d.features.relevancy import sigmoid
from grounding3d.query.descriptions import Describer, Fit
from grounding3d.query.layout import Layout
from grounding3d.query.ordering import NEEDS_VIEW, order_key, rank_probability
from grounding3d.query.parse import describe
from grounding3d.query.relations import (
    FROM_VIEWPOINT,
    NAMES,
    SHARPNESS_M,
    WITHOUT_UP,
    Pairs,
    Viewpoint,
    between,
    camera_truth,
    relation_key,
    relation_truth,
)

MAX_ANCHORS = 32
"""Anchors of one relation that are looked at, the best fitting ones."""
_RIVAL = 0.25
"""An anchor that fits less than this share of what the best one does is not meant."""


@dataclass(frozen=True, eq=False)
class Joined:
    """A relation between T targets and A anchors.

    Attributes:
        relation: as it was parsed.
        anchors: [A] rows; [0] where the anchor is the camera or was not found.
        truth: [T,A] in [0, 1] how true it is, for the camera [T,1].
        weight: [A] plausibility of each anchor.
        missing: text of an anchor that was not found, None if all were.
        others: [T,A] the second anchor's row for "between", else None.
    """

    relation: Mapping[str, Any]
    anchors: np.ndarray
    truth: np.ndarray
    weight: np.ndarray
    missing: str | None = None
    others: np.ndarray | None = None

    @property
    def negated(self) -> bool:
        return bool(self.relation.get("negated"))

    @property
    def joint(self) -> np.ndarray:
        """[T,A] truth times plausibility."""
        return np.asarray(self.truth * self.weight)


class Joiner:
    """Finds the anchors of relations and how true these are.

    Args:
        layout: the objects.
        describer: fits anchors.
        low: score from which an anchor is plausible where none passes.
        calibrated: whether scores are probabilities; else what passes counts as certain.
    """

    def __init__(self, layout: Layout, describer: Describer, low: float, calibrated: bool) -> None:
        self._layout, self._describer = layout, describer
        self._low, self._calibrated = low, calibrated

    def join(
        self,
        relation: Mapping[str, Any],
        targets: np.ndarray,
        probability: np.ndarray,
        vectors: Mapping[str, np.ndarray],
        viewpoint: Viewpoint | None,
    ) -> Joined:
        """One relation of rows `targets` that are what was asked for with `probability` [T]."""
        name = relation["relation"]
        if relation["anchor"] == "camera":
            pairs = Pairs(self._layout, targets, np.zeros(0, int), viewpoint)
            return Joined(
                relation, np.zeros(0, int), camera_truth(name, pairs)[:, None], np.ones(1)
            )
        anchors, weight = self.anchors(relation["anchor"], vectors, viewpoint)
        if not len(anchors):
            return _missing(relation, relation["anchor"], targets)
        if name == "between":
            return self._between(relation, targets, anchors, weight, vectors, viewpoint)
        pairs = Pairs(self._layout, targets, anchors, viewpoint)
        truth = relation_truth(name, pairs)
        key = None if relation.get("negated") else relation_key(name, pairs)
        if key is not None:
            truth = truth * _closest(key, truth * probability[:, None])
        return Joined(relation, anchors, truth, weight)

    def anchors(
        self, text: str, vectors: Mapping[str, np.ndarray], viewpoint: Viewpoint | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows that may be an anchor, best first, and how plausible each is."""
        described = describe(text)
        fit = self._describer.fit(described.target, vectors)
        usable = fit.passes if fit.passes.any() else fit.score >= self._low
        rows = np.flatnonzero(usable)
        if not len(rows):
            return rows, np.zeros(0)
        rows = rows[np.argsort(-fit.strength[rows], kind="stable")][:MAX_ANCHORS]
        weight = self.certainty(fit, rows)
        order = described.order
        if order is not None and not (order["by"] in NEEDS_VIEW and viewpoint is None):
            key = order_key(order["by"], rows, self._layout, viewpoint)
            weight = rank_probability(key, weight, order["rank"])
        kept = weight >= max(_RIVAL * weight.max(), 1e-3)
        return rows[kept], weight[kept]

    def certainty(self, fit: Fit, rows: np.ndarray) -> np.ndarray:
        """[n] probability that rows are what is described."""
        return fit.score[rows] if self._calibrated else np.ones(len(rows))

    def _between(
        self,
        relation: Mapping[str, Any],
        targets: np.ndarray,
        anchors: np.ndarray,
        weight: np.ndarray,
        vectors: Mapping[str, np.ndarray],
        viewpoint: Viewpoint | None,
    ) -> Joined:
        others, other_weight = self.anchors(relation["other"], vectors, viewpoint)
        same = relation["other"] == relation["anchor"]
        if not len(others) or (same and len(others) < 2):
            return _missing(relation, relation["other"], targets)
        truth = between(self._layout, targets, anchors, others)
        truth = truth * (anchors[:, None] != others[None])
        truth = truth * (targets[:, None] != anchors)[:, :, None]
        truth = truth * (targets[:, None] != others)[:, None, :]
        best = (truth * other_weight).argmax(axis=2)
        chosen = np.take_along_axis(truth, best[..., None], axis=2)[..., 0]
        return Joined(
            relation, anchors, chosen * other_weight[best] ** 0.5, weight, None, others[best]
        )


def needs_up(relation: Mapping[str, Any]) -> bool:
    """Whether a relation needs an up direction."""
    return relation["relation"] in NAMES and relation["relation"] not in WITHOUT_UP


def needs_view(relation: Mapping[str, Any]) -> bool:
    """Whether a relation needs a viewpoint."""
    return relation["relation"] in FROM_VIEWPOINT or relation["anchor"] == "camera"


def _missing(relation: Mapping[str, Any], text: str, targets: np.ndarray) -> Joined:
    nothing = np.zeros((len(targets), 0))
    return Joined(relation, np.zeros(0, int), nothing, np.zeros(0), text)


def _closest(key: np.ndarray, claim: np.ndarray) -> np.ndarray:
    """[T,A] probability that no other target has a smaller key and as good a claim."""
    earlier = sigmoid((key[:, None] - key[None]) / SHARPNESS_M)  # [T,T,A], of the second
    t = np.arange(len(key))
    earlier[t, t] = 0
    return np.asarray(np.prod(1 - claim[None] * earlier, axis=1))
