"""ROS 1 bags with the face of ROS 2 ones, so that what reads these reads those."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_log = logging.getLogger(__name__)

SUFFIX = ".bag"
MAGIC = b"#ROSBAG V2.0\n"
_RENAMED = {"tf/msg/tfMessage": "tf2_msgs/msg/TFMessage"}  # the same fields


class Ros1Reader:
    """A reader of rosbags' interface that gives the messages as CDR.

    Those of images, camera_info, transforms and poses have the same fields in ROS 1 and 2; only the
    header's counter is dropped. What does not convert comes as an empty message.

    Args:
        path: the .bag file.
        types: rosbags' store of ROS 2's message types.

    Attributes:
        connections: topics with their types and counts.
        ros_distro: "", as these bags do not say.
    """

    ros_distro = ""

    def __init__(self, path: Path, types: Any) -> None:
        from rosbags.rosbag1 import Reader

        self._reader, self._types = Reader(path), types
        self.connections: list[Any] = []

    def __enter__(self) -> Ros1Reader:
        self._reader.open()
        self.connections = [
            SimpleNamespace(
                id=each.id,
                topic=each.topic,
                msgtype=_RENAMED.get(each.msgtype, each.msgtype),
                msgcount=each.msgcount,
                ext=SimpleNamespace(serialization_format="cdr"),
            )
            for each in self._reader.connections
        ]
        return self

    def __exit__(self, *raised: object) -> None:
        self._reader.close()

    def messages(
        self, connections: Collection[Any], start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[Any, int, bytes]]:
        """Connection, time of reception in nanoseconds and CDR bytes, in order of that time."""
        wanted = {each.id: each for each in connections}
        own = [each for each in self._reader.connections if each.id in wanted]
        for connection, log_ns, data in self._reader.messages(own, start, stop):
            each = wanted[connection.id]
            yield each, log_ns, self._cdr(data, each)

    def _cdr(self, data: bytes, connection: Any) -> bytes:
        try:
            return bytes(self._types.ros1_to_cdr(data, connection.msgtype))
        except Exception as error:  # a foreign parser on foreign bytes fails in many ways
            _log.debug("a message on %s does not convert: %s", connection.topic, error)
            return b""
