"""Frames that cannot be read: left out and counted, so that one does not stop a build."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from grounding3d.capture.base import RGBDFrame
from grounding3d.errors import ArrayError, CaptureError

_log = logging.getLogger(__name__)

Raw = TypeVar("Raw")

_NUMBER = re.compile(r"\d+(\.\d+)?(e[-+]?\d+)?")
_HOPELESS = 50  # frames in a row from the start; after those, the fault is the recording's
_LEAST = 0.1  # of the frames; with fewer, something else is wrong than some damage
_MOST_TOLD = 4  # reasons


def general_reason(reason: str) -> str:
    """A reason with # for its numbers, so that equal ones are counted together."""
    return _NUMBER.sub("#", reason)


class Losses:
    """The frames of one reading of a recording that were left out.

    Args:
        source: the recording.
    """

    def __init__(self, source: Path) -> None:
        self._source = source
        self._reasons: Counter[str] = Counter()
        self._first: CaptureError | ArrayError | None = None
        self._read = 0

    def read_all(
        self, frames: Iterable[tuple[int, Raw]], read: Callable[[int, Raw], RGBDFrame]
    ) -> Iterator[RGBDFrame]:
        """The frames that can be read, in order; warns of the first that cannot, and of how many.

        Args:
            frames: index of each frame and what `read` needs besides.
            read: makes the frame.

        Raises:
            CaptureError: none can be read, or hardly any; says why of the first that cannot.
        """
        for index, raw in frames:
            try:
                frame = read(index, raw)
            except (CaptureError, ArrayError) as error:
                self._note(index, error)
                if self._read == 0 and self._reasons.total() == _HOPELESS:
                    raise self._too_many() from error
                continue
            self._read += 1
            yield frame
        if self._first is None:
            return
        if self._read < _LEAST * (self._read + self._reasons.total()):
            raise self._too_many() from self._first
        _log.warning("%s: %s", self._source, self.warnings()[0])

    def warnings(self, frames: str = "frames") -> tuple[str, ...]:
        """How many `frames` were left out and why, for people; empty if none was."""
        lost = self._reasons.total()
        if not lost:
            return ()
        told = [f"{count} x {reason}" for reason, count in self._reasons.most_common(_MOST_TOLD)]
        if len(self._reasons) > _MOST_TOLD:
            told.append("other reasons")
        which = f"{lost} of {lost + self._read} {frames}"
        return (f"{which} cannot be read and are left out: {'; '.join(told)}",)

    def _note(self, index: int, error: CaptureError | ArrayError) -> None:
        if self._first is None:
            self._first = error
            _log.warning("frame %d is left out: %s Further ones are counted.", index, _ended(error))
        reason = error.summary
        for folder in (self._source, self._source.parent):
            reason = reason.replace(f"{folder}/", "")
        self._reasons[general_reason(reason)] += 1

    def _too_many(self) -> CaptureError:
        first = self._first
        assert first is not None
        left = f"only {self._read} frames" if self._read else "no frame"
        return CaptureError(
            f"{left} of {self._source} can be read; of the others, the first: {first.summary}",
            expected=first.expected,
            found=first.found,
            hint=first.hint,
        )


def _ended(error: Exception) -> str:
    text = str(error)
    return text if text.endswith(".") else text + "."
