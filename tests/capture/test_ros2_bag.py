"""Reading ROS 2 bags: poses, axes, topics, clocks, registration."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from ros2_bags import (
    COLOR,
    DEPTH,
    FRAME,
    HEIGHT,
    OPTICAL,
    T0,
    WIDTH,
    BagBuilder,
    K,
    send_camera,
    send_static,
    simple_bag,
    translation,
)

from grounding3d.capture.base import Capture, CaptureConfig, IndexedCapture
from grounding3d.capture.formats import open_capture
from grounding3d.capture.ros2_bag import Ros2BagFormat, Ros2Capture
from grounding3d.errors import CaptureError, TransformError
from grounding3d.geometry.transforms import look_at, transform_points


def opened(path: Path, **config: object) -> Ros2Capture:
    return Ros2BagFormat.open(path, CaptureConfig(**config))


def test_a_bag_is_a_capture(tmp_path: Path) -> None:
    capture = open_capture(simple_bag(tmp_path / "bag"))
    assert isinstance(capture, Capture)
    assert isinstance(capture, IndexedCapture)
    assert capture.length == 4 == len(list(capture)) == len(list(capture))
    assert (capture.world_frame, capture.camera_frame) == ("map", FRAME)
    np.testing.assert_array_equal(capture.up_world, [0, 0, 1])
    facts = capture.describe()
    assert facts.format == "ros2"
    assert facts.details["color_topic"] == COLOR
    assert facts.warnings == ()


def test_points_ahead_of_the_robot_lie_ahead_in_the_map(tmp_path: Path) -> None:
    """The optical frame's axes, tf's directions, units and the order of quaternions at once."""
    frames = list(opened(simple_bag(tmp_path / "bag")))
    for i, frame in enumerate(frames):
        points = transform_points(frame.T_world_cam, frame.camera.backproject(frame.depth_m))
        ahead = points[5:7, 7:9].mean(axis=(0, 1))  # around the principal point
        # base_link at 0.1 i, camera 0.1 m ahead and 0.5 m up, surface 1.5 m ahead
        np.testing.assert_allclose(ahead, [0.1 * i + 0.1 + 1.5, 0, 0.5], atol=1e-6)
        assert points[0, 8, 2] > 0.5 > points[-1, 8, 2]  # the image's top is up
        assert points[6, 0, 1] > 0 > points[6, -1, 1]  # and its left is left
        assert frame.rgb[3, 3].tolist() == [200, 100, 50]
        assert frame.stamp_s == pytest.approx(T0 + 0.1 * i, abs=1e-6)


def test_poses_are_those_of_the_depth_stamp(tmp_path: Path) -> None:
    capture = opened(simple_bag(tmp_path / "bag", depth_offset_s=0.015))
    frames = list(capture)
    assert len(frames) == 3  # the last depth image has no later transform
    for i, frame in enumerate(frames):
        assert frame.depth_stamp_s == pytest.approx(T0 + 0.1 * i + 0.015, abs=1e-6)
        assert frame.T_world_cam[0, 3] == pytest.approx(0.1 * i + 0.015 + 0.1, abs=1e-6)
    assert any("1 of 4 frames have no pose" in note for note in capture.describe().warnings)


def test_frames_within_a_correction_of_the_map_are_left_out(tmp_path: Path) -> None:
    with BagBuilder(tmp_path / "bag") as bag:
        send_static(bag)
        for i in range(20):
            stamp_s = T0 + 0.1 * i
            bag.tf("map", "odom", translation(0.5 * (i >= 10), 0, 0), stamp_s)
            bag.tf("odom", "base_link", translation(0.01 * i, 0, 0), stamp_s)
            if i < 19:
                send_camera(bag, stamp_s + 0.05)
    capture = opened(tmp_path / "bag")
    xs = [frame.T_world_cam[0, 3] - 0.1 for frame in capture]
    expected = [0.01 * (i + 0.5) + 0.5 * (i >= 10) for i in range(19) if i != 9]
    assert xs == pytest.approx(expected, abs=1e-6)
    told = " ".join(capture.describe().warnings)
    assert "1 of 19 frames have no pose" in told
    assert "'odom' jumps in 'map' once, by 0.50 m at 1700000001.000 s" in told


def test_random_access_equals_reading_in_order(tmp_path: Path) -> None:
    for storage, mode in (("mcap", "storage"), ("sqlite3", "file")):
        path = tmp_path / storage
        with BagBuilder(path, storage, mode) as bag:
            send_static(bag)
            for i in range(6):  # two images are received at the same moment
                bag.tf("map", "base_link", translation(i, 0, 0), T0 + i)
                send_camera(bag, T0 + i, log_s=T0 + i // 2, depth_m=1 + i / 10)
        capture = opened(path)
        for frame in list(capture)[::-1]:
            again = capture[frame.frame_index]
            assert again.stamp_s == frame.stamp_s
            np.testing.assert_array_equal(again.depth_m, frame.depth_m)
            np.testing.assert_array_equal(again.T_world_cam, frame.T_world_cam)
    with pytest.raises(IndexError):
        capture[6]


def test_frames_and_depth_are_chosen_by_the_configuration(tmp_path: Path) -> None:
    path = simple_bag(tmp_path / "bag", 10)
    assert not opened(path, max_depth_m=1.0)[0].depth_m.any()
    capture = opened(path, start=1, stride=3, max_frames=2)
    frames = list(capture)
    assert [frame.frame_index for frame in frames] == [0, 1]
    np.testing.assert_allclose([f.stamp_s for f in frames], [T0 + 0.1, T0 + 0.4], atol=1e-6)
    with pytest.raises(CaptureError, match="start"):
        opened(path, start=10)


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("mode", [None, "message", "file", "storage"])
def test_every_storage_and_compression(tmp_path: Path, storage: str, mode: str | None) -> None:
    if (storage, mode) == ("sqlite3", "storage"):
        pytest.skip("sqlite3 has no compression of its own")
    path = tmp_path / "bag"
    with BagBuilder(path, storage, mode) as bag:
        send_static(bag)
        for i in range(3):
            bag.tf("map", "base_link", translation(i, 0, 0), T0 + i)
            send_camera(bag, T0 + i)
    expected = [0.1, 1.1, 2.1]
    assert [frame.T_world_cam[0, 3] for frame in open_capture(path)] == pytest.approx(expected)
    (path / "metadata.yaml").unlink()  # what an interrupted recording leaves
    assert [frame.T_world_cam[0, 3] for frame in open_capture(path)] == pytest.approx(expected)
    (file,) = path.iterdir()
    assert [frame.T_world_cam[0, 3] for frame in open_capture(file)] == pytest.approx(expected)


def test_a_split_recording_without_metadata_is_read_as_one(tmp_path: Path) -> None:
    whole = tmp_path / "bag"
    whole.mkdir()
    for part in range(3):
        with BagBuilder(tmp_path / f"part_{part}") as bag:
            if part == 0:
                send_static(bag)
            for i in (2 * part, 2 * part + 1):
                bag.tf("map", "base_link", translation(i, 0, 0), T0 + i)
                send_camera(bag, T0 + i)
        (file,) = (tmp_path / f"part_{part}").glob("*.mcap")
        shutil.copy(file, whole / f"bag_{part + 9}.mcap")  # 9, 10, 11
    frames = list(open_capture(whole))
    assert [frame.T_world_cam[0, 3] for frame in frames] == pytest.approx(
        [i + 0.1 for i in range(6)]
    )


def test_world_frames(tmp_path: Path) -> None:
    def bag_with(*links: tuple[str, str, bool], **config: object) -> Ros2Capture:
        path = tmp_path / "bag"
        shutil.rmtree(path, ignore_errors=True)
        with BagBuilder(path) as bag:
            send_static(bag)
            for i in range(3):
                for parent, child, static in links:
                    if not static or i == 0:
                        bag.tf(parent, child, translation(1, 0, 0), T0 + i, static)
                send_camera(bag, T0 + i)
        return opened(path, **config)

    both = (("map", "odom", False), ("odom", "base_link", False))
    assert bag_with(*both).world_frame == "map"
    assert bag_with(*both).poses[0, 0, 3] == pytest.approx(2.1)
    assert bag_with(*both, world_frame="odom").poses[0, 0, 3] == pytest.approx(1.1)
    assert bag_with(("odom", "base_link", False)).world_frame == "odom"
    assert bag_with(("start", "base_link", False)).world_frame == "start"
    assert bag_with(("world", "base_link", True)).world_frame == "world"
    fixed = bag_with(("map", "base_link", False), ("earth", "map", True), ("map", "table", True))
    assert sorted(fixed.static_transforms) == ["earth", "table"]
    np.testing.assert_allclose(fixed.static_transforms["table"], translation(-1, 0, 0))
    with pytest.raises(TransformError, match=r"--set capture\.world_frame=base_link"):
        bag_with()
    assert bag_with(world_frame="base_link").length == 3
    with pytest.raises(TransformError, match=r"link above 'base_link' is missing.*'map'"):
        bag_with(("map", "odom", False))
    with pytest.raises(TransformError, match="'moon'"):
        bag_with(*both, world_frame="moon")


def test_poses_from_odometry(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    with BagBuilder(path) as bag:
        send_static(bag)
        for i in range(4):
            bag.odometry("/odometry", "odom", "base_link", translation(i, 0, 0), T0 + i)
            send_camera(bag, T0 + i)
    with pytest.raises(TransformError, match=r"--set capture\.pose_topic=/odometry"):
        opened(path)
    capture = opened(path, pose_topic="/odometry")
    assert capture.world_frame == "odom"
    np.testing.assert_allclose(capture.poses[2], translation(2.1, 0, 0.5) @ OPTICAL, atol=1e-9)
    with pytest.raises(TransformError, match=r"no poses on /odom.*--set capture\.pose_topic=/odo"):
        opened(path, pose_topic="/odom")


def test_poses_from_pose_stamped(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    eye = look_at(np.array([1.0, 2, 3]), np.zeros(3), np.array([0, 0, 1.0]))
    with BagBuilder(path) as bag:
        for i in range(3):
            bag.pose_stamped("/mocap", "room", eye, T0 + i)
            send_camera(bag, T0 + i)
    with pytest.raises(TransformError, match=f"--set capture.camera_frame={FRAME}"):
        opened(path, pose_topic="/mocap")
    capture = opened(path, pose_topic="/mocap", camera_frame=FRAME)
    assert capture.world_frame == "room"
    np.testing.assert_allclose(capture.poses[0], eye, atol=1e-9)
    with pytest.raises(TransformError, match="'marker'"):
        opened(path, pose_topic="/mocap", camera_frame="marker")


def test_poses_with_covariance(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    with BagBuilder(path) as bag:
        send_static(bag)
        for i in range(3):
            bag.pose_with_covariance("/amcl_pose", "map", translation(i, 0, 0), T0 + i)
            send_camera(bag, T0 + i)
    capture = opened(path, pose_topic="/amcl_pose", camera_frame="base_link")
    assert (capture.world_frame, capture.camera_frame) == ("map", FRAME)
    np.testing.assert_allclose(capture.poses[1], translation(1.1, 0, 0.5) @ OPTICAL, atol=1e-9)


def test_images_said_to_be_in_a_body_frame_can_be_put_right(tmp_path: Path) -> None:
    """Some simulators stamp their images with the link, whose x points ahead."""
    path = tmp_path / "bag"
    with BagBuilder(path) as bag:
        send_static(bag)
        for i in range(3):
            bag.tf("map", "base_link", translation(i, 0, 0), T0 + i)
            send_camera(bag, T0 + i, frame="base_link")
    wrong = opened(path)
    assert "optical" in wrong.describe().warnings[0]
    capture = opened(path, camera_frame=FRAME)
    np.testing.assert_allclose(capture.poses[1], translation(1.1, 0, 0.5) @ OPTICAL, atol=1e-9)
    assert capture.describe().details["registration"] == "registered by the driver"


def _rig_bag(path: Path, topics: list[tuple[str, str]], infos: bool = True) -> Path:
    """A bag with these colour and depth topics."""
    with BagBuilder(path) as bag:
        send_static(bag)
        for i in range(2):
            bag.tf("map", "base_link", translation(i, 0, 0), T0 + i)
            for kind, name in topics:
                names = {"color": None, "depth": None, kind: name}
                send_camera(bag, T0 + i, infos=infos, **names)
    return path


@pytest.mark.parametrize(
    ("color", "depth", "others"),
    [
        (
            "/camera/camera/color/image_raw",
            "/camera/camera/aligned_depth_to_color/image_raw",
            [("depth", "/camera/camera/depth/image_rect_raw")],
        ),
        (
            "/zed/zed_node/rgb/image_rect_color",
            "/zed/zed_node/depth/depth_registered",
            [
                ("color", "/zed/zed_node/left/image_rect_color"),
                ("color", "/zed/zed_node/right/image_rect_color"),
                ("color", "/zed/zed_node/rgb_raw/image_raw_color"),
            ],
        ),
        ("/oak/rgb/image_raw", "/oak/stereo/image_raw", [("color", "/oak/left/image_raw")]),
        (
            "/rgb/image_raw",
            "/depth_to_rgb/image_raw",
            [("depth", "/depth/image_raw"), ("color", "/rgb_to_depth/image_raw")],
        ),
        ("/camera/image", "/camera/depth_image", []),
        ("/rgb_camera/image_raw", "/depth_camera/image_raw", []),
        ("/head/rgb/image_rect_color", "/head/depth_registered/image_rect", []),
    ],
)
def test_the_usual_topics_are_found(
    tmp_path: Path, color: str, depth: str, others: list[tuple[str, str]]
) -> None:
    path = _rig_bag(tmp_path / "bag", [*others, ("color", color), ("depth", depth)])
    details = opened(path).describe().details
    assert (details["color_topic"], details["depth_topic"]) == (color, depth)


def test_two_cameras_are_ambiguous_and_the_options_can_be_pasted(tmp_path: Path) -> None:
    topics = [
        (kind, f"/{side}/{kind}/image_raw")
        for side in ("front", "rear")
        for kind in ("color", "depth")
    ]
    path = _rig_bag(tmp_path / "bag", topics)
    with pytest.raises(CaptureError) as caught:
        opened(path)
    assert (
        "--set capture.color_topic=/rear/color/image_raw "
        "--set capture.depth_topic=/rear/depth/image_raw" in str(caught.value)
    )
    chosen = opened(path, color_topic="/rear/color/image_raw")
    assert chosen.describe().details["depth_topic"] == "/rear/depth/image_raw"


def test_depth_of_another_camera_is_registered(tmp_path: Path) -> None:
    """A depth camera 5 cm to the right of the colour camera, of half the resolution."""
    path = tmp_path / "bag"
    small = np.array([[10.0, 0, 3.5], [0, 10.0, 2.5], [0, 0, 1]])
    with BagBuilder(path) as bag:
        send_static(bag)
        bag.tf(FRAME, "depth_optical_frame", translation(0.05, 0, 0), T0, static=True)
        for i in range(2):
            bag.tf("map", "base_link", translation(i, 0, 0), T0 + i)
            send_camera(bag, T0 + i, depth=None)
            steps = np.full((6, 8), 1000, np.uint16)
            steps[:, 4:] = 500  # the right half is nearer
            bag.image("/camera/depth/image_raw", steps, "16UC1", T0 + i, "depth_optical_frame")
            bag.info("/camera/depth/camera_info", T0 + i, "depth_optical_frame", small, (8, 6))
    capture = opened(path)
    assert "reprojected" in capture.describe().details["registration"]
    frame = capture[0]
    assert frame.depth_m.shape == (HEIGHT, WIDTH)
    # the nearer half begins half a depth pixel left of its axis: x = -0.5 / 10 * 0.5 + 0.05 = 0.025
    edge = 20 * 0.025 / 0.5 + 7.5
    near = np.flatnonzero(np.isclose(frame.depth_m[6], 0.5))
    assert near.min() == pytest.approx(edge, abs=1.6)
    assert set(np.unique(frame.depth_m).round(3)) <= {0.0, 0.5, 1.0}
    with pytest.raises(TransformError, match="color_from_depth_xyz_m"):
        _without_extrinsics(tmp_path / "lost")


def _without_extrinsics(path: Path) -> None:
    with BagBuilder(path) as bag:
        send_static(bag)
        bag.tf("map", "base_link", translation(0, 0, 0), T0)
        send_camera(bag, T0, depth=None)
        bag.image("/camera/depth/image_raw", np.ones((6, 8), np.uint16), "16UC1", T0, "elsewhere")
        bag.info("/camera/depth/camera_info", T0, "elsewhere", size=(8, 6))
    opened(path)


def _one_frame(path: Path, **info: object) -> Ros2Capture:
    with BagBuilder(path) as bag:
        send_static(bag)
        bag.tf("map", "base_link", translation(0, 0, 0), T0)
        send_camera(bag, T0, infos=False)
        for topic in (COLOR, DEPTH):
            bag.info(topic.rsplit("/", 1)[0] + "/camera_info", T0, **info)
    return opened(path)


def test_distortion_is_undone_or_refused(tmp_path: Path) -> None:
    barrel = _one_frame(tmp_path / "a", D=(-0.3, 0.0, 0, 0, 0))
    frame = barrel[0]
    np.testing.assert_array_equal(frame.camera.K, K)
    assert frame.depth_m[6, 8] == pytest.approx(1.5)
    pincushion = _one_frame(tmp_path / "b", D=(0.5, 0.0, 0, 0, 0))[0]
    assert not pincushion.rgb[0, 0].any()  # nothing was seen there
    assert pincushion.depth_m[0, 0] == 0
    with pytest.raises(CaptureError, match="'wavy' is not supported"):
        _one_frame(tmp_path / "c", model="wavy", D=(0.1,))
    assert _one_frame(tmp_path / "d", model="wavy", D=(0.0,)).length == 1


def test_a_clock_that_is_set_back(tmp_path: Path) -> None:
    """A simulation was restarted while recording: the longer run counts, and no pose is mixed."""
    path = tmp_path / "bag"
    with BagBuilder(path) as bag:
        send_static(bag)
        for run, count in ((0, 30), (1, 50)):
            for i in range(count):
                stamp_s, log_s = 100 + 0.1 * i, T0 + 100 * run + 0.1 * i
                bag.tf("map", "base_link", translation(i, 10 * run, 0), stamp_s, log_s=log_s)
                send_camera(bag, stamp_s, log_s=log_s)
    capture = opened(path)
    assert capture.length == 50
    np.testing.assert_allclose(capture.poses[:, 1, 3], 10)
    np.testing.assert_allclose(capture.poses[:, 0, 3], np.arange(50) + 0.1)
    assert [round(f.stamp_s - 100, 1) for f in capture] == [round(0.1 * i, 1) for i in range(50)]
    assert any("set back" in note for note in capture.describe().warnings)


def test_late_and_repeated_messages(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    stamps = [0.0, 0.2, 0.1, 0.3, 0.3, 0.5, 0.4]
    with BagBuilder(path) as bag:
        send_static(bag)
        for i in range(7):
            bag.tf("map", "base_link", translation(0.1 * i, 0, 0), T0 + 0.1 * i)
        for k, offset in enumerate(stamps):
            send_camera(bag, T0 + offset, log_s=T0 + 1 + 0.01 * k)
    frames = list(opened(path))
    found = [frame.stamp_s - T0 for frame in frames]
    assert found == sorted(found)
    assert len(frames) == 7
    for frame in frames:
        assert frame.T_world_cam[0, 3] - 0.1 == pytest.approx(frame.stamp_s - T0, abs=1e-6)


def test_images_without_stamps_use_the_time_they_were_received(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    with BagBuilder(path) as bag:
        send_static(bag)
        for i in range(3):
            bag.tf("map", "base_link", translation(i, 0, 0), T0 + i)
            send_camera(bag, 0.0, log_s=T0 + i)
    capture = opened(path)
    assert capture.poses[:, 0, 3] == pytest.approx([0.1, 1.1, 2.1])
    assert any("without stamps" in note for note in capture.describe().warnings)


def test_transforms_that_are_not_rigid_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "bag"
    with BagBuilder(path) as bag:
        send_static(bag)
        for i in range(4):
            T = translation(i if i != 1 else np.nan, 0, 0)
            bag.tf("map", "base_link", T, T0 + i)
            send_camera(bag, T0 + i)
    capture = opened(path)
    assert capture.poses[:, 0, 3] == pytest.approx([0.1, 1.1, 2.1, 3.1])
    assert any("no rigid transforms" in note for note in capture.describe().warnings)


def test_given_intrinsics_replace_those_of_the_bag(tmp_path: Path) -> None:
    path = _rig_bag(tmp_path / "bag", [("color", COLOR), ("depth", DEPTH)], infos=False)
    with pytest.raises(CaptureError, match=r"no camera_info.*--set capture\.color_intrinsics"):
        opened(path)
    capture = opened(path, color_intrinsics=(30, 31, 7, 5))
    assert (capture.camera.fx, capture.camera.fy, capture.camera.width) == (30, 31, WIDTH)
    assert capture[0].depth_m[3, 3] == pytest.approx(1.5)
