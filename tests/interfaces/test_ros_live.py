"""Live mapping over real DDS: a recording is played by one process, another asks the node."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grounding3d.capture import open_capture
from grounding3d.geometry.transforms import invert_pose
from grounding3d.objects.folder import MANIFEST
from grounding3d.objects.store import load_scene
from tests.capture.ros2_bags import COLOR, DEPTH, FRAME, OPTICAL, BagBuilder
from tests.interfaces.ros_probe import Probe
from tests.interfaces.ros_world import running
from tests.ros_build import ros_environment

pytestmark = pytest.mark.slow

TABLETOP = Path(__file__).resolve().parents[2] / "scenes" / "tabletop"
PLAYER = Path(__file__).with_name("ros_player.py")
STRING = "std_msgs/msg/String"
CAMERA = (
    "--set", "capture.color_topic=/camera/color/image_raw/compressed",
    "--set", "capture.depth_topic=/camera/aligned_depth_to_color/image_raw/compressedDepth",
)  # fmt: skip
SAVING = ("--", "--ros-args", "-p", "map.save_every_s:=2.0")


def truth(category: str) -> np.ndarray:
    """Centre of the only object of its kind."""
    objects = json.loads((TABLETOP / "ground_truth.json").read_text())["objects"]
    (item,) = [item for item in objects if item["category"] == category]
    return np.array(item["box"]["center"])


def wait_for_manifest(folder: Path, patience_s: float = 30.0) -> None:
    until = time.monotonic() + patience_s
    while not (folder / MANIFEST).exists() and time.monotonic() < until:
        time.sleep(0.2)


def ask_until_found(probe: Probe, text: str, patience_s: float = 90.0) -> dict[str, Any]:
    until = time.monotonic() + patience_s
    while True:
        answer = probe.ask(text, timeout_s=30)
        if answer["status"] == "found" or time.monotonic() > until:
            return answer
        time.sleep(1.0)


def play(environment: dict[str, str], bag: Path, rate_hz: float) -> None:
    command = [sys.executable, str(PLAYER), str(bag), str(rate_hz)]
    subprocess.run(command, env=environment, check=True, timeout=300)


def send_rubbish(probe: Probe) -> None:
    """Images that do not decode, intrinsics that are none, and a flood of questions."""
    color, depth = (argument.partition("=")[2] for argument in CAMERA[1::2])
    for i, (kind, data) in enumerate([("rgb8; jpeg", []), ("rgb8; jpeg", [1, 2, 3]), ("", [0])]):
        header = {"stamp": {"sec": 900 + i}, "frame_id": "camera_color_optical_frame"}
        for topic in ("/camera/color", "/camera/aligned_depth_to_color"):
            probe.publish(
                f"{topic}/camera_info", "sensor_msgs/msg/CameraInfo",
                header=header, width=2**31, height=0, k=[float("nan")] * 9,
            )  # fmt: skip
        for topic in (color, depth):
            probe.publish(
                topic, "sensor_msgs/msg/CompressedImage", header=header, format=kind, data=data
            )
    probe.publish("/tf", "tf2_msgs/msg/TFMessage")
    probe.publish("/grounding3d/query_typed", "grounding3d_msgs/msg/Query", target_frame="/")
    probe.take("/grounding3d/answer_json")
    for _ in range(300):
        probe.publish("/grounding3d/query", STRING, data="mug")
    probe.do("pending", topic="/grounding3d/answer_json", wait_s=3.0)
    probe.do("forget", topic="/grounding3d/answer_json")
    assert probe.ask("where is the mug")["reason_code"] == "empty_scene"


def test_a_recording_that_is_played_is_mapped_and_asked(tmp_path: Path) -> None:
    environment = ros_environment()
    with (
        running(
            environment,
            "ros",
            "--live",
            "--set",
            "scene.backend=points",
            "--scene",
            str(tmp_path / "growing"),
            *CAMERA,
            *SAVING,
            log=tmp_path / "node.log",
        ),
        Probe(environment) as probe,
    ):
        probe.listen("/grounding3d/answer_json", STRING)
        before = probe.ask("where is the mug", timeout_s=90)
        assert (before["status"], before["reason_code"]) == ("not_found", "empty_scene")
        send_rubbish(probe)
        play(environment, TABLETOP, rate_hz=3.0)
        for category in ("mug", "clock"):
            answer = ask_until_found(probe, f"where is the {category}")
            assert answer["status"] == "found", (tmp_path / "node.log").read_text()
            position = np.array(answer["candidates"][0]["position"])
            assert np.linalg.norm(position - truth(category)) < 0.05
            assert answer["frame_id"] == "map"
        growing = tmp_path / "growing"  # what `view --live` follows
        wait_for_manifest(growing)
        assert len(load_scene(growing).objects) > 3
        moved = probe.ask('{"text": "where is the mug", "frame_id": "camera_link"}')
        assert (moved["status"], moved["frame_id"]) == ("found", "camera_link")
        assert moved["holds_stamp"] is not None
        saved = probe.call(
            "/grounding3d/save_scene", "grounding3d_msgs/srv/SaveScene", path=str(tmp_path / "map")
        )
        assert saved["error_code"] == 0, saved["error_msg"]

    with (  # a node that was killed is started again: the map is there, old questions are not
        running(environment, "ros", "--scene", str(tmp_path / "map"), log=tmp_path / "again.log"),
        Probe(environment) as probe,
    ):
        probe.listen("/grounding3d/answer_json", STRING)
        answer = probe.ask("where is the mug", timeout_s=90)
        assert answer["status"] == "found"
        assert np.linalg.norm(np.array(answer["candidates"][0]["position"]) - truth("mug")) < 0.05
        assert probe.do("pending", topic="/grounding3d/answer_json", wait_s=1.0) == 0


def with_odometry(path: Path) -> Path:
    """The recording as a robot without a map has it: wheel odometry, raw images, no moving tf."""
    T_base_cam = OPTICAL.copy()
    T_base_cam[:3, 3] = (0.2, 0.0, 0.4)
    with BagBuilder(path) as bag:
        bag.tf("base_link", FRAME, T_base_cam, 0.0, static=True)
        for frame in open_capture(TABLETOP):
            stamp_s, camera = frame.stamp_s, frame.camera
            size = (camera.width, camera.height)
            T_odom_base = frame.T_world_cam @ invert_pose(T_base_cam)
            for t in (stamp_s - 0.01, stamp_s + 0.01):  # odometry has a clock of its own
                bag.odometry("/odom", "odom", "base_link", T_odom_base, t)
            for topic in (COLOR, DEPTH):
                info = topic.rsplit("/", 1)[0] + "/camera_info"
                bag.info(info, stamp_s, K=camera.K, size=size)
            bag.image(COLOR, frame.rgb, "rgb8", stamp_s)
            bag.image(DEPTH, np.rint(1000 * frame.depth_m).astype("<u2"), "16UC1", stamp_s)
    return path


def test_odometry_may_stand_in_for_tf(tmp_path: Path) -> None:
    environment = ros_environment()
    bag = with_odometry(tmp_path / "bag")
    topics = {"color_topic": COLOR, "depth_topic": DEPTH, "pose_topic": "/odom"}
    settings = [f"capture.{name}={topic}" for name, topic in topics.items()]
    arguments = [part for item in settings for part in ("--set", item)]
    with (
        running(
            environment, "ros", "--live", "--set", "scene.backend=points", *arguments,
            log=tmp_path / "node.log",
        ),
        Probe(environment) as probe,
    ):  # fmt: skip
        probe.listen("/grounding3d/answer_json", STRING)
        play(environment, bag, rate_hz=3.0)
        answer = ask_until_found(probe, "where is the mug")
        assert answer["status"] == "found", (tmp_path / "node.log").read_text()
        position = np.array(answer["candidates"][0]["position"])
        assert np.linalg.norm(position - truth("mug")) < 0.05
        assert answer["frame_id"] == "odom"
