"""The texts of ROS 2 interfaces that no rosbags typestore knows: our own, and vision_msgs'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from grounding3d.errors import ConfigError

PACKAGES = ("grounding3d_msgs", "vision_msgs")

_KINDS = ("msg", "srv", "action")
_PACKAGE_FOLDER = Path(__file__).resolve().parent.parent
# a wheel carries all texts in its own folder; a checkout has ours where colcon builds them
_ROOTS = (_PACKAGE_FOLDER / "ros_interfaces", _PACKAGE_FOLDER.parent / "ros2_ws" / "src")


def interface_text(name: str) -> str:
    """The definition of one interface.

    Args:
        name: such as "grounding3d_msgs/msg/Answer" or "grounding3d_msgs/srv/Locate".

    Raises:
        ConfigError: there is no such interface; the hint lists those there are.
    """
    if name not in interface_names():
        raise ConfigError(
            f"no ROS 2 interface {name!r} is known", hint="Known: " + ", ".join(interface_names())
        )
    return _file_of(name).read_text(encoding="utf-8")


def interface_names(kind: str | None = None) -> list[str]:
    """Full names of the interfaces in order, of one kind ("msg", "srv", "action") or of all."""
    kinds = _KINDS if kind is None else (kind,)
    return sorted(
        f"{package}/{each}/{path.stem}"
        for package in PACKAGES
        for each in kinds
        for path in (_package_root(package) / each).glob(f"*.{each}")
    )


def register_interfaces(typestore: Any) -> None:
    """Teach a rosbags typestore our messages and vision_msgs', those it does not know already.

    Args:
        typestore: rosbags.typesys.store.Typestore with the standard messages of a distribution.
    """
    from rosbags.typesys import get_types_from_msg

    types: dict[str, Any] = {}
    for name in interface_names("msg"):
        if name not in typestore.fielddefs:
            types.update(get_types_from_msg(interface_text(name), name))
    typestore.register(types)


def _file_of(name: str) -> Path:
    package, kind, stem = name.split("/")
    return _package_root(package) / kind / f"{stem}.{kind}"


def _package_root(package: str) -> Path:
    for root in _ROOTS:
        if (root / package).is_dir():
            return root / package
    raise ConfigError(
        f"the definitions of {package} are missing",
        expected=" or ".join(str(root / package) for root in _ROOTS),
        hint="Install grounding3d again.",
    )
