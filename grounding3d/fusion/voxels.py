"""A thing's points as a sorted histogram of voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.geometry.pointcloud import voxel_centers, voxel_keys

_STEP = np.array([0, 1, -1, 1 << 21, -(1 << 21), 1 << 42, -(1 << 42)], np.int64)


def voxel_means(
    points: np.ndarray, rgb: np.ndarray, cell_m: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points [n,3] and their colours [n,3], averaged in each voxel.

    Returns:
        keys [m] int64 ascending, mean points [m,3] and colours [m,3] float64, number of points [m].
    """
    keys = voxel_keys(points, cell_m)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.ones(len(keys), bool)
    first[1:] = keys[1:] != keys[:-1]
    starts = np.flatnonzero(first)
    counts = np.diff(starts, append=len(keys))
    both = np.empty((len(keys), 6))
    both[:, :3], both[:, 3:] = points[order], rgb[order]
    if len(starts) < len(keys):
        both = np.add.reduceat(both, starts, axis=0) / counts[:, None]
    return keys[starts], both[:, :3], both[:, 3:], counts


@dataclass(eq=False)
class VoxelHistogram:
    """Voxels that were hit, how often, and the mean point and colour in each.

    Attributes:
        cell_m: edge length of a voxel, metres.
        keys: [n] int64, ascending.
        counts: [n] int32 frames that hit the voxel.
        misses: [n] int32 frames that saw the surface there outside this thing's masks.
        through: [n] int32 frames in a row, until now, that saw something behind the voxel.
        offset_sum: [n,3] float32 sum of (point - voxel centre).
        rgb_sum: [n,3] float32.
    """

    cell_m: float
    keys: np.ndarray
    counts: np.ndarray
    misses: np.ndarray
    through: np.ndarray
    offset_sum: np.ndarray
    rgb_sum: np.ndarray

    @classmethod
    def from_points(cls, points: np.ndarray, rgb: np.ndarray, cell_m: float) -> VoxelHistogram:
        """One frame's points [n,3]; a voxel counts once however many points it holds."""
        keys, mean, color, _ = voxel_means(points, rgb, cell_m)
        offset = mean - voxel_centers(keys, cell_m)
        return cls(
            cell_m, keys, np.ones(len(keys), np.int32), np.zeros(len(keys), np.int32),
            np.zeros(len(keys), np.int32), offset.astype(np.float32), color.astype(np.float32),
        )  # fmt: skip

    @classmethod
    def empty(cls, cell_m: float) -> VoxelHistogram:
        """No voxels."""
        return cls.from_points(np.zeros((0, 3)), np.zeros((0, 3), np.uint8), cell_m)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def points(self) -> np.ndarray:
        """[n,3] float32 mean point of each voxel."""
        centers = voxel_centers(self.keys, self.cell_m)
        return (centers + self.offset_sum / self.counts[:, None]).astype(np.float32)

    @property
    def rgb(self) -> np.ndarray:
        """[n,3] uint8 mean colour of each voxel."""
        return np.clip(np.rint(self.rgb_sum / self.counts[:, None]), 0, 255).astype(np.uint8)

    def select(self, rows: np.ndarray) -> VoxelHistogram:
        """The voxels at a boolean mask."""
        return VoxelHistogram(
            self.cell_m, self.keys[rows], self.counts[rows], self.misses[rows],
            self.through[rows], self.offset_sum[rows], self.rgb_sum[rows],
        )  # fmt: skip

    def add(self, other: VoxelHistogram) -> VoxelHistogram:
        """The sum of two histograms; what either has just seen is there."""
        keys = np.concatenate([self.keys, other.keys])
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        first = np.ones(len(keys), bool)
        first[1:] = keys[1:] != keys[:-1]
        starts = np.flatnonzero(first)

        def total(a: np.ndarray, b: np.ndarray, of: np.ufunc = np.add) -> np.ndarray:
            both = np.concatenate([a, b])[order]
            return of.reduceat(both, starts, axis=0) if len(starts) else both

        return VoxelHistogram(
            self.cell_m,
            keys[starts],
            total(self.counts, other.counts),
            total(self.misses, other.misses),
            total(self.through, other.through, np.minimum),
            total(self.offset_sum, other.offset_sum),
            total(self.rgb_sum, other.rgb_sum),
        )

    def seen_share(self) -> np.ndarray:
        """[n] float: hits per frame that saw the surface there, at most 1."""
        share = self.counts / (self.counts + self.misses)
        if not self.misses.any():  # nobody told us of views: compare the bare counts
            share = self.counts / max(1, self.counts.max(initial=1))
        return share

    def near(self, other: VoxelHistogram) -> tuple[np.ndarray, np.ndarray]:
        """Which voxels of each lie in or face-to-face with a voxel of the other.

        Returns:
            [n] bool over this histogram's voxels, [m] bool over the other's; grids must be equal.
        """
        if len(self) > len(other):
            return other.near(self)[::-1]  # the smaller one asks the larger one
        mine, theirs = np.zeros(len(self), bool), np.zeros(len(other), bool)
        if len(self) and len(other):
            wanted = self.keys[None, :] + _STEP[:, None]
            at = np.searchsorted(other.keys, wanted)
            at[at == len(other)] = 0
            hit = other.keys[at] == wanted
            mine = hit.any(axis=0)
            theirs[at[hit]] = True
        return mine, theirs
