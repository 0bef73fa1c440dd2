"""Reading of .mcap files, those that were cut short or are damaged too."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from grounding3d.capture.mcap_mending import MendedMcap, ends_whole


class McapReader:
    """A reader of rosbags' interface that goes on behind what is damaged.

    Args:
        path: the .mcap file.
        notes: is told what could not be read.

    Attributes:
        connections: topics with their types and counts.
        ros_distro: as the file says, "" or None where it does not.
    """

    def __init__(self, path: Path, notes: list[str]) -> None:
        self._path, self._notes = path, notes
        self._is_mended = False
        self._stack = ExitStack()
        self._reader: Any = None

    @property
    def connections(self) -> list[Any]:
        return list(self._reader.connections)

    @property
    def ros_distro(self) -> str | None:
        return self._reader.ros_distro

    def __enter__(self) -> McapReader:
        if ends_whole(self._path):
            try:
                self._open(self._path)
            except Exception as error:  # a foreign parser on foreign bytes fails in many ways
                self._mend(error)
        else:
            self._mend(None)
        return self

    def __exit__(self, *raised: object) -> None:
        self._stack.close()

    def messages(
        self, connections: Collection[Any], start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[Any, int, bytes]]:
        """Connection, time of reception in nanoseconds and CDR bytes, in order of that time."""
        count = 0
        try:
            for message in self._reader.messages(connections, start=start, stop=stop):
                yield message
                count += 1
            return
        except GeneratorExit:
            raise
        except Exception as error:
            self._mend(error)
        # a damaged part gives none of its messages, so those until here come again as they were
        wanted = {each.id for each in connections}
        own = [each for each in self._reader.connections if each.id in wanted]
        yield from islice(self._reader.messages(own, start=start, stop=stop), count, None)

    def _open(self, source: Any) -> None:
        from rosbags.rosbag2 import Reader

        self._reader = self._stack.enter_context(Reader(source))

    def _mend(self, error: Exception | None) -> None:
        """Read what is whole of the file from now on; raises `error` if that would not help."""
        if self._is_mended:
            assert error is not None
            raise error
        mended = MendedMcap.of(self._path)
        left_out = mended.n_damaged and (
            f"{mended.n_damaged} of its {mended.n_chunks} parts are damaged and left out"
        )
        if error is not None:
            if not left_out or mended.n_damaged == mended.n_chunks:
                raise error
            self._notes.append(f"{self._path.name}: {left_out}")
        else:
            self._notes.append(
                f"{self._path.name} is truncated: its end is missing, as of a recording that was "
                f"killed or not copied whole; {mended.size} of its {self._path.stat().st_size} "
                "bytes are read" + (f", and {left_out}" if left_out else "")
            )
        self._open(mended)
        self._is_mended = True
