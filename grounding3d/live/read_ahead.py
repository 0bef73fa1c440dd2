"""Decoding of the next frames while the present one is being worked on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from grounding3d.capture.base import RGBDFrame


def read_ahead(frames: Iterable[RGBDFrame], ahead: int = 2) -> Iterator[RGBDFrame]:
    """The same frames in the same order, read by a second thread up to `ahead` of the caller.

    An error of the reader comes up at the frame it belongs to; leaving early stops the reader.
    """
    source = iter(frames)
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as reader:
        coming: deque[Future[RGBDFrame | None]] = deque()
        try:
            while True:
                while len(coming) <= ahead:
                    coming.append(reader.submit(next, source, None))
                frame = coming.popleft().result()
                if frame is None:
                    return
                yield frame
        finally:
            for future in coming:
                future.cancel()
