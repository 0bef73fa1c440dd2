"""One vector for a thing from the vectors of its views."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from grounding3d.features.base import Vocabulary
from grounding3d.features.sizes import octaves_off

_ROUNDS = 4
_CREDIBLE_OCTAVES = 0.5  # no noun is a label of what lies farther outside its usual sizes
_SAME_NOUN = 0.97  # cosine of two names from which on an encoder hardly tells them apart
_MIN_SPREAD = 0.05  # views that differ by less than this cosine distance are never outliers


def robust_mean(embeddings: np.ndarray, quality: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quality-weighted mean direction of views, little moved by views that disagree.

    Starts at the medoid, then reweights with Cauchy's weight of the cosine distance
    (iteratively reweighted least squares). Of 149 things on simulated table tops it named 82.6 %
    among 40 categories with a mean margin of 0.162 in cosine; the weighted mean 83.2 % (one thing
    more) with 0.160, the medoid 79.9 % with 0.149, the best single view 77.9 % with 0.139.

    Args:
        embeddings: [V,D] unit vectors, V >= 1.
        quality: [V] weights.

    Returns:
        [D] float32 unit vector, and the [V] weights the views ended with.
    """
    cosines = embeddings @ embeddings.T
    mean = embeddings[np.argmax(cosines @ quality)]
    weight = quality
    for _ in range(_ROUNDS):
        distance = 1 - embeddings @ mean
        spread = max(_MIN_SPREAD, float(np.median(distance)))
        weight = quality / (1 + (distance / (2 * spread)) ** 2)
        total = weight @ embeddings
        mean = total / max(1e-9, float(np.linalg.norm(total)))
    return mean.astype(np.float32), weight


def nearest_noun(embedding: np.ndarray, length_m: float, vocabulary: Vocabulary | None) -> str:
    """The vocabulary's noun nearest to a vector [D], among those that a thing of that length may
    be called; "unknown" without either.

    Of names that the encoder does not tell apart ("plate", "dinner plate") the first counts: a
    vocabulary names the general before the special.
    """
    if vocabulary is None or not len(vocabulary.names) or not embedding.any():
        return "unknown"
    fit = vocabulary.vectors @ embedding
    credible = octaves_off(vocabulary.names, np.array([length_m]))[:, 0] <= _CREDIBLE_OCTAVES
    if credible.any():
        fit = np.where(credible, fit, -np.inf)
    best = int(np.argmax(fit))
    alike = (vocabulary.vectors @ vocabulary.vectors[best] >= _SAME_NOUN) & (fit > -np.inf)
    alike[best] = True
    return vocabulary.names[int(np.argmax(alike))]


def keep_nouns(vocabulary: Vocabulary | None, keep: Callable[[str], bool]) -> Vocabulary | None:
    """The nouns that `keep` accepts; the whole vocabulary if it accepts none of them."""
    rows = [i for i, name in enumerate(vocabulary.names) if keep(name)] if vocabulary else []
    if vocabulary is None or not rows:
        return vocabulary
    return Vocabulary(tuple(vocabulary.names[i] for i in rows), vocabulary.vectors[rows])
