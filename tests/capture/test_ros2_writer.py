"""What is written as a bag is read back: every storage, coding and compression."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grounding3d.capture.base import CaptureConfig, RGBDFrame
from grounding3d.capture.formats import open_capture
from grounding3d.capture.ros2_storage import open_bag
from grounding3d.capture.ros2_writer import write_ros2_bag
from grounding3d.errors import CaptureError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import look_at

CAMERA = Camera.from_focal(30.0, 30.5, 15.5, 11.5, 32, 24)
UP = np.array([0, 0, 1.0])


def frames(count: int = 5, stamps: bool = True, **changes: object) -> Iterator[RGBDFrame]:
    """A camera that circles above the origin; smooth colours, random depth with holes."""
    rng = np.random.default_rng(7)
    v, u = np.mgrid[0:24, 0:32]
    for i in range(count):
        depth_m = rng.uniform(0.3, 6, (24, 32)).astype(np.float32)
        depth_m[rng.random((24, 32)) < 0.2] = 0
        angle = 0.3 * i
        frame = RGBDFrame(
            rgb=np.dstack([8 * u, 10 * v, 40 + 4 * u + 2 * v]).astype(np.uint8),
            depth_m=depth_m,
            camera=CAMERA,
            T_world_cam=look_at(np.array([np.cos(angle), np.sin(angle), 1.2]), np.zeros(3), UP),
            frame_index=i,
            stamp_s=1_700_000_000.0 + i / 30 + 0.002 if stamps else None,
            depth_stamp_s=1_700_000_000.0 + i / 30 if stamps else None,
        )
        yield replace(frame, **changes)


def check_equal(path: Path, *, depth_atol: float, rgb_atol: int) -> None:
    capture = open_capture(path)
    read, written = list(capture), list(frames())
    assert len(read) == len(written) == capture.length
    assert capture.world_frame == "map"
    assert capture.describe().warnings == ()
    for ours, theirs in zip(read, written, strict=True):
        assert ours.camera == theirs.camera
        assert ours.frame_index == theirs.frame_index
        np.testing.assert_allclose(ours.T_world_cam, theirs.T_world_cam, atol=1e-9)
        np.testing.assert_allclose(ours.depth_m, theirs.depth_m, atol=depth_atol)
        np.testing.assert_array_equal(ours.depth_m == 0, theirs.depth_m == 0)
        assert np.abs(ours.rgb.astype(int) - theirs.rgb).max() <= rgb_atol
        assert ours.stamp_s == pytest.approx(theirs.stamp_s, abs=1e-6)
        assert ours.depth_stamp_s == pytest.approx(theirs.depth_stamp_s, abs=1e-6)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("compression", [None, "zstd"])
@pytest.mark.parametrize("color", ["jpeg", "png", "raw"])
@pytest.mark.parametrize("depth", ["compressedDepth", "compressedDepth rvl", "16UC1", "32FC1"])
def test_round_trip(
    tmp_path: Path, storage: str, compression: str | None, color: str, depth: str
) -> None:
    path = tmp_path / "bag"
    count = write_ros2_bag(
        frames(), path, storage=storage, compression=compression, color=color, depth=depth
    )
    assert count == 5
    assert [entry.name for entry in tmp_path.iterdir()] == ["bag"]
    depth_atol = 1e-6 if depth == "32FC1" else 0.00051
    check_equal(path, depth_atol=depth_atol, rgb_atol=12 if color == "jpeg" else 0)


def test_it_looks_like_a_robots_recording(tmp_path: Path) -> None:
    write_ros2_bag(frames(), tmp_path / "bag", color="raw", depth="16UC1")
    with open_bag(tmp_path / "bag") as bag:
        assert {
            name: (facts.msgtype.split("/")[-1], facts.count) for name, facts in bag.topics.items()
        } == {
            "/tf": ("TFMessage", 5),
            "/tf_static": ("TFMessage", 1),
            "/camera/color/image_raw": ("Image", 5),
            "/camera/color/camera_info": ("CameraInfo", 5),
            "/camera/aligned_depth_to_color/image_raw": ("Image", 5),
            "/camera/aligned_depth_to_color/camera_info": ("CameraInfo", 5),
        }
        (link,) = bag.first("/tf").transforms
        assert (link.header.frame_id, link.child_frame_id) == ("map", "camera_link")
        (mount,) = bag.first("/tf_static").transforms
        assert (mount.header.frame_id, mount.child_frame_id) == (
            "camera_link",
            "camera_color_optical_frame",
        )
        q = mount.transform.rotation  # REP 103's turn from a link to its optical frame
        np.testing.assert_allclose(np.abs([q.x, q.y, q.z, q.w]), 0.5)
        link_z = bag.first("/tf").transforms[0].transform.translation.z
        assert link_z == pytest.approx(1.2)


def test_a_bag_can_be_written_from_a_bag(tmp_path: Path) -> None:
    write_ros2_bag(frames(), tmp_path / "a", color="png", depth="32FC1")
    capture = open_capture(tmp_path / "a")
    seen: list[int] = []
    write_ros2_bag(capture, tmp_path / "b", color="png", storage="sqlite3", progress=seen.append)
    assert seen == [1, 2, 3, 4, 5]
    check_equal(tmp_path / "b", depth_atol=0.00051, rgb_atol=0)


def test_frames_without_stamps_get_ten_a_second(tmp_path: Path) -> None:
    write_ros2_bag(frames(stamps=False), tmp_path / "bag")
    assert [frame.stamp_s for frame in open_capture(tmp_path / "bag")] == pytest.approx(
        [0.0, 0.1, 0.2, 0.3, 0.4]
    )


def test_what_cannot_be_stored_is_unknown(tmp_path: Path) -> None:
    far = np.full((24, 32), 70.0, np.float32)
    far[0, 0] = 1.0
    write_ros2_bag(frames(1, depth_m=far), tmp_path / "bag", depth="16UC1")
    config = CaptureConfig(max_depth_m=100)
    (frame,) = open_capture(tmp_path / "bag", config)
    assert frame.depth_m[0, 0] == 1.0
    assert np.count_nonzero(frame.depth_m) == 1


def test_a_world_that_is_not_z_up_is_refused(tmp_path: Path) -> None:
    class Tilted(list):
        up_world = np.array([0.0, -1.0, 0.0])

    with pytest.raises(CaptureError, match=r"\+Z up"):
        write_ros2_bag(Tilted(frames()), tmp_path / "bag")


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    write_ros2_bag(frames(2), path)
    with pytest.raises(CaptureError, match="exists already"):
        write_ros2_bag(frames(3), path)
    write_ros2_bag(frames(3), path, overwrite=True)
    assert open_capture(path).length == 3
    mine = tmp_path / "thesis"
    mine.mkdir()
    (mine / "chapter.txt").write_text("precious")
    for target in (mine, mine / "chapter.txt"):
        with pytest.raises(CaptureError, match="no ROS 2 bag"):
            write_ros2_bag(frames(), target, overwrite=True)
    assert (mine / "chapter.txt").read_text() == "precious"
    write_ros2_bag(frames(2), tmp_path / "a" / "new" / "place" / "bag")
    assert open_capture(tmp_path / "a" / "new" / "place" / "bag").length == 2
    with pytest.raises(CaptureError, match="cannot be written"):
        write_ros2_bag(frames(), mine / "chapter.txt" / "bag")


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_failure_leaves_what_was_there(tmp_path: Path, failure: type[BaseException]) -> None:
    def interrupted() -> Iterator[RGBDFrame]:
        yield from frames(2)
        raise failure

    path = tmp_path / "bag"
    with pytest.raises(failure):
        write_ros2_bag(interrupted(), path)
    assert not any(tmp_path.iterdir())
    write_ros2_bag(frames(), path)
    with pytest.raises(failure):
        write_ros2_bag(interrupted(), path, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["bag"]
    assert open_capture(path).length == 5


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_full_disk_is_an_error_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, storage: str
) -> None:
    path = tmp_path / "bag"
    write_ros2_bag(frames(), path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rosbags.rosbag2.Writer.write", full)
    with pytest.raises(CaptureError, match="No space left"):
        write_ros2_bag(frames(), path, storage=storage, overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["bag"]
    assert open_capture(path).length == 5


def test_frames_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="no frames"):
        write_ros2_bag([], tmp_path / "bag")
    first, second = frames(2)
    with pytest.raises(CaptureError, match="another camera or world frame"):
        write_ros2_bag([first, replace(second, world_frame="odom")], tmp_path / "bag")
    with pytest.raises(CaptureError, match="not later"):
        write_ros2_bag([second, first], tmp_path / "bag")
    for wrong in ({"storage": "tape"}, {"color": "gif"}, {"depth": "8UC1"}, {"compression": "rar"}):
        with pytest.raises(CaptureError, match="unknown"):
            write_ros2_bag(frames(), tmp_path / "bag", **wrong)
    assert not any(tmp_path.iterdir())
