"""Merging of the layers that depth noise spreads a surface over."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from grounding3d.geometry.pointcloud import voxel_keys
from grounding3d.scene.accumulator import COLUMNS, NORMAL, POSITION, WEIGHT, VoxelRows, VoxelSums
from grounding3d.scene.voxels import VoxelTable, parent_keys

_SAME_NORMAL = 0.7  # cosine
_BESIDE = 0.6  # voxels along the surface within which two surfels are one
_REACH_SIGMAS = 2.5  # of the depth noise, within which layers are one surface
_MAX_REACH = 5  # voxels
_BITS = 21  # of each index in a key, see geometry.pointcloud.voxel_keys


class LayerMerger:
    """Merges each surfel into the strongest one in front of or behind it, within the noise.

    Noise of more than a voxel spreads a surface over several layers of voxels, each a mean of its
    own slice. Merged, the position is the weighted mean of all of them again. Opposite sides of a
    thin thing have opposite normals and stay apart.

    Voxels grow from call to call, most of them do not. What a surfel merges into depends on the
    voxels within `_MAX_REACH` of it, so it is looked for again only in the blocks of 8 x 8 x 8
    voxels in which one has changed, and in those next to them.
    """

    def __init__(self) -> None:
        self._begin(VoxelTable())

    def _begin(self, table: VoxelTable) -> None:
        self._table = table  # whose rows those below are
        self._strength = np.zeros(0)
        self._target = np.zeros(0, np.int64)
        self._blocks, self._block = VoxelTable(), np.zeros(0, np.int32)

    def merge(
        self, voxels: VoxelSums, keep: np.ndarray, sigma_of: Callable[[np.ndarray], np.ndarray]
    ) -> VoxelRows:
        """New rows: some of those that count, in their order, with the sums of all of them.

        Args:
            voxels: N voxels.
            keep: [N] bool: those that count.
            sigma_of: standard deviation [n] of one depth measurement of the rows [n] asked for.
        """
        if voxels.table is not self._table:
            self._begin(voxels.table)
        rows, known = voxels.rows, len(self._strength)
        strength = np.where(keep, rows.sums[:, WEIGHT], 0.0)
        changed = strength > 0
        changed[:known] = strength[:known] != self._strength
        target = np.append(self._target, np.arange(known, len(rows)))
        target[changed] = np.flatnonzero(changed)
        at = np.flatnonzero(self._near(changed) & keep)
        target[at] = _targets(voxels, at, strength, sigma_of(at))
        self._strength, self._target = strength, target
        return _merged(rows, target, keep)

    def _near(self, changed: np.ndarray) -> np.ndarray:
        """[N] bool: voxels of blocks in or next to which one has changed."""
        blocks = parent_keys(parent_keys(parent_keys(self._table.keys[len(self._block) :])))
        self._block = np.append(self._block, self._blocks.find_or_add(blocks))
        near = np.zeros(len(self._blocks), bool)
        near[self._block[changed]] = True
        keys = self._blocks.keys[near]
        for unit in (1, 1 << _BITS, 1 << 2 * _BITS):
            keys = np.unique(keys[:, None] + unit * np.array([-1, 0, 1]))
        at = self._blocks.find(keys)
        near[at[at >= 0]] = True
        return near[self._block]


def _targets(
    voxels: VoxelSums, at: np.ndarray, strength: np.ndarray, sigma_m: np.ndarray
) -> np.ndarray:
    """What each of the surfels at rows [n] merges into, itself where nothing is stronger.

    Args:
        voxels: N voxels.
        at: rows.
        strength: [N] weight of each voxel that counts, else 0.
        sigma_m: [n] standard deviation of one depth measurement of each.
    """
    size_m = voxels.voxel_size_m
    positions, normals = _surface(voxels, at)
    target, strongest = at.copy(), strength[at]
    reach = np.clip(np.ceil(_REACH_SIGMAS * sigma_m / size_m), 1, _MAX_REACH)
    for step in (s * side for s in range(1, _MAX_REACH + 1) for side in (-1, 1)):
        n = np.flatnonzero(reach >= abs(step))
        beyond = positions[n] + step * size_m * normals[n]
        theirs = voxels.table.find(voxel_keys(beyond, size_m))
        stronger = (theirs >= 0) & (strength[theirs] > strongest[n])  # strictly: no two swap
        n, theirs = n[stronger], theirs[stronger]
        their_positions, their_normals = _surface(voxels, theirs)
        gap = their_positions - positions[n]
        along = np.einsum("ij,ij->i", gap, normals[n])
        beside2 = np.einsum("ij,ij->i", gap, gap) - along**2
        use = np.einsum("ij,ij->i", their_normals, normals[n]) > _SAME_NORMAL
        use &= beside2 < (_BESIDE * size_m) ** 2
        target[n[use]] = theirs[use]
        strongest[n[use]] = strength[theirs[use]]
    return target


def _surface(voxels: VoxelSums, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions and unit normals [n,3] of the surfels at some rows."""
    sums = voxels.rows.sums[at]
    normals = sums[:, NORMAL]
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True).clip(1e-12)
    return sums[:, POSITION] / sums[:, WEIGHT, None], normals


def _merged(rows: VoxelRows, target: np.ndarray, keep: np.ndarray) -> VoxelRows:
    """Of the rows that count [N], those that others merged into, or that stayed alone."""
    while True:  # to the end of each chain: it rises in strength
        beyond = target[target]
        if np.array_equal(beyond, target):
            break
        target = beyond
    alone = target == np.arange(len(rows))
    ends, moved = np.flatnonzero(alone & keep), np.flatnonzero(~alone)
    place = np.zeros(len(rows), np.int64)
    place[ends] = np.arange(len(ends))
    into = place[target[moved]]
    merged = rows.select(ends)
    np.maximum.at(merged.views, into, rows.views[moved])
    sums = rows.sums[moved]
    for column in range(COLUMNS):
        merged.sums[:, column] += np.bincount(into, sums[:, column], len(ends))
    return merged
