"""The small parts of messages: stamps, headers, points, poses, covariances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.frames import xyzw_from_wxyz
from grounding3d.live.messages.types import MessageTypes

UNKNOWN_ANGLE_VARIANCE = math.pi**2 / 3
"""rad^2 of an angle of which nothing is known: uniform over a full turn."""


def stamp(types: MessageTypes, stamp_s: float | None) -> Any:
    """`builtin_interfaces/Time`; None becomes zero, which tf reads as "the latest"."""
    sec, nanosec = divmod(round((stamp_s or 0.0) * 1e9), 10**9)
    return types.make("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec)


def header(types: MessageTypes, frame_id: str, stamp_s: float | None) -> Any:
    """`std_msgs/Header`."""
    return types.make("std_msgs/msg/Header", stamp=stamp(types, stamp_s), frame_id=frame_id)


def point(types: MessageTypes, xyz: np.ndarray) -> Any:
    """`geometry_msgs/Point` of [3] metres."""
    x, y, z = map(float, xyz)
    return types.make("geometry_msgs/msg/Point", x=x, y=y, z=z)


def vector(types: MessageTypes, xyz: np.ndarray) -> Any:
    """`geometry_msgs/Vector3`."""
    x, y, z = map(float, xyz)
    return types.make("geometry_msgs/msg/Vector3", x=x, y=y, z=z)


def pose(types: MessageTypes, position: np.ndarray, wxyz: np.ndarray) -> Any:
    """`geometry_msgs/Pose` of a position [3] and a quaternion of this package's order."""
    x, y, z, w = map(float, xyzw_from_wxyz(wxyz))
    turn = types.make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w)
    return types.make("geometry_msgs/msg/Pose", position=point(types, position), orientation=turn)


def box_pose(types: MessageTypes, box: OBB) -> Any:
    """`geometry_msgs/Pose` of a box's centre and axes."""
    return pose(types, box.center, box.wxyz)


def colour(types: MessageTypes, rgba: tuple[float, float, float, float]) -> Any:
    """`std_msgs/ColorRGBA`, each in [0, 1]."""
    r, g, b, a = np.asarray(rgba, np.float32).tolist()  # as they arrive
    return types.make("std_msgs/msg/ColorRGBA", r=r, g=g, b=b, a=a)


def pose_covariance(covariance: np.ndarray) -> np.ndarray:
    """[36] row-major covariance of x, y, z and three angles, from that of the position [3,3].

    How well an object's axes are known is not estimated, so the angles get
    `UNKNOWN_ANGLE_VARIANCE` rather than a zero, which would read as "exactly".
    """
    full = np.zeros((6, 6))
    full[:3, :3] = covariance
    full[3:, 3:] = np.eye(3) * UNKNOWN_ANGLE_VARIANCE
    return full.ravel()
