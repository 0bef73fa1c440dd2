"""Live transforms: the latest, at a stamp, and when the clock is set back."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from grounding3d.capture.tf_edge import NotCoveredError
from grounding3d.errors import TransformError
from grounding3d.live.transforms import LiveTransforms
from tests.capture.ros2_bags import transform, translation


def message(*transforms: SimpleNamespace) -> SimpleNamespace:
    return SimpleNamespace(transforms=list(transforms))


def drive(tf: LiveTransforms, first_s: float, count: int, speed: float = 1.0) -> None:
    """The base drives along map's x, one message every 0.1 s."""
    for i in range(count):
        T = translation(0.1 * i * speed, 0, 0)
        tf.add(message(transform("map", "base", T, first_s + 0.1 * i)))


def test_the_latest_and_any_time_between() -> None:
    tf = LiveTransforms()
    tf.add(message(transform("base", "camera", translation(0, 0, 0.5), 0.0)), is_static=True)
    drive(tf, 100.0, 11)
    T, at = tf.lookup("map", "camera", None)
    assert at == pytest.approx(101.0)
    np.testing.assert_allclose(T[:3, 3], [1.0, 0, 0.5])
    T, at = tf.lookup("map", "camera", 100.25)
    assert at == 100.25
    np.testing.assert_allclose(T[:3, 3], [0.25, 0, 0.5], atol=1e-9)
    with pytest.raises(NotCoveredError):
        tf.lookup("map", "camera", 101.2)


def test_frames_that_do_not_move_need_no_time() -> None:
    tf = LiveTransforms()
    tf.add(message(transform("map", "table", translation(1, 2, 3), 5.0)), is_static=True)
    T, at = tf.lookup("table", "map", None)
    assert at is None
    np.testing.assert_allclose(T[:3, 3], [-1, -2, -3])
    with pytest.raises(TransformError, match="nowhere"):
        tf.lookup("nowhere", "map", None)


def test_a_clock_that_is_set_back_begins_anew_and_keeps_static_transforms() -> None:
    tf = LiveTransforms()
    tf.add(message(transform("base", "camera", translation(0, 0, 0.5), 0.0)), is_static=True)
    drive(tf, 100.0, 50)
    drive(tf, 98.0, 50, speed=-1.0)  # overlaps in time, but drives the other way
    assert tf.n_set_back == 1
    T, at = tf.lookup("map", "camera", None)
    assert at == pytest.approx(98.0 + 4.9)
    np.testing.assert_allclose(T[:3, 3], [-4.9, 0, 0.5])
    for stamp in (99.0, 101.0, 102.0):
        T, _ = tf.lookup("map", "camera", stamp)
        np.testing.assert_allclose(T[0, 3], -(stamp - 98.0), atol=1e-6)


def test_a_late_message_and_links_of_different_age_are_no_new_run() -> None:
    tf = LiveTransforms()
    for i in range(30):
        now = 100 + 0.1 * i
        tf.add(message(transform("map", "odom", translation(0, 0, 0), now + 1.5)))
        tf.add(message(transform("odom", "base", translation(0.1 * i, 0, 0), now)))
    tf.add(message(transform("odom", "base", translation(0, 0, 0), 100.05)))
    drive_on = transform("odom", "base", translation(3.0, 0, 0), 103.0)
    tf.add(message(drive_on))
    assert tf.n_set_back == 0
    T, at = tf.lookup("map", "base", None)
    assert at == pytest.approx(103.0)
    np.testing.assert_allclose(T[0, 3], 3.0)


def test_what_is_no_rigid_motion_is_counted_and_left_out() -> None:
    tf = LiveTransforms()
    bad = transform("map", "base", translation(np.nan, 0, 0), 1.0)
    tf.add(message(bad, transform("map", "base", translation(1, 0, 0), 2.0)))
    assert tf.n_broken == 1
    assert "rigid" in tf.last_problem
    np.testing.assert_allclose(tf.lookup("map", "base", None)[0][:3, 3], [1, 0, 0])
