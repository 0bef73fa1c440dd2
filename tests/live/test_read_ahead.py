"""Reading ahead changes neither frames nor order nor errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from grounding3d.errors import CaptureError
from grounding3d.live.read_ahead import read_ahead
from tests.factories import make_capture


def test_frames_come_in_order() -> None:
    capture = make_capture(count=7)
    assert [f.frame_index for f in read_ahead(capture)] == [f.frame_index for f in capture]


def test_an_error_comes_after_the_frames_before_it() -> None:
    frames = list(make_capture(count=3))

    def broken() -> Iterator:
        yield from frames
        raise CaptureError("the bag ends here")

    reader = read_ahead(broken())
    assert [next(reader).frame_index for _ in frames] == [0, 1, 2]
    with pytest.raises(CaptureError, match="ends here"):
        next(reader)


def test_leaving_early_stops_the_reader() -> None:
    read = []

    def endless() -> Iterator:
        frame = next(iter(make_capture(count=1)))
        while True:
            read.append(1)
            yield frame

    for _ in read_ahead(endless()):
        break
    assert len(read) <= 4
    assert not [t for t in threading.enumerate() if t.name.startswith("read-ahead")]
