"""The relevancy of every Gaussian for a query, through the scene's codebook."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from grounding3d.errors import MissingDependencyError
from grounding3d.features.base import Encoder
from grounding3d.features.relevancy import relevancy_scale, sigmoid
from grounding3d.fusion.base import GaussianFeatures
from grounding3d.scene.rasterizers.core import load_core


class GaussianRelevancy:
    """LERF's relevancy (Kerr et al. 2023, section 3.3) of N Gaussians, from K products, not N.

    A Gaussian's feature is f = sum(w_j c_j) / |sum(w_j c_j)|, so its cosine with any vector is a
    weighted sum of the codebook's cosines. The norm and the best canonical phrase do not depend on
    the query and are computed once. Where no Gaussian has more than one code, the answer too is
    computed per code and only looked up per Gaussian. The compiled core does the part that grows
    with N where it is installed; numpy does the same more slowly.

    Args:
        features: codes of N Gaussians over K vectors.
        canonical: [C,D] unit vectors of the canonical phrases.
        scale: factor from cosine to logit.
    """

    def __init__(self, features: GaussianFeatures, canonical: np.ndarray, scale: float) -> None:
        self._codebook = features.codebook.astype(np.float32)
        self._scale = float(scale)
        self._core = _core_or_none()
        weights = features.weights.astype(np.float32)
        used: np.ndarray = (features.codes < len(self._codebook)) & (weights > 0)
        self.seen = np.asarray(used.any(axis=1))
        slots = max(int(used.sum(axis=1).max(initial=0)), 1)
        # used codes first: what nobody uses is not looked up
        order = np.argsort(~used, axis=1, kind="stable")[:, :slots]
        used = np.take_along_axis(used, order, axis=1)
        codes = np.where(used, np.take_along_axis(features.codes, order, axis=1), 0)
        weights = np.where(used, np.take_along_axis(weights, order, axis=1), 0)
        self._codes = np.ascontiguousarray(codes.T, np.uint16)
        self._weights = np.ascontiguousarray(weights.T, np.float32)
        if not len(self._codebook):
            return
        if slots == 1:
            self._codebook /= np.maximum(np.linalg.norm(self._codebook, axis=1), 1e-6)[:, None]
            # one row more, for what was not seen
            self._codes[0] = np.where(self.seen, self._codes[0], len(self._codebook))
            self._rival = _largest([self._codebook @ c for c in canonical], len(self._codebook))
        else:
            self._normalise()
            rivals = [self._cosine(c, self._codes, self._weights) for c in canonical]
            self._rival = _largest(rivals, len(self.seen))
            self._rival[~self.seen] = np.inf

    @classmethod
    def for_encoder(cls, features: GaussianFeatures, encoder: Encoder) -> GaussianRelevancy:
        """With the canonical phrases and the scale of the encoder that made the codebook."""
        canonical = encoder.encode_text(encoder.canonical_phrases)
        return cls(features, canonical, relevancy_scale(encoder))

    def of(self, query: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Relevancy of Gaussians for a query.

        Args:
            query: [D] unit vector.
            rows: [n] indices of the Gaussians that are wanted, None for all N.

        Returns:
            [n] float32 in [0, 1]; 0 where language saw nothing.
        """
        codes = self._codes if rows is None else np.ascontiguousarray(self._codes[:, rows])
        if not len(self._codebook):
            return np.zeros(codes.shape[1], np.float32)
        query = np.asarray(query, np.float32)
        if len(codes) == 1:
            return self._looked_up(codes[0], query)
        weights, rival = self._weights, self._rival
        if rows is not None:
            weights, rival = np.ascontiguousarray(weights[:, rows]), rival[rows]
        return self._weighed(codes, weights, rival, query)

    def _looked_up(self, codes: np.ndarray, query: np.ndarray) -> np.ndarray:
        of_code = sigmoid(self._scale * (self._codebook @ query - self._rival))
        table = np.append(of_code, 0).astype(np.float32)
        found: np.ndarray = table[codes] if self._core is None else self._core.look_up(codes, table)
        return found

    def _weighed(
        self, codes: np.ndarray, weights: np.ndarray, rival: np.ndarray, query: np.ndarray
    ) -> np.ndarray:
        if self._core is None:
            margin = self._cosine(query, codes, weights) - rival
            return sigmoid(self._scale * margin).astype(np.float32)
        found: np.ndarray = self._core.relevancy(
            codes, weights, self._codebook @ query, rival, self._scale
        )
        return found

    def _cosine(self, vector: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        products = self._codebook @ np.asarray(vector, np.float32)
        total = weights[0] * products[codes[0]]
        for slot in range(1, len(codes)):
            total += weights[slot] * products[codes[slot]]
        return np.asarray(total)

    def _normalise(self) -> None:
        """Divide the weights by the norm of each Gaussian's weighted sum."""
        gram = self._codebook @ self._codebook.T
        squared = np.zeros(len(self.seen), np.float32)
        for a in range(len(self._codes)):
            for b in range(len(self._codes)):
                pair = gram[self._codes[a], self._codes[b]]
                squared += self._weights[a] * self._weights[b] * pair
        self._weights /= np.sqrt(np.maximum(squared, 1e-12))


def _largest(values: list[np.ndarray], count: int) -> np.ndarray:
    """[count] float32 largest of each column; 0 where there are no rows."""
    return np.max(values, axis=0).astype(np.float32) if values else np.zeros(count, np.float32)


def _core_or_none() -> ModuleType | None:
    try:
        return load_core()
    except MissingDependencyError:
        return None


def gaussian_relevancy(features: GaussianFeatures, target: str, encoder: Encoder) -> np.ndarray:
    """[N] float32 relevancy of every Gaussian for one phrase, such as `Answer.parsed.target`.

    For one question; `GaussianRelevancy` is for several.
    """
    return GaussianRelevancy.for_encoder(features, encoder).of(encoder.encode_text([target])[0])
