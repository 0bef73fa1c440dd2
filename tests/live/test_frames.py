"""Messages of any order and library become the frames that a recording of them holds."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from grounding3d.capture import CaptureConfig, open_capture
from grounding3d.capture.base import RGBDFrame
from grounding3d.capture.ros2_storage import open_bag
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import make_pose
from grounding3d.live.config import LiveConfig
from grounding3d.live.frames import FrameAssembler
from grounding3d.live.transforms import LiveTransforms
from tests.capture.ros2_bags import OPTICAL, image, transform

DESK = Path(__file__).resolve().parents[2] / "scenes" / "desk"
CAMERA = Camera.from_focal(20.0, 20.0, 7.5, 5.5, 16, 12)
FRAME, DEPTH_FRAME = "color_optical_frame", "depth_optical_frame"


def header(stamp_s: float, frame: str = FRAME) -> SimpleNamespace:
    sec, nanosec = divmod(round(stamp_s * 1e9), 10**9)
    return SimpleNamespace(stamp=SimpleNamespace(sec=sec, nanosec=nanosec), frame_id=frame)


def camera_info(camera: Camera = CAMERA, frame: str = FRAME, **fields: Any) -> SimpleNamespace:
    P = np.hstack([camera.K, np.zeros((3, 1))])
    given = {
        "header": header(1.0, frame), "width": camera.width, "height": camera.height,
        "distortion_model": "plumb_bob", "d": [0.0] * 5, "k": camera.K.ravel(), "p": P.ravel(),
    }  # fmt: skip
    return SimpleNamespace(**{**given, **fields})


def odometry(stamp_s: float, y: float) -> SimpleNamespace:
    """The base at (stamp, y, 3) in the frame odom."""
    at = SimpleNamespace(x=stamp_s, y=y, z=3.0)
    turn = SimpleNamespace(x=0.0, y=0.0, z=0.0, w=1.0)
    pose = SimpleNamespace(pose=SimpleNamespace(position=at, orientation=turn))
    return SimpleNamespace(header=header(stamp_s, "odom"), child_frame_id="base", pose=pose)


class Robot:
    """A camera that drives along x of the odom frame at 0.1 m/s, with a clock of its own."""

    def __init__(self, capture: CaptureConfig | None = None, **live: Any) -> None:
        self.now_s = 0.0
        self.transforms = LiveTransforms()
        self.assembler = FrameAssembler(
            capture or CaptureConfig(),
            LiveConfig(**live),
            self.transforms,
            clock=lambda: self.now_s,
        )
        self.tf("base", FRAME, OPTICAL, 0.0, is_static=True)

    def infos(self) -> None:
        self.assembler.add_color_info(camera_info())
        self.assembler.add_depth_info(camera_info())

    def tf(
        self, parent: str, child: str, T: np.ndarray, at_s: float, *, is_static: bool = False
    ) -> None:
        message = SimpleNamespace(transforms=[transform(parent, child, T, at_s)])
        self.transforms.add(message, is_static=is_static)

    def drive(self, *stamps: float) -> None:
        for stamp_s in stamps:
            self.tf("map", "base", self.T_map_base(stamp_s), stamp_s)

    @staticmethod
    def T_map_base(stamp_s: float) -> np.ndarray:
        return make_pose(np.eye(3), np.array([0.1 * stamp_s, 0, 0]))

    def color(self, stamp_s: float, level: int = 100) -> None:
        pixels = np.full((12, 16, 3), level, np.uint8)
        self.assembler.add_color(image(pixels, "rgb8", header=header(stamp_s)))

    def depth(self, stamp_s: float, frame: str = FRAME, **fields: Any) -> None:
        pixels = np.full((12, 16), 1500, np.uint16)
        message = image(pixels, fields.pop("encoding", "16UC1"), header=header(stamp_s, frame))
        self.assembler.add_depth(SimpleNamespace(**{**vars(message), **fields}))

    def images(self, *stamps: float) -> None:
        for stamp_s in stamps:
            self.color(stamp_s)
            self.depth(stamp_s)

    def poll(self) -> list[RGBDFrame]:
        return self.assembler.poll()

    def reasons(self) -> dict[str, int]:
        return dict(self.assembler.stats().dropped)


def play(bag_path: Path, assembler: FrameAssembler, transforms: LiveTransforms) -> list[RGBDFrame]:
    """Every message of a bag, in the order they were received."""
    takes = {
        "color": assembler.add_color,
        "depth": assembler.add_depth,
        "color info": assembler.add_color_info,
        "depth info": assembler.add_depth_info,
        "tf": transforms.add,
        "tf_static": lambda message: transforms.add(message, is_static=True),
    }
    frames = []
    with open_bag(bag_path) as bag:
        for message in bag.messages(list(bag.topics)):
            topic = message.topic
            kind = "depth" if "depth" in topic else "color"
            kind = topic[1:] if topic.startswith("/tf") else kind
            kind += " info" if topic.endswith("camera_info") else ""
            takes[kind](bag.decode(message))
            frames += assembler.poll()
    return frames


def test_a_bag_s_messages_become_the_frames_of_the_bag() -> None:
    recorded = list(open_capture(DESK, CaptureConfig()))
    transforms = LiveTransforms()
    live = LiveConfig(max_rate_hz=1000)
    frames = play(DESK, FrameAssembler(CaptureConfig(), live, transforms), transforms)
    assert [f.depth_stamp_s for f in frames] == [f.depth_stamp_s for f in recorded]
    for mine, theirs in zip(frames, recorded):
        np.testing.assert_array_equal(mine.rgb, theirs.rgb)
        np.testing.assert_array_equal(mine.depth_m, theirs.depth_m)
        np.testing.assert_allclose(mine.T_world_cam, theirs.T_world_cam, atol=1e-12)
        assert mine.camera == theirs.camera
        names = mine.world_frame, mine.camera_frame, mine.stamp_s, mine.frame_index
        assert names == (
            theirs.world_frame, theirs.camera_frame, theirs.stamp_s, theirs.frame_index
        )  # fmt: skip


def test_the_pose_is_that_of_the_depth_image() -> None:
    robot = Robot()
    robot.infos()
    robot.drive(1.0, 1.1)
    robot.depth(1.06)
    robot.color(1.045)
    (frame,) = robot.poll()
    np.testing.assert_allclose(frame.T_world_cam[:3, 3], [0.106, 0, 0], atol=1e-9)
    np.testing.assert_allclose(frame.T_world_cam[:3, :3], OPTICAL[:3, :3], atol=1e-9)
    assert (frame.stamp_s, frame.depth_stamp_s) == pytest.approx((1.045, 1.06))
    assert frame.depth_m[0, 0] == pytest.approx(1.5)


def test_a_late_transform_is_waited_for_and_never_extrapolated() -> None:
    robot = Robot(tf_timeout_s=0.5)
    robot.infos()
    robot.drive(1.0)
    robot.images(1.05)
    assert robot.poll() == []
    robot.now_s = 0.4
    robot.drive(1.1)
    (frame,) = robot.poll()
    assert frame.T_world_cam[0, 3] == pytest.approx(0.105)


def test_an_image_whose_transform_does_not_come_is_dropped() -> None:
    robot = Robot(tf_timeout_s=0.5)
    robot.infos()
    robot.drive(1.0)
    robot.images(1.05)
    robot.poll()
    robot.now_s = 0.6
    assert robot.poll() == []
    robot.drive(1.1)
    assert robot.poll() == []
    assert robot.reasons() == {"no transform from 'base' to 'map' at # s": 1}
    assert "1.05" in robot.assembler.stats().problem


def test_colour_is_paired_to_half_a_frame() -> None:
    robot = Robot()
    robot.infos()
    robot.drive(1.0, 2.0)
    for n in range(8):
        robot.color(1.0 + 0.1 * n, level=n)
    for n in range(8):  # 40 ms later each, then one image 60 ms later, nearer to the next colour
        robot.depth(1.04 + 0.1 * n if n < 7 else 1.81)
    frames = robot.poll()
    gaps = [f.depth_stamp_s - f.stamp_s for f in frames]
    np.testing.assert_allclose(gaps, 0.04, atol=1e-6)
    assert len(frames) == 7
    robot.color(2.0)
    robot.poll()
    assert robot.reasons() == {"no colour image of the same time": 1}


def test_a_fast_camera_is_thinned_before_decoding() -> None:
    robot = Robot(max_rate_hz=10)
    robot.infos()
    robot.drive(1.0, 2.0)
    taken = []
    for n in range(30):
        robot.images(1.0 + n / 30)
        taken += robot.poll()
    assert len(taken) == 10
    assert robot.reasons() == {"more frames than live.max_rate_hz": 20}


def test_depth_of_another_camera_is_registered() -> None:
    robot = Robot()
    robot.tf(FRAME, DEPTH_FRAME, make_pose(np.eye(3), np.array([0.15, 0, 0.1])), 0, is_static=True)
    robot.drive(1.0, 1.1)
    robot.assembler.add_color_info(camera_info())
    robot.assembler.add_depth_info(camera_info(frame=DEPTH_FRAME))
    robot.color(1.05)
    robot.depth(1.05, DEPTH_FRAME)
    (frame,) = robot.poll()
    seen = frame.depth_m > 0
    np.testing.assert_allclose(frame.depth_m[seen], 1.6, atol=1e-6)
    assert not seen[:, 0].any()  # the depth camera, 15 cm to the right, did not see that far left
    assert seen[3:9, 4:].all()


def test_depth_of_another_size_and_the_same_frame_is_resampled() -> None:
    robot = Robot()
    robot.drive(1.0, 1.1)
    robot.assembler.add_color_info(camera_info(CAMERA.resized(32, 24)))
    robot.assembler.add_depth_info(camera_info())
    pixels = np.full((24, 32, 3), 9, np.uint8)
    robot.assembler.add_color(image(pixels, "rgb8", header=header(1.05)))
    robot.depth(1.05)
    (frame,) = robot.poll()
    assert frame.depth_m.shape == (24, 32)
    assert (np.abs(frame.depth_m - 1.5) < 1e-6).mean() > 0.95


def test_without_camera_info_images_are_dropped_with_the_reason() -> None:
    robot = Robot()
    robot.drive(1.0, 1.1)
    robot.images(1.05)
    robot.poll()
    robot.now_s = 1.0
    assert robot.poll() == []
    assert "no camera_info for the colour topic yet" in robot.reasons()


def test_aligned_depth_without_camera_info_is_taken_for_colour_s_after_a_while() -> None:
    robot = Robot()
    robot.drive(1.0, 1.1)
    robot.assembler.add_color_info(camera_info())
    robot.images(1.05)
    assert robot.poll() == []  # its own camera_info may still come
    robot.now_s = 1.0
    assert len(robot.poll()) == 1


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        ({"encoding": "yuv_nonsense"}, "is no depth image"),
        ({"data": b"123"}, "has the wrong size"),
        ({"width": 0, "height": 0, "data": b""}, "has no pixels"),
        ({"width": 4000, "height": 4000}, "has the wrong size"),
    ],
)
def test_a_malformed_image_is_counted_and_the_next_one_is_used(spoilt, reason: str) -> None:
    robot = Robot()
    robot.infos()
    robot.drive(1.0, 2.0)
    robot.color(1.1)
    robot.depth(1.1, **spoilt)
    assert robot.poll() == []
    robot.images(1.3)
    assert len(robot.poll()) == 1
    ((counted, n),) = robot.reasons().items()
    assert reason in counted
    assert n == 1


def test_nan_intrinsics_are_refused() -> None:
    robot = Robot(CaptureConfig(color_topic="/head/color/image_raw"))
    robot.drive(1.0, 2.0)
    robot.infos()
    robot.assembler.add_color_info(camera_info(k=np.full(9, np.nan)))
    robot.images(1.1)
    robot.poll()
    robot.now_s = 1.0
    assert robot.poll() == []
    assert any("NaN" in reason for reason in robot.reasons())
    assert "the camera_info on /head/color/camera_info holds" in robot.assembler.stats().problem
    robot.assembler.add_color_info(camera_info())
    robot.images(1.3)
    assert len(robot.poll()) == 1


def test_a_clock_that_is_set_back_begins_anew_and_mixes_no_poses() -> None:
    robot = Robot()
    robot.infos()
    robot.drive(100.0, 100.1)
    robot.images(100.05)
    assert len(robot.poll()) == 1
    taken = []
    for n in range(20):  # the second run drives elsewhere
        stamp_s = 99.0 + 0.1 * n - 5.0
        T = make_pose(np.eye(3), np.array([0.0, 7.0 + n, 0]))
        robot.tf("map", "base", T, stamp_s)
        robot.images(stamp_s)
        taken += robot.poll()
    assert len(taken) >= 15
    assert all(frame.T_world_cam[1, 3] >= 7.0 for frame in taken)


@pytest.mark.parametrize("source", ["topic", "tf"])
def test_images_of_a_new_run_do_not_get_the_poses_of_the_old_one(source: str) -> None:
    robot = Robot(CaptureConfig(pose_topic="/odometry" if source == "topic" else None))
    robot.infos()

    def pose(stamp_s: float, y: float) -> None:
        if source == "topic":
            robot.assembler.add_pose(odometry(stamp_s, y))
        else:
            robot.tf("map", "base", make_pose(np.eye(3), np.array([0.0, y, 0.0])), stamp_s)

    for n in range(101):
        pose(90.0 + 0.1 * n, y=2.0)
    robot.images(99.95)
    assert len(robot.poll()) == 1
    for n in range(20):  # set back; the poses of the second run are slow to come
        robot.images(95.0 + 0.1 * n)
        assert robot.poll() == []
    pose(95.9, y=7.0)
    pose(96.1, y=7.0)
    (frame,) = [frame for frame in robot.poll() if frame.depth_stamp_s == pytest.approx(96.0)]
    assert frame.T_world_cam[1, 3] == pytest.approx(7.0)


def test_poses_of_a_topic_replace_transforms() -> None:
    robot = Robot(CaptureConfig(pose_topic="/odometry"))
    robot.infos()
    for stamp_s in (1.0, 1.1):
        robot.assembler.add_pose(odometry(stamp_s, y=2.0))
    robot.images(1.05)
    (frame,) = robot.poll()
    np.testing.assert_allclose(frame.T_world_cam[:3, 3], [1.05, 2, 3], atol=1e-9)
    assert frame.world_frame == "odom"


def test_a_camera_that_waits_for_its_pose_holds_few_images() -> None:
    robot = Robot(tf_timeout_s=60)
    robot.infos()
    for n in range(100):
        robot.images(1.0 + 0.1 * n)
        robot.poll()
    stats = robot.assembler.stats()
    assert stats.waiting <= 20
    assert sum(stats.dropped.values()) == 100 - stats.waiting


def test_odom_is_the_world_only_when_map_does_not_come() -> None:
    robot = Robot(tf_timeout_s=0.5)
    robot.infos()
    for stamp_s in (1.0, 1.1):
        robot.tf("odom", "base", robot.T_map_base(stamp_s), stamp_s)
    robot.images(1.05)
    assert robot.poll() == []
    robot.now_s = 0.6
    (frame,) = robot.poll()
    assert frame.world_frame == "odom"
