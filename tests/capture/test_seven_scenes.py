"""7-Scenes: the depth camera's poses and focal length, a colour camera beside it, the kitchen."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import yaml
from PIL import Image

from grounding3d.capture import CaptureConfig, open_capture
from grounding3d.capture.consistency import pose_consistency
from grounding3d.capture.files import write_depth, write_rgb
from grounding3d.errors import CaptureError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose, make_pose
from tests.conftest import REPOSITORY
from tests.factories import orbit, render, table_scene

DEPTH = Camera.from_focal(585, 585, 320, 240, 640, 480)
COLOR = Camera.from_focal(525, 525, 320, 240, 640, 480)
SHIFT = (-0.025, 0.0, 0.0)
GIVEN = CaptureConfig(color_intrinsics=(525, 525, 320, 240), color_from_depth_xyz_m=SHIFT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Colour and depth from two cameras side by side, as a Kinect records them."""
    folder = tmp_path_factory.mktemp("7scenes") / "seq-01"
    folder.mkdir()
    T_depth_color = invert_pose(make_pose(np.eye(3), np.array(SHIFT)))
    for index, T_world_depth in enumerate(orbit(2)):
        stem = f"frame-{index:06d}"
        _, depth_m = render(table_scene(), DEPTH, T_world_depth)
        rgb, _ = render(table_scene(), COLOR, T_world_depth @ T_depth_color)
        write_rgb(folder / f"{stem}.color.jpg", rgb)
        write_depth(folder / f"{stem}.depth.png", depth_m, 0.001)
        np.savetxt(folder / f"{stem}.pose.txt", T_world_depth)
    return folder.parent


def test_depth_is_moved_into_the_colour_camera_and_the_pose_with_it(folder):
    frame = open_capture(folder, GIVEN)[1]
    assert frame.camera == COLOR
    rgb, depth_m = render(table_scene(), COLOR, frame.T_world_cam)
    assert np.abs(frame.rgb.astype(int) - rgb).mean() < 4
    known = frame.depth_m > 0
    assert known.mean() > 0.7
    error = np.abs(frame.depth_m - depth_m)[known]
    assert np.median(error) < 0.003
    assert np.quantile(error, 0.98) < 0.03


def test_without_a_colour_camera_there_is_a_warning(folder):
    plain, given = open_capture(folder), open_capture(folder, GIVEN)
    assert plain[0].camera == DEPTH
    assert "registered" in plain.describe().warnings[0]
    assert given.describe().warnings == ()


def test_sentinels_are_unknown(folder, tmp_path):
    for file in (folder / "seq-01").glob("frame-000000*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    steps = np.full((480, 640), 1500, np.uint16)
    steps[0], steps[1] = 0, 65535
    Image.fromarray(steps).save(tmp_path / "frame-000000.depth.png")
    frame = open_capture(tmp_path, CaptureConfig(max_depth_m=100))[0]
    assert not frame.depth_m[:2].any()
    assert (frame.depth_m[2:] == 1.5).all()


def test_frames_without_images_and_poses_that_are_none(folder, tmp_path):
    for file in (folder / "seq-01").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "frame-000000.depth.png").unlink()
    capture = open_capture(tmp_path)
    assert capture.length == 1
    assert any("1 of 2" in text for text in capture.describe().warnings)
    (tmp_path / "frame-000001.pose.txt").write_text("nan nan nan nan\n" * 4)
    with pytest.raises(CaptureError, match="pose"):
        open_capture(tmp_path)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, -1.0, 0.0])
def test_frames_where_tracking_was_lost_are_left_out(folder, tmp_path, number):
    for file in (folder / "seq-01").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    np.savetxt(tmp_path / "frame-000000.pose.txt", np.full((4, 4), number))
    capture = open_capture(tmp_path)
    assert len(list(capture)) == capture.length == 1
    assert np.allclose(capture[0].T_world_cam, np.loadtxt(tmp_path / "frame-000001.pose.txt"))
    assert any("1 of 2 frames have no pose" in text for text in capture.describe().warnings)


def test_other_sizes_need_their_own_intrinsics(tmp_path):
    write_rgb(tmp_path / "frame-000000.color.png", np.zeros((120, 160, 3), np.uint8))
    write_depth(tmp_path / "frame-000000.depth.png", np.ones((120, 160)), 0.001)
    np.savetxt(tmp_path / "frame-000000.pose.txt", np.eye(4))
    with pytest.raises(CaptureError, match="640x480"):
        open_capture(tmp_path)
    config = CaptureConfig(depth_intrinsics=(140, 140, 80, 60))
    assert open_capture(tmp_path, config)[0].camera.fx == 140


INFO = "m_sensorName = StructureSensor\nm_calibrationDepthIntrinsic = {} \nm_frames.size = 2\n"


@pytest.mark.parametrize("place", ["parent", "beside", "info.txt"])
def test_the_depth_camera_that_a_collection_names_is_used(folder, tmp_path, place):
    root = tmp_path / "scene"
    shutil.copytree(folder, root)
    camera = Camera.from_focal(570.3, 571.5, 314.5, 235.5, 640, 480)
    if place == "info.txt":
        K = np.eye(4)
        K[:3, :3] = camera.K
        text = INFO.format(" ".join(map(str, K.ravel())))
        (root / "seq-01" / "info.txt").write_text(text)
    else:
        beside = root if place == "parent" else root / "seq-01"
        np.savetxt(beside / "camera-intrinsics.txt", camera.K)
    assert open_capture(root)[0].camera == camera
    given = CaptureConfig(depth_intrinsics=(500, 500, 320, 240))
    assert open_capture(root, given)[0].camera.fx == 500
    assert open_capture(root, GIVEN)[0].camera == COLOR


def test_a_file_of_intrinsics_that_holds_none_is_refused(folder, tmp_path):
    root = tmp_path / "scene"
    shutil.copytree(folder, root)
    (root / "camera-intrinsics.txt").write_text("585 585 320 240\n")
    with pytest.raises(CaptureError, match=r"3x3.*4 numbers"):
        open_capture(root)


def test_the_real_kitchen(shared_data):
    """The recording is consistent, and depth edges fall onto colour edges with the preset."""
    path = shared_data / "kitchen"
    if not path.is_dir():
        pytest.skip("no kitchen recording")
    preset = yaml.safe_load((REPOSITORY / "configs" / "kitchen.yaml").read_text())["capture"]
    capture = open_capture(path, CaptureConfig(**preset))
    assert capture.length == 334
    result = pose_consistency(capture, pairs=4)
    assert result.consistent
    assert result.disagreement_m < 0.02
    unregistered = open_capture(path)
    registered_gain = np.mean(
        [_edges_meet(capture[i]) / _edges_meet(unregistered[i]) for i in (0, 100, 200, 300)]
    )
    assert registered_gain > 1.15


def _edges_meet(frame):
    """Mean colour gradient at depth edges, over the mean gradient of the image."""
    grey = frame.rgb.astype(float).mean(axis=-1)
    gradient = np.hypot(*np.gradient(grey))
    gradient = np.minimum(gradient, np.quantile(gradient, 0.97))
    depth = frame.depth_m
    known = (depth[:, :-2] > 0) & (depth[:, 2:] > 0)
    jump = np.abs(depth[:, 2:] - depth[:, :-2]) > 0.15 * depth[:, 2:]
    return gradient[:, 1:-1][known & jump].mean() / gradient.mean()
