"""As much of ROS 2's `launch` as our launch files use, for machines without ROS.

It is no replacement: it checks how its classes are called (as launch's own signatures demand) and
performs a description with given arguments, so that what would be started can be looked at. The
package's own test runs the same files through the real launch under `colcon test`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any


class PackageNotFoundError(KeyError):
    pass


@dataclass(frozen=True)
class DeclareLaunchArgument:
    name: str
    default_value: str = field(kw_only=True)
    description: str = field(kw_only=True)


@dataclass(frozen=True)
class OpaqueFunction:
    function: Callable[[Any], list[Any]] = field(kw_only=True)


@dataclass(frozen=True)
class LogInfo:
    msg: str = field(kw_only=True)


@dataclass(frozen=True)
class ExecuteProcess:
    cmd: Sequence[str] = field(kw_only=True)
    output: str = "log"


@dataclass(frozen=True)
class PythonLaunchDescriptionSource:
    path: str


@dataclass(frozen=True)
class IncludeLaunchDescription:
    source: PythonLaunchDescriptionSource
    launch_arguments: Iterable[tuple[str, str]] = field(default=(), kw_only=True)


@dataclass(frozen=True, kw_only=True)
class Node:
    package: str
    executable: str
    name: str | None = None
    output: str = "log"
    emulate_tty: bool = False
    arguments: Sequence[str] = ()
    parameters: Sequence[Any] = ()


class LaunchDescription(list):
    def perform(self, **given: str) -> list[Any]:
        """What would be started with these arguments on the command line."""
        declared = [each for each in self if isinstance(each, DeclareLaunchArgument)]
        values = {each.name: each.default_value for each in declared} | given
        assert all(isinstance(value, str) for value in values.values())
        context = SimpleNamespace(launch_configurations=values)
        functions = [each for each in self if isinstance(each, OpaqueFunction)]
        return [action for each in functions for action in each.function(context)]


def install(monkeypatch: Any, shares: dict[str, Path]) -> None:
    """Put the stub in place of launch, launch_ros and ament_index_python."""

    def get_package_share_directory(package: str) -> str:
        if package not in shares:
            raise PackageNotFoundError(package)
        return str(shares[package])

    contents: dict[str, dict[str, Any]] = {
        "launch": {"LaunchDescription": LaunchDescription, "LaunchContext": object},
        "launch.actions": {
            each.__name__: each
            for each in (
                DeclareLaunchArgument,
                ExecuteProcess,
                IncludeLaunchDescription,
                LogInfo,
                OpaqueFunction,
            )
        },
        "launch.launch_description_sources": {
            "PythonLaunchDescriptionSource": PythonLaunchDescriptionSource
        },
        "launch_ros": {},
        "launch_ros.actions": {"Node": Node},
        "ament_index_python": {},
        "ament_index_python.packages": {
            "PackageNotFoundError": PackageNotFoundError,
            "get_package_share_directory": get_package_share_directory,
        },
    }
    for name, content in contents.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
