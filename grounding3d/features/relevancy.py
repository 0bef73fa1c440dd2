"""Relevancy: does a vector prefer the query to phrases that fit anything."""

from __future__ import annotations

import numpy as np

from grounding3d.features.base import Encoder

CLIP_RELEVANCY_SCALE = 10.0
"""LERF's temperature for CLIP-like encoders, far softer than their logit scale."""


def relevancy(
    vectors: np.ndarray, query: np.ndarray, canonical: np.ndarray, scale: float
) -> np.ndarray:
    """LERF's relevancy (Kerr et al. 2023, section 3.3): 0.5 = neutral, 1 = the query for sure.

    Args:
        vectors: [..., D] unit vectors of objects or places.
        query: [D] unit vector.
        canonical: [C,D] unit vectors of the canonical phrases.
        scale: factor from cosine to logit.

    Returns:
        [...] min over canonical phrases of softmax(scale * [query, canonical]) of the query.
    """
    rival = (vectors @ canonical.T).max(axis=-1)
    return sigmoid(scale * (vectors @ query - rival))


def relevancy_scale(encoder: Encoder) -> float:
    """10 for CLIP-like encoders; the model's own scale for those with a bias (SigLIP)."""
    if encoder.logit_bias != 0.0:
        return float(encoder.logit_scale)
    return CLIP_RELEVANCY_SCALE


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Logistic function that does not overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * np.asarray(x, float))))
