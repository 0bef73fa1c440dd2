"""The relevancy of every Gaussian for a query, through the scene's codebook."""

from __future__ import annotations

import numpy as np

from grounding3d.features.base import Encoder
from grounding3d.features.relevancy import relevancy_scale, sigmoid
from grounding3d.fusion.base import NO_CODE, GaussianFeatures


class GaussianRelevancy:
    """LERF's relevancy (Kerr et al. 2023, section 3.3) of N Gaussians, from K products, not N.

    A Gaussian's feature is f = sum(w_j c_j) / |sum(w_j c_j)|, so its cosine with any vector is a
    weighted sum of the codebook's cosines. The norm and the best canonical phrase do not depend on
    the query and are computed once.

    Args:
        features: codes of N Gaussians over K vectors.
        canonical: [C,D] unit vectors of the canonical phrases.
        scale: factor from cosine to logit.
    """

    def __init__(self, features: GaussianFeatures, canonical: np.ndarray, scale: float) -> None:
        self._codebook = features.codebook.astype(np.float32)
        used = (features.codes != NO_CODE) & (features.codes < max(len(self._codebook), 1))
        self._codes = np.where(used, features.codes, 0).astype(np.uint16)
        self._weights = np.where(used, features.weights, 0).astype(np.float32)
        self._scale = np.float32(scale)
        self.seen = used.any(axis=1) & (self._weights.sum(axis=1) > 0)
        self._normalise()
        cosines = [self._cosine(phrase) for phrase in canonical]
        self._rival = np.max(cosines, axis=0) if cosines else np.zeros(len(self.seen), np.float32)

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
        chosen = slice(None) if rows is None else rows
        seen, rival = self.seen[chosen], self._rival[chosen]
        if not len(self._codebook):
            return np.zeros(len(seen), np.float32)
        value = sigmoid(self._scale * (self._cosine(query, chosen) - rival))
        return np.where(seen, value, 0).astype(np.float32)

    def _cosine(self, vector: np.ndarray, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        codes = self._codes[rows]
        if not len(self._codebook):
            return np.zeros(len(codes), np.float32)
        products = self._codebook @ np.asarray(vector, np.float32)
        return np.asarray((self._weights[rows] * products[codes]).sum(axis=1))

    def _normalise(self) -> None:
        """Divide the weights by the norm of each Gaussian's weighted sum."""
        if not len(self._codebook):
            return
        gram = self._codebook @ self._codebook.T
        squared = np.zeros(len(self.seen), np.float32)
        for a in range(self._codes.shape[1]):
            for b in range(self._codes.shape[1]):
                pair = gram[self._codes[:, a], self._codes[:, b]]
                squared += self._weights[:, a] * self._weights[:, b] * pair
        self._weights /= np.sqrt(np.maximum(squared, 1e-12))[:, None]


def gaussian_relevancy(features: GaussianFeatures, target: str, encoder: Encoder) -> np.ndarray:
    """[N] float32 relevancy of every Gaussian for one phrase, such as `Answer.parsed.target`.

    For one question; `GaussianRelevancy` is for several.
    """
    return GaussianRelevancy.for_encoder(features, encoder).of(encoder.encode_text([target])[0])
