"""Making the messages of an RGB-D camera with the classes of rosbags."""

from __future__ import annotations

from typing import Any

import numpy as np

from grounding3d.capture.ros2_storage import message_types
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.frames import xyzw_from_wxyz
from grounding3d.geometry.transforms import wxyz_from_matrix


class MessageFactory:
    """Messages of one ROS 2 distribution.

    Attributes:
        types: rosbags' store of message types.
    """

    def __init__(self, distro: str) -> None:
        self.types = message_types(distro)

    def transform(self, parent: str, child: str, T: np.ndarray, stamp_s: float) -> Any:
        """A TFMessage with one T_parent_child [4,4]."""
        x, y, z, w = map(float, xyzw_from_wxyz(wxyz_from_matrix(T[:3, :3])))
        at = dict(zip("xyz", map(float, T[:3, 3])))
        transform = self._make(
            "geometry_msgs/msg/Transform",
            translation=self._make("geometry_msgs/msg/Vector3", **at),
            rotation=self._make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w),
        )
        stamped = self._make(
            "geometry_msgs/msg/TransformStamped",
            header=self._header(stamp_s, parent),
            child_frame_id=child,
            transform=transform,
        )
        return self._make("tf2_msgs/msg/TFMessage", transforms=[stamped])

    def image(self, frame_id: str, pixels: np.ndarray, encoding: str, stamp_s: float) -> Any:
        """An Image, little-endian."""
        data = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
        return self._make(
            "sensor_msgs/msg/Image",
            header=self._header(stamp_s, frame_id),
            height=pixels.shape[0],
            width=pixels.shape[1],
            encoding=encoding,
            is_bigendian=0,
            step=data.strides[0],
            data=data.reshape(-1).view(np.uint8),
        )

    def compressed_image(self, frame_id: str, data: bytes, text: str, stamp_s: float) -> Any:
        """A CompressedImage whose `format` is `text`."""
        return self._make(
            "sensor_msgs/msg/CompressedImage",
            header=self._header(stamp_s, frame_id),
            format=text,
            data=np.frombuffer(data, np.uint8),
        )

    def camera_info(self, frame_id: str, camera: Camera, stamp_s: float) -> Any:
        """A CameraInfo of an undistorted camera."""
        roi = dict.fromkeys(("x_offset", "y_offset", "height", "width"), 0)
        return self._make(
            "sensor_msgs/msg/CameraInfo",
            header=self._header(stamp_s, frame_id),
            height=camera.height,
            width=camera.width,
            distortion_model="plumb_bob",
            d=np.zeros(5),
            k=camera.K.ravel(),
            r=np.eye(3).ravel(),
            p=np.hstack([camera.K, np.zeros((3, 1))]).ravel(),
            binning_x=0,
            binning_y=0,
            roi=self._make("sensor_msgs/msg/RegionOfInterest", **roi, do_rectify=False),
        )

    def _header(self, stamp_s: float, frame_id: str) -> Any:
        sec, nanosec = divmod(nanoseconds(stamp_s), 10**9)
        stamp = self._make("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec)
        return self._make("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)

    def _make(self, msgtype: str, **fields: Any) -> Any:
        return self.types.types[msgtype](**fields)


def nanoseconds(stamp_s: float) -> int:
    """A stamp as ROS counts it."""
    return round(stamp_s * 1e9)


def latched() -> list[Any]:
    """QoS of /tf_static, so that a replay serves it to late listeners."""
    from rosbags.interfaces import (
        Qos,
        QosDurability,
        QosHistory,
        QosLiveliness,
        QosReliability,
        QosTime,
    )

    forever = QosTime(9223372036, 854775807)
    return [
        Qos(
            QosHistory.KEEP_LAST,
            1,
            QosReliability.RELIABLE,
            QosDurability.TRANSIENT_LOCAL,
            forever,
            forever,
            QosLiveliness.AUTOMATIC,
            forever,
            False,
        )
    ]
