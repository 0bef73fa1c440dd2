"""A real ROS 2 for tests: environment of a subprocess with our interfaces built and importable.

    from tests.ros_build import ros_environment
    subprocess.run([sys.executable, ...], env=ros_environment())

The interfaces are built at first use, once for all of pytest's workers. Each process gets a domain
of its own, and traffic stays on the loopback. Without rclpy, the generators or a compiler the
calling test is skipped; a build that fails is a failure.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import IO

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
_DOMAINS = range(1, 101)  # above 101 DDS' ports meet Linux's ephemeral ones
_held: list[IO[str]] = []


def ros_environment() -> dict[str, str]:
    """Variables for a subprocess that imports rclpy, grounding3d_msgs, vision_msgs, tf2_msgs."""
    if importlib.util.find_spec("rclpy") is None:
        pytest.skip("rclpy is not installed")
    tool = build_tool()
    try:
        tool.check_tools()
    except tool.BuildError as missing:
        pytest.skip(str(missing))
    variables: dict[str, str] = tool.environment(tool.build())
    return isolated(variables)


def isolated(variables: dict[str, str]) -> dict[str, str]:
    """The same variables, with traffic on the loopback in this process's own domain."""
    humble = variables.get("ROS_DISTRO") == "humble"  # it does not know the range
    return {
        **variables,
        **({"ROS_LOCALHOST_ONLY": "1"} if humble else {}),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_DOMAIN_ID": str(own_domain()),
        "OMP_NUM_THREADS": "1",
    }


@lru_cache
def own_domain() -> int:
    """A domain id no other test process on this machine has, until this process ends."""
    folder = Path(tempfile.gettempdir()) / f"grounding3d_ros_domains_{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for domain in _DOMAINS:
        file = (folder / str(domain)).open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            continue
        _held.append(file)
        return domain
    raise RuntimeError("all ROS domains are taken by other test processes")


@lru_cache
def build_tool() -> ModuleType:
    """tools/build_ros_interfaces.py as a module."""
    name = "build_ros_interfaces"
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
