"""The whole workspace through colcon, as on a sourced ROS 2, and the installed node started."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ros_build import REPOSITORY, build_tool, ros_environment

pytestmark = pytest.mark.slow

WORKSPACE = REPOSITORY / "ros2_ws"


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    environment = ros_environment()
    if shutil.which("colcon", path=environment["PATH"]) is None:
        pytest.skip("colcon is not installed")
    return environment


@pytest.fixture(scope="module")
def installed(environment, tmp_path_factory) -> Path:
    """The install folder; objects that are compiled already are taken from there."""
    tool = build_tool()
    folder = tmp_path_factory.mktemp("colcon")
    command = [
        "colcon", "--log-base", folder / "log", "build", "--merge-install",
        "--base-paths", WORKSPACE, "--build-base", tool.work_folder() / "build",
        "--install-base", folder / "install", "--cmake-args", "-G", "Ninja",
        *tool.cmake_arguments(),
    ]  # fmt: skip
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "2 packages finished" in done.stdout
    return folder / "install"


def sourced(installed: Path, command: str, environment: dict[str, str]):
    """Run a shell command as a user of the workspace would."""
    return subprocess.run(
        ["timeout", "120", "bash", "-c", f"source {installed}/setup.bash && exec {command}"],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip


def test_both_packages_are_installed_where_ros_looks(installed) -> None:
    share = installed / "share"
    index = share / "ament_index" / "resource_index" / "packages"
    assert {path.name for path in index.iterdir()} == {"grounding3d_msgs", "grounding3d_ros"}
    ours = share / "grounding3d_ros"
    for kind in ("launch", "config", "rviz"):
        source = WORKSPACE / "src" / "grounding3d_ros" / kind
        names = {path.name for path in source.iterdir() if path.is_file()}
        assert {path.name for path in (ours / kind).iterdir()} == names


def test_the_sourced_workspace_has_the_messages(installed, environment) -> None:
    code = "import grounding3d_msgs.msg as m; print(m.__file__, m.Answer.FOUND)"
    done = sourced(installed, f'python -c "{code}"', environment)
    file, word = done.stdout.split()
    assert file.startswith(str(installed)), done.stderr
    assert word == "found"


def test_the_installed_program_is_the_node(installed, environment) -> None:
    """It refuses a scene that is not there, in one line: so it got its parameters, too."""
    program = installed / "lib" / "grounding3d_ros" / "grounding3d_node"
    assert program.read_text().startswith("#!/usr/bin/env python3\n")
    done = sourced(installed, f"{program} --ros-args -p scene_path:=/no/such/scene", environment)
    assert done.returncode == 2, done.stderr
    assert "/no/such/scene" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_pip_package_it_says_how_to_install(installed, environment) -> None:
    code = (
        "import sys; sys.modules['grounding3d'] = None\n"
        "from grounding3d_ros.programs import node\n"
        "sys.exit(node())"
    )
    done = sourced(installed, f'python -c "{code}"', environment)
    assert done.returncode == 2
    assert "pip install grounding3d" in done.stderr
