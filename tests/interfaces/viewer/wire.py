"""A page without a browser: speaks viser's socket protocol, remembers what it is told."""

from __future__ import annotations

import struct
import time
from threading import Event, Thread
from typing import Any

import msgspec
import numpy as np
import viser
import zstandard
from browser import wait_for
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


class WirePage:
    """One open page; use as a context.

    Attributes:
        messages: everything that came, in order, binary parts as uint8 arrays.
        bytes_received: size of all that.
    """

    def __init__(self, port: int, origin: str | None = None, host: str | None = None) -> None:
        headers = {"Host": host} if host else None
        self._socket = connect(
            f"ws://127.0.0.1:{port}",
            subprotocols=[f"viser-v{viser.__version__}"],  # type: ignore[list-item]
            origin=origin,  # type: ignore[arg-type]
            additional_headers=headers,
            max_size=None,
            compression=None,
        )
        self.messages: list[dict[str, Any]] = []
        self.bytes_received = 0
        self._grown = Event()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        self.look_from((1.0, -1.0, 2.0), (0.0, 0.0, 0.7))

    def __enter__(self) -> WirePage:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._reader.join(10)

    def send(self, kind: str, **fields: Any) -> None:
        """One message of the page to the server."""
        self._socket.send(msgspec.msgpack.encode({"type": kind, **fields}))

    def look_from(self, position: tuple, target: tuple) -> None:
        """Say where the camera is; the first of these messages opens the page."""
        self.send(
            "ViewerCameraMessage", wxyz=(1.0, 0, 0, 0), position=position, fov=0.87, near=0.01,
            far=1000.0, image_height=800, image_width=1280, look_at=target,
            up_direction=(0.0, 0.0, 1.0),
        )  # fmt: skip

    def of(self, kind: str) -> list[dict[str, Any]]:
        """All messages of a type so far."""
        return [m for m in list(self.messages) if m["type"] == kind]

    def wait(self, kind: str, count: int = 1, seconds: float = 30) -> list[dict[str, Any]]:
        """Wait for so many messages of a type."""
        wait_for(lambda: len(self.of(kind)) >= count, seconds, f"{count} {kind}")
        return self.of(kind)

    def html(self) -> str:
        """All HTML that the page was ever told to show."""
        told = [m["props"]["content"] for m in self.of("GuiHtmlMessage")]
        told += [m["updates"].get("content", "") for m in self.of("GuiUpdateMessage")]
        return "\n".join(str(text) for text in told)

    def ask(self, first: str, second: str = "") -> float:
        """Type the questions, press Enter; the clock time of doing so."""
        boxes = [m["uuid"] for m in self.wait("GuiTextMessage", 2)]
        form = self.wait("GuiFormMessage")[0]["uuid"]
        for box, text in zip(boxes, (first, second)):
            self.send("GuiUpdateMessage", uuid=box, updates={"value": text})
        started = time.monotonic()
        self.send("GuiFormSubmitMessage", uuid=form)
        return started

    def wait_buffer(self, after: int, seconds: float = 30) -> tuple[np.ndarray, float]:
        """The next splats after so many updates of them: [n,8] uint32, and when they came."""
        updates = wait_for(lambda: self._splats()[after:], seconds, "splats")
        return updates[0]

    def n_buffers(self) -> int:
        """How often splats have come."""
        return len(self._splats())

    def _splats(self) -> list[tuple[np.ndarray, float]]:
        found = []
        for message in list(self.messages):
            if message["type"] == "SceneNodeUpdateMessage" and "buffer" in message["updates"]:
                data = message["updates"]["buffer"]
                found.append((data.view(np.uint32).reshape(-1, 8), message["_at"]))
        return found

    def _read(self) -> None:
        unpack = zstandard.ZstdDecompressor()
        try:
            for raw in self._socket:
                at = time.monotonic()
                assert isinstance(raw, bytes)
                self.bytes_received += len(raw)
                size, packed = struct.unpack("<QQ", raw[:16])
                head = msgspec.msgpack.decode(unpack.decompress(raw[16 : 16 + packed], size))
                parts, start = [], 16 + packed
                for length in head["binaryBufferLengths"]:
                    start = (start + 7) // 8 * 8
                    parts.append(np.frombuffer(raw, np.uint8, length, start))
                    start += length
                for message in head["messages"]:
                    self.messages.append({**_filled(message, parts), "_at": at})
        except ConnectionClosed:
            pass


def _filled(value: Any, parts: list[np.ndarray]) -> Any:
    """The message with its binary parts in place."""
    if isinstance(value, dict):
        if "__binary_index" in value:
            return parts[value["__binary_index"]]
        return {key: _filled(item, parts) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, parts) for item in value]
    return value
