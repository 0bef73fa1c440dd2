"""An online codebook of unit vectors: codes are given once and stay what they stand for."""

from __future__ import annotations

import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix

from grounding3d.checks import check_finite, check_shape
from grounding3d.config import Section
from grounding3d.errors import ArrayError
from grounding3d.fusion.base import NO_CODE

_CHUNK = 1024  # vectors compared at a time
_WIDEN = 1.25  # the radius grows by this when the book is full
_ROOM = 0.75  # share of the rows that may be taken afterwards


class CodebookConfig(Section):
    """How many codes there may be, and how near a vector must be to share one."""

    capacity: int = Field(4096, ge=1, le=NO_CODE - 1, description="most different vectors kept")
    new_cosine: float = Field(
        0.98, gt=0, lt=1, description="a vector farther than this cosine from every code founds one"
    )
    drift_cosine: float = Field(
        0.995, gt=0, le=1, description="a code stays this near to the vector that founded it"
    )


class Codebook:
    """Leader clustering with moving leaders: a vector takes the nearest code, or founds one.

    A code's vector is the mean of what took it, held within `drift_cosine` of its founder. When
    all rows are taken, the radius grows and codes nearer than it share one row from then on, as in
    the doubling algorithm of Charikar et al., "Incremental clustering and dynamic information
    retrieval", STOC 1997. A code's number stays valid for ever; only its row may change, by at most
    the radius. With radius r (angle of the cosine now in force) and drift d, a code's vector stays
    within r + 2 d of all vectors that took it, and within 5 r + 2 d once the radius has grown.
    After `NO_CODE` - 1 codes the nearest is taken, however far it is.

    The result depends on the order of the vectors, and on nothing else.
    """

    def __init__(self, config: CodebookConfig | None = None) -> None:
        self.config = config or CodebookConfig()
        self._founders = np.zeros((0, 0), np.float32)
        self._vectors = np.zeros((0, 0), np.float32)
        self._counts = np.zeros(0, np.int64)
        self._rows = np.zeros(0, np.int32)
        self._n_rows = 0
        self._cosine = self.config.new_cosine

    def __len__(self) -> int:
        """Codes given so far."""
        return len(self._rows)

    @property
    def vectors(self) -> np.ndarray:
        """[R,D] float32 unit vectors of the rows."""
        return self._vectors[: self._n_rows]

    @property
    def rows(self) -> np.ndarray:
        """[codes] int32 the row of `vectors` that each code stands for."""
        return self._rows

    @property
    def cosine(self) -> float:
        """The cosine in force; below the configured one once the book was full."""
        return self._cosine

    def of(self, codes: np.ndarray) -> np.ndarray:
        """[...,D] float32 vectors of codes."""
        return self._vectors[self._rows[codes]]

    def add(self, vectors: np.ndarray) -> np.ndarray:
        """Codes of vectors.

        Args:
            vectors: [n,D], of any length but 0; the direction counts.

        Returns:
            [n] uint16.

        Raises:
            ArrayError: not finite, of length 0, or of another dimension than before.
        """
        dim = self._vectors.shape[1] or None
        vectors = check_finite(check_shape(vectors, (None, dim), "vectors"), "vectors")
        vectors = vectors.astype(np.float32)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (norms > 0).all():
            raise ArrayError("a vector of length 0 has no code", found=f"row {norms.argmin()}")
        vectors /= norms
        codes = np.zeros(len(vectors), np.uint16)
        for start in range(0, len(vectors), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            codes[chunk] = self._add_chunk(vectors[chunk])
        return codes

    def _add_chunk(self, vectors: np.ndarray) -> np.ndarray:
        codes = np.zeros(len(vectors), np.int64)
        waiting = np.arange(len(vectors))
        while len(waiting):
            row, cosine = self._nearest(vectors[waiting])
            far = np.flatnonzero(cosine < self._cosine)
            self._found(vectors[waiting], far, row, cosine)
            done = row >= 0
            codes[waiting[done]] = self._take(vectors[waiting[done]], row[done])
            waiting = waiting[~done]
            if len(waiting):
                self._coarsen()
        return codes

    def _nearest(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(row [n], cosine [n]) of the nearest row; (-1, -2) in an empty book."""
        if self._n_rows == 0:
            return np.full(len(vectors), -1), np.full(len(vectors), -2, np.float32)
        cosines = vectors @ self.vectors.T
        row = cosines.argmax(axis=1)
        return row, cosines[np.arange(len(row)), row]

    def _found(
        self, vectors: np.ndarray, far: np.ndarray, row: np.ndarray, cosine: np.ndarray
    ) -> None:
        """Give the vectors that are far from all rows a row, old or new; -1 if there is no room."""
        if len(self._rows) >= NO_CODE - 1 or not len(far):
            return
        among = vectors[far] @ vectors[far].T
        for n, index in enumerate(far):
            if cosine[index] >= self._cosine:
                continue  # an earlier one of these founded a code near enough
            if self._n_rows == self.config.capacity or len(self._rows) >= NO_CODE - 1:
                row[far[n:][cosine[far[n:]] < self._cosine]] = -1
                return
            new = self._new_row(vectors[index])
            better = among[n] > cosine[far]
            row[far[better]], cosine[far[better]] = new, among[n][better]

    def _new_row(self, vector: np.ndarray) -> int:
        if self._n_rows == len(self._vectors):
            size = min(max(64, 2 * self._n_rows), self.config.capacity)
            grown = np.zeros((2, size, len(vector)), np.float32)
            grown[0, : self._n_rows] = self._vectors[: self._n_rows].reshape(-1, len(vector))
            grown[1, : self._n_rows] = self._founders[: self._n_rows].reshape(-1, len(vector))
            self._vectors, self._founders = grown
            self._counts = np.resize(self._counts, size)
        row = self._n_rows
        self._vectors[row] = self._founders[row] = vector
        self._counts[row] = 0
        self._rows = np.append(self._rows, np.int32(row))
        self._n_rows += 1
        return row

    def _take(self, vectors: np.ndarray, row: np.ndarray) -> np.ndarray:
        """Move the rows towards the vectors that took them; the codes of these rows."""
        taken, inverse, n = np.unique(row, return_inverse=True, return_counts=True)
        ones, at = np.ones(len(row), np.float32), np.arange(len(row))
        members = csr_matrix((ones, (inverse, at)), (len(taken), len(row)))
        total = self._vectors[taken] * self._counts[taken, None] + members @ vectors
        self._counts[taken] += n
        mean = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
        self._vectors[taken] = _held(mean, self._founders[taken], self.config.drift_cosine)
        first = np.full(self._n_rows, -1)
        first[self._rows[::-1]] = np.arange(len(self._rows))[::-1]  # the oldest code of each row
        return first[row]

    def _coarsen(self) -> None:
        """Widen the radius until the rows that come to share one leave room for others."""
        while self._n_rows > _ROOM * self.config.capacity and self._cosine > -1:
            self._cosine = float(np.cos(min(_WIDEN * np.arccos(self._cosine), np.pi)))
            vectors, counts = self.vectors, self._counts[: self._n_rows]
            leader = np.full(self._n_rows, -1)
            leaders: list[int] = []
            for row in range(self._n_rows):
                if leader[row] < 0:
                    near = (vectors[row:] @ vectors[row] >= self._cosine) & (leader[row:] < 0)
                    near[0] = True
                    leader[row:][near] = len(leaders)
                    leaders.append(row)
            total = np.zeros(len(leaders), np.int64)
            np.add.at(total, leader, counts)
            n = len(leaders)
            self._vectors[:n] = self._vectors[leaders]
            self._founders[:n] = self._founders[leaders]
            self._counts[:n] = total
            self._rows = leader[self._rows].astype(np.int32)
            self._n_rows = n

    def state(self) -> dict[str, np.ndarray]:
        """Everything needed to go on, as plain arrays."""
        n = self._n_rows
        return {
            "vectors": self._vectors[:n].copy(),
            "founders": self._founders[:n].copy(),
            "counts": self._counts[:n].copy(),
            "rows": self._rows.copy(),
            "cosine": np.array([self._cosine]),
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a `state()`.

        Raises:
            ArrayError: it lacks a part, or its parts do not fit together.
        """
        try:
            vectors, founders = state["vectors"].astype(np.float32), state["founders"]
            counts, rows = state["counts"].astype(np.int64), state["rows"].astype(np.int32)
            cosine = float(state["cosine"][0])
        except (KeyError, IndexError) as error:
            raise ArrayError("not the state of a codebook", found=str(error)) from error
        n = len(vectors)
        fits = founders.shape == vectors.shape and counts.shape == (n,) and rows.ndim == 1
        if not fits or (len(rows) and not (0 <= rows.min() <= rows.max() < n)):
            raise ArrayError("not the state of a codebook", found="parts that do not fit")
        self._vectors, self._founders = vectors.copy(), founders.astype(np.float32)
        self._counts, self._rows, self._cosine = counts.copy(), rows.copy(), cosine
        self._n_rows = n


def _held(vectors: np.ndarray, founders: np.ndarray, cosine: float) -> np.ndarray:
    """Unit vectors [n,D], drawn back onto the cone of that cosine about their founders."""
    along = np.einsum("nd,nd->n", vectors, founders)
    across = vectors - along[:, None] * founders
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    edge = cosine * founders + np.sqrt(1 - cosine * cosine) * across
    return np.where((along < cosine)[:, None], edge, vectors).astype(np.float32)
