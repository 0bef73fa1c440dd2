"""What planners and monitors get over DDS: planning scenes and diagnostics, in their own types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grounding3d.features.encoders import BUNDLED, load_encoder
from grounding3d.objects.store import load_scene, save_scene
from tests.interfaces.planner_interfaces import planner_environment
from tests.interfaces.ros_probe import Probe
from tests.interfaces.ros_world import named_scene, running

pytestmark = pytest.mark.slow

SCENE = "/grounding3d/planning_scene"
KIND = "moveit_msgs/msg/PlanningScene"
ADD, REMOVE = "00", "01"


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    return planner_environment()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("planners")
    encoder = load_encoder(BUNDLED)
    save_scene(path / "kitchen", named_scene(encoder, ["table", "mug", "banana"]))
    save_scene(path / "office", named_scene(encoder, ["desk", "laptop"], uuid="1e1e"))
    return path


@pytest.fixture(scope="module")
def probe(environment: dict[str, str], folder: Path) -> Iterator[Probe]:
    arguments = ("ros", "--scene", str(folder / "kitchen"))
    with running(environment, *arguments, log=folder / "log"), Probe(environment) as client:
        client.listen("/grounding3d/answer_json", "std_msgs/msg/String")
        assert client.ask("where is the mug", timeout_s=100)["status"] == "found"
        yield client


def objects_of(message: dict[str, Any]) -> dict[str, dict[str, Any]]:
    assert message["is_diff"]
    assert message["robot_state"]["is_diff"]  # else the robot's own state would be replaced
    return {item["id"]: item for item in message["world"]["collision_objects"]}


def test_a_planner_that_joins_gets_every_object_and_then_what_changes(
    probe: Probe, folder: Path
) -> None:
    probe.listen(SCENE, KIND)
    sent = objects_of(probe.take(SCENE))
    kitchen = load_scene(folder / "kitchen").objects
    assert set(sent) == {f"grounding3d/{item.id}" for item in kitchen}
    for item in kitchen:
        one = sent[f"grounding3d/{item.id}"]
        at, (shape,) = one["pose"]["position"], one["primitives"]
        assert (one["operation"], one["header"]["frame_id"], shape["type"]) == (ADD, "map", 1)
        np.testing.assert_allclose([at["x"], at["y"], at["z"]], item.position, atol=1e-6)
        np.testing.assert_allclose(shape["dimensions"], item.box.size, atol=1e-6)
    load = "grounding3d_msgs/srv/LoadScene"
    done = probe.call("/grounding3d/load_scene", load, path=str(folder / "office"))
    assert done["error_code"] == 0
    changed = objects_of(probe.take(SCENE))
    office = {f"grounding3d/{item.id}" for item in load_scene(folder / "office").objects}
    operations = {name: item["operation"] for name, item in changed.items()}
    assert operations["grounding3d/3"] == REMOVE
    assert {name for name, what in operations.items() if what != REMOVE} <= office


def test_diagnostics_are_told_in_their_own_messages(probe: Probe) -> None:
    assert "/grounding3d/status" not in probe.do("topics")
    probe.listen("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray")
    (status,) = probe.take("/diagnostics")["status"]
    assert (status["name"], status["level"]) == ("/grounding3d: map", "00")
    values = {pair["key"]: pair["value"] for pair in status["values"]}
    assert values["frame_id"] == "map"
    assert int(values["objects"]) in (2, 3)
    assert int(values["questions_answered"]) >= 1
