"""Reading of .mcap files that were cut short or are damaged: what is whole of them.

A recorder that is killed leaves out the summary at the file's end, and a damaged chunk ends the
reading of a file. So the file is walked from record to record, its chunks are looked into, and a
summary of those that are whole is made up and presented behind them.
Format: https://mcap.dev/spec.
"""

from __future__ import annotations

import io
import struct
from binascii import crc32
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from grounding3d.capture.compression import decompressed

MAGIC = b"\x89MCAP0\r\n"
_RECORD = struct.Struct("<BQ")  # opcode, length
_CHUNK_HEAD = struct.Struct("<QQQII")  # first and last time, size when decompressed, checksum,
# and the length of the compression's name
_FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK = 0x02, 0x03, 0x04, 0x05, 0x06
_CHUNK_INDEX, _STATISTICS, _DATA_END = 0x08, 0x0B, 0x0F
_NO_OPCODES = range(_DATA_END + 1, 0x80)
_FOOTER_SIZE = _RECORD.size + 20 + len(MAGIC)
_ROOM = 32  # bytes of a channel's list of one message, in the index of a chunk


@dataclass(frozen=True)
class MendedMcap:
    """What is whole of an .mcap file, in the place of a path.

    Attributes:
        path: the file.
        size: bytes of it that are presented.
        tail: what is presented behind them.
        n_chunks, n_damaged: parts of the file that were seen, and those that are left out.
    """

    path: Path
    size: int
    tail: bytes
    n_chunks: int
    n_damaged: int

    suffix = ".mcap"

    @classmethod
    def of(cls, path: Path) -> MendedMcap:
        """Walk a file that begins as an .mcap file does."""
        with path.open("rb") as stream:
            parts = _Parts()
            size = parts.walk(stream, path.stat().st_size)
        data_end = _record(_DATA_END, bytes(4))
        summary = parts.summary() if parts.chunks else b""
        start = size + len(data_end) if summary else 0
        footer = _record(_FOOTER, struct.pack("<QQI", start, 0, 0))
        n_chunks = len(parts.chunks) + parts.n_damaged
        return cls(path, size, data_end + summary + footer + MAGIC, n_chunks, parts.n_damaged)

    def exists(self) -> bool:
        """Whether there is such a file."""
        return self.path.exists()

    def is_dir(self) -> bool:
        """It is a file."""
        return False

    def open(self, mode: str = "rb") -> BinaryIO:
        """The file's whole records, and the tail."""
        return io.BufferedReader(_Joined(self.path, self.size, self.tail), 1 << 20)


def ends_whole(path: Path) -> bool:
    """Whether an .mcap file ends as it should."""
    with path.open("rb") as stream:
        stream.seek(max(len(MAGIC), path.stat().st_size - len(MAGIC)))
        return stream.read() == MAGIC


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


@dataclass
class _Parts:
    """What a walk through a file finds.

    Attributes:
        definitions: records of schemas and channels, by opcode and id.
        chunks: those that are whole.
        counts: messages of each channel in whole chunks.
        n_damaged: chunks that are not whole.
    """

    definitions: dict[tuple[int, int], bytes] = field(default_factory=dict)
    chunks: list[_Chunk] = field(default_factory=list)
    counts: Counter[int] = field(default_factory=Counter)
    n_damaged: int = 0

    def walk(self, stream: BinaryIO, file_size: int) -> int:
        """Take in all records that are whole; returns where they end."""
        starts = self._look_ahead(stream, file_size)
        at = len(MAGIC)
        while at + _RECORD.size <= file_size:
            stream.seek(at)
            opcode, length = _RECORD.unpack(stream.read(_RECORD.size))
            after = at + _RECORD.size + length
            if opcode in (_FOOTER, _DATA_END):
                break
            if opcode == 0 or opcode in _NO_OPCODES or after > file_size:
                following = next((start for start in starts if start > at), None)
                if following is None:
                    break
                self.n_damaged += 1
                at = following
                continue
            if opcode == _CHUNK:
                self._take_chunk(stream, at, after)
            elif opcode in (_SCHEMA, _CHANNEL):
                self._define(opcode, stream.read(length))
            at = after
        return at

    def summary(self) -> bytes:
        """Records that describe the whole chunks."""
        channels = sorted(self.counts)
        definitions = [
            _record(opcode, data) for (opcode, _), data in sorted(self.definitions.items())
        ]
        indices = [chunk.index(channels) for chunk in self.chunks]
        return b"".join(definitions) + b"".join(indices) + self._statistics()

    def _statistics(self) -> bytes:
        n_schemas, n_channels = (
            sum(opcode == kind for opcode, _ in self.definitions) for kind in (_SCHEMA, _CHANNEL)
        )
        first = min(chunk.first_ns for chunk in self.chunks)
        last = max(chunk.last_ns for chunk in self.chunks)
        numbers = self.counts.total(), n_schemas, n_channels, 0, 0, len(self.chunks), first, last
        counts = b"".join(struct.pack("<HQ", *item) for item in self.counts.items())
        return _record(
            _STATISTICS,
            struct.pack("<QHIIIIQQ", *numbers) + struct.pack("<I", len(counts)) + counts,
        )

    def _look_ahead(self, stream: BinaryIO, file_size: int) -> list[int]:
        """Definitions, and where chunks start, by the summary; of none if it is not there."""
        starts: list[int] = []
        stream.seek(max(file_size - _FOOTER_SIZE, 0))
        footer = stream.read()
        if footer[:1] != bytes([_FOOTER]) or footer[-len(MAGIC) :] != MAGIC:
            return starts
        (at,) = struct.unpack_from("<Q", footer, _RECORD.size)
        if not 0 < at < file_size - _FOOTER_SIZE:
            return starts
        stream.seek(at)
        try:
            for opcode, data in _records(stream.read(file_size - _FOOTER_SIZE - at)):
                if opcode == _CHUNK_INDEX:
                    starts += struct.unpack_from("<Q", data, 16)
                elif opcode in (_SCHEMA, _CHANNEL):
                    self._define(opcode, data)
        except (ValueError, struct.error):  # damaged too; what came until here holds
            pass
        return sorted(starts)

    def _define(self, opcode: int, data: bytes) -> None:
        if len(data) > 2:
            self.definitions.setdefault((opcode, struct.unpack_from("<H", data)[0]), data)

    def _take_chunk(self, stream: BinaryIO, start: int, end: int) -> None:
        try:
            chunk = _Chunk.read(stream, start, end)
            records = list(_records(chunk.content(stream)))
            ids = [struct.unpack_from("<H", d)[0] for opcode, d in records if opcode == _MESSAGE]
        except Exception:  # foreign codes on damaged bytes fail in many ways
            self.n_damaged += 1
            return
        self.chunks.append(chunk)
        self.counts.update(ids)
        for opcode, data in records:
            if opcode in (_SCHEMA, _CHANNEL):
                self._define(opcode, data)


@dataclass(frozen=True)
class _Chunk:
    """A chunk as its head describes it; `start` and `end` are those of the whole record."""

    start: int
    end: int
    first_ns: int
    last_ns: int
    size: int
    checksum: int
    compression: bytes
    compressed_size: int

    @classmethod
    def read(cls, stream: BinaryIO, start: int, end: int) -> _Chunk:
        """The chunk whose head comes next in the stream."""
        first, last, size, checksum, length = _CHUNK_HEAD.unpack(stream.read(_CHUNK_HEAD.size))
        compression = stream.read(min(length, 64))
        (compressed_size,) = struct.unpack("<Q", stream.read(8))
        if stream.tell() + compressed_size > end:
            raise ValueError("a chunk's content is longer than its record")
        return cls(start, end, first, last, size, checksum, compression, compressed_size)

    def content(self, stream: BinaryIO) -> bytes:
        """Its records, read from behind its head."""
        content = decompressed(stream.read(self.compressed_size), self.compression.decode())
        if len(content) != self.size or (self.checksum and crc32(content) != self.checksum):
            raise ValueError("a chunk's content is not what its head says")
        return content

    def index(self, channels: list[int]) -> bytes:
        """Its index record.

        It says that any of these channels may be in the chunk: readers look there for themselves.
        """
        offsets = b"".join(
            struct.pack("<HQ", channel, self.end + _ROOM * i) for i, channel in enumerate(channels)
        )
        return _record(
            _CHUNK_INDEX,
            struct.pack("<QQQQ", self.first_ns, self.last_ns, self.start, self.end - self.start)
            + struct.pack("<I", len(offsets))
            + offsets
            + struct.pack("<QI", _ROOM * len(channels), len(self.compression))
            + self.compression
            + struct.pack("<QQ", self.compressed_size, self.size),
        )


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Opcode and content of records that follow each other.

    Raises:
        ValueError: one is longer than the data.
    """
    at = 0
    while at < len(data):
        opcode, length = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        if at + length > len(data):
            raise ValueError("a record is longer than what it is in")
        yield opcode, data[at : at + length]
        at += length


def _record(opcode: int, content: bytes) -> bytes:
    return _RECORD.pack(opcode, len(content)) + content
