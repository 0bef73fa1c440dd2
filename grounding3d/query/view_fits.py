"""How well the views of each object fit a query: the mean of the better half of them."""

from __future__ import annotations

import numpy as np

from grounding3d.objects.base import ObjectMap

_NO_VIEW = np.float32(-2)  # below every cosine


class ViewFits:
    """All objects' view vectors in one matrix.

    Args:
        objects: M objects; one without views stands for itself.
        embeddings: [M,D] float32 of the objects.

    Attributes:
        vectors: [P,D] float32 of all views, object after object.
    """

    def __init__(self, objects: ObjectMap, embeddings: np.ndarray) -> None:
        blocks = [
            item.view_embeddings.astype(np.float32) if len(item.view_embeddings) else own[None]
            for item, own in zip(objects, embeddings)
        ]
        self.vectors = np.concatenate(blocks)
        counts = np.array([len(block) for block in blocks])
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        place = np.arange(counts.max())
        # [M,V] rows of each object's views, filled up with a row that does not exist
        self._rows = np.where(place < counts[:, None], starts[:, None] + place, len(self.vectors))
        half = np.maximum((counts + 1) // 2, 1)[:, None]
        # [M,V] of each in the mean, when they are sorted upwards
        self._shares = np.where(place >= counts.max() - half, 1 / half, 0).astype(np.float32)

    def all(self, cosines: np.ndarray) -> np.ndarray:
        """[M] for the cosines [P] of `vectors` with a query."""
        return self._better_half(np.append(cosines, _NO_VIEW)[self._rows], slice(None))

    def some(self, rows: np.ndarray, query: np.ndarray) -> np.ndarray:
        """[m] of the objects in `rows` [m], for a query [D]."""
        owned = self._rows[rows]
        known = owned < len(self.vectors)
        fits = self.vectors[np.where(known, owned, 0)] @ query
        return self._better_half(np.where(known, fits, _NO_VIEW), rows)

    def _better_half(self, fits: np.ndarray, rows: slice | np.ndarray) -> np.ndarray:
        fits.sort(axis=1)
        return np.asarray((fits * self._shares[rows]).sum(axis=1))
