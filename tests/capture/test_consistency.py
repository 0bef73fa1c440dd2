"""What the pose check says of recordings whose units, axes or poses were mixed up on purpose."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from grounding3d.capture.base import RGBDFrame
from grounding3d.capture.consistency import diagnose, pose_consistency, suspicion
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.frames import opengl_from_opencv, wxyz_from_xyzw
from grounding3d.geometry.transforms import (
    invert_pose,
    look_at,
    make_pose,
    matrix_from_wxyz,
    wxyz_from_matrix,
)
from tests.factories import (
    SMALL_CAMERA,
    UP,
    ListCapture,
    make_capture,
    render,
    table_scene,
    with_pixels,
)

FLIP_Y = np.diag([1.0, -1.0, 1.0, 1.0])
OPTICAL = make_pose(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.zeros(3))


class PosedListCapture(ListCapture):
    """A capture in memory that knows its trajectory."""

    @property
    def poses(self) -> np.ndarray:
        return np.stack([frame.T_world_cam for frame in self.frames])

    @property
    def stamps_s(self) -> list[float | None]:
        return [frame.depth_stamp_s for frame in self.frames]


def _moved(change: Callable[[RGBDFrame], np.ndarray], depth_scale: float = 1) -> PosedListCapture:
    return PosedListCapture(
        [
            with_pixels(
                frame,
                T_world_cam=change(frame),
                depth_m=frame.depth_m * np.float32(depth_scale),
            )
            for frame in make_capture(6)
        ]
    )


def _scaled(frame: RGBDFrame, scale: float) -> np.ndarray:
    return make_pose(frame.T_world_cam[:3, :3], scale * frame.T_world_cam[:3, 3])


def _in_millimetres(frame: RGBDFrame) -> np.ndarray:
    return _scaled(frame, 1000)


def _with_xyzw_read_as_wxyz(T: np.ndarray) -> np.ndarray:
    """What a reader of x y z w makes of a quaternion that was written w x y z."""
    written = wxyz_from_matrix(T[:3, :3])
    return make_pose(matrix_from_wxyz(wxyz_from_xyzw(written)), T[:3, 3])


@pytest.mark.parametrize(
    ("change", "depth_scale", "advice"),
    [
        (_in_millimetres, 1, "poses are in millimetres"),
        (lambda f: f.T_world_cam @ invert_pose(OPTICAL), 1, "body frame, x forward"),
        (lambda f: opengl_from_opencv(f.T_world_cam), 1, "OpenGL"),
        (lambda f: invert_pose(f.T_world_cam), 1, "world to camera"),
        (lambda f: f.T_world_cam, 0.2, "multiply it by 5"),
        (lambda f: f.T_world_cam, 1000, "multiply it by 0.001"),
        (lambda f: f.T_world_cam, 6553.5 / 5000, "multiply the depth unit by 0.7"),
        (lambda f: _scaled(f, 0.4), 1, "different scales; multiply the depth unit by 0."),
        (lambda f: _with_xyzw_read_as_wxyz(f.T_world_cam), 1, "written w x y z"),
        (lambda f: make_pose(f.T_world_cam[:3, :3].T, f.T_world_cam[:3, 3]), 1, "transpose"),
        (lambda f: FLIP_Y @ f.T_world_cam @ FLIP_Y, 1, "left-handed"),
    ],
)
def test_a_mix_up_is_named_before_the_build(change, depth_scale, advice):
    capture = _moved(change, depth_scale)
    assert advice in diagnose(capture)
    assert advice in suspicion(capture)


def test_a_right_recording_raises_no_suspicion():
    capture = _moved(lambda frame: frame.T_world_cam)
    assert pose_consistency(capture).consistent
    assert suspicion(capture) is None
    assert suspicion(PosedListCapture(capture.frames[:1])) is None


def test_views_too_far_apart_to_overlap_raise_no_suspicion():
    frames = []
    for index, angle in enumerate(np.deg2rad([0, 90, 180, 270])):
        eye = np.array([1.2 * np.cos(angle), 1.2 * np.sin(angle), 1.1])
        T_world_cam = look_at(eye, eye * [2, 2, 0.9], UP)
        rgb, depth_m = render(table_scene(), SMALL_CAMERA, T_world_cam)
        frames.append(RGBDFrame(rgb, depth_m, SMALL_CAMERA, T_world_cam, index))
    assert suspicion(PosedListCapture(frames)) is None


@pytest.mark.parametrize(("factor", "advice"), [(3, "0.333"), (2, "by 0.5"), (0.5, "by 2")])
def test_intrinsics_of_another_size_are_named(factor, advice):
    width, height = SMALL_CAMERA.width, SMALL_CAMERA.height
    other = SMALL_CAMERA.resized(round(factor * width), round(factor * height))
    wrong = Camera(other.K, width, height)
    capture = PosedListCapture([with_pixels(f, camera=wrong) for f in make_capture(6)])
    assert "intrinsics are of images of another size" in suspicion(capture)
    assert advice in suspicion(capture)


def _swaying(count: int, late_s: float) -> PosedListCapture:
    """A camera that sways before the table, with poses that are stamped too late."""

    def pose(time_s: float) -> np.ndarray:
        eye = np.array([0.4 * np.sin(2 * time_s), -1.2, 1.4 + 0.25 * np.sin(3.1 * time_s)])
        return look_at(eye, np.array([0, 0, 0.75]), UP)

    frames = []
    for index in range(count):
        time_s = 0.1 * index
        rgb, depth_m = render(table_scene(), SMALL_CAMERA, pose(time_s))
        stamps = {"stamp_s": time_s, "depth_stamp_s": time_s}
        wrong = pose(time_s - late_s)
        frames.append(RGBDFrame(rgb, depth_m, SMALL_CAMERA, wrong, index, **stamps))
    return PosedListCapture(frames)


def test_poses_of_another_time_are_suspicious():
    assert suspicion(_swaying(20, 0.0)) is None
    assert "poses are 0.3 s late" in suspicion(_swaying(20, 0.3))
    assert "poses are 0.3 s early" in suspicion(_swaying(20, -0.3))


def test_a_tracker_that_stands_still_is_suspicious():
    still = make_capture(6)[0].T_world_cam
    assert "check the trajectory" in suspicion(_moved(lambda frame: still))


def test_a_camera_that_stands_still_is_not():
    frame = make_capture(1)[0]
    noise = np.random.default_rng(0).normal(1, 0.01, (6, *frame.depth_m.shape))
    frames = [
        with_pixels(frame, frame_index=i, depth_m=(frame.depth_m * noise[i]).astype(np.float32))
        for i in range(6)
    ]
    assert suspicion(PosedListCapture(frames)) is None


def test_depth_that_is_one_value_everywhere_is_no_mix_up_of_poses():
    frames = [with_pixels(f, depth_m=np.full_like(f.depth_m, 0.5)) for f in make_capture(6)]
    doubt = suspicion(PosedListCapture(frames))
    assert doubt is not None
    assert "all depth is 0.5 m" in doubt
    assert "invert" not in doubt
