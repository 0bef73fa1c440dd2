"""TUM RGB-D: association, interpolation, quaternion order, intrinsics."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from grounding3d.capture import CaptureConfig, open_capture
from grounding3d.capture.consistency import suspicion
from grounding3d.capture.tum import Trajectory, associate
from grounding3d.capture.tum_writer import write_tum
from grounding3d.errors import CaptureError
from tests.factories import make_capture


@pytest.fixture
def folder(tmp_path):
    return write_tum(make_capture(4), tmp_path / "tum")


def _trajectory(folder, rows):
    text = "# timestamp tx ty tz qx qy qz qw\n" + "\n".join(" ".join(map(str, r)) for r in rows)
    (folder / "groundtruth.txt").write_text(text)


def test_pairs_are_one_to_one_and_the_closest_win():
    color = np.array([0.000, 0.010, 0.100])
    depth = np.array([0.009, 0.012, 0.110, 0.500])
    assert associate(color, depth, 0.02).tolist() == [[1, 0], [0, 1], [2, 2]]
    assert associate(color, depth, 0.005).tolist() == [[1, 0]]
    assert associate(color, depth + 5, 0.02).shape == (0, 2)


def test_quaternions_are_xyzw_and_poses_camera_to_world(folder):
    _trajectory(
        folder, [[99, 1, 2, 3, 0, 0, np.sqrt(0.5), np.sqrt(0.5)], [99.9, 1, 2, 3, 0, 0, 0, 1]]
    )
    pose = Trajectory.read(folder / "groundtruth.txt").pose_at(99.0)
    assert pose @ [1, 0, 0, 1] == pytest.approx([1, 3, 3, 1])  # quarter turn about z


def test_poses_are_interpolated_at_the_depth_stamp(folder):
    turn = Rotation.from_rotvec([0, 0, 0.4]).as_quat()
    _trajectory(folder, [[99.9, 0, 0, 0, 0, 0, 0, 1], [100.3, 0.4, 0, 0, *turn]])
    frame = open_capture(folder)[1]  # stamp 100.1, half of the way
    assert frame.T_world_cam[:3, 3] == pytest.approx([0.2, 0, 0])
    angle = Rotation.from_matrix(frame.T_world_cam[:3, :3]).as_rotvec()
    assert angle == pytest.approx([0, 0, 0.2])


def test_frames_outside_the_trajectory_are_left_out_with_a_warning(folder):
    _trajectory(folder, [[100.05, 0, 0, 0, 0, 0, 0, 1], [100.25, 0, 0, 0, 0, 0, 0, 1]])
    capture = open_capture(folder)
    assert [f.depth_stamp_s for f in capture] == pytest.approx([100.1, 100.2])
    assert "2 of 4" in capture.describe().warnings[0]
    _trajectory(folder, [[200, 0, 0, 0, 0, 0, 0, 1], [201, 0, 0, 0, 0, 0, 0, 1]])
    with pytest.raises(CaptureError, match="trajectory"):
        open_capture(folder)


def test_a_long_gap_in_the_trajectory_is_not_bridged(folder):
    _trajectory(folder, [[90, 0, 0, 0, 0, 0, 0, 1], [100.1, 1, 0, 0, 0, 0, 0, 1]])
    assert [f.depth_stamp_s for f in open_capture(folder)] == pytest.approx([100.1])


def test_pairs_may_be_listed_instead(folder):
    pairs = []
    lists = [(folder / name).read_text().splitlines() for name in ("rgb.txt", "depth.txt")]
    for color, depth in zip(*lists, strict=True):
        if not color.startswith("#"):
            pairs.append(f"{depth} {color}" if len(pairs) % 2 else f"{color} {depth}")
    before = list(open_capture(folder))
    for name in ("rgb.txt", "depth.txt"):
        (folder / name).unlink()
    (folder / "associations.txt").write_text("\n".join(pairs))
    for frame, same in zip(open_capture(folder), before, strict=True):
        assert np.array_equal(frame.rgb, same.rgb)
        assert np.array_equal(frame.depth_m, same.depth_m)
        assert np.array_equal(frame.T_world_cam, same.T_world_cam)
    (folder / "associations.txt").write_text("1.0 rgb/1.png 1.0\n")
    with pytest.raises(CaptureError, match="line 1"):
        open_capture(folder)


def test_icl_nuim_s_world_is_left_handed(folder):
    """Its images fit together, though its poses are mirrored, as `y` of the world points up."""
    truth = [frame.T_world_cam for frame in open_capture(folder)]
    mirror = np.diag([1.0, -1, 1, 1])
    rows = [
        [100 + 0.1 * i, *T[:3, 3], *Rotation.from_matrix(T[:3, :3]).as_quat()]
        for i, T in enumerate(mirror @ T @ mirror for T in truth)
    ]
    _trajectory(folder, rows)
    assert suspicion(open_capture(folder)) is not None
    (folder / "groundtruth.txt").rename(folder / "livingRoom0.gt.freiburg")
    capture = open_capture(folder)
    assert suspicion(capture) is None
    assert capture.poses == pytest.approx(np.stack(truth), abs=1e-6)


def test_stamps_that_do_not_meet(folder):
    file = folder / "rgb.txt"
    file.write_text(file.read_text().replace("100.", "150."))
    with pytest.raises(CaptureError, match="sync_tolerance"):
        open_capture(folder)


def test_intrinsics_come_from_the_file_or_are_given(folder):
    camera = make_capture(1)[0].camera
    given = CaptureConfig(color_intrinsics=(120, 121, 80, 60))
    assert open_capture(folder)[0].camera == camera
    assert open_capture(folder, given)[0].camera.fy == 121
    (folder / "calibration.txt").write_text("140 140 79.5 59.5 0.1 -0.1 0 0 0\n")
    assert open_capture(folder)[0].depth_m.shape == (120, 160)
    (folder / "calibration.txt").unlink()
    assert open_capture(folder, given)[0].camera.fx == 120
    with pytest.raises(CaptureError, match=r"color_intrinsics.*517\.3"):
        open_capture(folder)


@pytest.mark.parametrize("text", ["", "1 2 3\n", "a b c d e f g h\n", "1 0 0 0 0 0 0 5\n"])
def test_broken_trajectories(folder, text):
    (folder / "groundtruth.txt").write_text(text)
    with pytest.raises(CaptureError):
        open_capture(folder)


@pytest.mark.parametrize("unit_s", [1e-3, 1e-6, 1e-9])
def test_integer_stamps_of_a_finer_unit_are_understood(folder, unit_s):
    originals = list(open_capture(folder))
    for name in ("rgb.txt", "depth.txt", "groundtruth.txt"):
        lines = [line.split(" ", 1) for line in (folder / name).read_text().splitlines()]
        scaled = [(f"{round((1.7e9 + float(a)) / unit_s)}", b) for a, b in lines if a != "#"]
        (folder / name).write_text("\n".join(f"{a} {b}" for a, b in scaled))
    frames = list(open_capture(folder))
    assert len(frames) == len(originals)
    for frame, original in zip(frames, originals):
        assert frame.depth_stamp_s == pytest.approx(1.7e9 + original.depth_stamp_s, abs=1e-3)
        assert frame.T_world_cam == pytest.approx(original.T_world_cam, abs=1e-5)


def test_text_files_of_other_systems_are_read(folder):
    original = open_capture(folder)[0]
    for name in ("rgb.txt", "depth.txt", "groundtruth.txt", "calibration.txt"):
        text = (folder / name).read_text().rstrip().replace("\n", "\r\n")
        (folder / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    frame = open_capture(folder)[0]
    assert np.array_equal(frame.T_world_cam, original.T_world_cam)
    assert frame.camera == original.camera


def test_frames_without_their_images_are_left_out_with_a_warning(folder):
    listed = [line.split()[1] for line in (folder / "depth.txt").read_text().splitlines()[-2:]]
    (folder / listed[0]).unlink()
    capture = open_capture(folder)
    assert len(list(capture)) == 3
    assert "images of 1 of 4" in capture.describe().warnings[0]
    for image in (folder / "depth").iterdir():
        image.unlink()
    with pytest.raises(CaptureError, match="lists is there"):
        open_capture(folder)


def test_pictures_of_depth_are_not_taken_for_depth(folder):
    for file in (folder / "depth").iterdir():
        Image.fromarray((np.asarray(Image.open(file)) >> 8).astype(np.uint8)).save(file)
    with pytest.raises(CaptureError, match="8 bits"):
        open_capture(folder)[0]


def test_16_bit_grey_keeps_its_shades(folder):
    capture = open_capture(folder)
    for file in (folder / "rgb").iterdir():
        grey = np.asarray(Image.open(file).convert("L")).astype(np.uint16)
        Image.fromarray(grey * 257).save(file)
    shades = capture[0].rgb
    assert shades.std() > 5
    assert (shades[..., 0] == shades[..., 2]).all()


@pytest.mark.parametrize("line", ["nan nan nan nan nan nan nan", "0 0 0 0 0 0 0"])
def test_poses_of_a_tracker_that_was_lost_are_left_out(folder, line):
    before = list(open_capture(folder))
    file = folder / "groundtruth.txt"
    lines = file.read_text().splitlines()
    stamp = lines[-1].split()[0]
    file.write_text("\n".join([*lines[:-1], f"{stamp} {line}"]))
    capture = open_capture(folder)
    assert len(list(capture)) == len(before) - 1
    told = "; ".join(capture.describe().warnings)
    assert "1 of 4 frames have no pose; 1 lines of the trajectory hold no pose" in told
    file.write_text("\n".join(f"{i} {line}" for i in range(5)))
    with pytest.raises(CaptureError, match="tracker that was lost"):
        open_capture(folder)
