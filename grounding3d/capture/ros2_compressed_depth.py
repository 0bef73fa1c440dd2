"""The payload of ROS's `compressedDepth` transport, and the RVL code it may use."""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image

from grounding3d.errors import CaptureError

_HEADER = struct.Struct("<iff")  # format, and the A and B of 32-bit depth
_RVL_SIZE = struct.Struct("<ii")  # columns, rows
_LARGEST_IMAGE = 1 << 28  # pixels; more than that is a damaged header


def decode_compressed_depth(data: bytes, format_text: str) -> np.ndarray:
    """Depth [H,W] as it was before compression: uint16 units, or float32 metres with 0 = unknown.

    Float depth travels as v = A / depth + B in 16 bits, with v = 0 for unknown.

    Args:
        data: a 12-byte header and a png, or an RVL stream after its size.
        format_text: the message's `format`, such as "16UC1; compressedDepth rvl".

    Raises:
        CaptureError: cut short, or an encoding other than 16UC1 and 32FC1.
    """
    if len(data) <= _HEADER.size:
        raise CaptureError("compressedDepth data is cut short", found=f"{len(data)} bytes")
    _, a, b = _HEADER.unpack_from(data)
    payload = data[_HEADER.size :]
    if format_text.rstrip().lower().endswith("rvl"):
        values = _decode_rvl_image(payload)
    else:
        with Image.open(io.BytesIO(payload)) as picture:
            if not picture.mode.startswith("I"):
                raise CaptureError("a depth png needs 16 bits", found=f"{picture.mode} pixels")
            values = np.asarray(picture).astype(np.uint16)
    encoding = format_text.split(";")[0].strip()
    if encoding in ("16UC1", "mono16"):
        return values
    if encoding != "32FC1":
        raise CaptureError(
            "depth of an unknown encoding", expected="16UC1 or 32FC1", found=encoding
        )
    known = values > 0
    offset = np.where(known, values.astype(np.float32) - np.float32(b), np.float32(1))
    return np.where(known, np.float32(a) / offset, np.float32(0)).astype(np.float32)


def encode_compressed_depth(depth_mm: np.ndarray, *, codec: str = "png") -> tuple[bytes, str]:
    """Payload and format text of 16-bit depth [H,W]."""
    if codec == "rvl":
        height, width = depth_mm.shape
        payload = _RVL_SIZE.pack(width, height) + encode_rvl(depth_mm)
    else:
        buffer = io.BytesIO()
        Image.fromarray(depth_mm.astype(np.uint16)).save(buffer, "png", compress_level=3)
        payload = buffer.getvalue()
    return _HEADER.pack(0, 0.0, 0.0) + payload, f"16UC1; compressedDepth {codec}"


def encode_rvl(depth: np.ndarray) -> bytes:
    """RVL code of 16-bit depth (Wilson, Fast Lossless Depth Image Compression, 2017).

    Runs of zeros and of other values alternate. Their lengths, and the differences between
    successive values other than zero, folded to natural numbers, are written three bits a nibble,
    lowest first; the nibble's high bit says that more follow. Nibbles fill little-endian 32-bit
    words from the top.
    """
    flat = depth.astype(np.int64).ravel()
    filled = flat != 0
    deltas = np.diff(flat[filled], prepend=0)
    folded = (deltas << 1) ^ (deltas >> 63)
    edges = np.flatnonzero(np.diff(filled, prepend=False, append=False))
    starts, ends = edges[0::2], edges[1::2]
    zeros = starts - np.concatenate([[0], ends[:-1]]) if len(starts) else np.zeros(0, np.int64)
    lengths = np.stack([zeros, ends - starts], axis=-1)
    before = np.cumsum(ends - starts) - (ends - starts)  # where each run's differences begin
    values = np.insert(folded, np.repeat(before, 2), lengths.ravel())
    rest = len(flat) - (ends[-1] if len(ends) else 0)
    return _pack_nibbles(np.append(values, [rest, 0]) if rest else values)


def decode_rvl(code: bytes, count: int) -> np.ndarray:
    """The `count` values [count] uint16 of an RVL code."""
    values = _unpack_nibbles(code)
    depth = np.zeros(count, np.int64)
    position, cursor, previous = 0, 0, 0
    while position < count:
        if cursor + 2 > len(values):
            raise CaptureError("RVL data is cut short", found=f"{position} of {count} pixels")
        zeros, filled = int(values[cursor]), int(values[cursor + 1])
        start, cursor = position + zeros, cursor + 2
        position = start + filled
        if position > count or cursor + filled > len(values) or zeros + filled == 0:
            raise CaptureError(
                "RVL data is damaged", found=f"a run up to pixel {position} of {count}"
            )
        folded = values[cursor : cursor + filled]
        cursor += filled
        if filled:
            depth[start:position] = previous + np.cumsum((folded >> 1) ^ -(folded & 1))
            previous = int(depth[position - 1])
    return depth.astype(np.uint16)


def _decode_rvl_image(payload: bytes) -> np.ndarray:
    if len(payload) < _RVL_SIZE.size:
        raise CaptureError("RVL data is cut short", found=f"{len(payload)} bytes")
    width, height = _RVL_SIZE.unpack_from(payload)
    if width < 1 or height < 1 or width * height > _LARGEST_IMAGE:
        raise CaptureError("RVL data has an impossible size", found=f"{width}x{height}")
    return decode_rvl(payload[_RVL_SIZE.size :], width * height).reshape(height, width)


def _pack_nibbles(values: np.ndarray) -> bytes:
    """Natural numbers as nibbles of three bits and a continuation bit."""
    shifts = np.arange(0, 33, 3)
    digits = values[:, None] >> shifts  # what is left at each nibble
    used = (digits > 0) | (shifts == 0)
    more = np.concatenate([used[:, 1:], np.zeros((len(values), 1), bool)], axis=1)
    nibbles = ((digits & 7) | (more << 3))[used].astype(np.uint32)
    nibbles = np.append(nibbles, np.zeros(-len(nibbles) % 8, np.uint32)).reshape(-1, 8)
    words = np.bitwise_or.reduce(nibbles << np.arange(28, -1, -4, dtype=np.uint32), axis=1)
    return words.astype("<u4").tobytes()


def _unpack_nibbles(code: bytes) -> np.ndarray:
    """Inverse of `_pack_nibbles`; padding at the end yields zeros."""
    words = np.frombuffer(code[: len(code) // 4 * 4], "<u4")
    nibbles = ((words[:, None] >> np.arange(28, -1, -4, dtype=np.uint32)) & 15).ravel()
    is_last = (nibbles & 8) == 0
    starts = (
        np.flatnonzero(np.concatenate([[True], is_last[:-1]])) if len(nibbles) else np.zeros(0, int)
    )
    place = np.arange(len(nibbles)) - np.repeat(starts, np.diff(np.append(starts, len(nibbles))))
    if len(place) and place.max() > 10:
        raise CaptureError("RVL data is damaged", found="a number of more than 33 bits")
    digits = (nibbles & 7).astype(np.int64) << (3 * place)
    return np.add.reduceat(digits, starts) if len(starts) else digits
