"""The parameter files, and the node that reads them."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest
import yaml

from grounding3d.live.config import Config
from tests.ros2_ws.test_launch_files import CAMERAS, PACKAGE, flat
from tests.ros_build import REPOSITORY, isolated

CONFIG = PACKAGE / "config"

needs_rclpy = pytest.mark.skipif(
    importlib.util.find_spec("rclpy") is None, reason="rclpy is not installed"
)


def read(name: str) -> dict:
    tree = yaml.safe_load((CONFIG / name).read_text(encoding="utf-8"))
    return flat(tree["/**"]["ros__parameters"])


def defaults() -> dict:
    """Every field of the configuration by its dotted name."""
    return flat(Config().model_dump())


def as_list(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def test_every_field_of_the_configuration_is_there_with_its_default() -> None:
    written = read("parameters.yaml")
    text = (CONFIG / "parameters.yaml").read_text(encoding="utf-8")
    for name, value in defaults().items():
        if value is None:
            assert name not in written
            assert f"# {name}:\n" in text, name
        else:
            assert written[name] == as_list(value), name
            assert type(written[name]) is type(as_list(value)), name


@needs_rclpy
def test_the_file_is_what_the_program_prints() -> None:
    """After a field has changed: grounding3d ros --print-parameters > parameters.yaml"""
    done = subprocess.run(
        [sys.executable, "-m", "grounding3d", "ros", "--print-parameters"],
        cwd=REPOSITORY, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == (CONFIG / "parameters.yaml").read_text(encoding="utf-8"), done.stderr


@pytest.mark.slow
@needs_rclpy
@pytest.mark.parametrize("name", ["parameters", *CAMERAS])
def test_the_node_takes_every_parameter_of_the_file(name) -> None:
    """rclpy says nothing about unknown names in a file, and refuses wrong types."""
    code = (
        "import json, rclpy\n"
        "from grounding3d.interfaces.ros_node import GroundingNode\n"
        "rclpy.init()\n"
        "node = GroundingNode()\n"
        "names = list(node._parameters)\n"
        "print(json.dumps({n: list(v) if hasattr(v := node.get_parameter(n).value, 'tolist')"
        " else v for n in names}))\n"
        "node.destroy_node()\n"
    )
    path = CONFIG / f"{name}.yaml"
    done = subprocess.run(
        [sys.executable, "-c", code, "--ros-args", "--params-file", path],
        env=isolated(dict(os.environ)), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout.splitlines()[-1])
    for parameter, value in read(f"{name}.yaml").items():
        assert values[parameter] == value, parameter
