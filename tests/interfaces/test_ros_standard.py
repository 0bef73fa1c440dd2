"""The node where nothing of ours is built: standard messages alone, parameters from a file."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from grounding3d.features.encoders import BUNDLED, load_encoder
from grounding3d.objects.store import load_scene, save_scene
from tests.interfaces.ros_probe import Probe
from tests.interfaces.ros_world import PROGRAM, named_scene, running
from tests.ros_build import isolated

pytestmark = pytest.mark.slow

STRING, TRIGGER = "std_msgs/msg/String", "std_srvs/srv/Trigger"


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    if importlib.util.find_spec("rclpy") is None:
        pytest.skip("rclpy is not installed")
    if importlib.util.find_spec("grounding3d_msgs") is not None:
        pytest.skip("grounding3d_msgs is installed here")
    return isolated(dict(os.environ))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("standard")
    save_scene(path / "scene", named_scene(load_encoder(BUNDLED), ["table", "mug"]))
    return path


@pytest.fixture(scope="module")
def probe(environment: dict[str, str], folder: Path) -> Iterator[Probe]:
    listed = subprocess.run(
        [sys.executable, "-c", PROGRAM, "ros", "--print-parameters"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    (folder / "parameters.yaml").write_text(listed.stdout)
    arguments = (
        "ros", "--scene", str(folder / "scene"), "--set", "scene.voxel_size_m=1", "--",
        "--ros-args", "--params-file", str(folder / "parameters.yaml"),
        "-p", f"scene_path:={folder / 'scene'}", "-p", "top_k:=1",
    )  # fmt: skip
    with running(environment, *arguments, log=folder / "log"), Probe(environment) as client:
        client.listen("/grounding3d/answer_json", STRING)
        yield client


def test_questions_are_answered_and_parameters_count(probe: Probe) -> None:
    answer = probe.ask("where is the mug", timeout_s=100)
    assert answer["status"] == "found"
    np.testing.assert_allclose(answer["candidates"][0]["position"], [0.6, 0.1, 0.05], atol=1e-6)
    assert len(answer["candidates"]) == 1
    assert "/grounding3d/answer" not in probe.do("topics")


def test_the_services_are_triggers_under_the_same_names(probe: Probe, folder: Path) -> None:
    listed = probe.call("/grounding3d/list_objects", TRIGGER)
    assert listed["success"]
    assert [item["label"] for item in json.loads(listed["message"])["objects"]] == ["table", "mug"]
    assert probe.call("/grounding3d/reset", TRIGGER)["success"]
    assert probe.ask("where is the mug")["reason_code"] == "empty_scene"
    refused = probe.call("/grounding3d/save_scene", TRIGGER)
    assert not refused["success"]
    assert "no scene" in refused["message"]
    assert probe.call("/grounding3d/load_scene", TRIGGER)["success"]
    assert probe.ask("where is the mug")["status"] == "found"
    assert probe.call("/grounding3d/save_scene", TRIGGER)["success"]
    assert len(load_scene(folder / "scene").objects) == 2


def test_the_status_is_json_on_a_string_topic(probe: Probe) -> None:
    probe.listen("/grounding3d/status", STRING)
    status = json.loads(probe.take("/grounding3d/status")["data"])
    assert (status["objects"], status["frame_id"], status["level"]) == (2, "map", 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--live"], "tf2_msgs"),
        (["--set", "no.such=1"], "no"),
        (["--config", "nowhere.yaml"], "nowhere.yaml"),
        (["--set", "encoder=nonsense"], "nonsense"),
    ],
)
def test_what_cannot_work_is_said_in_a_line(
    arguments: list[str], said: str, environment: dict[str, str]
) -> None:
    command = [sys.executable, "-c", PROGRAM, "ros", *arguments]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert result.returncode == 2, result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr
