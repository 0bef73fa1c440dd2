"""What the pose check says of recordings whose units, axes or poses were mixed up on purpose."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from grounding3d.capture.base import RGBDFrame
from grounding3d.capture.consistency import diagnose, pose_consistency, suspicion
from grounding3d.geometry.frames import opengl_from_opencv
from grounding3d.geometry.transforms import invert_pose, look_at, make_pose
from tests.factories import (
    SMALL_CAMERA,
    UP,
    ListCapture,
    make_capture,
    render,
    table_scene,
    with_pixels,
)

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


def _in_millimetres(frame: RGBDFrame) -> np.ndarray:
    return make_pose(frame.T_world_cam[:3, :3], 1000 * frame.T_world_cam[:3, 3])


@pytest.mark.parametrize(
    ("change", "depth_scale", "advice"),
    [
        (_in_millimetres, 1, "poses are in millimetres"),
        (lambda f: f.T_world_cam @ invert_pose(OPTICAL), 1, "body frame, x forward"),
        (lambda f: opengl_from_opencv(f.T_world_cam), 1, "OpenGL"),
        (lambda f: invert_pose(f.T_world_cam), 1, "world to camera"),
        (lambda f: f.T_world_cam, 0.2, "multiply it by 5"),
        (lambda f: f.T_world_cam, 1000, "multiply it by 0.001"),
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


def test_intrinsics_of_another_size_are_suspicious():
    camera = SMALL_CAMERA.resized(480, 360)
    wrong = type(camera)(camera.K, SMALL_CAMERA.width, SMALL_CAMERA.height)
    frames = [with_pixels(frame, camera=wrong) for frame in make_capture(6)]
    assert "intrinsics" in suspicion(PosedListCapture(frames))
