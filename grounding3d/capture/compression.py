"""The codes that bags are compressed with, by what came with rosbags."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import Any

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def zstd() -> Any:
    """The zstd module that came with rosbags; which one depends on its and on Python's version."""
    for name in ("compression.zstd", "backports.zstd", "zstandard"):
        with suppress(ImportError):
            return import_module(name)
    raise ImportError("a compressed bag needs one of the zstd packages that rosbags installs")


def decompressed(data: bytes, name: str) -> bytes:
    """Bytes as they were, of `name` "zstd", "lz4" or "" for none.

    Raises:
        ValueError: another name; and whatever the code's module raises on damaged data.
    """
    if name == "zstd":
        return bytes(zstd().decompress(data))
    if name == "lz4":
        return bytes(import_module("lz4.frame").decompress(data))
    if name:
        raise ValueError(f"the compression {name!r} is not known")
    return data
