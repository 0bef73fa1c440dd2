"""The way into nerfstudio's world and back."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.errors import TransformError
from grounding3d.geometry.transforms import look_at, make_pose
from grounding3d.nerf.world import NerfWorld


def turned(angle: float = 0.7) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def test_points_and_poses_come_back_exactly() -> None:
    world = NerfWorld(make_pose(turned(), np.array([5.0, -2.0, 1.0])), 0.37)
    points = np.random.default_rng(0).normal(size=(50, 3)) * 10
    np.testing.assert_allclose(world.to_world(world.to_nerf(points)), points, atol=1e-12)
    pose = look_at(np.array([1.0, 2, 3]), np.zeros(3), np.array([0, 0, 1.0]))
    np.testing.assert_allclose(world.world_pose(world.nerf_pose(pose)), pose, atol=1e-12)


def test_nerfstudios_cameras_look_along_their_negative_z() -> None:
    pose = look_at(np.array([0.0, -2, 0]), np.zeros(3), np.array([0, 0, 1.0]))
    found = NerfWorld(np.eye(4), 2.0).nerf_pose(pose)
    np.testing.assert_allclose(-found[:, 2], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(found[:, 1], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(found[:, 3], [0, -4, 0], atol=1e-12)


def test_a_scale_within_a_parsers_transform_is_taken_out() -> None:
    transform = np.concatenate([0.5 * turned(), np.array([[1.0], [2], [3]])], axis=1)
    world = NerfWorld.of_parser(transform, 3.0)
    points = np.array([[1.0, -2, 4]])
    expected = 3.0 * (points @ transform[:, :3].T + transform[:, 3])
    np.testing.assert_allclose(world.to_nerf(points), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("matrix", "scale"),
    [
        (np.diag([1.0, 1, 0.2]), 1.0),  # squeezed
        (np.diag([1.0, 1, -1]), 1.0),  # mirrored
        (np.zeros((3, 3)), 1.0),
        (np.full((3, 3), np.nan), 1.0),
        (np.eye(3), 0.0),
        (np.eye(3), float("inf")),
    ],
)
def test_what_cannot_be_undone_is_refused(matrix: np.ndarray, scale: float) -> None:
    with pytest.raises(TransformError):
        NerfWorld.of_parser(np.concatenate([matrix, np.zeros((3, 1))], axis=1), scale)
