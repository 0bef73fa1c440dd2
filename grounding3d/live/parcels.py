"""Objects with large arrays from one process to another: the arrays through shared memory.

An object is pickled with its arrays out of band (PEP 574); these are copied once into a nameless
block of shared memory whose descriptor travels over the socket, and the receiver maps it read-only:
its arrays are views of the block, which goes when the last of them does. Nothing has a name, so
nothing is left behind however the processes end. Both ends must be processes of one program:
pickles of strangers are not safe to read.
"""

from __future__ import annotations

import mmap
import os
import pickle
import socket
import struct
import tempfile
import threading
from contextlib import suppress
from typing import Any

_HEAD = struct.Struct("<QQ")  # bytes of the pickle, bytes of the block
_ALIGN = 64


class ParcelSocket:
    """One end of a local stream socket that carries Python objects.

    Sending is safe from several threads; receiving is for one thread at a time.

    Args:
        end: a connected Unix stream socket, owned from now on.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._sending = threading.Lock()

    @classmethod
    def pair(cls) -> tuple[ParcelSocket, socket.socket]:
        """This process's end, and the one to hand to the other process."""
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        return cls(mine), theirs

    def send(self, item: Any) -> int:
        """Send an object; blocks only while the other end does not read.

        Returns:
            Bytes that went through shared memory.

        Raises:
            OSError: the other end has gone, or there is no memory left for the block.
        """
        buffers: list[pickle.PickleBuffer] = []
        pickled = pickle.dumps(item, protocol=5, buffer_callback=buffers.append)
        views = [buffer.raw() for buffer in buffers]
        sizes = struct.pack(f"<{len(views)}Q", *(view.nbytes for view in views))
        total = sum(_padded(view.nbytes) for view in views)
        head = _HEAD.pack(len(pickled), total) + struct.pack("<Q", len(views)) + sizes + pickled
        block = _block(views, total) if total else None
        try:
            with self._sending:
                self._socket.sendall(head)
                if block is not None:
                    socket.send_fds(self._socket, [b"B"], [block])
        finally:
            if block is not None:
                os.close(block)
        return total

    def recv(self) -> Any:
        """The next object; blocks until there is one.

        Raises:
            EOFError: the other end has gone.
        """
        n_pickled, total = _HEAD.unpack(self._read(_HEAD.size))
        (n_views,) = struct.unpack("<Q", self._read(8))
        sizes = struct.unpack(f"<{n_views}Q", self._read(8 * n_views))
        pickled = self._read(n_pickled)
        if not total:
            return pickle.loads(pickled, buffers=[b""] * n_views)
        memory = memoryview(self._mapped(total))
        buffers, start = [], 0
        for size in sizes:
            buffers.append(memory[start : start + size])
            start += _padded(size)
        return pickle.loads(pickled, buffers=buffers)

    def close(self) -> None:
        """Hang up; the other end reads EOF."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _read(self, n: int) -> bytes:
        data = bytearray()
        while len(data) < n:
            try:
                part = self._socket.recv(min(n - len(data), 1 << 20))
            except OSError as error:
                raise EOFError("the socket was closed") from error
            if not part:
                raise EOFError("the other process has gone")
            data += part
        return bytes(data)

    def _mapped(self, total: int) -> mmap.mmap:
        try:
            mark, blocks, _, _ = socket.recv_fds(self._socket, 1, 1)
        except OSError as error:
            raise EOFError("the socket was closed") from error
        if not mark or not blocks:
            raise EOFError("the other process has gone")
        try:
            return mmap.mmap(blocks[0], total, access=mmap.ACCESS_READ)
        finally:
            os.close(blocks[0])


def _padded(n: int) -> int:
    return -(-n // _ALIGN) * _ALIGN


def _block(views: list[memoryview], total: int) -> int:
    """Descriptor of a nameless block that holds the views, each at a multiple of 64 bytes."""
    block = _nameless()
    try:
        os.ftruncate(block, total)
        with mmap.mmap(block, total) as memory:
            start = 0
            for view in views:
                memory[start : start + view.nbytes] = view
                start += _padded(view.nbytes)
    except BaseException:
        os.close(block)
        raise
    return block


def _nameless() -> int:
    """An empty file without a name, in memory where the system has such files."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("grounding3d", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
