"""What each Gaussian has to do with a question, for painting."""

from __future__ import annotations

import numpy as np

from grounding3d.features.base import Encoder
from grounding3d.features.relevancy import relevancy_scale, sigmoid
from grounding3d.fusion.base import NO_CODE, GaussianFeatures


def gaussian_relevancy(features: GaussianFeatures, target: str, encoder: Encoder) -> np.ndarray:
    """LERF's relevancy (Kerr et al. 2023, section 3.3) of every Gaussian for a phrase.

    The Gaussians' vectors, [N,D], are never made: cosines with the phrases follow from the
    codebook's cosines with the phrases and with itself.

    Args:
        features: codes of N Gaussians over K vectors.
        target: the phrase, such as `Answer.parsed.target`.
        encoder: the one that made the codebook.

    Returns:
        [N] float32 in [0, 1], 0.5 = neutral; 0 where the language side saw nothing.
    """
    n = len(features.codes)
    if features.codebook.size == 0:
        return np.zeros(n, np.float32)
    codebook = features.codebook.astype(np.float32)
    phrases = encoder.encode_text([target, *encoder.canonical_phrases])
    used = features.codes != NO_CODE
    codes = np.where(used, features.codes, 0).astype(np.int64)
    weights = np.where(used, features.weights, 0).astype(np.float32)
    norm = np.sqrt(np.maximum(_squared_norm(codes, weights, codebook @ codebook.T), 1e-12))
    fit = np.einsum("nk,nkp->np", weights, (codebook @ phrases.T)[codes]) / norm[:, None]
    value = sigmoid(relevancy_scale(encoder) * (fit[:, 0] - fit[:, 1:].max(axis=1)))
    return np.where(used.any(axis=1) & (weights.sum(axis=1) > 0), value, 0).astype(np.float32)


def _squared_norm(codes: np.ndarray, weights: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """[N] squared length of sum_k weights[n,k] * codebook[codes[n,k]]."""
    total = np.zeros(len(codes), np.float32)
    for i in range(codes.shape[1]):
        for j in range(codes.shape[1]):
            total += weights[:, i] * weights[:, j] * gram[codes[:, i], codes[:, j]]
    return total


def glow(relevancy: np.ndarray) -> np.ndarray:
    """Brightness in [0, 1] for painting: 0 up to neutral (0.5), 1 at full relevancy."""
    return np.clip(2 * relevancy - 1, 0, 1).astype(np.float32)
