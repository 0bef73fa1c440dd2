"""Smoothing of codes over a graph of Gaussians that belong together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from grounding3d.fusion.base import NO_CODE, GaussianFeatures
from grounding3d.fusion.field_config import FieldConfig
from grounding3d.scene.base import Gaussians

_PART = 8192  # Gaussians whose neighbours are compared at a time
_LEAST = 1e-3  # weaker ties are none
_FILLED = 0.5  # a filled hole is at most half as sure as what it was filled from


def smooth(
    features: GaussianFeatures, gaussians: Gaussians, config: FieldConfig
) -> GaussianFeatures:
    """Give each Gaussian the codes of the neighbour that its neighbourhood agrees with most.

    Neighbours are tied by nearness in space, likeness of colour and of normal, so that codes pass
    along a surface and neither over a depth edge nor onto another thing that stands on it. The
    vote of Gaussian h for a candidate's codes is tie x confidence x cosine to its own code; no
    vector is made that was not there. Diffusion on such a graph is how LUDVIG (Marrie et al. 2024)
    sharpens lifted features; votes for codes keep it sparse.

    Args:
        features: of N Gaussians.
        gaussians: those.
        config: number of rounds, neighbours and reach; 0 rounds change nothing.
    """
    if config.refine_rounds == 0 or len(gaussians) < 2 or not len(features.codebook):
        return features
    neighbour, tie = ties(gaussians, config)
    vectors = features.codebook.astype(np.float32)
    alike = np.maximum(vectors @ vectors.T, 0).astype(np.float16)
    for _ in range(config.refine_rounds):
        features = _round(features, neighbour, tie, alike)
    return features


def ties(gaussians: Gaussians, config: FieldConfig) -> tuple[np.ndarray, np.ndarray]:
    """(neighbour [N,n] int, strength [N,n] in [0, 1]) of each Gaussian; the first is itself."""
    means, count = gaussians.means, min(config.refine_neighbours + 1, len(gaussians))
    _, neighbour = cKDTree(means).query(means, k=count, workers=1)
    neighbour = np.asarray(neighbour)
    neighbour[:, 0] = np.arange(len(means))  # doubles may come in any order
    rgb, normals = gaussians.rgb, gaussians.normals
    tie = np.zeros(neighbour.shape, np.float32)
    for column, other in enumerate(neighbour.T):
        far = np.square(means - means[other]).sum(axis=1) / (0.5 * config.refine_reach_m) ** 2
        unlike = np.square(rgb - rgb[other]).sum(axis=1) / (0.5 * config.refine_colour) ** 2
        bend = np.abs((normals * normals[other]).sum(axis=1))
        tie[:, column] = np.exp(-0.5 * (far + unlike)) * bend
    tie[tie < _LEAST] = 0
    return neighbour, tie


def _round(
    features: GaussianFeatures, neighbour: np.ndarray, tie: np.ndarray, alike: np.ndarray
) -> GaussianFeatures:
    codes, weights = features.codes.copy(), features.weights.copy()
    confidence = features.confidence.astype(np.float32)
    sure = confidence.copy()
    first = features.codes[:, 0]
    for start in range(0, len(codes), _PART):
        rows = np.arange(start, min(start + _PART, len(codes)))
        near = neighbour[rows]
        has = first[near] != NO_CODE
        strength = tie[rows] * has * confidence[near]
        at = np.where(has, first[near], 0)
        votes = (alike[at[:, :, None], at[:, None, :]] * strength[:, None, :]).sum(axis=2)
        votes = np.where(has & (tie[rows] > 0), votes, -1)
        best, here = votes.argmax(axis=1), np.arange(len(rows))
        takes = votes[here, best] > 0
        giver = near[here, best]
        codes[rows[takes]] = features.codes[giver[takes]]
        weights[rows[takes]] = features.weights[giver[takes]]
        lent = _FILLED * (strength.max(axis=1))
        sure[rows] = np.where(takes, np.maximum(confidence[rows], lent), confidence[rows])
    return replace(features, codes=codes, weights=weights, confidence=sure.astype(np.float16))
