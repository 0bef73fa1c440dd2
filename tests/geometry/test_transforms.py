"""Group laws of poses and quaternions, on random rotations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from grounding3d.errors import ArrayError, TransformError
from grounding3d.geometry.frames import (
    opencv_from_opengl,
    opengl_from_opencv,
    pixel_center_from_corner,
    pixel_corner_from_center,
    wxyz_from_xyzw,
    xyzw_from_wxyz,
)
from grounding3d.geometry.transforms import (
    check_pose,
    interpolate_pose,
    invert_pose,
    look_at,
    make_pose,
    matrix_from_wxyz,
    pose_from_quaternion,
    rotation_between,
    transform_points,
    wxyz_from_matrix,
)

SEEDS = range(20)


def _pose(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return make_pose(Rotation.random(random_state=seed).as_matrix(), rng.normal(0, 3, 3))


@pytest.mark.parametrize("seed", SEEDS)
def test_poses_form_a_group(seed):
    a, b = _pose(seed), _pose(seed + 100)
    assert a @ invert_pose(a) == pytest.approx(np.eye(4), abs=1e-12)
    assert invert_pose(invert_pose(a)) == pytest.approx(a, abs=1e-12)
    assert invert_pose(a @ b) == pytest.approx(invert_pose(b) @ invert_pose(a), abs=1e-12)
    assert invert_pose(np.stack([a, b]))[1] == pytest.approx(invert_pose(b))


@pytest.mark.parametrize("seed", SEEDS)
def test_points_follow_composition_and_keep_their_distances(seed):
    a, b = _pose(seed), _pose(seed + 100)
    points = np.random.default_rng(seed).normal(0, 2, (5, 3))
    assert transform_points(a @ b, points) == pytest.approx(
        transform_points(a, transform_points(b, points))
    )
    moved = transform_points(a, points)
    assert np.linalg.norm(moved[0] - moved[1]) == pytest.approx(
        np.linalg.norm(points[0] - points[1])
    )
    assert transform_points(a, points.astype(np.float32)).dtype == np.float32
    whole = np.array([[1, 2, 3]])
    assert transform_points(a, whole) == pytest.approx(transform_points(a, whole.astype(float)))


@pytest.mark.parametrize("seed", SEEDS)
def test_quaternions_and_matrices_agree(seed):
    R = Rotation.random(random_state=seed).as_matrix()
    wxyz = wxyz_from_matrix(R)
    assert wxyz[0] >= 0
    assert np.linalg.norm(wxyz) == pytest.approx(1)
    assert matrix_from_wxyz(wxyz) == pytest.approx(R)
    assert matrix_from_wxyz(-3 * wxyz) == pytest.approx(R)
    assert wxyz_from_xyzw(xyzw_from_wxyz(wxyz)) == pytest.approx(wxyz)


def test_quaternion_order_is_wxyz():
    half = np.sqrt(0.5)
    quarter_turn_about_z = matrix_from_wxyz(np.array([half, 0, 0, half]))
    assert quarter_turn_about_z @ [1, 0, 0] == pytest.approx([0, 1, 0])
    assert xyzw_from_wxyz([half, 0, 0, half]) == pytest.approx([0, 0, half, half])
    pose = pose_from_quaternion(np.array([2, 0, 0, 2.0]), np.array([1, 2, 3.0]))
    assert pose @ [1, 0, 0, 1] == pytest.approx([1, 3, 3, 1])


def test_many_quaternions_at_once():
    R = Rotation.random(6, random_state=0).as_matrix().reshape(2, 3, 3, 3)
    wxyz = wxyz_from_matrix(R)
    assert wxyz.shape == (2, 3, 4)
    assert matrix_from_wxyz(wxyz) == pytest.approx(R)


@pytest.mark.parametrize("wxyz", [[0, 0, 0, 0], [np.nan, 0, 0, 1]])
def test_what_is_no_rotation_is_refused(wxyz):
    with pytest.raises(TransformError):
        matrix_from_wxyz(np.array(wxyz, float))


@pytest.mark.parametrize("seed", SEEDS)
def test_rounded_poses_are_repaired(seed):
    T = _pose(seed)
    repaired = check_pose(np.round(T, 4))
    assert repaired[:3, :3] @ repaired[:3, :3].T == pytest.approx(np.eye(3), abs=1e-12)
    assert repaired == pytest.approx(T, abs=2e-4)


@pytest.mark.parametrize(
    "spoil",
    [np.diag([2.0, 2, 2, 1]), np.diag([1.0, 1, -1, 1]), np.diag([1.0, 1, 1, 2]), np.zeros((4, 4))],
    ids=["scale", "reflection", "last row", "zero"],
)
def test_other_matrices_are_no_poses(spoil):
    with pytest.raises(TransformError):
        check_pose(spoil @ _pose(1))


def test_poses_of_wrong_shape_or_with_nan():
    with pytest.raises(ArrayError):
        check_pose(np.eye(3))
    with pytest.raises(ArrayError):
        check_pose(np.full((4, 4), np.nan))


@pytest.mark.parametrize("seed", SEEDS)
def test_interpolation_meets_its_ends_and_turns_evenly(seed):
    a, b = _pose(seed), _pose(seed + 100)
    assert interpolate_pose(a, b, 0.0) == pytest.approx(a)
    assert interpolate_pose(a, b, 1.0) == pytest.approx(b)
    middle = interpolate_pose(a, b, 0.5)
    assert middle == pytest.approx(interpolate_pose(b, a, 0.5))
    turns = [Rotation.from_matrix(x[:3, :3].T @ middle[:3, :3]).magnitude() for x in (a, b)]
    assert turns[0] == pytest.approx(turns[1])
    check_pose(middle)
    for fraction in (-0.01, 1.01, np.nan):
        with pytest.raises(TransformError):
            interpolate_pose(a, b, fraction)


def test_look_at_has_opencv_axes():
    T = look_at(np.array([2.0, 0, 1]), np.array([0.0, 0, 1]), np.array([0, 0, 1.0]))
    check_pose(T)
    assert T[:3, 2] == pytest.approx([-1, 0, 0])  # z forward
    assert T[:3, 1] == pytest.approx([0, 0, -1])  # y down
    assert T[:3, 0] == pytest.approx([0, 1, 0])  # x right, seen along -x
    with pytest.raises(TransformError):
        look_at(np.array([0, 0, 2.0]), np.zeros(3), np.array([0, 0, 1.0]))
    with pytest.raises(TransformError):
        look_at(np.ones(3), np.ones(3), np.array([0, 0, 1.0]))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_smallest_rotation_between_directions(seed):
    a, b = np.random.default_rng(seed).normal(size=(2, 3))
    R = rotation_between(a, b)
    assert R @ a / np.linalg.norm(a) == pytest.approx(b / np.linalg.norm(b))
    angle = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert Rotation.from_matrix(R).magnitude() == pytest.approx(angle)


@pytest.mark.parametrize("axis", np.eye(3))
def test_opposite_and_equal_directions(axis):
    R = rotation_between(axis, -axis)
    assert R @ axis == pytest.approx(-axis)
    assert np.linalg.det(R) == pytest.approx(1)
    assert rotation_between(axis, 2 * axis) == pytest.approx(np.eye(3))


@pytest.mark.parametrize("seed", SEEDS)
def test_opengl_and_opencv_cameras(seed):
    T = _pose(seed)
    gl = opengl_from_opencv(T)
    assert opencv_from_opengl(gl) == pytest.approx(T)
    assert gl[:3, 0] == pytest.approx(T[:3, 0])
    assert gl[:3, 1] == pytest.approx(-T[:3, 1])  # up instead of down
    assert gl[:3, 2] == pytest.approx(-T[:3, 2])  # backward instead of forward
    assert gl[:3, 3] == pytest.approx(T[:3, 3])


def test_pixel_centres():
    assert pixel_center_from_corner(320.0) == 319.5  # the middle of 640 pixels
    assert pixel_corner_from_center(pixel_center_from_corner(7.25)) == 7.25
