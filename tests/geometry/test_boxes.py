"""Laws of oriented boxes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from grounding3d.errors import ArrayError
from grounding3d.geometry.boxes import OBB, aabb_iou, upright_box
from grounding3d.geometry.transforms import make_pose, rotation_between, wxyz_from_matrix

UP = np.array([0, 0, 1.0])


def _box(seed: int) -> OBB:
    rng = np.random.default_rng(seed)
    R = Rotation.random(random_state=seed).as_matrix()
    return OBB(rng.normal(size=3), wxyz_from_matrix(R), rng.uniform(0.1, 1, 3))


def _points_in(box: OBB, count: int = 400) -> np.ndarray:
    inside = np.random.default_rng(0).uniform(-0.5, 0.5, (count, 3)) * box.size
    return np.vstack([inside @ box.R.T + box.center, box.corners])


@pytest.mark.parametrize("seed", range(10))
def test_corners_lie_on_the_box_and_average_to_its_centre(seed):
    box = _box(seed)
    assert box.corners.mean(axis=0) == pytest.approx(box.center)
    assert box.contains(box.corners, margin_m=1e-9).all()
    assert not box.contains(box.corners, margin_m=-1e-3).any()
    assert box.contains(_points_in(box), margin_m=1e-9).all()
    assert box.volume == pytest.approx(np.prod(box.size))


@pytest.mark.parametrize("seed", range(10))
def test_moving_a_box_moves_its_corners(seed):
    box = _box(seed)
    T = make_pose(Rotation.random(random_state=seed + 50).as_matrix(), np.array([1.0, -2, 3]))
    moved = box.transformed(T)
    assert moved.corners == pytest.approx(box.corners @ T[:3, :3].T + T[:3, 3])
    assert moved.size == pytest.approx(box.size)


@pytest.mark.parametrize("seed", range(10))
def test_the_aabb_is_tight(seed):
    low, high = _box(seed).aabb()
    corners = _box(seed).corners
    assert corners.min(axis=0) == pytest.approx(low)
    assert corners.max(axis=0) == pytest.approx(high)
    assert OBB.from_aabb(low, high).contains(corners, margin_m=1e-9).all()


@pytest.mark.parametrize("yaw", [0.0, 0.3, 1.0, 1.5])
@pytest.mark.parametrize("up", [UP, np.array([0.003, -0.89, -0.457])])
def test_an_upright_box_is_recovered_whatever_is_up(yaw, up):
    up = up / np.linalg.norm(up)
    R = rotation_between(UP, up) @ Rotation.from_rotvec([0, 0, yaw]).as_matrix()
    box = OBB(np.array([0.3, -1, 2]), wxyz_from_matrix(R), np.array([0.4, 0.2, 0.1]))
    found = upright_box(_points_in(box), up)
    assert found.center == pytest.approx(box.center)
    assert found.R[:, 2] == pytest.approx(up)
    assert np.linalg.det(found.R) == pytest.approx(1)
    assert found.size[2] == pytest.approx(0.1)
    assert sorted(found.size[:2]) == pytest.approx([0.2, 0.4])


@pytest.mark.parametrize("points", [[[1, 2, 3]], [[0, 0, 0], [1, 1, 0]], [[0, 0, 0]] * 5])
def test_few_points_make_a_flat_box(points):
    points = np.array(points, float)
    box = upright_box(points, UP)
    assert box.contains(points, margin_m=1e-9).all()
    assert box.volume == pytest.approx(0)


def test_a_turned_line_lies_along_the_box():
    points = np.linspace([0, 0, 0], [1, 1, 0], 20)
    assert sorted(upright_box(points, UP).size) == pytest.approx([0, 0, np.sqrt(2)], abs=1e-9)


def test_overlap_of_aabbs():
    unit = np.zeros(3), np.ones(3)
    assert aabb_iou(unit, unit) == pytest.approx(1)
    assert aabb_iou(unit, (np.array([0.5, 0, 0]), np.array([1.5, 1, 1]))) == pytest.approx(1 / 3)
    assert aabb_iou(unit, (np.full(3, 2.0), np.full(3, 3.0))) == 0
    assert aabb_iou((np.zeros(3), np.zeros(3)), (np.zeros(3), np.zeros(3))) == 0


@pytest.mark.parametrize(
    ("center", "wxyz", "size"),
    [
        ([0, 0], [1, 0, 0, 0], [1, 1, 1]),
        ([0, 0, 0], [1, 0, 0], [1, 1, 1]),
        ([0, 0, 0], [1, 0, 0, 0], [1, -1, 1]),
        ([0, 0, np.nan], [1, 0, 0, 0], [1, 1, 1]),
    ],
)
def test_what_is_no_box_is_refused(center, wxyz, size):
    with pytest.raises(ArrayError):
        OBB(np.array(center, float), np.array(wxyz, float), np.array(size, float))
