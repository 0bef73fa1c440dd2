"""What the launch files would start."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from tests.ros2_ws import launch_stub

PACKAGE = Path(__file__).resolve().parents[2] / "ros2_ws" / "src" / "grounding3d_ros"
LAUNCH_FILES = sorted(path.name for path in (PACKAGE / "launch").iterdir())
CAMERAS = sorted(path.stem for path in (PACKAGE / "config").iterdir() if path.stem != "parameters")


@pytest.fixture
def shares(monkeypatch, tmp_path) -> dict[str, Path]:
    """Installed packages by name; ours is there, drivers can be added."""
    shares = {"grounding3d_ros": PACKAGE}
    launch_stub.install(monkeypatch, shares)
    monkeypatch.syspath_prepend(str(PACKAGE))
    for name in [name for name in sys.modules if name.split(".")[0] == "grounding3d_ros"]:
        monkeypatch.delitem(sys.modules, name)
    return shares


def perform(name: str, **given: str) -> list:
    path = PACKAGE / "launch" / name
    scope: dict = {"__name__": "launch_file", "__file__": str(path)}
    exec(compile(path.read_text(), path, "exec"), scope)
    return scope["generate_launch_description"]().perform(**given)


def only_node(actions: list) -> launch_stub.Node:
    nodes = [each for each in actions if getattr(each, "executable", "") == "grounding3d_node"]
    assert len(nodes) == 1
    return nodes[0]


def parameters_of(node: launch_stub.Node) -> dict:
    """The parameters as ROS would merge them: later ones win, dots are levels."""
    merged: dict = {}
    for each in node.parameters:
        if isinstance(each, str):
            assert Path(each).is_file(), each
            each = yaml.safe_load(Path(each).read_text())["/**"]["ros__parameters"]
        merged.update(flat(each))
    return merged


def flat(tree: dict, prefix: str = "") -> dict:
    found: dict = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def test_all_launch_files_are_known() -> None:
    assert {"node.launch.py", "replay_bag.launch.py"} <= set(LAUNCH_FILES)
    assert {f"{camera}.launch.py" for camera in CAMERAS} <= set(LAUNCH_FILES)
    assert CAMERAS == ["azure_kinect", "oak", "realsense", "zed"]


@pytest.mark.parametrize("name", LAUNCH_FILES)
def test_every_launch_file_starts_the_node_under_its_name(shares, name) -> None:
    node = only_node(perform(name))
    assert (node.package, node.name) == ("grounding3d_ros", "grounding3d")


def test_nothing_is_set_that_was_not_asked_for(shares) -> None:
    assert parameters_of(only_node(perform("node.launch.py"))) == {"use_sim_time": False}


def test_arguments_become_parameters(shares) -> None:
    given = {"scene_path": "/s", "config": "/c.yaml", "world_frame": "odom", "live": "true"}
    assert parameters_of(only_node(perform("node.launch.py", **given))) == {
        "use_sim_time": False,
        "scene_path": "/s",
        "config": "/c.yaml",
        "capture.world_frame": "odom",
        "live.enabled": True,
    }


def test_explicit_arguments_win_over_the_file_and_that_over_the_camera(shares, tmp_path) -> None:
    mine = tmp_path / "mine.yaml"
    text = "/**: {ros__parameters: {top_k: 7, live: {enabled: true}, capture: {depth_topic: /d}}}"
    mine.write_text(text)
    node = only_node(perform("zed.launch.py", parameters=str(mine), live="false"))
    found = parameters_of(node)
    assert (found["top_k"], found["live.enabled"]) == (7, False)
    assert found["capture.depth_topic"] == "/d"
    assert found["capture.color_topic"].startswith("/zed/")


@pytest.mark.parametrize("camera", CAMERAS)
def test_a_camera_s_driver_is_started_when_asked_for_and_present(
    shares, camera, tmp_path, monkeypatch
) -> None:
    name = f"{camera}.launch.py"
    assert parameters_of(only_node(perform(name)))["live.enabled"] is True
    assert len(perform(name)) == 1

    (missing,) = [each for each in perform(name, driver="true") if "Info" in type(each).__name__]
    assert "not installed" in missing.msg

    from grounding3d_ros.cameras import DRIVERS

    driver = DRIVERS[camera]
    launch_file = tmp_path / "launch" / driver.launch_files[0]
    launch_file.parent.mkdir()
    launch_file.touch()
    shares[driver.packages[0]] = tmp_path
    included = perform(name, driver="true")[-1]
    assert included.source.path == str(launch_file)
    assert dict(included.launch_arguments) == driver.arguments


def test_a_driver_s_argument_on_the_command_line_wins(shares, tmp_path) -> None:
    (tmp_path / "zed_camera.launch.py").touch()
    shares["zed_wrapper"] = tmp_path
    included = perform("zed.launch.py", driver="true", camera_model="zedx")[-1]
    assert dict(included.launch_arguments) == {"camera_model": "zedx"}


def test_our_arguments_do_not_reach_into_a_driver_s(shares) -> None:
    """An included launch file sees our arguments under their names."""
    from grounding3d_ros.launching import NODE_ARGUMENTS

    theirs = {"name", "namespace", "params_file", "camera_name", "config_file", "log_level"}
    assert not theirs & set(NODE_ARGUMENTS)


def test_a_bag_is_played_with_its_clock(shares) -> None:
    actions = perform("replay_bag.launch.py", bag="/b", loop="true")
    found = parameters_of(only_node(actions))
    assert found["use_sim_time"] is True
    assert found["live.enabled"] is True
    (played,) = [each for each in actions if isinstance(each, launch_stub.ExecuteProcess)]
    assert played.cmd[:4] == ["ros2", "bag", "play", "/b"]
    assert {"--clock", "--loop"} <= set(played.cmd)


def test_rviz_is_opened_when_asked_for(shares) -> None:
    (rviz,) = [
        each for each in perform("node.launch.py", rviz="true") if each.executable == "rviz2"
    ]
    assert Path(rviz.arguments[1]).is_file()
