"""Message classes by name: those of a ROS installation and those of rosbags, filled alike.

rclpy's classes are found by importing their package and start out empty; rosbags' are dataclasses
that want every field, with arrays for lists of numbers. Nothing outside this file knows that.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from grounding3d.errors import MissingDependencyError
from grounding3d.live.interface_texts import register_interfaces

_DEFAULTS = {"geometry_msgs/msg/Quaternion": {"w": 1.0}}  # what the definition says beside the type


class MessageTypes(Protocol):
    """Where message classes come from; names are such as "geometry_msgs/msg/PoseStamped"."""

    def find(self, name: str) -> Any:
        """The class of that name, None where it is not available."""
        ...

    def make(self, name: str, /, **fields: Any) -> Any:
        """A message; a field that is not given has its default.

        Raises:
            MissingDependencyError: there is no such class.
        """
        ...


class RosTypes:
    """The classes of a sourced ROS 2 installation or of its wheels."""

    def find(self, name: str) -> Any:
        return _import_class(name)

    def make(self, name: str, /, **fields: Any) -> Any:
        cls = self.find(name)
        if cls is None:
            raise _missing(name)
        kinds = _ros_fields(cls)
        return cls(**{field: _for_rclpy(kinds[field], value) for field, value in fields.items()})


class BagTypes:
    """The classes that rosbags makes from message definitions, ours and vision_msgs' included.

    Args:
        distro: ROS 2 distribution whose standard messages are used.
    """

    def __init__(self, distro: str = "humble") -> None:
        from rosbags.typesys import Stores, get_typestore

        self.store = get_typestore(Stores(f"ros2_{distro}"))
        register_interfaces(self.store)

    def find(self, name: str) -> Any:
        return self.store.types.get(name)

    def make(self, name: str, /, **fields: Any) -> Any:
        cls = self.find(name)
        if cls is None:
            raise _missing(name)
        kinds = dict(self.store.fielddefs[name][1])
        unknown = set(fields) - set(kinds)
        if unknown:
            raise AttributeError(f"{name} has no field {', '.join(sorted(unknown))}")
        defaults = _DEFAULTS.get(name, {})
        values = {}
        for field, kind in kinds.items():
            if field in fields:
                values[field] = _for_rosbags(kind, fields[field])
            else:
                values[field] = defaults.get(field, self._default(kind))
        return cls(**values)

    def _default(self, kind: Any) -> Any:
        """What rclpy's classes begin with: zero, "", an empty list, a message of defaults."""
        sort, what = kind
        if sort.name == "BASE":
            return {"string": "", "wstring": "", "bool": False}.get(what[0], _zero(what[0]))
        if sort.name == "NAME":
            return self.make(what)
        inner, count = what
        count = count if sort.name == "ARRAY" else 0
        if inner[0].name == "BASE" and inner[1][0] not in ("string", "wstring"):
            return np.zeros(count, _number_type(inner[1][0]))
        return [self._default(inner) for _ in range(count)]

    def serialize(self, message: Any) -> bytes:
        """CDR bytes, as they stand in a bag."""
        return bytes(self.store.serialize_cdr(message, message.__msgtype__))


@lru_cache
def _import_class(name: str) -> type | None:
    package, kind, leaf = name.split("/")
    try:
        return getattr(import_module(f"{package}.{kind}"), leaf, None)
    except ImportError:
        return None


@lru_cache
def _ros_fields(cls: type) -> dict[str, str]:
    return dict(cls.get_fields_and_field_types())  # type: ignore[attr-defined]


def _for_rclpy(kind: str, value: Any) -> Any:
    """Lists of numbers as `array.array`, which rclpy takes as it is instead of one by one."""
    if kind == "octet":
        return bytes([value])
    if kind.startswith("sequence<") and isinstance(value, np.ndarray):
        return array(value.dtype.char, value.tobytes())
    return value


def _for_rosbags(kind: Any, value: Any) -> Any:
    """Lists of numbers as numpy arrays of the field's type."""
    sort, what = kind
    if sort.name in ("ARRAY", "SEQUENCE") and what[0][0].name == "BASE":
        base = what[0][1][0]
        if base not in ("string", "wstring"):
            return np.ascontiguousarray(value, dtype=_number_type(base))
    return value


def _number_type(base: str) -> np.dtype[Any]:
    return np.dtype({"octet": "uint8", "byte": "uint8", "char": "uint8"}.get(base, base))


def _zero(base: str) -> int | float:
    return 0.0 if base.startswith("float") else 0


def _missing(name: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"the message type {name} is not available",
        hint=f"Install or build the ROS 2 package {name.split('/')[0]}.",
    )


def available(types: MessageTypes, names: Iterable[str]) -> dict[str, bool]:
    """Which of these types can be made, by name."""
    return {name: types.find(name) is not None for name in names}
