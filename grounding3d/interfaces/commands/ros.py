"""`grounding3d ros`: the ROS 2 node, from the pip installation or a sourced ROS."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from grounding3d.interfaces.options import Overrides


@dataclass
class Ros:
    """Run the ROS 2 node: questions on ~/query, coordinates on ~/answer_json and more."""

    arguments: Annotated[
        Positional[tuple[str, ...]], tyro.conf.arg(metavar="[-- --ros-args ...]")
    ] = ()
    """What follows -- goes to ROS, such as: -- --ros-args -r __ns:=/robot -p top_k:=5."""
    scene: Path | None = None
    """Scene folder to serve; a live map goes on from it."""
    live: bool = False
    """Map from the camera while questions are answered."""
    config: Path | None = None
    """YAML preset, see configs/."""
    set: Overrides = ()
    """Override any configuration field; may be given several times."""
    print_parameters: bool = False
    """Print every ROS parameter with its default and meaning, as a parameter file, and end."""

    def run(self) -> int:
        """Spin until interrupted."""
        from grounding3d.extras import require

        require("rclpy", purpose="the ROS 2 node")
        from grounding3d.interfaces.ros.parameters import parameter_file
        from grounding3d.interfaces.ros_node import run_node

        if self.print_parameters:
            print(parameter_file())
            return 0
        run_node([*self._own_arguments(), *self.arguments])
        return 0

    def _own_arguments(self) -> list[str]:
        """The options as ROS parameters; those of the command line come after and win."""
        from grounding3d.live.config import load_config

        values: dict[str, str] = {}
        if self.scene is not None:
            values["scene_path"] = _quoted(self.scene.absolute())
        if self.config is not None:
            values["config"] = _quoted(self.config.absolute())
        if self.live:
            values["live.enabled"] = "true"
        config = load_config(self.config, self.set)  # refuses what it does not know
        for name in (override.partition("=")[0] for override in self.set):
            value = reduce(getattr, name.split("."), config)
            values[name] = "''" if value is None else json.dumps(value)
        pairs = [word for name, value in values.items() for word in ("-p", f"{name}:={value}")]
        return ["--ros-args", *pairs, "--"] if pairs else []


def _quoted(path: Path) -> str:
    """A path as YAML text, which ROS parses parameters as."""
    escaped = str(path).replace("'", "''")
    return f"'{escaped}'"
