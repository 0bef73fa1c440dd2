"""ROS 1 bags: the same frames as from ROS 2, compression, old transforms, damage."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from ros1_bags import write_ros1
from ros2_bags import FRAME, simple_bag

from grounding3d.capture import open_capture
from grounding3d.errors import CaptureError


@pytest.fixture
def ros2(tmp_path: Path) -> Path:
    return simple_bag(tmp_path / "ros2")


@pytest.mark.parametrize("compression", ["", "bz2", "lz4"])
@pytest.mark.parametrize("old_tf", [False, True])
def test_frames_are_those_of_the_same_ros2_bag(
    tmp_path: Path, ros2: Path, compression: str, old_tf: bool
) -> None:
    folder = write_ros1(ros2, tmp_path / "ros1", compression=compression, old_tf=old_tf)
    wanted = list(open_capture(ros2))
    for source in (folder, folder / "recording.bag"):
        capture = open_capture(source)
        assert capture.describe().format == "ros1"
        assert not capture.describe().warnings
        for mine, theirs in zip(capture, wanted, strict=True):
            assert np.array_equal(mine.rgb, theirs.rgb)
            assert np.array_equal(mine.depth_m, theirs.depth_m)
            assert np.array_equal(mine.T_world_cam, theirs.T_world_cam)
            assert mine.camera == theirs.camera
            assert (mine.stamp_s, mine.camera_frame) == (theirs.stamp_s, FRAME)
        assert np.array_equal(capture[2].rgb, wanted[2].rgb)


def test_frame_ids_may_begin_with_a_slash(tmp_path: Path) -> None:
    ros2 = simple_bag(tmp_path / "ros2", frame=f"/{FRAME}")
    capture = open_capture(write_ros1(ros2, tmp_path / "ros1"))
    assert [frame.camera_frame for frame in capture] == [FRAME] * 4
    assert capture.world_frame == "map"


def test_recordings_split_into_several_files(tmp_path: Path) -> None:
    folder = write_ros1(simple_bag(tmp_path / "a"), tmp_path / "ros1")
    whole = simple_bag(tmp_path / "b", start=4)
    (write_ros1(whole, tmp_path / "next") / "recording.bag").rename(folder / "recording_1.bag")
    capture = open_capture(folder)
    xs = [frame.T_world_cam[0, 3] for frame in capture]
    assert xs == pytest.approx([0.1 + 0.1 * i for i in range(8)])


def test_a_damaged_message_costs_one_frame(tmp_path: Path, ros2: Path) -> None:
    file = write_ros1(ros2, tmp_path / "ros1") / "recording.bag"
    data = bytearray(file.read_bytes())
    where = data.index(b"16UC1") - 4  # the length of the encoding's name
    data[where : where + 4] = struct.pack("<I", 10**6)
    file.write_bytes(data)
    capture = open_capture(file)
    assert len(list(capture)) == 3
    assert "1 of 4" in "".join(capture.describe().warnings) or "1 messages" in "".join(
        capture.describe().warnings
    )


def test_bags_that_are_none_or_not_finished(tmp_path: Path, ros2: Path) -> None:
    file = write_ros1(ros2, tmp_path / "ros1") / "recording.bag"
    data = file.read_bytes()
    field = data.index(b"index_pos=") + len(b"index_pos=")
    file.write_bytes(data[:field] + bytes(8) + data[field + 8 :])
    with pytest.raises(CaptureError, match=r"not indexed.*rosbag reindex recording\.bag"):
        open_capture(file)
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(CaptureError, match=r"does not read as a ROS 1 bag.*rosbag reindex"):
        open_capture(file)
    file.write_bytes(b"<html>not found</html>")
    with pytest.raises(CaptureError, match="is not a ROS 1 bag"):
        open_capture(file)
    file.write_bytes(b"")
    with pytest.raises(CaptureError, match="is empty"):
        open_capture(file)
