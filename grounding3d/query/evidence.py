"""What speaks for each object being what was asked for: a few robust statistics.

Raw cosines of image and text vectors lie close together and say little by themselves. What tells an
absent noun from a present one is whether the object prefers the query to other nouns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.features.base import Encoder
from grounding3d.features.relevancy import relevancy, relevancy_scale
from grounding3d.features.vocabulary import (
    FLOOR_NOUNS,
    RAISED_NOUNS,
    label_vocabulary,
    null_vocabulary,
    vocabulary,
)
from grounding3d.objects.base import ObjectMap
from grounding3d.query.answer import ParsedQuery
from grounding3d.query.parse import without_attributes

FEATURES = (
    "similarity", "view_similarity", "margin", "preference", "rank", "z", "profile", "relevancy",
    "lead", "noun", "plain", "kind", "views",
)  # fmt: skip
"""Columns of `Evidence.matrix`; for each, more speaks for the object."""

_THING, _RAISED, _FLOOR = 0, 1, 2
_FLOOR_BELOW_M = 0.25
_FLOOR_THICKNESS_M = 0.1


@dataclass(frozen=True, eq=False)
class Evidence:
    """Statistics of M objects for one query.

    Attributes:
        similarity: [M] cosine of the object's vector and the query's.
        view_similarity: [M] mean cosine of the better half of its views.
        margin: [M] similarity less that of the best rival noun.
        preference: [M] log-probability of the query beside the rival nouns, by a softmax with
            the encoder's own scale.
        rank: [M] minus the share of rival nouns that fit the object better.
        z: [M] similarity in standard deviations of the object's over unrelated nouns.
        profile: [M] correlation over the nouns of how they fit the object and the query.
        relevancy: [M] LERF's, against the canonical phrases.
        lead: [M] similarity less the median over the scene's objects.
        noun: [M] `profile` for the query without its adjectives: a colour tells which of several
            things is meant, hardly what it is.
        plain: [M] 1 for a query without adjectives, 0 with them, since these raise the similarity
            of everything that has the colour.
        kind: [M] 1 where query and object are both a raised support (a table, a shelf) or both a
            floor, -1 where only one of them is, else 0.
        views: [M] log of the number of views over the scene's usual number, at most 0 and at least
            that of an eighth: what others were seen more often than may be a fragment.
    """

    similarity: np.ndarray
    view_similarity: np.ndarray
    margin: np.ndarray
    preference: np.ndarray
    rank: np.ndarray
    z: np.ndarray
    profile: np.ndarray
    relevancy: np.ndarray
    lead: np.ndarray
    noun: np.ndarray
    plain: np.ndarray
    kind: np.ndarray
    views: np.ndarray

    @property
    def matrix(self) -> np.ndarray:
        """[M,F] float64, columns as in `FEATURES`."""
        return np.stack([getattr(self, name) for name in FEATURES], axis=1).astype(float)


class EvidenceIndex:
    """A scene's vectors, and how every noun fits every object; made once, asked often.

    Args:
        objects: M objects, not none.
        encoder: its text side is used.
        up_world: [3] direction against gravity, None where unknown; tells floors from tables.
    """

    def __init__(
        self, objects: ObjectMap, encoder: Encoder, up_world: np.ndarray | None = None
    ) -> None:
        rivals, unrelated = label_vocabulary(encoder), null_vocabulary(encoder)
        self.embeddings = objects.embeddings.astype(np.float32)
        self._level = _levels(objects, up_world)
        self.rival_names = rivals.names
        self._rivals = rivals.vectors
        self._rival_fit = self.embeddings @ rivals.vectors.T
        self._rival_fit_unit = _unit_rows(self._rival_fit)
        self._null_fit = self.embeddings @ unrelated.vectors.T
        self._null_mean = self._null_fit.mean(axis=1)
        self._null_std = self._null_fit.std(axis=1) + 1e-6
        self._raised = vocabulary(encoder, RAISED_NOUNS).vectors
        self._floors = vocabulary(encoder, FLOOR_NOUNS).vectors
        self._canonical = encoder.encode_text(encoder.canonical_phrases)
        self._scale = relevancy_scale(encoder)
        self._logit_scale = float(encoder.logit_scale)
        n_views = np.array([max(item.n_views, 1) for item in objects], float)
        self._seen = np.log(np.clip(n_views / np.median(n_views), 1 / 8, 1))
        self._views, self._view_owner = _stack_views(objects, self.embeddings)

    def evidence(self, query: np.ndarray, noun: np.ndarray | None = None) -> Evidence:
        """Statistics of every object for a query vector [D].

        Args:
            query: unit vector of what was asked for.
            noun: unit vector of the same without adjectives, None if there were none.
        """
        similarity = self.embeddings @ query
        closeness = self._rivals @ query
        rival = closeness < rival_limit(closeness)
        rival_fit = np.where(rival, self._rival_fit, -np.inf)
        better = (rival_fit > similarity[:, None]).sum(axis=1)
        profile = self._rival_fit_unit @ _unit_rows(closeness[None])[0]
        bare = closeness if noun is None else self._rivals @ noun
        noun_profile = profile if noun is None else self._rival_fit_unit @ _unit_rows(bare[None])[0]
        return Evidence(
            similarity=similarity,
            view_similarity=self._view_similarity(query),
            margin=similarity - rival_fit.max(axis=1),
            preference=self._preference(similarity, rival_fit),
            rank=-better / max(int(rival.sum()), 1),
            z=(similarity - self._null_mean) / self._null_std,
            profile=profile,
            relevancy=relevancy(self.embeddings, query, self._canonical, self._scale),
            lead=similarity - np.median(similarity),
            noun=noun_profile,
            plain=np.full(len(similarity), float(noun is None)),
            kind=self._kind(query if noun is None else noun, bare),
            views=self._seen,
        )

    def _preference(self, similarity: np.ndarray, rival_fit: np.ndarray) -> np.ndarray:
        logits = self._logit_scale * np.column_stack([similarity, rival_fit])
        top = logits.max(axis=1)
        total = np.exp(logits - top[:, None]).sum(axis=1)
        return np.asarray(logits[:, 0] - top - np.log(total))

    def null_best(self) -> np.ndarray:
        """[U] sorted: for each unrelated noun, the z of the object that fits it best."""
        z = (self._null_fit - self._null_mean[:, None]) / self._null_std[:, None]
        return np.sort(z.max(axis=0))

    def _kind(self, noun: np.ndarray, closeness: np.ndarray) -> np.ndarray:
        nearest = float(closeness.max()) - 1e-3
        for level, nouns in ((_RAISED, self._raised), (_FLOOR, self._floors)):
            if float((nouns @ noun).max()) >= nearest:
                return np.where(self._level == level, 1.0, -1.0)
        return np.where(self._level == _THING, 0.0, -1.0)

    def _view_similarity(self, query: np.ndarray) -> np.ndarray:
        fit = self._views @ query
        return np.array([np.sort(fit[rows])[-_half(rows) :].mean() for rows in self._view_owner])


def encode_query(parsed: ParsedQuery, encoder: Encoder) -> tuple[np.ndarray, np.ndarray | None]:
    """Vectors [D] of the target, and of the target without adjectives (None without any)."""
    bare = without_attributes(parsed)
    if bare == parsed.target:
        return encoder.encode_text([parsed.target])[0], None
    query, noun = encoder.encode_text([parsed.target, bare])
    return query, noun


def rival_limit(closeness: np.ndarray) -> float:
    """Nouns at least this close to the query are its synonyms or kinds, not its rivals.

    Half-way between the typical noun and the query itself, since how squeezed the cosines are
    differs from encoder to encoder.
    """
    return float(0.5 + 0.5 * np.median(closeness))


def _levels(objects: ObjectMap, up_world: np.ndarray | None) -> np.ndarray:
    """[M] whether each object is a thing, a raised support, or a floor.

    A floor is the lowest support, far below the highest one; a lone support counts as raised.
    """
    level = np.array([_RAISED if item.kind == "support" else _THING for item in objects])
    if up_world is None or not (level == _RAISED).any():
        return level
    tops = np.array([item.box.corners @ up_world for item in objects]).max(axis=1)
    supports = tops[level == _RAISED]
    low = (tops < supports.max() - _FLOOR_BELOW_M) & (tops < supports.min() + _FLOOR_THICKNESS_M)
    level[(level == _RAISED) & low] = _FLOOR
    return level


def _half(rows: slice) -> int:
    return max((rows.stop - rows.start + 1) // 2, 1)


def _unit_rows(matrix: np.ndarray) -> np.ndarray:
    """Rows without their mean, of unit length: products of such rows are correlations."""
    centred = matrix - matrix.mean(axis=1, keepdims=True)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)


def _stack_views(objects: ObjectMap, embeddings: np.ndarray) -> tuple[np.ndarray, list[slice]]:
    """All views' vectors, and each object's rows; an object without views stands for itself."""
    blocks, owners, start = [], [], 0
    for item, embedding in zip(objects, embeddings):
        block = item.view_embeddings if len(item.view_embeddings) else embedding[None]
        blocks.append(block.astype(np.float32))
        owners.append(slice(start, start + len(block)))
        start += len(block)
    return np.concatenate(blocks), owners
