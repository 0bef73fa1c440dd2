"""Voxel keys, averages and planes."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.errors import ArrayError
from grounding3d.geometry.pointcloud import (
    bounds,
    fit_plane,
    in_bounds,
    voxel_centers,
    voxel_downsample,
    voxel_keys,
)

POINTS = np.random.default_rng(0).uniform(-5, 5, (500, 3))


def test_bounds_hold_all_points_and_each_is_touched():
    low, high = bounds(POINTS)
    np.testing.assert_array_equal(low, POINTS.min(axis=0))
    np.testing.assert_array_equal(high, POINTS.max(axis=0))
    assert in_bounds(POINTS, low, high).all()
    assert not in_bounds(POINTS, np.nextafter(low, 9), high).all()


def test_a_point_is_in_bounds_if_every_axis_is():
    low, high = np.array([-1.0, -2, 0]), np.array([3.0, 1, 2])
    expected = ((low <= POINTS) & (high >= POINTS)).all(axis=1)
    assert 0 < expected.sum() < len(POINTS)
    np.testing.assert_array_equal(in_bounds(POINTS, low, high), expected)
    np.testing.assert_array_equal(in_bounds(POINTS, -1, 1), (np.abs(POINTS) <= 1).all(axis=1))


def test_equal_keys_mean_the_same_voxel():
    keys = voxel_keys(POINTS, 0.7)
    index = np.floor(POINTS / 0.7).astype(int)
    same_key = keys[:, None] == keys[None]
    same_voxel = (index[:, None] == index[None]).all(axis=-1)
    assert np.array_equal(same_key, same_voxel)


def test_centres_lie_in_their_voxels():
    keys = voxel_keys(POINTS, 0.05)
    assert np.abs(voxel_centers(keys, 0.05) - POINTS).max() <= 0.025 + 1e-9
    assert np.array_equal(voxel_keys(voxel_centers(keys, 0.05), 0.05), keys)


def test_negative_coordinates_do_not_share_the_origins_voxel():
    keys = voxel_keys(np.array([[0.01, 0, 0], [-0.01, 0, 0]]), 0.05)
    assert keys[0] != keys[1]


def test_keys_end_where_they_would_wrap():
    with pytest.raises(ArrayError, match="too far"):
        voxel_keys(np.array([[0, 0, 2.0**20]]), 1.0)
    with pytest.raises(ArrayError):
        voxel_keys(np.array([[0, 0, 1.0], [0, np.nan, 0]]), 1.0)
    assert len(voxel_keys(np.zeros((0, 3)), 0.1)) == 0


def test_downsampling_averages_each_voxel():
    got = voxel_downsample(POINTS, 2.0)
    keys = voxel_keys(POINTS, 2.0)
    want = [POINTS[keys == key].mean(axis=0) for key in np.unique(keys)]
    assert got == pytest.approx(np.array(want))


@pytest.mark.parametrize("seed", range(5))
def test_a_plane_through_noisy_points(seed):
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    points = rng.normal(size=(500, 3))
    points += np.outer(1.5 - points @ normal, normal)  # onto normal . p = 1.5
    plane = fit_plane(points + rng.normal(0, 0.002, points.shape))
    assert abs(plane[:3] @ normal) > 0.9999
    assert np.linalg.norm(plane[:3]) == pytest.approx(1)
    assert np.abs(points @ plane[:3] + plane[3]).max() < 0.01
