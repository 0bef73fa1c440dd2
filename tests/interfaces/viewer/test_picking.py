"""A click reads the coordinates of the surface it hits."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import THINGS, UP, box_of

from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose, look_at, transform_points
from grounding3d.interfaces.viewer.picking import measure, object_at, pick, view_of_box
from grounding3d.interfaces.viewer.start_view import start_view

EYE = np.array([0.0, -1.2, 1.6])


@pytest.mark.parametrize("noun", ["mug", "book", "bowl"])
def test_a_click_onto_the_top_of_a_thing_hits_it_within_millimetres(model, noun: str) -> None:
    low, high, _ = THINGS[noun]
    top = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, high[2]])
    found = pick(model, EYE, top - EYE)
    assert found is not None
    assert np.linalg.norm(found.point - top) < 0.005
    assert found.item is not None
    assert found.item.label == noun


def test_the_nearer_surface_wins(model) -> None:
    through = np.array([-0.25, -0.05, 0.75])  # the middle of the mug
    found = pick(model, EYE, through - EYE)
    assert found is not None
    away = np.linalg.norm(found.point - EYE)
    assert away < np.linalg.norm(through - EYE) - 0.02


def test_a_click_at_nothing_finds_nothing(model) -> None:
    assert pick(model, EYE, np.array([0.0, -1.0, 1.0])) is None
    assert pick(model, EYE, np.array([0.0, 1.0, -0.5]), np.zeros(0, np.int64)) is None


def test_what_is_not_drawn_cannot_be_clicked(model) -> None:
    top = np.array([-0.25, -0.05, 0.80])
    rows = np.flatnonzero(model.thing != 1)
    found = pick(model, EYE, top - EYE, rows)
    assert found is not None
    assert found.point[2] < 0.71


def test_the_smallest_box_around_a_point_is_the_object(model) -> None:
    item = object_at(model, np.array([-0.25, -0.05, 0.705]))
    assert item is not None
    assert item.label == "mug"
    assert object_at(model, np.array([5.0, 5.0, 5.0])) is None


def test_a_measure_splits_along_gravity() -> None:
    found = measure(np.array([1.0, 1, 1]), np.array([4.0, 5, 3]), UP)
    assert found.distance_m == pytest.approx(29**0.5)
    assert found.along_m == pytest.approx((3, 4, 2))
    assert found.horizontal_m == pytest.approx(5)
    assert found.vertical_m == pytest.approx(2)
    assert measure(np.zeros(3), np.ones(3), None).vertical_m is None


@pytest.mark.parametrize("eye", [(0, -3, 2), (0.0, 0.0, 5.0), (-0.25, -0.05, 9)])
@pytest.mark.parametrize("aspect", [1.6, 0.7])
def test_a_framed_box_is_all_in_the_picture(eye: tuple, aspect: float) -> None:
    box, fov, height = box_of("mug"), np.deg2rad(50), 800
    position, target = view_of_box(box, UP, np.array(eye, float), fov, aspect)
    width = round(height * aspect)
    f = height / 2 / np.tan(fov / 2)
    camera = Camera.from_focal(f, f, width / 2, height / 2, width, height)
    T = look_at(position, target, UP)
    uv, z = camera.project(transform_points(invert_pose(T), box.corners))
    assert (z > 0).all()
    assert camera.contains(uv).all()
    assert position[2] > box.center[2]
    assert np.ptp(uv, axis=0).max() > 0.1 * min(width, height)


def test_a_page_opens_looking_at_the_objects(model) -> None:
    eye, target = start_view(model)
    assert np.linalg.norm(target - [0, 0, 0.72]) < 0.3
    assert eye[1] < -0.8  # from the side of the camera that recorded
