"""A bag of answers: what the node would have published, written with rosbags."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

from grounding3d.capture.ros2_messages import latched
from grounding3d.errors import CaptureError
from grounding3d.live.messages.types import BagTypes

_MCAP_MAGIC = b"\x89MCAP0\r\n"


class AnswerBag:
    """An mcap bag that appears under its name when it is complete.

    Args:
        path: a file that ends in .mcap, or a folder to make, which gets a metadata.yaml too.
        types: the message classes that are written.
        latched_topics: whose last message a player gives to late listeners.

    Raises:
        CaptureError: something else stands there, or the disk refuses.
    """

    def __init__(self, path: Path, types: BagTypes, latched_topics: frozenset[str]) -> None:
        from rosbags.rosbag2 import StoragePlugin, Writer

        check_output(path)
        self.path, self._types, self._latched = path, types, latched_topics
        self._aside = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
        name = path.stem if path.suffix == ".mcap" else path.name
        self._folder = self._aside / name
        self._writer = Writer(self._folder, version=8, storage_plugin=StoragePlugin.MCAP)
        self._connections: dict[str, Any] = {}
        self.counts: dict[str, int] = {}

    def __enter__(self) -> AnswerBag:
        try:
            self._aside.mkdir(parents=True)
        except OSError as failed:
            raise CaptureError(f"{self.path} cannot be written", found=str(failed)) from failed
        self._writer.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._writer.__exit__(kind, error, trace)
            if kind is None:
                self._swap_in()
        except OSError as failed:
            raise CaptureError(f"{self.path} cannot be written", found=str(failed)) from failed
        finally:
            shutil.rmtree(self._aside, ignore_errors=True)

    def write(self, topic: str, message: Any, log_ns: int) -> None:
        """Write a message of one of the types' classes."""
        self.write_raw(topic, message.__msgtype__, self._types.serialize(message), log_ns)

    def write_raw(self, topic: str, msgtype: str, data: bytes, log_ns: int) -> None:
        """Write a message that is CDR bytes already."""
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(
                topic,
                msgtype,
                typestore=self._types.store,
                offered_qos_profiles=latched() if topic in self._latched else (),
            )
            self.counts[topic] = 0
        self._writer.write(self._connections[topic], log_ns, data)
        self.counts[topic] += 1

    def _swap_in(self) -> None:
        if self.path.suffix == ".mcap":
            (file,) = self._folder.glob("*.mcap")
            os.replace(file, self.path)
            return
        if self.path.exists():
            self.path.rmdir()  # an empty one, as checked
        self._folder.rename(self.path)


def check_output(path: Path) -> None:
    """Refuse a path that would destroy something else."""
    if path.is_dir():
        if path.suffix == ".mcap" or any(path.iterdir()):
            raise CaptureError(f"{path} exists already", hint="Choose another name.")
    elif path.exists():
        with path.open("rb") as stream:
            is_bag = stream.read(len(_MCAP_MAGIC)) == _MCAP_MAGIC
        if path.suffix != ".mcap" or not is_bag:
            raise CaptureError(f"{path} exists and is no mcap bag", hint="Choose another name.")
