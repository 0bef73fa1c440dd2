"""Reading of .mcap files that were cut short: up to there, as if they had been closed there.

What a recorder that is killed leaves out is the summary at the file's end. The file is walked from
record to record, without decoding them, as far as it goes; a summary is made up for that part and
presented behind it. Format: https://mcap.dev/spec.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

MAGIC = b"\x89MCAP0\r\n"
_RECORD = struct.Struct("<BQ")  # opcode, length
_TIMES = struct.Struct("<QQQI")  # of a chunk: first, last, size when decompressed, checksum
_FOOTER, _CHUNK, _CHUNK_INDEX, _STATISTICS, _DATA_END = 0x02, 0x06, 0x08, 0x0B, 0x0F
_CHANNELS = 256  # ids that are looked for; recorders count from 0 or 1


@dataclass(frozen=True)
class MendedMcap:
    """An .mcap file without its end, in the place of a path.

    Attributes:
        path: the file.
        size: bytes of it that hold whole records.
        tail: what is presented behind them.
    """

    path: Path
    size: int
    tail: bytes

    suffix = ".mcap"

    @classmethod
    def of(cls, path: Path) -> MendedMcap:
        """Walk a file that begins as an .mcap file does."""
        with path.open("rb") as stream:
            chunks, size = _walk(stream, path.stat().st_size)
        summary = b"".join(chunks) + _record(_STATISTICS, bytes(46)) if chunks else b""
        data_end = _record(_DATA_END, bytes(4))
        start = size + len(data_end) if chunks else 0
        footer = _record(_FOOTER, struct.pack("<QQI", start, 0, 0))
        return cls(path, size, data_end + summary + footer + MAGIC)

    def exists(self) -> bool:
        """Whether there is such a file."""
        return self.path.exists()

    def is_dir(self) -> bool:
        """It is a file."""
        return False

    def open(self, mode: str = "rb") -> BinaryIO:
        """The file's whole records, and the tail."""
        return io.BufferedReader(_Joined(self.path, self.size, self.tail), 1 << 20)


class _Joined(io.RawIOBase):
    """The first `size` bytes of a file, and a tail."""

    def __init__(self, path: Path, size: int, tail: bytes) -> None:
        self._file, self._size, self._tail, self._at = path.open("rb"), size, tail, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        end = self._size + len(self._tail)
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: end}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        if self._at < self._size:
            self._file.seek(self._at)
            data = self._file.read(min(len(view), self._size - self._at))
        else:
            start = self._at - self._size
            data = self._tail[start : start + len(view)]
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _walk(stream: BinaryIO, file_size: int) -> tuple[list[bytes], int]:
    """Chunk index records of the whole chunks, and where the whole records end."""
    chunks, at = [], len(MAGIC)
    while at + _RECORD.size <= file_size:
        stream.seek(at)
        opcode, length = _RECORD.unpack(stream.read(_RECORD.size))
        after = at + _RECORD.size + length
        if opcode in (0, _FOOTER, _DATA_END) or after > file_size:
            break
        if opcode == _CHUNK:
            chunks.append(_chunk_index(stream, at, after))
        at = after
    return chunks, at


def _chunk_index(stream: BinaryIO, start: int, end: int) -> bytes:
    """The index record of the chunk whose content comes next.

    It says that any channel may be in the chunk: readers look there for the messages themselves.
    """
    first, last, size, _ = _TIMES.unpack(stream.read(_TIMES.size))
    (name_length,) = struct.unpack("<I", stream.read(4))
    compression = stream.read(min(name_length, 64))
    (compressed_size,) = struct.unpack("<Q", stream.read(8))
    room = 32  # of a channel's list of one message
    offsets = b"".join(struct.pack("<HQ", c, end + room * c) for c in range(_CHANNELS))
    return _record(
        _CHUNK_INDEX,
        struct.pack("<QQQQI", first, last, start, end - start, len(offsets))
        + offsets
        + struct.pack("<QI", room * _CHANNELS, len(compression))
        + compression
        + struct.pack("<QQ", compressed_size, size),
    )


def _record(opcode: int, content: bytes) -> bytes:
    return _RECORD.pack(opcode, len(content)) + content
