"""Answers in another frame: hand-computed coordinates, covariances and boxes."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.errors import TransformError
from grounding3d.live.reframe import transform_answer, transform_object
from tests.live.answers import answer, candidate, translation
from tests.objects.object_factories import language_scene


def test_a_quarter_turn_about_z_swaps_x_and_y() -> None:
    T_base_map = translation(10, 0, 0, degrees=90)
    moved = transform_answer(answer(candidate()), T_base_map, "base_link")
    item = moved.candidates[0]
    assert moved.frame_id == "base_link"
    np.testing.assert_allclose(item.box.center, [10 - 2, 1, 3], atol=1e-12)
    np.testing.assert_allclose(item.surface_point, [10 - 2, 1.05, 3], atol=1e-12)
    np.testing.assert_allclose(item.covariance, np.diag([4e-4, 1e-4, 9e-4]), atol=1e-15)


def test_a_box_keeps_its_size_and_turns_its_axes() -> None:
    moved = transform_answer(answer(candidate()), translation(0, 0, 0, degrees=15), "odom")
    box = moved.candidates[0].box
    np.testing.assert_array_equal(box.size, [0.1, 0.2, 0.3])
    half = np.radians(45) / 2  # 30 + 15 degrees about z
    np.testing.assert_allclose(box.wxyz, [np.cos(half), 0, 0, np.sin(half)], atol=1e-12)


def test_there_and_back_changes_nothing() -> None:
    given = answer(candidate(), candidate(8, False))
    T = translation(1, -2, 3, degrees=77)
    back = transform_answer(transform_answer(given, T, "there"), np.linalg.inv(T), "map")
    for before, after in zip(given.candidates, back.candidates, strict=True):
        np.testing.assert_allclose(after.box.corners, before.box.corners, atol=1e-9)
        np.testing.assert_allclose(after.covariance, before.covariance, atol=1e-12)


def test_correlations_turn_along() -> None:
    """The long axis of the uncertainty points where it pointed before, seen from anywhere."""
    item = candidate(covariance=np.diag([1e-2, 1e-6, 1e-6]))
    moved = transform_answer(answer(item), translation(0, 0, 0, degrees=45), "odom")
    values, vectors = np.linalg.eigh(moved.candidates[0].covariance)
    np.testing.assert_allclose(values[-1], 1e-2)
    np.testing.assert_allclose(np.abs(vectors[:, -1]), [np.sqrt(0.5), np.sqrt(0.5), 0], atol=1e-6)


def test_a_transform_that_scales_is_refused() -> None:
    with pytest.raises(TransformError, match="not a rigid transform"):
        transform_answer(answer(candidate()), np.diag([2.0, 2, 2, 1]), "odom")


def test_an_object_moves_with_its_points() -> None:
    item = language_scene().objects.objects[1]
    moved = transform_object(item, translation(1, 2, 3, degrees=90))
    inside = moved.box.contains(moved.points, margin_m=0.02).mean()
    assert inside == pytest.approx(item.box.contains(item.points, margin_m=0.02).mean())
    assert inside > 0.9
