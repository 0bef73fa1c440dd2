"""Where the objects of a scene are, in arrays that relations and orders are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grounding3d.geometry.transforms import matrix_from_wxyz
from grounding3d.objects.base import MapObject

_GRID = np.array(
    [[x, y, z] for x in (-0.5, 0, 0.5) for y in (-0.5, 0, 0.5) for z in (-0.5, 0, 0.5)]
)


@dataclass(frozen=True, eq=False)
class Layout:
    """Boxes of M objects.

    Attributes:
        ids: [M] object ids.
        centers: [M,3] metres, world.
        R: [M,3,3] box axes as columns.
        sizes: [M,3] full extents along them, metres.
        supports: [M] row of the object each one rests on, -1 for none.
        is_support: [M] whether it is a table, a shelf, a floor.
        up: [3] direction against gravity, None where unknown.
        bottom, top: [M] heights of the boxes along `up`, metres; zeros without it.
    """

    ids: np.ndarray
    centers: np.ndarray
    R: np.ndarray
    sizes: np.ndarray
    supports: np.ndarray
    is_support: np.ndarray
    up: np.ndarray | None
    bottom: np.ndarray
    top: np.ndarray

    @classmethod
    def of(cls, objects: Sequence[MapObject], up_world: np.ndarray | None) -> Layout:
        """Gather the boxes of objects."""
        ids = np.array([item.id for item in objects], int)
        row = {int(number): i for i, number in enumerate(ids)}
        centers = np.array([item.box.center for item in objects], float).reshape(-1, 3)
        sizes = np.array([item.box.size for item in objects], float).reshape(-1, 3)
        R = matrix_from_wxyz(np.array([item.box.wxyz for item in objects]).reshape(-1, 4))
        up = None if up_world is None else np.asarray(up_world, float) / np.linalg.norm(up_world)
        bottom = top = np.zeros(len(ids))
        if up is not None:
            middle = centers @ up
            half = 0.5 * (np.abs(np.einsum("mij,i->mj", R, up)) * sizes).sum(axis=1)
            bottom, top = middle - half, middle + half
        supports = np.array(
            [-1 if item.support_id is None else row.get(item.support_id, -1) for item in objects],
            int,
        )
        is_support = np.array([item.kind == "support" for item in objects], bool)
        return cls(ids, centers, R, sizes, supports, is_support, up, bottom, top)

    def __len__(self) -> int:
        return len(self.ids)

    def grid(self, rows: np.ndarray) -> np.ndarray:
        """[n,27,3] corners, middles of edges and faces, and centres of boxes, world."""
        local = _GRID[None] * self.sizes[rows][:, None]
        return np.asarray(np.einsum("nij,nkj->nki", self.R[rows], local)) + self.centers[rows, None]

    def gap_m(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """[A,B] distance between the boxes of rows `a` and of rows `b`, 0 where they touch."""
        return np.minimum(self._outside(a, b), self._outside(b, a).T)

    def _outside(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """[A,B] least distance of a's grid points from b's boxes."""
        offset = self.grid(a)[:, None] - self.centers[b][None, :, None]  # [A,B,27,3]
        local = np.abs(np.einsum("abki,bij->abkj", offset, self.R[b]))
        beyond = np.maximum(local - self.sizes[b][None, :, None] / 2, 0)
        return np.asarray(np.sqrt((beyond**2).sum(axis=-1)).min(axis=-1))

    def share_over(self, a: np.ndarray, b: np.ndarray, margin_m: float = 0.01) -> np.ndarray:
        """[A,B] share of a's footprint that lies over (or under) b's footprint."""
        assert self.up is not None
        grid = np.array(
            [[x, y] for x in (-0.4, -0.2, 0, 0.2, 0.4) for y in (-0.4, -0.2, 0, 0.2, 0.4)]
        )
        axes_a, size_a = self.plan(a)
        axes_b, size_b = self.plan(b)
        spots = np.einsum("nji,nkj->nki", axes_a, grid[None] * size_a[:, None])
        offset = (self.centers[a][:, None] + spots)[:, None] - self.centers[b][None, :, None]
        local = np.abs(np.einsum("abki,bji->abkj", offset, axes_b))
        inside = (local <= size_b[None, :, None] / 2 + margin_m).all(axis=-1)
        return np.asarray(inside.mean(axis=-1))

    def plan(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[n,2,3] horizontal axes and [n,2] extents of footprints; exact for upright boxes."""
        assert self.up is not None
        upright = np.abs(np.einsum("mij,i->mj", self.R[rows], self.up))
        vertical = upright.argmax(axis=1)
        others = np.array([[1, 2], [0, 2], [0, 1]])[vertical]
        n = np.arange(len(rows))[:, None]
        axes = np.swapaxes(self.R[rows], 1, 2)[n, others]
        axes = axes - (axes @ self.up)[..., None] * self.up
        axes /= np.maximum(np.linalg.norm(axes, axis=-1, keepdims=True), 1e-9)
        return axes, self.sizes[rows][n, others]

    def horizontal(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors [...,3] without their part along up."""
        assert self.up is not None
        return np.asarray(vectors - (vectors @ self.up)[..., None] * self.up)

    def extent_along(self, rows: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """[n] half extents of boxes along unit directions [3] or [n,3]."""
        direction = np.broadcast_to(direction, (len(rows), 3))
        along = np.abs(np.einsum("ni,nij->nj", direction, self.R[rows]))
        return np.asarray(0.5 * (along * self.sizes[rows]).sum(axis=1))
