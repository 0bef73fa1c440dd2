"""A bag through the node's message path: what is in the bag of answers, and what it agrees with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grounding3d.capture import CaptureConfig, open_capture
from grounding3d.capture.ros2_storage import Bag, open_bag
from grounding3d.capture.ros2_writer import write_ros2_bag
from grounding3d.errors import CaptureError
from grounding3d.features.encoders import BUNDLED, load_encoder
from grounding3d.interfaces.cli import main
from grounding3d.live.answer_bag import AnswerBag
from grounding3d.live.config import load_config
from grounding3d.live.mapping import build_scene
from grounding3d.live.messages.types import BagTypes
from grounding3d.query.engine import QueryEngine
from tests.capture.ros2_bags import BagBuilder, send_camera, send_static

pytestmark = pytest.mark.slow

TABLETOP = Path(__file__).resolve().parents[2] / "scenes" / "tabletop"


POINTS = ["--set", "scene.backend=points"]


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every third frame of the table top."""
    path = tmp_path_factory.mktemp("bags") / "short"
    write_ros2_bag(open_capture(TABLETOP, CaptureConfig(stride=3)), path)
    return path


@pytest.fixture(scope="module")
def output(bag: Path) -> Path:
    out = bag.parent / "answers.mcap"
    asked = ["--query", "where is the mug", "--query", "where is the umbrella"]
    assert main(["replay", str(bag), *asked, *POINTS, "-o", str(out), "--every", "1.0"]) == 0
    return out


def messages(bag: Bag, topic: str) -> list[tuple[int, Any]]:
    """Decoded messages of a topic, ours included."""
    store = BagTypes().store
    kind = bag.topics[topic].msgtype
    return [(m.log_ns, store.deserialize_cdr(m.data, kind)) for m in bag.messages([topic])]


def truth(category: str) -> np.ndarray:
    objects = json.loads((TABLETOP / "ground_truth.json").read_text())["objects"]
    (item,) = [item for item in objects if item["category"] == category]
    return np.array(item["box"]["center"])


def test_every_topic_of_the_node_is_in_the_bag(output: Path) -> None:
    with open_bag(output) as bag:
        topics = {name: facts.msgtype for name, facts in bag.topics.items()}
    assert topics == {
        "/grounding3d/answer_json": "std_msgs/msg/String",
        "/grounding3d/answer": "grounding3d_msgs/msg/Answer",
        "/grounding3d/answer_pose": "geometry_msgs/msg/PoseStamped",
        "/grounding3d/detections": "vision_msgs/msg/Detection3DArray",
        "/grounding3d/markers": "visualization_msgs/msg/MarkerArray",
        "/grounding3d/object_markers": "visualization_msgs/msg/MarkerArray",
        "/grounding3d/map": "sensor_msgs/msg/PointCloud2",
        "/tf": "tf2_msgs/msg/TFMessage",
        "/tf_static": "tf2_msgs/msg/TFMessage",
    }


def test_the_answers_are_right_in_metres_and_the_same_in_all_forms(output: Path) -> None:
    with open_bag(output) as bag:
        records = [json.loads(m.data) for _, m in messages(bag, "/grounding3d/answer_json")]
        typed = [m for _, m in messages(bag, "/grounding3d/answer")]
        poses = [m for _, m in messages(bag, "/grounding3d/answer_pose")]
        detections = [m for _, m in messages(bag, "/grounding3d/detections")]
    mug, umbrella = records[-2:]
    assert (mug["status"], umbrella["status"]) == ("found", "not_found")
    position = np.array(mug["candidates"][0]["position"])
    assert np.linalg.norm(position - truth("mug")) < 0.05
    at = poses[-1].pose.position
    np.testing.assert_allclose([at.x, at.y, at.z], position)
    assert [m.status for m in typed] == [r["status"] for r in records]
    assert (typed[-2].has_stamp, poses[-1].header.frame_id) == (True, "map")
    assert [len(m.detections) for m in detections[-2:]] == [1, 0]
    assert len(records) > 2  # also on the way
    assert len(poses) == sum(r["status"] == "found" for r in records)


def test_the_answers_are_those_of_an_offline_build(bag: Path, output: Path) -> None:
    encoder = load_encoder(BUNDLED)
    scene = build_scene(open_capture(bag), load_config(overrides=POINTS[1:]), encoder)
    offline = QueryEngine(scene, encoder).ask("where is the mug").candidates[0]
    with open_bag(output) as answers:
        record = json.loads(messages(answers, "/grounding3d/answer_json")[-2][1].data)
    online = record["candidates"][0]
    assert np.linalg.norm(np.array(online["position"]) - offline.box.center) < 0.02
    assert online["score"] == pytest.approx(offline.score, abs=0.02)


def test_stamps_run_with_the_recording_and_transforms_come_along(bag: Path, output: Path) -> None:
    with open_bag(bag) as given, open_bag(output) as answers:
        span = [m.log_ns for m in given.messages(list(given.topics))]
        asked = [t for t, _ in messages(answers, "/grounding3d/answer_json")]
        assert span[0] <= min(asked) <= max(asked) <= span[-1]
        for topic in ("/tf", "/tf_static"):
            assert answers.topics[topic].count == given.topics[topic].count


def test_a_bag_folder_is_made_too_and_nothing_is_destroyed(bag: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.mcap").write_text("not a bag")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    for name in ("mine.mcap", "full", "mine.mcap/answers.mcap"):
        out = str(tmp_path / name)
        assert main(["replay", str(bag), "--query", "mug", "-o", out]) == 2
    assert (tmp_path / "full" / "thesis.txt").read_text() == "precious"
    types = BagTypes()
    message = types.make("std_msgs/msg/String", data="hello")
    for folder in (tmp_path / "folder", tmp_path / "a" / "new" / "place"):
        with AnswerBag(folder, types, frozenset()) as recording:
            recording.write("/x", message, 5)
        with open_bag(folder) as written:
            assert [m.log_ns for m in written.messages(["/x"])] == [5]
        assert (folder / "metadata.yaml").exists()


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    types = BagTypes()

    def fail() -> None:
        with AnswerBag(tmp_path / "out.mcap", types, frozenset()) as recording:
            recording.write("/x", types.make("std_msgs/msg/String", data="hello"), 5)
            raise CaptureError("broken")

    with pytest.raises(CaptureError, match="broken"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_bag_without_poses_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with BagBuilder(tmp_path / "still") as builder:
        send_static(builder)
        for i in range(4):
            send_camera(builder, 1_700_000_000.0 + 0.2 * i)
    out = str(tmp_path / "out.mcap")
    code = main(["replay", str(tmp_path / "still"), "--query", "mug", "-o", out])
    assert code == 2
    said = capsys.readouterr().err
    assert "4 depth images" in said
    assert "no moving transform" in said
    assert not (tmp_path / "out.mcap").exists()


def test_settings_that_choose_frames_are_said_to_have_no_effect(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked = ["replay", str(tmp_path / "none"), "--query", "mug", "-o", str(tmp_path / "a.mcap")]
    assert main([*asked, "--set", "capture.stride=3"]) == 2
    assert "capture.stride: without effect" in caplog.text
    caplog.clear()
    assert main(asked) == 2
    assert "without effect" not in caplog.text


def test_without_a_question_there_is_nothing_to_do(bag: Path, tmp_path: Path) -> None:
    assert main(["replay", str(bag), "-o", str(tmp_path / "x.mcap")]) == 2
