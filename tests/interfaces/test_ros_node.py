"""The real node over real DDS on the loopback: a scene is served, asked, saved, reset, reloaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grounding3d.features.encoders import BUNDLED, load_encoder
from grounding3d.objects.store import load_scene, save_scene
from tests.interfaces.ros_probe import Probe
from tests.interfaces.ros_world import PROGRAM, named_scene, running
from tests.ros_build import ros_environment

pytestmark = pytest.mark.slow

TABLETOP = Path(__file__).resolve().parents[2] / "scenes" / "tabletop"
STRING = "std_msgs/msg/String"
NOUNS = ["table", "mug", "banana", "keyboard"]
MUG = [0.6, 0.1, 0.05]


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    return ros_environment()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenes")
    encoder = load_encoder(BUNDLED)
    save_scene(path / "kitchen", named_scene(encoder, NOUNS))
    save_scene(path / "office", named_scene(encoder, ["desk", "laptop"], uuid="1e1e"))
    return path


@pytest.fixture(scope="module")
def node(environment: dict[str, str], folder: Path) -> Iterator[Any]:
    arguments = ("ros", "--scene", str(folder / "kitchen"))
    with running(environment, *arguments, log=folder / "node.log") as process:
        yield process


@pytest.fixture(scope="module")
def probe(environment: dict[str, str], node: Any) -> Iterator[Probe]:
    with Probe(environment) as client:
        client.listen("/grounding3d/answer_json", STRING)
        client.listen("/grounding3d/answer_pose", "geometry_msgs/msg/PoseStamped")
        client.listen("/grounding3d/answer", "grounding3d_msgs/msg/Answer")
        client.ask("where is the table", timeout_s=60)
        client.take("/grounding3d/answer")
        client.take("/grounding3d/answer_pose")
        yield client


def xyz(point: dict[str, float]) -> list[float]:
    return [point["x"], point["y"], point["z"]]


def test_a_question_on_the_topic_is_answered_in_metres(probe: Probe) -> None:
    answer = probe.ask("where is the mug")
    assert (answer["status"], answer["frame_id"]) == ("found", "map")
    np.testing.assert_allclose(answer["candidates"][0]["position"], MUG, atol=1e-6)
    pose = probe.take("/grounding3d/answer_pose")
    np.testing.assert_allclose(xyz(pose["pose"]["position"]), MUG, atol=1e-6)
    assert pose["header"]["frame_id"] == "map"
    typed = probe.take("/grounding3d/answer")
    assert (typed["status"], typed["candidates"][0]["label"]) == ("found", "mug")
    np.testing.assert_allclose(xyz(typed["candidates"][0]["position"]), MUG, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("where is the umbrella", "not_found", "absent"),
        ("", "invalid", "empty_query"),
        ("x" * 20_000, "invalid", "too_many"),
        ("\x00\ud83d\ude00 '; DROP TABLE", "invalid", None),
        ('{"text": 5}', None, None),
        ("{" * 5000, "invalid", "too_many"),
    ],
)
def test_nothing_found_and_hostile_questions_are_answered_without_a_pose(
    text: str, status: str | None, reason: str | None, probe: Probe
) -> None:
    answer = probe.ask(text)
    if status is not None:
        assert answer["status"] in (status, "not_found")
    if reason is not None:
        assert answer["reason_code"] == reason
    assert probe.take("/grounding3d/answer")["status"] == answer["status"]
    if answer["status"] != "found":
        assert probe.do("pending", topic="/grounding3d/answer_pose", wait_s=0.3) == 0


def test_a_typed_question_brings_its_id_back_and_chooses_the_frame(probe: Probe) -> None:
    probe.publish(
        "/grounding3d/query_typed",
        "grounding3d_msgs/msg/Query",
        id="q-17",
        text="the banana",
        top_k=1,
        target_frame="base",
    )
    answer = probe.take("/grounding3d/answer")
    assert (answer["query_id"], answer["header"]["frame_id"]) == ("q-17", "base")
    assert len(answer["candidates"]) == 1
    wanted = [1.9, 2.1, 3.05]
    np.testing.assert_allclose(xyz(answer["candidates"][0]["position"]), wanted, atol=1e-6)
    np.testing.assert_allclose(
        xyz(probe.take("/grounding3d/answer_pose")["pose"]["position"]), wanted, atol=1e-6
    )
    probe.take("/grounding3d/answer_json")


def test_an_unknown_frame_is_an_error_and_no_coordinate(probe: Probe) -> None:
    answer = probe.ask('{"text": "the mug", "frame_id": "nowhere", "id": "9"}')
    assert (answer["status"], answer["error_code"], answer["query_id"]) == ("invalid", 5, "9")
    assert answer["candidates"] == []
    assert "nowhere" in answer["reason"]
    probe.take("/grounding3d/answer")


def test_the_map_and_the_markers_wait_for_late_joiners(
    probe: Probe, environment: dict[str, str]
) -> None:
    probe.ask("where is the mug")
    probe.take("/grounding3d/answer_pose")
    probe.take("/grounding3d/answer")
    with Probe(environment) as late:
        for topic in ("markers", "object_markers"):
            late.listen(f"/grounding3d/{topic}", "visualization_msgs/msg/MarkerArray", True)
        late.listen("/grounding3d/map", "sensor_msgs/msg/PointCloud2", True)
        late.listen("/grounding3d/answer_json", STRING)
        cloud = late.take("/grounding3d/map")
        assert cloud["width"] == 200  # 4 objects of 50 Gaussians
        assert len(cloud["data"]) == 2 * 200 * cloud["point_step"]
        drawn = late.take("/grounding3d/markers")["markers"]
        (fill,) = [m for m in drawn if m["ns"] == "answer/fill" and m["action"] == 0]
        np.testing.assert_allclose(xyz(fill["pose"]["position"]), MUG, atol=1e-6)
        assert fill["id"] == 2
        labels = [m["text"] for m in late.take("/grounding3d/object_markers")["markers"]]
        assert any(text.startswith("mug") for text in labels)
        assert late.do("pending", topic="/grounding3d/answer_json", wait_s=0.5) == 0


def test_detections_are_sent_where_vision_msgs_is_there(probe: Probe) -> None:
    probe.listen("/grounding3d/detections", "vision_msgs/msg/Detection3DArray")
    probe.ask("the keyboard")
    for topic in ("answer", "answer_pose"):
        probe.take(f"/grounding3d/{topic}")
    (item,) = probe.take("/grounding3d/detections")["detections"]
    np.testing.assert_allclose(xyz(item["bbox"]["center"]["position"]), [1.2, 0.1, 0.05], atol=1e-6)
    covariance = np.reshape(item["results"][0]["pose"]["covariance"], (6, 6))
    np.testing.assert_allclose(np.diag(covariance)[:3], [1e-4, 2e-4, 3e-4])


def test_the_service_answers_like_the_topic(probe: Probe) -> None:
    found = probe.call(
        "/grounding3d/locate", "grounding3d_msgs/srv/Locate", query={"text": "mug", "id": "s"}
    )["answer"]
    assert (found["status"], found["query_id"], found["error_code"]) == ("found", "s", 0)
    np.testing.assert_allclose(xyz(found["candidates"][0]["position"]), MUG, atol=1e-6)
    empty = probe.call("/grounding3d/locate", "grounding3d_msgs/srv/Locate")["answer"]
    assert (empty["status"], empty["error_code"]) == ("invalid", 2)


def test_objects_are_listed_and_filtered_in_any_frame(probe: Probe) -> None:
    kind = "grounding3d_msgs/srv/ListObjects"
    everything = probe.call("/grounding3d/list_objects", kind)["map"]
    assert [item["label"] for item in everything["objects"]] == NOUNS
    assert xyz(everything["up_world"]) == [0, 0, 1]
    some = probe.call("/grounding3d/list_objects", kind, label="mug", target_frame="base")["map"]
    (mug,) = some["objects"]
    np.testing.assert_allclose(xyz(mug["position"]), np.add(MUG, [1, 2, 3]), atol=1e-6)
    assert some["header"]["frame_id"] == "base"
    bad = probe.call("/grounding3d/list_objects", kind, target_frame="nowhere")
    assert (bad["error_code"], bad["map"]["objects"]) == (5, [])


def test_a_scene_is_saved_reset_and_loaded(probe: Probe, folder: Path) -> None:
    path = str(folder / "saved")
    saved = probe.call("/grounding3d/save_scene", "grounding3d_msgs/srv/SaveScene", path=path)
    assert (saved["error_code"], saved["n_objects"], saved["path"]) == (0, 4, path)
    assert len(load_scene(path).objects) == 4

    probe.call("/grounding3d/reset", "grounding3d_msgs/srv/Reset")
    gone = probe.ask("where is the mug")
    assert (gone["status"], gone["reason_code"], gone["error_code"]) == (
        "not_found",
        "empty_scene",
        3,
    )
    refused = probe.call("/grounding3d/save_scene", "grounding3d_msgs/srv/SaveScene", path=path)
    assert refused["error_code"] == 3

    load = "grounding3d_msgs/srv/LoadScene"
    bad = probe.call("/grounding3d/load_scene", load, path=str(folder / "nothing"))
    assert bad["error_code"] == 10
    assert "nothing" in bad["error_msg"]
    loaded = probe.call("/grounding3d/load_scene", load, path=path)
    assert (loaded["error_code"], loaded["n_objects"]) == (0, 4)
    assert probe.ask("where is the mug")["status"] == "found"
    for topic, count in (("answer", 2), ("answer_pose", 1)):
        for _ in range(count):
            probe.take(f"/grounding3d/{topic}")


def test_an_approach_that_is_not_possible_says_why(probe: Probe) -> None:
    kind = "grounding3d_msgs/srv/ApproachPose"

    def code(**fields: Any) -> int:
        answer = probe.call("/grounding3d/approach_pose", kind, **fields)
        assert answer["error_msg"]
        return answer["error_code"]

    assert code(query="the mug") == 22  # a scene without a floor
    assert code(object_id=99) == 20
    assert code(query="the umbrella") == 20
    assert code() == 2
    assert code(object_id=2, standoff_m=-1.0) == 2


def test_grasp_hints_come_in_the_frame_that_was_asked_for(probe: Probe) -> None:
    kind = "grounding3d_msgs/srv/ListObjects"
    here, there = (
        probe.call("/grounding3d/list_objects", kind, with_grasp=True, label="mug", target_frame=f)
        for f in ("", "base")
    )
    (mug,), (moved,) = here["map"]["objects"], there["map"]["objects"]
    assert mug["has_grasp"]
    shift = np.subtract(xyz(moved["grasp"]["surface_point"]), xyz(mug["grasp"]["surface_point"]))
    np.testing.assert_allclose(shift, [1, 2, 3], atol=1e-6)
    if mug["grasp"]["has_support_plane"]:
        difference = moved["grasp"]["support_plane"][3] - mug["grasp"]["support_plane"][3]
        assert difference == pytest.approx(3)


def test_a_scene_is_built_from_a_bag_while_questions_are_answered(
    probe: Probe, folder: Path
) -> None:
    kind = "grounding3d_msgs/action/BuildScene"
    goal = {
        "capture": str(TABLETOP),
        "scene_path": str(folder / "built"),
        "overrides": ["capture.stride=9", "fusion.min_views=1", "scene.backend=points"],
    }
    done = probe.act("/grounding3d/build_scene", kind, **goal)
    assert done["result"]["error_code"] == 0, done["result"]["error_msg"]
    assert done["status"] == 4  # succeeded
    assert done["result"]["n_used"] == 3
    assert len(load_scene(folder / "built").objects) == done["result"]["n_objects"] > 0
    stages: dict[str, list[int]] = {}
    for said in done["feedback"]:  # a client may drop the last ones: the result overtakes them
        assert 0 <= said["done"] <= said["total"]
        stages.setdefault(said["stage"], []).append(said["done"])
    assert stages
    assert all(counts == sorted(counts) for counts in stages.values())
    assert probe.ask("where is the mug")["scene"] == "0f0f"  # not loaded: nobody asked for it
    for topic in ("answer", "answer_pose"):
        probe.take(f"/grounding3d/{topic}")

    missing = probe.act("/grounding3d/build_scene", kind, **{**goal, "capture": "/no/such/bag"})
    assert (missing["result"]["error_code"], missing["status"]) == (13, 6)
    wrong = probe.act("/grounding3d/build_scene", kind, **{**goal, "overrides": ["no.such=1"]})
    assert wrong["result"]["error_code"] == 14
    goal["scene_path"] = str(folder / "cancelled")
    stopped = probe.act("/grounding3d/build_scene", kind, cancel_after_s=2.0, **goal)
    assert (stopped["result"]["error_code"], stopped["status"]) == (15, 5)
    assert not (folder / "cancelled").exists()


def test_the_status_is_told(probe: Probe) -> None:
    topics = probe.do("topics")
    if "diagnostic_msgs/msg/DiagnosticArray" in topics.get("/diagnostics", []):
        pytest.skip("diagnostic_msgs is there; its content is tested with the messages")
    probe.listen("/grounding3d/status", STRING)
    assert '"objects": 4' in probe.take("/grounding3d/status")["data"]


def test_lifecycle_inactive_nodes_refuse_and_active_ones_answer_again(probe: Probe) -> None:
    change, state = "/grounding3d/change_state", "/grounding3d/get_state"
    kind = "lifecycle_msgs/srv/ChangeState"

    def label() -> str:
        return probe.call(state, "lifecycle_msgs/srv/GetState")["current_state"]["label"]

    assert label() == "active"
    assert probe.call(change, kind, transition={"id": 4})["success"]  # deactivate
    assert label() == "inactive"
    refused = probe.call(
        "/grounding3d/locate", "grounding3d_msgs/srv/Locate", query={"text": "mug"}
    )["answer"]
    assert (refused["status"], refused["error_code"]) == ("invalid", 4)
    assert probe.call(change, kind, transition={"id": 2})["success"]  # clean up
    assert label() == "unconfigured"
    assert probe.call(change, kind, transition={"id": 1})["success"]  # configure
    assert probe.call(change, kind, transition={"id": 3})["success"]  # activate
    assert label() == "active"
    assert probe.ask("where is the mug")["status"] == "found"
    for topic in ("answer", "answer_pose"):
        probe.take(f"/grounding3d/{topic}")


def test_ask_prints_the_answer_of_the_running_node(
    probe: Probe, environment: dict[str, str]
) -> None:
    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", PROGRAM, "ask", *arguments, "--timeout", "30"]
        return subprocess.run(command, env=environment, capture_output=True, text=True)

    found = ask("where is the mug")
    assert found.returncode == 0, found.stderr
    assert "x=0.600 y=0.100 z=0.050 m in 'map'" in found.stdout
    moved = ask("where is the mug", "--frame", "base", "--json")
    assert '"frame_id": "base"' in moved.stdout
    lost = ask("where is the mug", "--frame", "nowhere")
    assert lost.returncode == 2
    assert "nowhere" in lost.stdout
    nobody = ask("mug", "--node", "/nobody", "--timeout", "2")
    assert nobody.returncode == 1
    assert "no node /nobody" in nobody.stderr


def test_a_scene_that_is_none_ends_the_node_with_one_line(
    environment: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", PROGRAM, "ros", "--scene", str(tmp_path / "nothing")]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "nothing" in result.stderr
