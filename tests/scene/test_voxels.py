"""The voxel table against a dictionary, grouping against a sort."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.geometry.pointcloud import voxel_keys
from grounding3d.scene.accumulator import COLUMNS, VoxelRows, VoxelSums
from grounding3d.scene.thinning import LayerMerger
from grounding3d.scene.voxels import VoxelTable, group, parent_keys


def test_table_agrees_with_a_dictionary() -> None:
    rng = np.random.default_rng(0)
    table, reference = VoxelTable(), {}
    for size in (0, 10, 1000, 70_000, 70_000):
        keys = rng.integers(0, 100_000, size)
        rows = table.find_or_add(keys)
        for key, row in zip(keys.tolist(), rows.tolist()):
            assert reference.setdefault(key, row) == row
        np.testing.assert_array_equal(table.keys[rows], keys)
    assert sorted(reference.values()) == list(range(len(table)))
    asked = rng.integers(0, 200_000, 5000)
    expected = [reference.get(key, -1) for key in asked.tolist()]
    np.testing.assert_array_equal(table.find(asked), expected)


def test_table_survives_keys_that_collide() -> None:
    keys = np.arange(40_000, dtype=np.int64) << 43  # differ in the top bits only
    table = VoxelTable()
    assert len(np.unique(table.find_or_add(keys))) == len(keys)
    np.testing.assert_array_equal(keys[np.argsort(table.find(keys))], table.keys)


def test_group_is_unique_with_inverse() -> None:
    rows = np.random.default_rng(1).integers(0, 500, 2000).astype(np.int32)
    scratch = np.full(500, 99, np.int32)
    distinct, index = group(rows, scratch)
    assert sorted(distinct) == np.unique(rows).tolist()
    np.testing.assert_array_equal(distinct[index], rows)


def test_parent_keys_are_the_keys_of_twice_the_size() -> None:
    points = np.random.default_rng(2).uniform(-5, 5, (1000, 3))
    np.testing.assert_array_equal(parent_keys(voxel_keys(points, 0.01)), voxel_keys(points, 0.02))


def rows_at(heights: list[float], weights: list[float], normals: list[float]) -> VoxelRows:
    rows = VoxelRows.zeros(len(heights))
    positions = np.stack([np.zeros(len(heights)), np.zeros(len(heights)), heights], axis=1)
    rows.sums[:, 0] = weights
    rows.sums[:, 1:4] = positions * rows.sums[:, :1]
    rows.sums[:, 6] = np.array(normals) * weights
    rows.anchor[:] = np.arange(len(heights))
    rows.views[:] = 3
    return rows


def merge_layers(rows: VoxelRows, sigma_m: float) -> VoxelRows:
    voxels = VoxelSums(0.01, limit=100)
    voxels.load(voxel_keys(rows.positions, 0.01), rows)
    return LayerMerger().merge(voxels, np.ones(len(rows), bool), lambda at: at * 0 + sigma_m)


def test_layers_of_one_surface_merge_into_the_strongest() -> None:
    rows = rows_at([0.005, 0.015, 0.025, 0.035], [1, 4, 8, 2], [1, 1, 1, 1])
    merged = merge_layers(rows, 0.002)
    assert merged.anchor.tolist() == [2]
    assert merged.sums.shape == (1, COLUMNS)
    np.testing.assert_allclose(merged.sums, rows.sums.sum(axis=0)[None])


def test_the_two_sides_of_a_board_stay_apart() -> None:
    rows = rows_at([0.005, 0.015], [1, 4], [-1, 1])
    assert len(merge_layers(rows, 0.002)) == 2


@pytest.mark.parametrize(("sigma", "left"), [(0.002, 2), (0.02, 1)])
def test_only_noise_is_merged_over_a_gap(sigma: float, left: int) -> None:
    rows = rows_at([0.005, 0.035], [1, 4], [1, 1])
    assert len(merge_layers(rows, sigma)) == left


def test_voxels_seen_once_are_forgotten_before_resolution_is() -> None:
    rng = np.random.default_rng(3)
    surface = np.stack(np.meshgrid(np.arange(20), np.arange(20), [0]), axis=-1).reshape(-1, 3)
    surface = (surface + 0.5) * 0.01
    voxels = VoxelSums(0.01, limit=5000)
    for keyframe in range(100):
        points = np.concatenate([surface, rng.uniform(1, 3, (100, 3))])
        voxels.add(points, np.ones((COLUMNS, len(points))), keyframe)
        assert len(voxels) <= 5000
    assert voxels.voxel_size_m == 0.01
    rows = voxels.table.find(voxel_keys(surface, 0.01))
    assert (voxels.rows.views[rows] == 100).all()
