"""Merging of the layers that depth noise spreads a surface over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np

from grounding3d.geometry.pointcloud import voxel_keys
from grounding3d.scene.accumulator import COLUMNS, NORMAL, POSITION, WEIGHT, VoxelRows, VoxelSums
from grounding3d.scene.voxels import VoxelTable

_SAME_NORMAL = 0.7  # cosine
_BESIDE = 0.6  # voxels along the surface within which two surfels are one
_REACH_SIGMAS = 2.5  # of the depth noise, within which layers are one surface
_MAX_REACH = 5  # voxels
_CHAIN = 4  # rounds of following a surfel to the stronger one: chains of 2^4
_BLOCK_BITS = 3  # blocks of 8 voxels: more than the reach, wherever in a voxel its mean lies
_BITS = 21  # of each index in a key, see geometry.pointcloud.voxel_keys


def merge_layers(rows: VoxelRows, voxel_size_m: float, sigma_m: np.ndarray) -> VoxelRows:
    """Merge each surfel into the strongest one in front of or behind it, within the noise.

    Noise of more than a voxel spreads a surface over several layers of voxels, each a mean of its
    own slice. Merged, the position is the weighted mean of all of them again. Opposite sides of a
    thin thing have opposite normals and stay apart.

    Args:
        rows: voxels with distinct mean positions.
        voxel_size_m: their edge.
        sigma_m: [N] standard deviation of one depth measurement of each.

    Returns:
        New rows, a subset of the old in their order, with the sums of those merged into them.
    """
    if len(rows) == 0:
        return rows
    table = VoxelTable()
    at = table.find_or_add(voxel_keys(rows.positions, voxel_size_m))
    row_of = np.zeros(len(table), np.int64)
    row_of[at] = np.arange(len(rows))
    everything = np.arange(len(rows))
    layers = _Layers(len(rows))
    layers.note(rows, everything, voxel_size_m, sigma_m)

    def find(keys: np.ndarray) -> np.ndarray:
        at = table.find(keys)
        return np.where(at >= 0, row_of[at], -1)

    target = layers.targets(everything, voxel_size_m, find)
    return _merged(rows, target, np.ones(len(rows), bool))


class LayerMerger:
    """Merges the layers of voxels that keep growing: anew only where something has changed.

    What a surfel merges into depends on the voxels within `_MAX_REACH` of it, so it is looked for
    again in the blocks of voxels in which one has changed, and in those next to them.
    """

    def __init__(self) -> None:
        self._table: VoxelTable | None = None  # whose rows everything below is of
        self._begin(VoxelTable())

    def _begin(self, table: VoxelTable) -> None:
        self._table = table
        self._layers = _Layers(0)
        self._kept = np.zeros(0, bool)
        self._target = np.zeros(0, np.int64)
        self._blocks, self._block = VoxelTable(), np.zeros(0, np.int32)

    def merge(
        self,
        voxels: VoxelSums,
        keep: np.ndarray,
        sigma_of: Callable[[np.ndarray], np.ndarray],
    ) -> VoxelRows:
        """What `merge_layers` makes of the rows of some voxels.

        Args:
            voxels: all of them.
            keep: [N] bool: those that count.
            sigma_of: standard deviation [n] of one depth measurement of the rows [n] asked for.
        """
        if voxels.table is not self._table:  # its rows are others
            self._begin(voxels.table)
        rows, before = voxels.rows, len(self._kept)
        changed = np.ones(len(rows), bool)
        weight = rows.sums[:before, WEIGHT]
        changed[:before] = (weight != self._layers.weight) | (keep[:before] != self._kept)
        self._layers = self._layers.grown(len(rows))
        new = np.flatnonzero(changed)
        self._layers.note(rows, new, voxels.voxel_size_m, sigma_of(new))
        again = np.flatnonzero(self._around(voxels.table.keys, changed) & keep)
        target = np.arange(len(rows))
        target[:before] = self._target
        target[new] = new

        def find(keys: np.ndarray) -> np.ndarray:
            at = voxels.table.find(keys)
            return np.where((at >= 0) & keep[at], at, -1)

        target[again] = self._layers.targets(again, voxels.voxel_size_m, find)
        self._kept, self._target = keep, target
        return _merged(rows, target, keep)

    def _around(self, keys: np.ndarray, changed: np.ndarray) -> np.ndarray:
        """[N] bool: voxels of blocks in or next to which one has changed."""
        mask = (1 << _BITS) - 1
        known = len(self._block)
        index = [(keys[known:] >> shift & mask) >> _BLOCK_BITS for shift in (2 * _BITS, _BITS, 0)]
        block_keys = index[0] << 2 * _BITS | index[1] << _BITS | index[2]
        self._block = np.concatenate([self._block, self._blocks.find_or_add(block_keys)])
        is_hot = np.zeros(len(self._blocks), bool)
        is_hot[self._block[changed]] = True
        at = self._blocks.keys[is_hot]
        steps = np.array([-1, 0, 1])
        for unit in (1, 1 << _BITS, 1 << 2 * _BITS):
            at = np.unique(at[:, None] + unit * steps)
        rows = self._blocks.find(at)
        is_hot[rows[rows >= 0]] = True
        return is_hot[self._block]


class _Layers:
    """What merging asks of N surfels: where they are, which way they face, how sure they are, and
    how many voxels far noise spreads them."""

    def __init__(self, n: int) -> None:
        self.positions, self.normals = np.zeros((2, n, 3))
        self.weight, self.reach = np.zeros(n), np.zeros(n, np.int8)

    def grown(self, n: int) -> _Layers:
        """A copy with room for n."""
        larger = _Layers(n)
        for name, array in vars(self).items():
            getattr(larger, name)[: len(array)] = array
        return larger

    def note(
        self, rows: VoxelRows, at: np.ndarray, voxel_size_m: float, sigma_m: np.ndarray
    ) -> None:
        """Take over the surfels at indices [n], with the noise [n] of one measurement of each."""
        sums = rows.sums[at]
        self.weight[at] = sums[:, WEIGHT]
        self.positions[at] = sums[:, POSITION] / sums[:, WEIGHT, None]
        normals = sums[:, NORMAL]
        lengths = np.linalg.norm(normals, axis=1, keepdims=True)
        self.normals[at] = normals / lengths.clip(1e-12)
        self.reach[at] = np.clip(np.ceil(_REACH_SIGMAS * sigma_m / voxel_size_m), 1, _MAX_REACH)

    def targets(
        self, at: np.ndarray, voxel_size_m: float, find: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """What each of the surfels at indices [n] merges into, itself where nothing is stronger.

        Args:
            at: indices.
            voxel_size_m: edge of the voxels.
            find: index of the surfel in each voxel, by key; -1 where there is none.
        """
        target, strength, reach = at.copy(), self.weight[at], self.reach[at]
        for step in (s * side for s in range(1, _MAX_REACH + 1) for side in (-1, 1)):
            n = np.flatnonzero(reach >= abs(step))
            mine = at[n]
            beyond = self.positions[mine] + step * voxel_size_m * self.normals[mine]
            theirs = find(voxel_keys(beyond, voxel_size_m))
            found = theirs >= 0
            found[found] = self.weight[theirs[found]] > strength[n[found]]  # no two swap
            n, mine, theirs = n[found], mine[found], theirs[found]
            gap = self.positions[theirs] - self.positions[mine]
            normals = self.normals[mine]
            along = np.einsum("ij,ij->i", gap, normals)
            beside2 = np.einsum("ij,ij->i", gap, gap) - along**2
            use = np.einsum("ij,ij->i", self.normals[theirs], normals) > _SAME_NORMAL
            use &= beside2 < (_BESIDE * voxel_size_m) ** 2
            target[n[use]] = theirs[use]
            strength[n[use]] = self.weight[theirs[use]]
        return target


def _merged(rows: VoxelRows, target: np.ndarray, keep: np.ndarray) -> VoxelRows:
    """Of the rows that count [N], those that others merged into, or that stayed alone."""
    for _ in range(_CHAIN):
        target = target[target]
    n = len(rows)
    is_end = np.zeros(n, bool)
    is_end[target[keep]] = True
    ends = np.flatnonzero(is_end)
    views = rows.views.copy()
    np.maximum.at(views, target, rows.views)
    merged = {f.name: getattr(rows, f.name)[ends] for f in fields(rows) if f.name != "sums"}
    merged |= {"views": views[ends], "sums": np.empty((len(ends), COLUMNS))}
    for column in range(COLUMNS):
        merged["sums"][:, column] = np.bincount(target, rows.sums[:, column], n)[ends]
    return VoxelRows(**merged)
