"""Layers merged step by step are those merged at once, whatever changed on the way."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from grounding3d.scene.accumulator import COLUMNS, VoxelRows, VoxelSums
from grounding3d.scene.thinning import LayerMerger

VOXEL_M = 0.01


def observe(voxels: VoxelSums, keyframe: int, x_m: float, rng: np.random.Generator) -> None:
    """A frame of half a metre of a noisy floor with a wall, from x on."""
    n = 3000
    floor = np.stack([x_m + rng.uniform(0, 0.5, n), rng.uniform(0, 0.5, n), np.zeros(n)], axis=1)
    wall = floor[:, [0, 2, 1]] + (0, 0.5, 0)
    points = np.concatenate([floor, wall])
    normals = np.repeat(np.array([[0.1, 0, 1.0], [0, -1, 0.1]]), n, axis=0)
    points = points + normals * rng.normal(0, 0.012, (2 * n, 1))
    values = np.ones((COLUMNS, 2 * n))
    values[1:4], values[4:7] = points.T, normals.T
    voxels.add(points, values * rng.uniform(0.5, 1.5, 2 * n), keyframe)


def merge(voxels: VoxelSums, keep: np.ndarray, merger: LayerMerger) -> VoxelRows:
    return merger.merge(voxels, keep, lambda at: 0.004 + 0.01 * (voxels.rows.anchor[at] % 3))


def merge_at_once(voxels: VoxelSums, keep: np.ndarray) -> VoxelRows:
    """The layers of the voxels that count, as if there were no others and had been none before."""
    kept = VoxelSums(voxels.voxel_size_m, voxels.limit)
    kept.load(voxels.table.keys[keep], voxels.rows.select(keep))
    return merge(kept, np.ones(len(kept), bool), LayerMerger())


@pytest.mark.parametrize("limit", [1_000_000, 30_000])  # with the second one voxels double
def test_step_by_step_is_at_once(limit: int) -> None:
    rng, voxels, merger = np.random.default_rng(0), VoxelSums(VOXEL_M, limit), LayerMerger()
    for keyframe, x_m in enumerate([0, 0.1, 1.0, 1.0, 5.0, 0.2, -3.0, 1.3]):
        observe(voxels, keyframe, x_m, rng)
        rows = voxels.rows
        keep = (rows.views > 1) | (rng.uniform(size=len(rows)) < 0.9)
        merged, expected = merge(voxels, keep, merger), merge_at_once(voxels, keep)
        assert len(merged) < 0.95 * keep.sum()
        for field in fields(merged):
            one, other = getattr(merged, field.name), getattr(expected, field.name)
            np.testing.assert_array_equal(one, other)


def test_where_nothing_changed_nothing_is_looked_for() -> None:
    rng, voxels, merger = np.random.default_rng(1), VoxelSums(VOXEL_M, 1_000_000), LayerMerger()
    looked_for: list[int] = []

    def count(at: np.ndarray) -> np.ndarray:
        looked_for.append(len(at))
        return np.full(len(at), 0.01)

    for keyframe, x_m in enumerate([0.0, 3.0]):
        observe(voxels, keyframe, x_m, rng)
        for _ in range(2):
            merger.merge(voxels, np.ones(len(voxels), bool), count)
    assert looked_for[0] > 1000
    assert looked_for[1::2] == [0, 0]
    assert looked_for[0] + looked_for[2] == len(voxels)
