"""Entry points of `ros2 run grounding3d_ros ...`; they forward to the pip package grounding3d."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

_MISSING = 2


def node() -> int:
    """The lifecycle node; ROS arguments are taken from the command line."""
    module = _find("grounding3d.interfaces.ros_node")
    return module.main() if module else _MISSING


def ask() -> int:
    """`ask "where is the mug"`: publish a question, print the answer."""
    return _command("ask")


def replay() -> int:
    """`replay BAG --query TEXT -o OUT.mcap`: the node's message path over a recorded bag."""
    return _command("replay")


def _command(name: str) -> int:
    module = _find("grounding3d.interfaces.cli")
    return module.main([name, *sys.argv[1:]]) if module else _MISSING


def _find(name: str) -> ModuleType | None:
    """A module of the pip package; None, and how to install it on stderr, without the package."""
    try:
        return import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name != "grounding3d":
            raise
    print(
        f"grounding3d is not installed for {sys.executable}.\n"
        "Activate the virtual environment it is in, or: python3 -m pip install grounding3d",
        file=sys.stderr,
    )
    return None
