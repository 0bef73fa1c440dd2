"""Weighted sums per voxel: the memory of the points backend."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from grounding3d.geometry.pointcloud import voxel_keys
from grounding3d.scene.voxels import VoxelTable, group, parent_keys

# columns of the sums
WEIGHT, POSITION, NORMAL, COLOUR, FOOTPRINT = 0, slice(1, 4), slice(4, 7), slice(7, 10), 10
COLUMNS = 11

_PATIENCE = 30  # keyframes that a voxel seen once may wait for a second view
_ROOM = 0.8  # of the bound must be used at most after shrinking, or the next frame shrinks again


@dataclass(eq=False)
class VoxelRows:
    """What was observed in each of N voxels.

    Attributes:
        sums: [N,11] float64: weight, then weight times position, normal, colour, footprint.
        views: [N] int32 frames that observed the voxel.
        misses: [N] int32 frames that saw through it.
        through: [N] int32 likewise, in a row since it was last observed.
        best: [N] float32 largest weight that one frame gave.
        anchor: [N] int32 keyframe that gave it.
    """

    sums: np.ndarray
    views: np.ndarray
    misses: np.ndarray
    through: np.ndarray
    best: np.ndarray
    anchor: np.ndarray

    @classmethod
    def zeros(cls, n: int) -> VoxelRows:
        """N voxels that nobody has seen."""
        return cls(
            sums=np.zeros((n, COLUMNS)),
            views=np.zeros(n, np.int32),
            misses=np.zeros(n, np.int32),
            through=np.zeros(n, np.int32),
            best=np.zeros(n, np.float32),
            anchor=np.zeros(n, np.int32),
        )

    def __len__(self) -> int:
        return len(self.views)

    def select(self, rows: np.ndarray) -> VoxelRows:
        """A copy of the rows at a boolean mask or index array."""
        return VoxelRows(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def first(self, n: int) -> VoxelRows:
        """A view of the first n rows; writing to it writes here."""
        return VoxelRows(**{f.name: getattr(self, f.name)[:n] for f in fields(self)})

    def grown(self, n: int) -> VoxelRows:
        """A copy with zero rows appended up to n."""
        larger = VoxelRows.zeros(n)
        for f in fields(self):
            getattr(larger, f.name)[: len(self)] = getattr(self, f.name)
        return larger

    @property
    def positions(self) -> np.ndarray:
        """[N,3] float64 weighted mean positions in the world, metres."""
        return self.sums[:, POSITION] / self.sums[:, WEIGHT, None]


class VoxelSums:
    """Accumulates observations per voxel, within a bound.

    When the bound is exceeded, voxels that one frame saw long ago are forgotten first: almost all
    are noise. If that is not enough the voxel size doubles; the sums of a larger voxel are the sums
    of its parts, so positions and colours are as if it had been that size from the start.

    Args:
        voxel_size_m: edge of a voxel at the start.
        limit: bound on the number of voxels between calls.
        forget_after: a voxel that so many looks in a row saw through begins anew when it is
            observed again; 0: it never does.
    """

    def __init__(self, voxel_size_m: float, limit: int, forget_after: int = 0) -> None:
        self.voxel_size_m = voxel_size_m
        self.limit = limit
        self.forget_after = forget_after
        self.table = VoxelTable()
        self._store = VoxelRows.zeros(0)
        self._scratch = np.zeros(0, np.int32)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def rows(self) -> VoxelRows:
        """The voxels seen so far, a view."""
        return self._store.first(len(self))

    def add(self, points: np.ndarray, values: np.ndarray, keyframe: int) -> None:
        """Take in the points of one frame.

        Args:
            points: [M,3] world, metres.
            values: [11,M] float64, laid out as the columns of `VoxelRows.sums`.
            keyframe: index of the frame among the keyframes.

        Raises:
            ArrayError: a point lies too far from the world's origin for the grid.
        """
        rows = self.table.find_or_add(voxel_keys(points, self.voxel_size_m))
        self._reserve(len(self))
        seen, index = group(rows, self._scratch)
        sums = np.stack([np.bincount(index, column, len(seen)) for column in values], axis=1)
        store = self._store
        self._begin_anew(seen)
        store.sums[seen] += sums
        store.views[seen] += 1
        better = sums[:, WEIGHT] > store.best[seen]
        store.best[seen[better]] = sums[better, WEIGHT]
        store.anchor[seen[better]] = keyframe
        if len(self) > self.limit:
            self._shrink(keyframe)

    def gone(self) -> np.ndarray:
        """[N] bool: the voxels that enough looks in a row have seen through."""
        if not self.forget_after:
            return np.zeros(len(self), bool)
        return self.rows.through >= self.forget_after

    def drop(self, rows: np.ndarray) -> None:
        """Forget the voxels at a boolean mask."""
        self.load(self.table.keys[~rows], self.rows.select(~rows))

    def _begin_anew(self, seen: np.ndarray) -> None:
        """Prepare rows for an observation: what is there now is not what has gone from there."""
        store = self._store
        if self.forget_after:
            other = seen[store.through[seen] >= self.forget_after]
            for name in ("sums", "views", "misses", "best"):
                getattr(store, name)[other] = 0
        store.through[seen] = 0

    def load(self, keys: np.ndarray, rows: VoxelRows) -> None:
        """Replace everything by these voxels."""
        self.table = VoxelTable()
        self.table.find_or_add(keys)
        self._store = rows.grown(len(rows))
        self._scratch = np.zeros(len(rows), np.int32)

    def _reserve(self, n: int) -> None:
        if n > len(self._store):
            capacity = min(max(n, 3 * len(self._store) // 2), max(n, self.limit))
            self._store = self._store.grown(capacity)
            self._scratch = np.zeros(capacity, np.int32)

    def _shrink(self, keyframe: int) -> None:
        rows = self.rows
        keep = (rows.views > 1) | (rows.anchor > keyframe - _PATIENCE)
        self.load(self.table.keys[keep], rows.select(keep))
        while len(self) > _ROOM * self.limit:
            self._double()

    def _double(self) -> None:
        old, keys = self.rows, parent_keys(self.table.keys)
        table = VoxelTable()
        parent = table.find_or_add(keys)
        n = len(table)
        new = VoxelRows.zeros(n)
        for column in range(COLUMNS):
            new.sums[:, column] = np.bincount(parent, old.sums[:, column], n)
        # the parts were partly seen by the same frames: bounds that keep a surfel if a part stays
        np.maximum.at(new.views, parent, old.views)
        for least, parts in ((new.misses, old.misses), (new.through, old.through)):
            least[:] = np.iinfo(np.int32).max
            np.minimum.at(least, parent, parts)
        rising = np.argsort(old.best, kind="stable")
        new.best[parent[rising]] = old.best[rising]
        new.anchor[parent[rising]] = old.anchor[rising]
        self.table, self._store = table, new
        self._scratch = np.zeros(n, np.int32)
        self.voxel_size_m *= 2
