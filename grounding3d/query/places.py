"""Parts and stuff that are no object of the map: found in the language features of the Gaussians.

A place is only answered where it clearly stands out, against the scene or, for a part, against
the rest of its whole: a wrong coordinate is worse than none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from grounding3d.features.base import Encoder
from grounding3d.features.relevancy import relevancy_scale, sigmoid
from grounding3d.fusion.base import GaussianFeatures
from grounding3d.geometry.boxes import OBB
from grounding3d.objects.base import LanguageScene, MapObject, ObjectMap
from grounding3d.objects.extent import observed_box
from grounding3d.query.calibration import Calibration
from grounding3d.query.decision import NullRule
from grounding3d.query.evidence import EvidenceIndex
from grounding3d.query.gaussian_relevancy import GaussianRelevancy

VOXEL_M = 0.05
"""Gaussians in touching voxels of this size are one place."""
MIN_GAUSSIANS = 20
"""A place of fewer is noise."""
STANDS_OUT = 5.0
"""Robust standard deviations of the scene's own relevancy (in logits) that a place is above it."""
MIN_RELEVANCY = 0.6
"""Relevancy below which a Gaussian hardly prefers the phrase to the canonical ones."""
APART = 4.0
"""Distance of a part's mean from that of the rest of its whole, in standard deviations within the
two. The best split of mere noise comes to 2.7, so that what is under 4 shows no part."""
MIN_CONTRAST = 0.5
"""The same in logits: a part is preferred to the rest by more than this."""
MIN_SCORE = 0.5
"""Score that a place needs besides passing as an object would: no table was fitted on places."""
MAX_PART = 0.6
"""A part is at most this share of its whole."""
_TRIM = 0.02
_WITHIN_M = 0.01
_EDGE_SHARE = 0.15  # of a place's size by which the choice of threshold moves its faces
_EDGE_M = 0.01
_SAMPLE = 20_000  # Gaussians that the scene's own distribution is taken from
_SLACK = 0.05


@dataclass(frozen=True, eq=False)
class Place:
    """A region of the scene that is no object of the map.

    Attributes:
        item: the region as an object with id 0.
        score: in [0, 1].
        similarity, relevancy: means over its Gaussians.
    """

    item: MapObject
    score: float
    similarity: float
    relevancy: float


class PlaceFinder:
    """Searches the Gaussians of one scene; what does not depend on the question is made once.

    Args:
        scene: with language features of its Gaussians.
        encoder: its text side.
        calibration: decides about places as about objects; None for the null distribution.
    """

    def __init__(
        self, scene: LanguageScene, encoder: Encoder, calibration: Calibration | None
    ) -> None:
        self._scene, self._encoder, self._calibration = scene, encoder, calibration
        self._relevancy = GaussianRelevancy.for_encoder(scene.features, encoder)
        self._means = scene.scene.gaussians.means
        self._codebook = scene.features.codebook.astype(np.float32)
        canonical = encoder.encode_text(encoder.canonical_phrases)
        self._rival = (self._codebook @ canonical.T).max(axis=1)
        self._scale = relevancy_scale(encoder)

    @staticmethod
    def usable(scene: LanguageScene) -> bool:
        """Whether the Gaussians' features say more than the objects' own vectors do."""
        n = len(scene.scene.gaussians)
        is_finer = len(scene.features.codebook) > len(scene.objects)
        return is_finer and 0 < n == len(scene.features.codes)

    def find(self, phrase: str, query: np.ndarray, noun: np.ndarray | None) -> Place | None:
        """The place of a phrase in the whole scene, None where nothing clearly stands out.

        Args:
            phrase: its label.
            query: [D] unit vector of the phrase.
            noun: [D] of the phrase without adjectives, None if it has none.
        """
        if not self._may_hold(query):
            return None
        value = self._relevancy.of(query)
        seen = np.flatnonzero(self._relevancy.seen)
        if len(seen) < MIN_GAUSSIANS:
            return None
        sample = _logit(value[seen[:: len(seen) // _SAMPLE + 1]])
        middle = float(np.median(sample))
        spread = 1.4826 * float(np.median(np.abs(sample - middle))) + 1e-3
        least = max(float(sigmoid(np.array(middle + STANDS_OUT * spread))), MIN_RELEVANCY)
        high = value[seen] >= least
        rows = self._largest(seen[high], value)
        if rows is None or not self._is_its_own(rows, query):
            return None
        place = self._place(phrase, rows, query, value)
        score = self._score(place.item, query, noun)
        return None if score is None else replace(place, score=score)

    def find_part(
        self, phrase: str, part: np.ndarray, whole: MapObject, whole_query: np.ndarray
    ) -> Place | None:
        """A part of an object, None where the object's Gaussians do not tell it apart.

        Args:
            phrase: its label.
            part: [D] unit vector of the part's name.
            whole: only what lies in its box is searched.
            whole_query: [D] unit vector of the whole's name.
        """
        rows = self._within(whole.box)
        if len(rows) < 2 * MIN_GAUSSIANS:
            return None
        value = self._relevancy.of(part)
        # canonical phrases cancel: what is left is the preference of the part to the whole
        lead = _logit(value[rows]) - _logit(self._relevancy.of(whole_query)[rows])
        high = lead > _best_split(lead)
        if not _apart(lead, high):
            return None
        # what is neither part nor whole, the table below or another part, may lead too
        high &= (value[rows] >= 0.5) & (lead > 0)
        chosen = self._largest(rows[high], value)
        if chosen is None or len(chosen) > MAX_PART * len(rows):
            return None
        return self._place(phrase, chosen, part, value)

    def _may_hold(self, query: np.ndarray) -> bool:
        """Whether any vector of the codebook prefers the query enough, or nearly.

        A mixture of several may do so a little more than each, hence the slack. It spares most
        questions for what is not there the pass over all Gaussians.
        """
        lead = float((self._codebook @ query - self._rival).max())
        return bool(sigmoid(np.array(self._scale * (lead + _SLACK))) >= MIN_RELEVANCY)

    def _within(self, box: OBB) -> np.ndarray:
        inside = box.contains(self._means, _WITHIN_M)
        return np.flatnonzero(inside & self._relevancy.seen)

    def _largest(self, rows: np.ndarray, value: np.ndarray) -> np.ndarray | None:
        """The cluster with the most relevancy."""
        if len(rows) < MIN_GAUSSIANS:
            return None
        label = clusters(self._means[rows], VOXEL_M)
        weight = np.bincount(label, weights=value[rows])
        best = rows[label == weight.argmax()]
        return best if len(best) >= MIN_GAUSSIANS else None

    def _is_its_own(self, rows: np.ndarray, query: np.ndarray) -> bool:
        """Whether a cluster is something that the object map does not know.

        What mostly lies in one object must be a part of it that its own features tell apart.
        Otherwise, and where it holds most of an object, it is that object, about which was
        decided already.
        """
        for item in self._scene.objects:
            own = self._within(item.box)
            shared = len(np.intersect1d(own, rows))
            if shared < 0.5 * len(rows) and shared <= MAX_PART * len(own):
                continue
            if len(own) < 2 * MIN_GAUSSIANS or shared > MAX_PART * len(own):
                return False
            if not _apart(_logit(self._relevancy.of(query, own)), np.isin(own, rows)):
                return False
        return True

    def _place(self, phrase: str, rows: np.ndarray, query: np.ndarray, value: np.ndarray) -> Place:
        geometry = self._scene.scene
        points = self._means[rows]
        box = observed_box(points, np.ones(len(rows)), geometry.up_world, _TRIM)
        anchors = geometry.anchor[rows]
        known = anchors[(anchors >= 0) & (anchors < len(geometry.keyframes))]
        anchor = int(np.bincount(known).argmax()) if len(known) else 0
        stamps = [geometry.keyframes[i].stamp_s for i in np.unique(known)]
        embedding = mean_feature(self._scene.features, rows)
        edge = (_EDGE_SHARE * box.size) ** 2 + _EDGE_M**2
        item = MapObject(
            id=0, kind="object", box=box, covariance=box.R @ np.diag(edge) @ box.R.T,
            embedding=embedding, view_embeddings=embedding[None], label=phrase, points=points,
            rgb=np.rint(255 * geometry.gaussians.rgb[rows]).astype(np.uint8),
            n_views=max(len(np.unique(known)), 1), support_id=None, anchor=anchor,
            stamp_s=max((s for s in stamps if s is not None), default=None),
        )  # fmt: skip
        mean = float(value[rows].mean())
        return Place(item, mean, float(embedding @ query), mean)

    def _score(self, item: MapObject, query: np.ndarray, noun: np.ndarray | None) -> float | None:
        """The rule for objects applied to a place among them; None where it does not pass."""
        usual = int(np.median([o.n_views for o in self._scene.objects] or [1]))
        among = ObjectMap((*self._scene.objects, replace(item, n_views=usual)))
        index = EvidenceIndex(among, self._encoder, self._scene.scene.up_world)
        rule = self._calibration or NullRule(index.null_best())
        evidence = index.evidence(query, noun)
        score, _ = rule.score(evidence)
        sure = rule.passes(evidence, score)[-1] and score[-1] >= MIN_SCORE
        return float(score[-1]) if sure else None


def clusters(points: np.ndarray, voxel_m: float) -> np.ndarray:
    """[n] cluster of each point [n,3]; points in the same or in touching voxels share one."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    cells, cell_of = np.unique(
        np.floor(points / voxel_m).astype(np.int64), axis=0, return_inverse=True
    )
    pairs = cKDTree(cells).query_pairs(1.8, output_type="ndarray")  # over sqrt(3), below 2
    links = coo_matrix((np.ones(len(pairs)), pairs.T), (len(cells), len(cells)))
    _, label = connected_components(links, directed=False)
    return np.asarray(label[cell_of.reshape(-1)])


def mean_feature(features: GaussianFeatures, rows: np.ndarray) -> np.ndarray:
    """[D] float32 unit mean of Gaussians' features, by their confidence."""
    codebook = features.codebook.astype(np.float32)
    codes, weights = features.codes[rows], features.weights[rows].astype(np.float32)
    used = codes < len(codebook)
    weights = np.where(used, weights, 0) * features.confidence[rows].astype(np.float32)[:, None]
    total = np.bincount(
        np.where(used, codes, 0).reshape(-1), weights.reshape(-1), minlength=len(codebook)
    )
    mean = total @ codebook
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)


def _logit(relevancy: np.ndarray) -> np.ndarray:
    p = np.clip(np.asarray(relevancy, float), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)))


def _best_split(value: np.ndarray, bins: int = 64) -> float:
    """Threshold with the most variance between what is above and below (Otsu 1979)."""
    count, edges = np.histogram(value, bins)
    middle = 0.5 * (edges[1:] + edges[:-1])
    below, total = np.cumsum(count), np.cumsum(count * middle)
    above = below[-1] - below
    usable = (below > 0) & (above > 0)
    gap = total[-1] * below - total * below[-1]
    between = np.where(usable, gap**2 / np.maximum(below * above, 1), -1)
    return float(edges[1:][between.argmax()])


def _apart(value: np.ndarray, chosen: np.ndarray) -> bool:
    """Whether the chosen ones stand clearly above the others."""
    if chosen.sum() < MIN_GAUSSIANS or (~chosen).sum() < MIN_GAUSSIANS:
        return False
    contrast = float(value[chosen].mean() - value[~chosen].mean())
    within = np.sqrt(
        (value[chosen].var() * chosen.sum() + value[~chosen].var() * (~chosen).sum()) / len(value)
    )
    return contrast >= MIN_CONTRAST and contrast >= APART * float(within)
