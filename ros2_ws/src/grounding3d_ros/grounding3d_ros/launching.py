"""What the launch files share. Explicit arguments win over `parameters`, that over the preset.

The names of the arguments differ from those of the camera drivers' launch files, which see them,
too; so a driver's own arguments can be given on the same command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node

from grounding3d_ros.cameras import DRIVERS, Driver

PACKAGE = "grounding3d_ros"

# name: (default, description)
NODE_ARGUMENTS = {
    "scene_path": ("", "scene folder: loaded at start, and where save_scene writes"),
    "config": ("", "YAML preset as for `grounding3d build --config`: defaults of the parameters"),
    "parameters": ("", "ROS parameter file; config/parameters.yaml lists everything there is"),
    "live": ("", "true: map from the camera while queries are answered"),
    "world_frame": ("", "frame of the map; empty: map, else odom, else the root of tf"),
    "use_sim_time": ("false", "time from /clock"),
    "rviz": ("false", "open RViz"),
}
DRIVER_ARGUMENT = ("false", "start the camera's driver too")

_IS_TRUE = ("true", "1", "yes")


def describe(
    changed: Mapping[str, str] | None = None,
    camera: str | None = None,
    more: Mapping[str, tuple[str, str]] | None = None,
    actions: Any = None,
) -> LaunchDescription:
    """A launch description that starts the node.

    Args:
        changed: other defaults of NODE_ARGUMENTS.
        camera: a preset of config/ to take parameters from, and the driver to offer.
        more: further arguments, as NODE_ARGUMENTS.
        actions: called with the arguments' values, returns further actions.
    """
    arguments = {**NODE_ARGUMENTS, **(more or {})}
    if camera is not None:
        arguments["driver"] = DRIVER_ARGUMENT
    for name, default in (changed or {}).items():
        arguments[name] = (default, arguments[name][1])

    def start(context: LaunchContext) -> list[Any]:
        given = dict(context.launch_configurations)
        started = [_node(given, camera)]
        if is_true(given["rviz"]):
            started.append(_rviz(given))
        if camera is not None and is_true(given["driver"]):
            started.append(_driver(DRIVERS[camera], given))
        return started + (actions(given) if actions else [])

    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in arguments.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def is_true(text: str) -> bool:
    """Whether an argument's text says yes."""
    return text.strip().lower() in _IS_TRUE


def share(*parts: str) -> str:
    """Path of an installed file of this package."""
    return str(Path(get_package_share_directory(PACKAGE), *parts))


def _node(given: Mapping[str, str], camera: str | None) -> Node:
    files = [share("config", f"{camera}.yaml")] if camera else []
    if given["parameters"]:
        files.append(given["parameters"])
    return Node(
        package=PACKAGE,
        executable="grounding3d_node",
        name="grounding3d",
        output="screen",
        emulate_tty=True,
        parameters=[*files, explicit_parameters(given)],
    )


def explicit_parameters(given: Mapping[str, str]) -> dict[str, Any]:
    """Those arguments that were given, as the node's parameters."""
    parameters: dict[str, Any] = {"use_sim_time": is_true(given["use_sim_time"])}
    for name, parameter in (
        ("scene_path", "scene_path"),
        ("config", "config"),
        ("world_frame", "capture.world_frame"),
    ):
        if given[name]:
            parameters[parameter] = given[name]
    if given["live"]:
        parameters["live.enabled"] = is_true(given["live"])
    return parameters


def _rviz(given: Mapping[str, str]) -> Node:
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", share("rviz", "grounding3d.rviz")],
        parameters=[{"use_sim_time": is_true(given["use_sim_time"])}],
        output="log",
    )


def _driver(driver: Driver, given: Mapping[str, str]) -> Any:
    for package in driver.packages:
        try:
            folder = Path(get_package_share_directory(package))
        except PackageNotFoundError:
            continue
        for name in driver.launch_files:
            for path in (folder / "launch" / name, folder / name):
                if path.exists():
                    arguments = {**driver.arguments, **_of(driver, given)}
                    return IncludeLaunchDescription(
                        PythonLaunchDescriptionSource(str(path)),
                        launch_arguments=arguments.items(),
                    )
    name = driver.packages[0]
    return LogInfo(
        msg=f"{name} is not installed (ros-$ROS_DISTRO-{name.replace('_', '-')}); "
        "the node waits for the camera's topics"
    )


def _of(driver: Driver, given: Mapping[str, str]) -> dict[str, str]:
    """What the command line says about the driver's arguments."""
    return {name: given[name] for name in driver.arguments if name in given}
