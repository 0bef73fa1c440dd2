"""ScanNet, Replica and Redwood: sizes, lost poses, missing images, and which pose is whose."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from grounding3d.capture import CaptureConfig, open_capture
from grounding3d.capture.consistency import diagnose
from grounding3d.capture.files import read_rgb, write_rgb
from grounding3d.errors import CaptureError
from tests.capture.numbered_recordings import (
    write_redwood,
    write_replica,
    write_scannet,
    write_scannet_intrinsics,
)
from tests.factories import make_capture

CAPTURE = make_capture(4)
WRITERS = {"scannet": write_scannet, "replica": write_replica, "redwood": write_redwood}


@pytest.fixture(params=WRITERS)
def recording(request, tmp_path):
    WRITERS[request.param](CAPTURE, tmp_path / request.param)
    return tmp_path / request.param


def _resize_colour(folder, factor):
    for file in sorted((folder / "color").iterdir()):
        rgb = Image.fromarray(read_rgb(file))
        write_rgb(file, np.asarray(rgb.resize((factor * rgb.width, factor * rgb.height))))


def test_scannet_colour_larger_than_depth(tmp_path):
    write_scannet(CAPTURE, tmp_path / "scan")
    _resize_colour(tmp_path / "scan", 3)
    camera = CAPTURE[0].camera
    large = camera.resized(3 * camera.width, 3 * camera.height)
    write_scannet_intrinsics(tmp_path / "scan", "color", large)
    frame = open_capture(tmp_path / "scan")[2]
    assert frame.camera == large
    middle = frame.depth_m[1::3, 1::3]  # where the pixels' centres are the small image's
    assert np.abs(middle - CAPTURE[2].depth_m).max() < 0.001


def test_scannet_colour_made_as_small_as_depth_has_the_depths_intrinsics(tmp_path):
    write_scannet(CAPTURE, tmp_path / "scan")
    camera = CAPTURE[0].camera
    write_scannet_intrinsics(tmp_path / "scan", "color", camera.resized(324, 242))
    assert open_capture(tmp_path / "scan")[0].camera == camera


def test_lost_poses_are_left_out(recording):
    if recording.name == "scannet":
        np.savetxt(recording / "pose/1.txt", np.full((4, 4), -np.inf))
    elif recording.name == "replica":
        file = recording / "traj.txt"
        np.savetxt(file, np.loadtxt(file) * [[1], [np.nan], [1], [1]])
    else:
        file = recording / "trajectory.log"
        lines = file.read_text().splitlines()
        file.write_text("\n".join([*lines[:6], *["nan nan nan nan"] * 4, *lines[10:]]))
    capture = open_capture(recording)
    for frame, same in zip(capture, (CAPTURE[0], CAPTURE[2], CAPTURE[3]), strict=True):
        assert np.array_equal(frame.rgb, same.rgb)
        assert np.allclose(frame.T_world_cam, same.T_world_cam)
    assert "tracking was lost" in " ".join(capture.describe().warnings)


@pytest.mark.parametrize("first", [0, 1, 7])
def test_redwood_poses_belong_to_images_by_their_place(tmp_path, first):
    write_redwood(CAPTURE, tmp_path / "r", first)
    for frame, same in zip(open_capture(tmp_path / "r"), CAPTURE, strict=True):
        assert np.array_equal(frame.rgb, same.rgb)
        assert np.allclose(frame.T_world_cam, same.T_world_cam)


def _without(missing, folder, first):
    write_redwood(CAPTURE, folder, first)
    for images in ("rgb", "depth"):
        (folder / images / f"{first + missing:05d}.png").unlink()
    return folder


@pytest.mark.parametrize(("first", "missing"), [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2)])
def test_missing_redwood_images_shift_no_pose(tmp_path, first, missing):
    folder = _without(missing, tmp_path / "r", first)
    kept = [same for same in CAPTURE if same.frame_index != missing]
    for frame, same in zip(open_capture(folder), kept, strict=True):
        assert np.array_equal(frame.rgb, same.rgb)
        assert np.allclose(frame.T_world_cam, same.T_world_cam)


@pytest.mark.parametrize(("first", "missing"), [(0, 0), (1, 0), (1, 3)])
def test_whether_the_first_or_the_last_image_is_missing_is_not_guessed(tmp_path, first, missing):
    with pytest.raises(CaptureError, match="4 images"):
        open_capture(_without(missing, tmp_path / "r", first))


def test_intrinsics_that_are_missing_are_asked_for(recording):
    for file in [*recording.glob("*.json"), *recording.glob("intrinsic/*")]:
        file.unlink()
    with pytest.raises(CaptureError, match=r"capture\.color_intrinsics"):
        open_capture(recording)
    given = CaptureConfig(color_intrinsics=(140, 141, 79.5, 59.5))
    assert open_capture(recording, given)[0].camera.fy == 141


def test_replica_depth_is_in_the_steps_that_the_camera_file_says(tmp_path):
    write_replica(CAPTURE, tmp_path / "room0")
    file = tmp_path / "room0" / "cam_params.json"
    record = json.loads(file.read_text())
    record["camera"]["scale"] *= 2
    file.unlink()
    (tmp_path / "cam_params.json").write_text(json.dumps(record))  # of all sequences
    frame = open_capture(tmp_path / "room0")[0]
    assert frame.depth_m == pytest.approx(CAPTURE[0].depth_m / 2, abs=1e-4)


def test_open3d_s_own_frames_fit_together(shared_data):
    path = shared_data / "frames_open3d" / "RGBD"
    if not path.is_dir():
        pytest.skip("no frames of Open3D")
    assert "fit together" in diagnose(open_capture(path))
