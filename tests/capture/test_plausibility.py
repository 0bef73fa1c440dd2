"""Doubts about intrinsics and the up direction, without looking at images."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.capture import CaptureConfig, open_capture
from grounding3d.capture.plausibility import intrinsics_doubt, up_doubt
from grounding3d.capture.tum_writer import write_tum
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose, look_at, make_pose
from tests.factories import SMALL_CAMERA, UP, make_capture, orbit

Y_UP_FROM_Z_UP = make_pose(np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]), np.zeros(3))


@pytest.mark.parametrize("scale", [0.5, 2, 3])
def test_intrinsics_of_another_size_are_doubted(scale):
    assert intrinsics_doubt(SMALL_CAMERA) is None
    width, height = SMALL_CAMERA.width, SMALL_CAMERA.height
    other = SMALL_CAMERA.resized(round(scale * width), round(scale * height))
    assert f"{width}x{height}" in intrinsics_doubt(Camera(other.K, width, height))


def test_usual_cameras_are_not_doubted():
    for camera in (
        Camera.from_focal(585, 585, 320, 240, 640, 480),
        Camera.from_focal(481.2, -480, 319.5, 239.5, 640, 480),  # ICL-NUIM's
        Camera.from_focal(504, 504, 330, 336, 640, 576),  # Azure Kinect, narrow
        Camera.from_focal(254, 254, 506, 512, 1024, 1024),  # and wide
        Camera.from_focal(1600, 1600, 720, 960, 1440, 1920),  # a phone, upright
        Camera.from_focal(1, 1, 0, 0, 1, 1),
    ):
        assert intrinsics_doubt(camera) is None


def test_a_field_of_view_that_no_camera_has_is_doubted():
    assert "degrees" in intrinsics_doubt(Camera.from_focal(1, 1, 79.5, 59.5, 160, 120))


def test_recordings_tell_of_such_intrinsics(tmp_path):
    folder = write_tum(make_capture(2), tmp_path / "tum")
    assert open_capture(folder).describe().warnings == ()
    wrong = CaptureConfig(color_intrinsics=(280, 280, 159.5, 119.5))
    assert "of another size" in open_capture(folder, wrong).describe().warnings[0]


def test_a_world_that_begins_with_the_cameras_axes_has_not_z_up():
    """As of visual odometry without gravity: z is where the first camera looked."""
    poses = np.stack(orbit(8, height_m=0.9))
    assert up_doubt(poses, UP) is None
    from_first = invert_pose(poses[0]) @ poses
    assert "'[0, -1, 0]'" in up_doubt(from_first, UP)
    assert up_doubt(from_first, from_first[0][:3, :3] @ poses[0][:3, :3].T @ UP) is None


def test_a_world_with_y_up_has_not_z_up():
    angles = np.linspace(0, 1.5 * np.pi, 12)
    poses = [look_at(np.zeros(3), np.array([np.cos(a), np.sin(a), -0.2]), UP) for a in angles]
    poses = np.stack(poses)
    assert up_doubt(poses, UP) is None
    assert "'[0, 1, 0]'" in up_doubt(invert_pose(Y_UP_FROM_Z_UP) @ poses, UP) or (
        "'[0, -1, 0]'" in up_doubt(invert_pose(Y_UP_FROM_Z_UP) @ poses, UP)
    )


@pytest.mark.parametrize("roll", [np.eye(3), [[0, -1, 0], [1, 0, 0], [0, 0, 1]]])
def test_cameras_that_look_down_or_are_mounted_on_their_side_are_not_doubted(roll):
    down = np.diag([1.0, -1.0, -1.0])
    places = [make_pose(down @ np.array(roll), np.array([x, 0, 2.0])) for x in (0, 0.5, 1)]
    assert up_doubt(np.stack(places), UP) is None
    side = make_pose(np.array(roll, float), np.zeros(3))
    assert up_doubt(np.stack(orbit(8)) @ side, UP) is None


def test_nothing_is_said_where_up_is_unknown():
    assert up_doubt(np.stack(orbit(3)), None) is None
