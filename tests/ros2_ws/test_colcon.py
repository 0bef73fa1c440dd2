"""The whole workspace through colcon, as on a sourced ROS 2, and the installed node started."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ros_build import REPOSITORY, build_tool, ros_environment

pytestmark = pytest.mark.slow

WORKSPACE = REPOSITORY / "ros2_ws"


@pytest.fixture
def environment() -> dict[str, str]:
    environment = ros_environment()
    if shutil.which("colcon", path=environment["PATH"]) is None:
        pytest.skip("colcon is not installed")
    return environment


@pytest.fixture
def installed(environment, tmp_path) -> Path:
    """The install folder; objects that are compiled already are taken from there."""
    tool = build_tool()
    command = [
        "colcon", "--log-base", tmp_path / "log", "build", "--merge-install",
        "--base-paths", WORKSPACE, "--build-base", tool.work_folder() / "build",
        "--install-base", tmp_path / "install", "--cmake-force-configure",
        "--cmake-args", "-G", "Ninja", *tool.cmake_arguments(),
    ]  # fmt: skip
    with tool.locked():
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Finished <<< grounding3d_") == 2
    return tmp_path / "install"


def sourced(installed: Path, command: str, environment: dict[str, str]):
    """Run a shell command as a user of the workspace would."""
    return subprocess.run(
        ["timeout", "120", "bash", "-c", f"source {installed}/setup.bash && exec {command}"],
        env=environment, cwd=installed, capture_output=True, text=True,
    )  # fmt: skip


def test_the_workspace_builds_and_its_programs_run(installed, environment) -> None:
    """One test, so that the workspace is built by one of pytest's workers only."""
    check_files(installed)
    check_messages(installed, environment)
    check_node(installed, environment)
    check_missing_package(installed, environment)


def check_files(installed: Path) -> None:
    """Both packages are where ROS looks, ours with its launch files, presets and RViz."""
    share = installed / "share"
    index = share / "ament_index" / "resource_index" / "packages"
    assert {path.name for path in index.iterdir()} == {"grounding3d_msgs", "grounding3d_ros"}
    ours = share / "grounding3d_ros"
    for kind in ("launch", "config", "rviz"):
        source = WORKSPACE / "src" / "grounding3d_ros" / kind
        names = {path.name for path in source.iterdir() if path.is_file()}
        assert {path.name for path in (ours / kind).iterdir()} == names


def check_messages(installed: Path, environment: dict[str, str]) -> None:
    """The sourced workspace's messages are imported, not those built before."""
    code = "import grounding3d_msgs.msg as m; print(m.__file__, m.Answer.FOUND)"
    done = sourced(installed, f'python -c "{code}"', environment)
    file, word = done.stdout.split()
    assert file.startswith(str(installed)), done.stderr
    assert word == "found"


def check_node(installed: Path, environment: dict[str, str]) -> None:
    """It refuses a scene that is not there, in one line: so it got its parameters, too."""
    program = installed / "lib" / "grounding3d_ros" / "grounding3d_node"
    assert program.read_text().startswith("#!/usr/bin/env python3\n")
    done = sourced(installed, f"{program} --ros-args -p scene_path:=/no/such/scene", environment)
    assert done.returncode == 2, done.stderr
    assert "/no/such/scene" in done.stderr
    assert "Traceback" not in done.stderr


def check_missing_package(installed: Path, environment: dict[str, str]) -> None:
    """Without the pip package the program says how to install it."""
    code = "import sys; from grounding3d_ros.programs import node; sys.exit(node())"
    # -S leaves the environment's packages out, the workspace's are in PYTHONPATH
    done = sourced(installed, f'python -S -c "{code}"', environment)
    assert done.returncode == 2
    assert "pip install grounding3d" in done.stderr
