"""Laws of the transform buffer: composition, inverse, interpolation, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ros2_bags import transform, translation

from grounding3d.capture.tf_buffer import TfBuffer, transform_sample
from grounding3d.capture.tf_edge import NotCoveredError
from grounding3d.errors import TransformError
from grounding3d.geometry.transforms import (
    interpolate_pose,
    invert_pose,
    make_pose,
    matrix_from_wxyz,
)

_unit = st.floats(-1, 1, allow_nan=False)
quaternions = (
    st.tuples(_unit, _unit, _unit, _unit)
    .map(np.array)
    .filter(lambda wxyz: np.linalg.norm(wxyz) > 0.1)
)
poses = st.builds(
    lambda wxyz, t: make_pose(matrix_from_wxyz(wxyz), 5 * np.array(t)),
    quaternions,
    st.tuples(_unit, _unit, _unit),
)


def buffer_of(*links: tuple[str, str, np.ndarray, float], static: bool = False) -> TfBuffer:
    buffer = TfBuffer()
    for parent, child, T, stamp_s in links:
        buffer.add(transform(parent, child, T, stamp_s), is_static=static)
    return buffer


@settings(max_examples=30, deadline=None)
@given(poses, poses, poses)
def test_transforms_compose_along_the_tree(A: np.ndarray, B: np.ndarray, C: np.ndarray) -> None:
    buffer = buffer_of(("map", "base", A, 1.0), ("base", "camera", B, 1.0), ("map", "mug", C, 1.0))
    np.testing.assert_allclose(buffer.lookup("map", "camera", 1.0), A @ B, atol=1e-9)
    expected = invert_pose(C) @ A @ B
    np.testing.assert_allclose(buffer.lookup("mug", "camera", 1.0), expected, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(poses, poses)
def test_looking_the_other_way_is_the_inverse(A: np.ndarray, B: np.ndarray) -> None:
    buffer = buffer_of(("map", "base", A, 1.0), ("base", "camera", B, 1.0))
    there, back = buffer.lookup("map", "camera", 1.0), buffer.lookup("camera", "map", 1.0)
    np.testing.assert_allclose(there @ back, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(buffer.lookup("map", "map", 1.0), np.eye(4))


@settings(max_examples=30, deadline=None)
@given(poses, poses, st.floats(0, 1))
def test_between_samples_it_interpolates_like_the_geometry(
    A: np.ndarray, B: np.ndarray, fraction: float
) -> None:
    buffer = buffer_of(("map", "base", A, 10.0), ("map", "base", B, 11.0))
    found = buffer.lookup("map", "base", 10.0 + fraction)
    np.testing.assert_allclose(found, interpolate_pose(A, B, fraction), atol=1e-7)


def test_it_never_extrapolates() -> None:
    buffer = buffer_of(*(("map", "base", translation(t, 0, 0), t) for t in (1.0, 2.0)))
    for stamp_s in (0.999, 2.001):
        with pytest.raises(NotCoveredError, match=r"from 1\.000000 to 2\.000000"):
            buffer.lookup("map", "base", stamp_s)
    assert buffer.time_range("map", "base") == (1.0, 2.0)


def test_samples_may_arrive_late_and_twice() -> None:
    times = [3.0, 1.0, 2.0, 2.0, 4.0]
    buffer = buffer_of(*(("map", "base", translation(t, 0, 0), t) for t in times))
    buffer.add(transform("map", "base", translation(99, 0, 0), 2.0))  # the first one counts
    for stamp_s in (1.0, 1.5, 2.0, 2.5, 3.7):
        assert buffer.lookup("map", "base", stamp_s)[0, 3] == pytest.approx(stamp_s)
    bulk = TfBuffer()
    rows = np.array(
        [transform_sample(transform("a", "b", translation(t, 0, 0), t).transform) for t in times]
    )
    bulk.add_samples("map", "base", np.array(times), rows)
    assert bulk.lookup("map", "base", 2.5)[0, 3] == pytest.approx(2.5)


def test_a_pause_is_bridged_only_where_nothing_moved() -> None:
    buffer = buffer_of(
        ("map", "base", translation(0, 0, 0), 0.0),
        ("map", "base", translation(0, 0, 0), 100.0),
        ("map", "base", translation(3, 0, 0), 200.0),
    )
    assert buffer.lookup("map", "base", 50.0)[0, 3] == 0
    with pytest.raises(NotCoveredError, match=r"pauses for 100\.00 s"):
        buffer.lookup("map", "base", 150.0)


@pytest.mark.parametrize("speed", [0.0, 0.5])
def test_a_correction_of_the_map_is_no_motion(speed: float) -> None:
    def x(t: float) -> float:
        return speed * t + (0.4 if t >= 1.0 else 0.0)

    times = np.arange(0, 2, 0.05)
    links = (("map", "odom", translation(x(t), 0, 0), float(t)) for t in times)
    buffer = buffer_of(*links, ("odom", "camera", np.eye(4), 0.0), ("odom", "camera", np.eye(4), 9))
    with pytest.raises(NotCoveredError, match="jumps"):
        buffer.lookup("map", "camera", 0.97)
    for t in (0.93, 1.02):
        assert buffer.lookup("map", "camera", t)[0, 3] == pytest.approx(x(t))
    ((when, moved_m, child, parent),) = buffer.jumps("map", "camera")
    assert (when, moved_m) == pytest.approx((1.0, 0.4 + speed * 0.05))
    assert (child, parent) == ("odom", "map")


@pytest.mark.parametrize("rate_hz", [5, 50])
def test_motion_has_no_jumps(rate_hz: float) -> None:
    """A robot that starts, drives, turns and stops; and one that moves once a minute."""
    rng = np.random.default_rng(0)
    buffer = TfBuffer()
    for i in range(8 * rate_hz):
        t = i / rate_hz
        driven = np.interp(t, [0, 2, 3, 5, 6, 8], [0, 0, 0.5, 2.5, 3, 3])
        turned = np.interp(t, [0, 2, 2.5, 4, 8], [0, 0, 0.3, 2.0, 2.0])
        noise = rng.normal(scale=1e-4, size=3)
        T = make_pose(matrix_from_wxyz([np.cos(turned / 2), 0, 0, np.sin(turned / 2)]), noise)
        buffer.add(transform("map", "base", translation(driven, 0, 0) @ T, t))
    for t, x in ((0.0, 0.0), (60.0, 0.0), (61.0, 0.5), (120.0, 0.5)):
        buffer.add(transform("base", "camera", translation(x, 0, 0), t))
    assert not buffer.jumps("map", "camera")


def test_static_transforms_hold_always() -> None:
    buffer = buffer_of(("base", "camera", translation(1, 2, 3), 5.0), static=True)
    assert buffer.lookup("base", "camera", 1e9)[2, 3] == 3
    assert buffer.time_range("base", "camera") == (-np.inf, np.inf)
    buffer.add(transform("map", "base", np.eye(4), 1.0))
    with pytest.raises(TransformError, match="moving link 'map' -> 'base'"):
        buffer.lookup_static("map", "camera")


def test_frames_attached_to_the_world_are_those_without_a_moving_link() -> None:
    buffer = buffer_of(
        ("world", "map", translation(1, 0, 0), 0.0),
        ("map", "table", translation(0, 2, 0), 0.0),
        static=True,
    )
    buffer.add(transform("map", "base", np.eye(4), 1.0))
    attached = buffer.attached_to("map")
    assert sorted(attached) == ["table", "world"]
    T_table_map = attached["table"]
    np.testing.assert_allclose(T_table_map @ [0, 2, 0, 1], [0, 0, 0, 1])


def test_a_missing_link_is_named() -> None:
    buffer = buffer_of(("map", "odom", np.eye(4), 1.0), ("camera_link", "optical", np.eye(4), 1.0))
    with pytest.raises(TransformError, match="the link above 'camera_link' is missing"):
        buffer.lookup("map", "optical", 1.0)
    with pytest.raises(TransformError, match=r"'earth'.*camera_link, map, odom, optical"):
        buffer.lookup("earth", "optical", 1.0)


def test_two_parents_are_refused_where_they_matter() -> None:
    buffer = buffer_of(
        ("map", "base", np.eye(4), 1.0),
        ("odom", "base", np.eye(4), 1.0),
        ("map", "mug", translation(1, 0, 0), 1.0),
    )
    with pytest.raises(TransformError, match="'base' has several parents"):
        buffer.lookup("map", "base", 1.0)
    assert buffer.lookup("map", "mug", 1.0)[0, 3] == 1


def test_the_same_link_static_and_moving_is_refused() -> None:
    buffer = buffer_of(("map", "base", np.eye(4), 1.0))
    buffer.add(transform("map", "base", np.eye(4), 1.0), is_static=True)
    with pytest.raises(TransformError, match="several parents"):
        buffer.lookup("map", "base", 1.0)


def test_a_loop_is_refused() -> None:
    buffer = buffer_of(("a", "b", np.eye(4), 1.0), ("b", "a", np.eye(4), 1.0))
    with pytest.raises(TransformError, match="loop"):
        buffer.lookup("a", "b", 1.0)


@pytest.mark.parametrize("wxyz", [(0, 0, 0, 0), (np.nan, 0, 0, 1)])
def test_what_is_no_rotation_is_refused(wxyz: tuple[float, ...]) -> None:
    message = transform("map", "base", np.eye(4), 1.0)
    rotation = message.transform.rotation
    rotation.w, rotation.x, rotation.y, rotation.z = wxyz
    with pytest.raises(TransformError, match="not a rigid motion"):
        TfBuffer().add(message)


def test_names_may_begin_with_a_slash() -> None:
    buffer = buffer_of(("/map", "/base", translation(1, 0, 0), 1.0))
    assert buffer.lookup("map", "base", 1.0)[0, 3] == 1


def test_a_live_buffer_forgets() -> None:
    buffer = TfBuffer(keep_s=5.0)
    for t in range(100):
        buffer.add(transform("map", "base", translation(t, 0, 0), float(t)))
    assert buffer.time_range("map", "base") == (94.0, 99.0)
