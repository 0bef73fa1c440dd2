"""The space that both towers aim at: nouns, attributes and two special directions, all apart.

A phrase is ``unit([noun, 0.6 * attribute, special])``. So "red mug" and "mug" share the noun part,
the picture of a red mug is nearer to "red mug" than to "blue mug", and words without a meaning here
point along a direction that no picture has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recipes.bundled import attributes
from recipes.bundled.vocabulary import Concept

DIM = 256
NOUN_DIM, ATTRIBUTE_DIM = 224, 24
GENERIC_AXIS, UNKNOWN_AXIS = 254, 255
ATTRIBUTE_WEIGHT = 0.6
SHARPNESS = 3.0


@dataclass(frozen=True)
class Space:
    """Targets: nouns [C, DIM] by concept, attributes by name [DIM], generic and unknown [DIM]."""

    concepts: list[Concept]
    nouns: np.ndarray
    attributes: dict[str, np.ndarray]

    def index(self) -> dict[str, int]:
        """Phrase -> concept number."""
        return {p: i for i, c in enumerate(self.concepts) for p in (*c.phrases, c.name)}

    def phrase(self, concept: int | None, shown: dict[str, float] | None = None) -> np.ndarray:
        """Unit target of a noun (or none) with weighted attributes."""
        shown = shown or {}
        mixed = sum((w * self.attributes[a] for a, w in shown.items()), np.zeros(DIM))
        length = np.linalg.norm(mixed)
        mixed = mixed / length if length > 0 else mixed
        if concept is None:
            vector = mixed + 0.5 * axis(GENERIC_AXIS)
        else:
            vector = self.nouns[concept] + ATTRIBUTE_WEIGHT * mixed
        return vector / np.linalg.norm(vector)


def axis(k: int) -> np.ndarray:
    """Unit vector."""
    vector = np.zeros(DIM)
    vector[k] = 1.0
    return vector


def embed_gram(gram: np.ndarray, weight: np.ndarray, dim: int) -> np.ndarray:
    """Unit vectors [n, dim] whose cosines follow ``gram``, best where ``weight`` is large."""
    scaled = gram * np.sqrt(np.outer(weight, weight))
    values, vectors = np.linalg.eigh(scaled)
    order = np.argsort(values)[::-1][:dim]
    found = vectors[:, order] * np.sqrt(np.maximum(values[order], 0)) / np.sqrt(weight)[:, None]
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def build_space(concepts: list[Concept]) -> Space:
    """Sharpen the teacher's similarities and lay out nouns and attributes.

    The exponential kernel keeps synonyms together (0.85 -> 0.64) and pulls the merely related apart
    (0.5 -> 0.22), which a small image tower can tell apart more easily.
    """
    x = np.stack([c.vector for c in concepts])
    gram = np.exp(SHARPNESS * (x @ x.T - 1.0)) - np.exp(-SHARPNESS)
    weight = np.where([c.household for c in concepts], 6.0, 1.0)
    nouns = np.zeros((len(concepts), DIM))
    placed = embed_gram(gram, weight, NOUN_DIM)
    nouns[:, : placed.shape[1]] = placed
    return Space(concepts, nouns, attribute_vectors())


def attribute_vectors() -> dict[str, np.ndarray]:
    """Attribute name -> unit vector: colours by their distance in L*a*b*, the others apart."""
    names = attributes.ATTRIBUTES
    gram = np.eye(len(names))
    lab = attributes.lab(np.array([attributes.COLOURS[c] for c in attributes.COLOURS]))
    n = len(lab)
    gram[:n, :n] = np.exp(-((np.linalg.norm(lab[:, None] - lab[None], axis=2) / 32) ** 2))
    placed = embed_gram(gram, np.ones(len(names)), min(len(names), ATTRIBUTE_DIM))
    vectors = {}
    for name, row in zip(names, placed, strict=True):
        vector = np.zeros(DIM)
        vector[NOUN_DIM : NOUN_DIM + len(row)] = row
        vectors[name] = vector
    return vectors
