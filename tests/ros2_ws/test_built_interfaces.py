"""Our interfaces, really generated and compiled, sent through real DDS between two processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rosbags.typesys import Stores, get_typestore

from grounding3d.live.interface_texts import interface_names, register_interfaces
from tests.ros_build import build_tool, ros_environment

HERE = Path(__file__).parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    return ros_environment()


@pytest.fixture(scope="module")
def store():
    store = get_typestore(Stores.ROS2_KILTED)
    register_interfaces(store)
    return store


@pytest.fixture
def answering(environment):
    command = [sys.executable, HERE / "answering_node.py"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_topic_service_and_action_between_two_processes(environment, store, answering) -> None:
    command = [sys.executable, HERE / "asking_node.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["found"]
    assert found["same"]
    assert found["scene_path"] == "out"
    assert found["done"][-1] == 3

    # rosbags, from the texts alone, reads the bytes that rclpy wrote
    data = bytes.fromhex(found["answer_cdr"])
    answer = store.deserialize_cdr(data, "grounding3d_msgs/msg/Answer")
    assert (answer.query_id, answer.query) == ("q1", "where is the mug?")
    assert answer.header.frame_id == "map"
    assert (answer.stamp.sec, answer.stamp.nanosec) == (12, 345)
    mug = answer.candidates[0]
    assert (mug.position.x, mug.position.y, mug.position.z) == (1.25, -0.5, 1 / 3)
    np.testing.assert_array_equal(mug.covariance, np.arange(9))
    assert (mug.support.id, mug.support.label) == (2, "table")
    assert not answer.candidates[1].selected


def test_the_registered_types_are_the_built_ones(environment, store) -> None:
    """ROS 2 refuses to connect ends whose type hashes differ."""
    share = build_tool().PREFIX / "share"
    names = interface_names("msg")
    assert len(names) > 10
    for name in names:
        hashes = json.loads((share / f"{name}.json").read_text())["type_hashes"]
        built = {each["type_name"]: each["hash_string"] for each in hashes}
        assert store.hash_rihs01(name) == built[name], name


def test_building_again_takes_no_time(environment) -> None:
    tool = build_tool()
    stamps = {path: path.stat().st_mtime_ns for path in (tool.PREFIX / ".built").iterdir()}
    assert {path.name for path in stamps} >= {"grounding3d_msgs", "environment"}
    assert tool.build() == tool.PREFIX
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_stand_ins_are_importable(environment) -> None:
    code = (
        "from vision_msgs.msg import Detection3DArray, ObjectHypothesisWithPose\n"
        "from tf2_msgs.msg import TFMessage\n"
        "print(ObjectHypothesisWithPose().hypothesis.class_id == '', TFMessage().transforms)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.stdout == "True []\n", done.stderr
