"""The contract of every capture format: what is written comes back, and damage is an error."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grounding3d.capture import FORMATS, CaptureConfig, IndexedCapture, open_capture
from grounding3d.capture.base import Capture
from grounding3d.capture.files import write_depth, write_rgb
from grounding3d.capture.summary import summarise
from grounding3d.capture.writers import WRITERS
from grounding3d.errors import CaptureError, GroundingError
from grounding3d.geometry.camera import Camera
from tests.capture.numbered_recordings import write_redwood, write_replica, write_scannet
from tests.capture.ros1_bags import write_ros1
from tests.factories import SMALL_CAMERA, ListCapture, depth_disagreement_m, make_capture

KINECT = Camera.from_focal(585, 585, 320, 240, 640, 480)


def write_seven_scenes(capture: Capture, path: Path) -> None:
    """A sequence folder as Microsoft's, for the Kinect's camera only."""
    path.mkdir()
    for frame in capture:
        stem = f"frame-{frame.frame_index:06d}"
        write_rgb(path / f"{stem}.color.png", frame.rgb)
        write_depth(path / f"{stem}.depth.png", frame.depth_m, 0.001)
        np.savetxt(path / f"{stem}.pose.txt", frame.T_world_cam)


NUMBERED = {
    "7scenes": write_seven_scenes,
    "scannet": write_scannet,
    "replica": write_replica,
    "redwood": write_redwood,
}


def _write(name: str, capture: Capture, path: Path) -> None:
    if name in NUMBERED:
        NUMBERED[name](capture, path)
    elif name == "ros1":
        WRITERS.load("ros2")(capture, path.with_name("as_ros2"))
        write_ros1(path.with_name("as_ros2"), path)
    else:
        WRITERS.load(name)(capture, path)


# largest error of colour (mean over the image, 8 bit), of depth and of the pose, and what is kept
QUANTISATION = {
    "folder": {"rgb": 0, "depth_m": 0.0006, "pose": 1e-12, "stamps": True, "up": True},
    "ros2": {"rgb": 8, "depth_m": 0.0006, "pose": 1e-6, "stamps": True, "up": True},
    "ros1": {"rgb": 8, "depth_m": 0.0006, "pose": 1e-6, "stamps": True, "up": True},
    "nerfstudio": {"rgb": 0, "depth_m": 0.0006, "pose": 1e-12, "stamps": False, "up": False},
    "tum": {"rgb": 0, "depth_m": 0.0002, "pose": 1e-7, "stamps": True, "up": False},
    "7scenes": {"rgb": 0, "depth_m": 0.0006, "pose": 1e-9, "stamps": False, "up": False},
    "scannet": {"rgb": 0, "depth_m": 0.0006, "pose": 1e-9, "stamps": False, "up": False},
    "replica": {"rgb": 0, "depth_m": 0.0001, "pose": 1e-9, "stamps": False, "up": False},
    "redwood": {"rgb": 0, "depth_m": 0.0006, "pose": 1e-9, "stamps": False, "up": False},
}


@pytest.fixture(scope="module")
def originals() -> dict[str, ListCapture]:
    small = make_capture(4)
    return dict.fromkeys(QUANTISATION, small) | {"7scenes": make_capture(2, KINECT)}


@pytest.fixture(scope="module")
def written(originals, tmp_path_factory) -> dict[str, Path]:
    """One recording a format; never changed by a test."""
    root = tmp_path_factory.mktemp("formats")
    for name, capture in originals.items():
        _write(name, capture, root / name)
    return {name: root / name for name in originals}


@pytest.fixture(params=FORMATS.names())
def name(request) -> str:
    assert request.param in QUANTISATION, "a new format joins the contract test"
    return request.param


@pytest.fixture
def recording(name, written, tmp_path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(written[name], tmp_path / name))


def test_every_writer_is_under_contract():
    assert set(WRITERS.names()) <= set(QUANTISATION)


def test_what_was_written_comes_back(name, written, originals):
    bounds, original = QUANTISATION[name], originals[name]
    capture = open_capture(written[name])
    assert capture.length == original.length
    assert isinstance(capture, Capture)
    for index, (got, want) in enumerate(zip(capture, original, strict=True)):
        assert got.frame_index == index
        assert np.abs(got.rgb.astype(int) - want.rgb).mean() <= bounds["rgb"]
        assert np.abs(got.depth_m - want.depth_m).max() <= bounds["depth_m"]
        assert got.T_world_cam == pytest.approx(want.T_world_cam, abs=bounds["pose"])
        assert np.allclose(got.camera.K, want.camera.K, rtol=0, atol=1e-9)
        assert got.world_frame == "map"
        if bounds["stamps"]:
            assert got.stamp_s == pytest.approx(want.stamp_s, abs=1e-6)
            assert got.depth_stamp_s == pytest.approx(want.depth_stamp_s, abs=1e-6)
        else:
            assert got.stamp_s is None
    if bounds["up"]:
        assert capture.up_world == pytest.approx([0, 0, 1])
    else:
        assert capture.up_world is None


def test_clouds_of_two_frames_agree(name, written):
    frames = list(open_capture(written[name]))
    assert depth_disagreement_m(frames[0], frames[1]) < 0.02


def test_reading_again_and_in_any_order_gives_the_same(name, written):
    capture = open_capture(written[name])
    first, second = list(capture), list(capture)
    assert [f.frame_index for f in first] == [f.frame_index for f in second]
    assert all(np.array_equal(a.depth_m, b.depth_m) for a, b in zip(first, second))
    if isinstance(capture, IndexedCapture):
        last = capture[len(first) - 1]
        assert np.array_equal(last.rgb, first[-1].rgb)
        assert np.array_equal(capture[0].depth_m, first[0].depth_m)
        with pytest.raises(IndexError):
            capture[len(first)]


def test_exactly_one_format_claims_a_recording(name, written):
    assert [other for other, reader in FORMATS if reader.recognises(written[name])] == [name]


def test_the_format_can_be_named(name, written):
    assert open_capture(written[name], CaptureConfig(format=name)).describe().format == name


def test_frames_are_chosen_and_depth_is_limited(name, written, originals):
    count = originals[name].length
    config = CaptureConfig(start=1, stride=2, max_depth_m=1.9, min_depth_m=1.3)
    frames = list(open_capture(written[name], config))
    assert len(frames) == len(range(1, count, 2))
    assert [f.frame_index for f in frames] == list(range(len(frames)))
    want = originals[name][1]
    assert frames[0].T_world_cam == pytest.approx(want.T_world_cam, abs=1e-6)
    known = frames[0].depth_m[frames[0].depth_m > 0]
    assert known.min() >= 1.3
    assert known.max() <= 1.9
    assert len(list(open_capture(written[name], CaptureConfig(max_frames=1)))) == 1
    with pytest.raises(CaptureError, match="start"):
        open_capture(written[name], CaptureConfig(start=count))


def test_up_can_be_given(name, written):
    capture = open_capture(written[name], CaptureConfig(up_world=(0, -2, 0)))
    assert capture.up_world == pytest.approx([0, -1, 0])


def test_names_of_other_systems_and_their_files(name, recording):
    count = len(list(open_capture(recording)))
    odd = recording.rename(recording.parent / "né à Orléans 日本")
    for file in (".hidden.mcap", "._recording.db3", "Thumbs.db", ".DS_Store"):
        (odd / file).write_bytes(b"")
    link = odd.parent / "link"
    link.symlink_to(odd)
    for path in (odd, link, f"{odd}/"):
        capture = open_capture(path)
        assert capture.describe().format == name
        assert len(list(capture)) == count
        assert "hidden" not in "".join(capture.describe().warnings)


def test_an_empty_folder_and_a_missing_one(name, tmp_path):
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(CaptureError):
            open_capture(path)
        with pytest.raises(CaptureError):
            open_capture(path, CaptureConfig(format=name))


def _files(recording: Path, part: str) -> list[Path]:
    files = sorted(p for p in recording.rglob("*.png") if part in str(p.relative_to(recording)))
    if not files:
        pytest.skip("this format keeps its images inside one file")
    return files


def _read_all(path: Path) -> None:
    list(open_capture(path))


@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "other size", "colour"])
def test_damaged_depth_is_an_error(name, recording, damage):
    for file in _files(recording, "depth"):
        if damage == "missing":
            file.unlink()
        elif damage == "truncated":
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        elif damage == "empty":
            file.write_bytes(b"")
        elif damage == "other size":
            Image.fromarray(np.full((50, 110), 1500, np.uint16)).save(file)
        else:
            Image.fromarray(np.zeros((120, 160, 3), np.uint8)).save(file)
    with pytest.raises(CaptureError) as error:
        _read_all(recording)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("damage", ["missing", "truncated", "other size"])
def test_damaged_colour_is_an_error(name, recording, damage):
    for file in [f for f in recording.rglob("*.png") if "depth" not in f.name + f.parent.name]:
        if damage == "missing":
            file.unlink()
        elif damage == "truncated":
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        else:
            Image.fromarray(np.zeros((50, 110, 3), np.uint8)).save(file)
    _files(recording, "depth")
    with pytest.raises(CaptureError):
        _read_all(recording)


def _damage(file: Path, damage: str) -> None:
    data = file.read_bytes()
    if damage == "missing":
        file.unlink()
    elif damage == "truncated":
        file.write_bytes(data[: len(data) // 2])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "not an image":
        file.write_bytes(b"<html>404</html>")
    else:
        size = (50, 110) if "depth" in str(file) else (50, 110, 3)
        Image.fromarray(np.full(size, 200, np.uint16 if len(size) == 2 else np.uint8)).save(file)


@pytest.mark.parametrize("part", ["color", "depth"])
@pytest.mark.parametrize("place", [0, -1])
@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "not an image", "other size"])
def test_one_damaged_image_costs_one_frame(name, recording, part, place, damage, caplog):
    depths = {p for p in recording.rglob("*.png") if "depth" in str(p.relative_to(recording))}
    files = depths if part == "depth" else set(recording.rglob("*.png")) - depths
    if not files:
        pytest.skip("this format keeps its images inside one file")
    if name == "7scenes" and damage == "other size":
        pytest.skip("of two images of two sizes, neither is the odd one")
    before = list(open_capture(recording))
    _damage(sorted(files)[place], damage)
    capture = open_capture(recording)
    caplog.clear()
    frames = list(capture)
    assert len(caplog.records) == (2 if capture.length == len(before) else 0)
    assert len(frames) == len(before) - 1
    kept = before[1:] if place == 0 else before[:-1]
    for frame, same in zip(frames, kept, strict=True):
        assert np.array_equal(frame.depth_m, same.depth_m)
        assert np.array_equal(frame.T_world_cam, same.T_world_cam)
    told = [text for text in capture.describe().warnings if f"1 of {len(before)}" in text]
    assert len(told) == 1
    summary = summarise(open_capture(recording))
    assert any(f"1 of {len(before)}" in text for text in summary.warnings)


def test_all_unknown_depth_is_an_error(name, originals, tmp_path):
    blank = [replace(f, depth_m=np.zeros_like(f.depth_m)) for f in originals[name]]
    _write(name, ListCapture(blank), tmp_path / "blank")
    with pytest.raises(CaptureError, match="depth"):
        _read_all(tmp_path / "blank")


def test_the_next_step_of_what_is_no_recording(written, tmp_path):
    (tmp_path / "data").mkdir()
    shutil.copytree(written["tum"], tmp_path / "data" / "desk")
    archive, scan = tmp_path / "desk.zip", tmp_path / "scene0000_00.sens"
    archive.write_bytes(b"PK")
    scan.write_bytes(b"\x04")
    (tmp_path / "photos").mkdir()
    hints = {
        tmp_path / "data": "Did you mean .*/data/desk",
        tmp_path / "data/desk/rgb": "Did you mean .*/data/desk",
        archive: "Unpack it",
        scan: "SensReader",
        tmp_path / "photos": r"capture\.json",
    }
    for path, hint in hints.items():
        with pytest.raises(CaptureError, match=hint):
            open_capture(path)


def _spoil_pose(recording: Path, name: str) -> None:
    """Scale or tear the first pose in the text file that holds it."""
    if name == "7scenes":
        file = min(recording.glob("*.pose.txt"))
        np.savetxt(file, np.loadtxt(file) * [[2], [1], [1], [1]])
    elif name == "scannet":
        file = recording / "pose/0.txt"
        np.savetxt(file, np.loadtxt(file) * [[2], [1], [1], [1]])
    elif name == "replica":
        file = recording / "traj.txt"
        np.savetxt(file, np.loadtxt(file) * ([2] * 4 + [1] * 12))
    elif name == "redwood":
        file = recording / "trajectory.log"
        lines = file.read_text().splitlines()
        file.write_text("\n".join([lines[0], "2 0 0 0", *lines[2:]]))
    elif name == "tum":
        file = recording / "groundtruth.txt"
        file.write_text("99.9 0 0 0 0 0 0 2\n" + file.read_text())
    elif name in ("folder", "nerfstudio"):
        file = recording / ("capture.json" if name == "folder" else "transforms.json")
        key = "T_world_cam" if name == "folder" else "transform_matrix"
        record = json.loads(file.read_text())
        record["frames"][0][key][0] = [2.0, 0.0, 0.0, 0.0]
        file.write_text(json.dumps(record))
    else:
        pytest.skip("this format's poses are quaternions in messages")


def test_a_pose_that_is_no_rotation_is_an_error(name, recording):
    _spoil_pose(recording, name)
    with pytest.raises(CaptureError, match="pose"):
        open_capture(recording)


def test_nan_in_a_pose_is_an_error(name, recording):
    if name not in ("folder", "nerfstudio"):
        pytest.skip("trackers that are lost write NaN in this format")
    (file,) = recording.glob("*.json")
    record = json.loads(file.read_text())
    frame = record["frames"][0]
    frame["T_world_cam" if name == "folder" else "transform_matrix"][0][3] = float("nan")
    file.write_text(json.dumps(record))
    with pytest.raises(GroundingError):
        open_capture(recording)


@pytest.mark.parametrize("name", WRITERS.names())
def test_a_writer_leaves_other_folders_and_a_failed_one_leaves_nothing(name, tmp_path):
    class Failing(ListCapture):
        def __iter__(self):
            yield self.frames[0]
            raise KeyboardInterrupt

    small = make_capture(2)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.tex").write_text("years of work")
    with pytest.raises(CaptureError):
        WRITERS.load(name)(small, theirs)
    with pytest.raises(KeyboardInterrupt):
        WRITERS.load(name)(Failing(small.frames), tmp_path / "new")
    assert [p.name for p in tmp_path.rglob("*")] == ["theirs", "thesis.tex"]
    with pytest.raises(CaptureError):
        WRITERS.load(name)(ListCapture([]), tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert small.frames[0].camera == SMALL_CAMERA
