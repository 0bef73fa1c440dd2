"""ROS parameters: the configuration's fields under their own names, and the node's few more."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from grounding3d.config import Section
from grounding3d.errors import ConfigError
from grounding3d.live.config import Config, load_config
from grounding3d.live.planner_config import ApproachConfig, CollisionConfig, GraspConfig

_MOST_INT = 2**63 - 1


class NodeConfig(Section):
    """What the node has beside the configuration; the names of its ROS parameters."""

    config: str = Field("", description="YAML preset whose values the parameters begin with")
    scene_path: str = Field(
        "", description="scene folder: loaded at start, and where save_scene writes"
    )
    autostart: bool = Field(True, description="configure and activate without being told to")
    answer_frame: str = Field(
        "", description="tf frame of answers; empty: the map's own. A typed query may name another"
    )
    viewpoint_frame: str = Field(
        "",
        description="frame from whose origin 'left of' and 'nearest' are judged, such as base_link;"
        " empty: where the map's last keyframe was taken",
    )
    top_k: int = Field(3, ge=1, le=100, description="candidates an answer lists at most")
    live_enabled: bool = Field(False, description="map from the camera while queries are answered")
    sensor_reliability: str = Field(
        "best_effort", description="QoS of camera and odometry topics: best_effort or reliable"
    )
    sensor_depth: int = Field(5, ge=1, le=1000, description="messages kept of a sensor topic")
    map_period_s: float = Field(
        1.0, ge=0.05, description="the map cloud is sent this often at most, seconds"
    )
    map_max_points: int = Field(
        500_000, ge=1000, description="of a larger map, an even selection is sent"
    )
    map_save_every_s: float = Field(
        0.0,
        ge=0,
        description="a live map is saved to scene_path this often, for `grounding3d view --live` "
        "to show it grow, seconds; 0: only when asked",
    )
    status_period_s: float = Field(1.0, ge=0.1, description="period of the diagnostics, seconds")


# a section of the configuration is called `live`, and ROS parameter files cannot hold both
_NAMES = {
    "live_enabled": "live.enabled",
    "sensor_reliability": "qos.sensor_reliability",
    "sensor_depth": "qos.sensor_depth",
    "map_period_s": "map.period_s",
    "map_max_points": "map.max_points",
    "map_save_every_s": "map.save_every_s",
    "status_period_s": "status.period_s",
}


class PlannerSettings(Section):
    """What planners are given; the sections are parameters of the node only."""

    approach: ApproachConfig = ApproachConfig()
    collision: CollisionConfig = CollisionConfig()
    grasp: GraspConfig = GraspConfig()


@dataclass(frozen=True)
class Settings:
    """All parameters, checked."""

    node: NodeConfig
    config: Config
    planners: PlannerSettings


def declare_parameters(node: Node) -> None:
    """Declare every parameter with its description and range.

    The preset named by `config` gives the defaults, so that a parameter file may change single
    fields of it.

    Raises:
        ConfigError: the preset cannot be read.
    """
    for name, field in NodeConfig.model_fields.items():
        _declare(node, _NAMES.get(name, name), field, field.default)
    preset = node.get_parameter("config").value
    config = load_config(Path(preset) if preset else None)
    for name, field, value in (*_fields(config), *_fields(PlannerSettings())):
        _declare(node, name, field, value)


def read_settings(node: Node) -> Settings:
    """The parameters as they are now.

    Raises:
        ConfigError: a value that does not fit, beyond what a range can say.
    """
    own = {
        name: node.get_parameter(_NAMES.get(name, name)).value for name in NodeConfig.model_fields
    }
    try:
        settings = Settings(
            NodeConfig.model_validate(own),
            Config.model_validate(_values(node, Config())),
            PlannerSettings.model_validate(_values(node, PlannerSettings())),
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"parameter {where!r}: {first['msg']}") from error
    if settings.node.map_save_every_s > 0 and not settings.node.scene_path:
        raise ConfigError(
            "parameter 'map.save_every_s' needs a folder to save to", hint="Set scene_path."
        )
    if settings.node.sensor_reliability not in ("best_effort", "reliable"):
        raise ConfigError(
            "parameter 'qos.sensor_reliability' has no meaning",
            expected="best_effort or reliable",
            found=settings.node.sensor_reliability,
        )
    return settings


def _values(node: Node, defaults: BaseModel) -> dict[str, Any]:
    """The parameters of a record's fields, nested as the record is."""
    values: dict[str, Any] = {}
    for name, field, _ in _fields(defaults):
        *sections, leaf = name.split(".")
        place = values
        for section in sections:
            place = place.setdefault(section, {})
        place[leaf] = _plain(node.get_parameter(name).value, field)
    return values


def parameter_table() -> Iterator[tuple[str, Any, str]]:
    """(name, default, description) of every parameter; an unset one's default is None."""
    for name, field in NodeConfig.model_fields.items():
        yield _NAMES.get(name, name), field.default, field.description or ""
    for name, field, value in (*_fields(Config()), *_fields(PlannerSettings())):
        yield name, value, field.description or ""


def _fields(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, FieldInfo, Any]]:
    """Dotted name, field and value of everything in the configuration."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _fields(value, f"{prefix}{name}.")
        else:
            yield prefix + name, field, value


def _declare(node: Node, name: str, field: FieldInfo, value: Any) -> None:
    descriptor = ParameterDescriptor(description=field.description or "")
    if _is_optional(field):
        descriptor.dynamic_typing = True
        descriptor.additional_constraints = "may stay unset; an empty text or list unsets it"
    else:
        _limit(descriptor, field)
    node.declare_parameter(name, list(value) if isinstance(value, tuple) else value, descriptor)


def _limit(descriptor: ParameterDescriptor, field: FieldInfo) -> None:
    """The range as the field says; ROS knows closed ranges only, the rest is checked on reading."""
    low = high = None
    for bound in field.metadata:
        low = getattr(bound, "ge", getattr(bound, "gt", low))
        high = getattr(bound, "le", getattr(bound, "lt", high))
    if low is None and high is None:
        return
    if field.annotation is int:
        low, high = int(low or 0), int(_MOST_INT if high is None else high)
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=0)]
    elif field.annotation is float:
        most = sys.float_info.max
        low, high = float(-most if low is None else low), float(most if high is None else high)
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=low, to_value=high, step=0.0)
        ]


def _is_optional(field: FieldInfo) -> bool:
    return NoneType in get_args(field.annotation)


def _plain(value: Any, field: FieldInfo) -> Any:
    """A parameter's value as the configuration wants it."""
    if hasattr(value, "tolist"):  # array.array
        value = value.tolist()
    if _is_optional(field) and value in ("", []):
        return None
    return value


def parameter_file() -> str:
    """Every parameter with its default and description, as a ROS parameter file.

    Those without a default are left as comments, since such a file cannot say "none".
    """
    lines = ["/**:", "  ros__parameters:"]
    for name, default, description in parameter_table():
        lines.append(f"    # {description}")
        text = json.dumps(default)
        lines.append(f"    # {name}:" if default is None else f"    {name}: {text}")
    return "\n".join(lines)
