"""What speaks for each object being what was asked for: a few robust statistics.

Raw cosines of image and text vectors lie close together and say little by themselves. What tells an
absent noun from a present one is whether the object prefers the query to other nouns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from grounding3d.features.base import Encoder
from grounding3d.features.relevancy import relevancy_scale, sigmoid
from grounding3d.features.sizes import octaves_off
from grounding3d.features.vocabulary import label_vocabulary, null_vocabulary
from grounding3d.objects.base import ObjectMap
from grounding3d.query.answer import ParsedQuery
from grounding3d.query.attributes import ColourIndex
from grounding3d.query.noun_phrases import colours_of
from grounding3d.query.parse import without_attributes
from grounding3d.query.support_kinds import SupportKinds

FEATURES = (
    "similarity", "margin", "preference", "rank", "z", "profile", "relevancy",
    "noun", "plain", "kind", "views", "colour", "size",
)  # fmt: skip
"""Columns of `Evidence.matrix`; for each, more speaks for the object."""

MANY = 512
"""In a map of more objects only the most similar ones are looked at closely."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Statistics of M objects for one query.

    Attributes:
        similarity: [M] cosine of the object's vector and the query's.
        margin: [M] similarity less that of the best rival noun.
        preference: [M] log-probability of the query beside the rival nouns, by a softmax with
            the encoder's own scale.
        rank: [M] minus the share of rival nouns that fit the object better.
        z: [M] similarity in standard deviations of the object's over unrelated nouns.
        profile: [M] correlation over the nouns of how they fit the object and the query.
        relevancy: [M] LERF's, against the canonical phrases.
        noun: [M] `profile` for the query without its adjectives: a colour tells which of several
            things is meant, hardly what it is.
        plain: [M] 1 for a query without adjectives, 0 with them, since these raise the similarity
            of everything that has the colour.
        kind: [M] 1 where query and object are both a raised support (a table, a shelf) or both a
            floor, -1 where only one of them is, else 0. An object as large as furniture may be a
            shelf, and is 0 for a raised support.
        views: [M] log of the number of views over the scene's usual number, at most 0 and at least
            that of an eighth: what others were seen more often than may be a fragment.
        colour: [M] log-likelihood that the object's observed colours are the asked ones, 0 where
            no colour was asked for.
        size: [M] minus the doublings of length by which the object lies outside the usual sizes of
            what was asked for and its synonyms, 0 where those are not known.
    """

    similarity: np.ndarray
    margin: np.ndarray
    preference: np.ndarray
    rank: np.ndarray
    z: np.ndarray
    profile: np.ndarray
    relevancy: np.ndarray
    noun: np.ndarray
    plain: np.ndarray
    kind: np.ndarray
    views: np.ndarray
    colour: np.ndarray
    size: np.ndarray

    @property
    def matrix(self) -> np.ndarray:
        """[M,F] float64, columns as in `FEATURES`."""
        return np.array([getattr(self, name) for name in FEATURES], float).T


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
        self.colours = ColourIndex(objects.objects)
        self._kinds = SupportKinds(objects, encoder, up_world)
        lengths = np.array([item.box.size.max() for item in objects])
        self._size_off = octaves_off(rivals.names, lengths)  # [R,M]
        self.rival_names = rivals.names
        self._rival_fit = self.embeddings @ rivals.vectors.T
        self._rival_fit_unit = _unit_rows(self._rival_fit)
        self._null_fit = self.embeddings @ unrelated.vectors.T
        self._null_mean = self._null_fit.mean(axis=1)
        self._null_std = self._null_fit.std(axis=1) + 1e-6
        canonical = encoder.encode_text(encoder.canonical_phrases)
        self._canonical_fit = (self.embeddings @ canonical.T).max(axis=1)
        self._scale = relevancy_scale(encoder)
        self._logit_scale = float(encoder.logit_scale)
        # softmax over the rivals: what does not depend on the query
        self._rival_top = self._logit_scale * self._rival_fit.max(axis=1)
        lead = self._logit_scale * self._rival_fit - self._rival_top[:, None]
        self._rival_exp = np.exp(lead).astype(np.float32)
        n_views = np.array([max(item.n_views, 1) for item in objects], float)
        self._seen = np.log(np.clip(n_views / np.median(n_views), 1 / 8, 1))
        # everything that a query is multiplied with, at once
        self._stacked = np.concatenate([self.embeddings, rivals.vectors, self._kinds.vectors])
        self._n = len(self.embeddings)
        self._n_rivals = len(rivals.vectors)
        self._ones, self._zeros = np.ones(self._n), np.zeros(self._n)

    def ask(self, parsed: ParsedQuery, encoder: Encoder) -> Evidence:
        """Statistics of every object for a parsed question's target, its colours included."""
        query, noun = encode_query(parsed, encoder)
        return self.evidence(query, noun, colours_of(parsed.target))

    def evidence(
        self, query: np.ndarray, noun: np.ndarray | None = None, colours: Sequence[str] = ()
    ) -> Evidence:
        """Statistics of every object for a query vector [D].

        Args:
            query: unit vector of what was asked for.
            noun: unit vector of the same without adjectives, None if there were none.
            colours: colours that were asked for.
        """
        if self._n > MANY:
            return self._of_the_nearest(query, noun, colours)
        products = self._stacked @ query
        similarity, texts = products[: self._n], products[self._n :]
        named = None if noun is None else self._stacked[self._n :] @ noun
        colour = self.colours.likelihood(colours) if colours else self._zeros
        return self._statistics(slice(None), similarity, texts, named, colour)

    def _of_the_nearest(
        self, query: np.ndarray, noun: np.ndarray | None, colours: Sequence[str]
    ) -> Evidence:
        """For large maps: the other objects get what the worst of the nearest ones has."""
        similarity = self.embeddings @ query
        rows = np.argpartition(-similarity, MANY)[:MANY]
        rows.sort()
        texts = self._stacked[self._n :]
        named = None if noun is None else texts @ noun
        colour = self.colours.likelihood(colours, rows) if colours else np.zeros(MANY)
        best = self._statistics(rows, similarity[rows], texts @ query, named, colour)
        full = {}
        for name in FEATURES:
            value = getattr(best, name)
            full[name] = np.full(self._n, value.min())
            full[name][rows] = value
        return replace(Evidence(**full), similarity=similarity)

    def _statistics(
        self,
        rows: slice | np.ndarray,
        similarity: np.ndarray,
        texts: np.ndarray,
        named: np.ndarray | None,
        colour: np.ndarray,
    ) -> Evidence:
        """Args:
        rows: of the objects.
        similarity: [m] of those.
        texts: cosines of the query with the rivals and the supports' names.
        named: the same of the query without adjectives, None if it had none.
        colour: [m] likelihood of the asked colours.
        """
        closeness = texts[: self._n_rivals]
        near = np.flatnonzero(closeness >= rival_limit(closeness))  # few: its synonyms and kinds
        rival_fit = self._rival_fit[rows]
        if len(near):
            rival_fit = rival_fit.copy()
            rival_fit[:, near] = -np.inf
        better = (rival_fit > similarity[:, None]).sum(axis=1)
        fit_unit = self._rival_fit_unit[rows]
        profile = fit_unit @ _unit(closeness)
        plain, named = named is None, texts if named is None else named
        return Evidence(
            similarity=similarity,
            margin=similarity - rival_fit.max(axis=1),
            preference=self._preference(rows, similarity, near),
            rank=-better / max(len(closeness) - len(near), 1),
            z=(similarity - self._null_mean[rows]) / self._null_std[rows],
            profile=profile,
            relevancy=sigmoid(self._scale * (similarity - self._canonical_fit[rows])),
            noun=profile if plain else fit_unit @ _unit(named[: self._n_rivals]),
            plain=(self._ones if plain else self._zeros)[rows],
            kind=self._kinds.agreement(
                named[self._n_rivals :], float(named[: self._n_rivals].max())
            )[rows],
            views=self._seen[rows],
            colour=colour,
            size=self._size(named[: self._n_rivals], rows),
        )

    def _preference(
        self, rows: slice | np.ndarray, similarity: np.ndarray, near: np.ndarray
    ) -> np.ndarray:
        own = self._logit_scale * similarity.astype(float)
        counted = np.ones(self._rival_exp.shape[1], np.float32)
        counted[near] = 0
        rivals = np.maximum(self._rival_exp[rows] @ counted, 1e-37)
        return np.asarray(own - np.logaddexp(own, self._rival_top[rows] + np.log(rivals)))

    def _size(self, closeness: np.ndarray, rows: slice | np.ndarray) -> np.ndarray:
        """[m] of `Evidence.size`; the nearer a household noun [R] is, the more its size counts."""
        weight = np.maximum(closeness - rival_limit(closeness), 0) ** 2
        near = np.flatnonzero(weight)
        if not len(near):
            return self._zeros[rows]
        return np.asarray(weight[near] @ -self._size_off[near][:, rows]) / float(weight.sum())

    def null_best(self) -> np.ndarray:
        """[U] sorted: for each unrelated noun, the z of the object that fits it best."""
        z = (self._null_fit - self._null_mean[:, None]) / self._null_std[:, None]
        return np.sort(z.max(axis=0))


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
    return 0.5 + 0.5 * _median(closeness)


def _median(values: np.ndarray) -> float:
    """The median of [n], n > 0; several times faster than numpy's for some hundred values."""
    low, high = (len(values) - 1) // 2, len(values) // 2
    ordered = np.partition(values, (low, high) if low != high else low)
    return 0.5 * (float(ordered[low]) + float(ordered[high]))


def _unit(vector: np.ndarray) -> np.ndarray:
    """The vector without its mean, of unit length."""
    centred = vector - vector.mean()
    return np.asarray(centred / max(float(np.sqrt(centred @ centred)), 1e-12))


def _unit_rows(matrix: np.ndarray) -> np.ndarray:
    """Rows without their mean, of unit length: products of such rows are correlations."""
    centred = matrix - matrix.mean(axis=1, keepdims=True)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
