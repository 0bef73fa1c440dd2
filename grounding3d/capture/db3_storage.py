"""Reading of .db3 files, those that were not closed or are damaged too.

A recorder that is killed may leave the latest messages in a log beside the file (-wal); they are
read with it. Of a file that is cut off or damaged the rows are read that can be.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

MAGIC = b"SQLite format 3\0"
_HOPELESS = 20_000  # rows in a row that cannot be read, as after the end of a file that was cut off
_FIRST, _LAST = 0, 2**63 - 1


class Db3Reader:
    """A reader of rosbags' interface.

    Args:
        path: the .db3 file.
        notes: is told what could not be read.

    Attributes:
        connections: topics with their types and counts.
        ros_distro: "", as it is not looked for.
    """

    ros_distro = ""

    def __init__(self, path: Path, notes: list[str]) -> None:
        self._path, self._notes = path, notes
        self._rows: list[tuple[int, int, int]] | None = None  # of a damaged file: time, id, topic
        self.connections: list[Any] = []

    def __enter__(self) -> Db3Reader:
        # a log is only heeded by a connection that may lock; the others leave no trace on the disk
        way = "mode=ro" if _log_size(self._path) else "immutable=1"
        self._base = sqlite3.connect(f"{self._path.absolute().as_uri()}?{way}", uri=True)
        try:
            counts = dict(self._all("SELECT topic_id, count(*) FROM messages GROUP BY topic_id"))
        except sqlite3.DatabaseError:
            counts = dict(self._salvage())
        self.connections = [
            SimpleNamespace(
                id=number,
                topic=name,
                msgtype=msgtype,
                msgcount=counts.get(number, 0),
                ext=SimpleNamespace(serialization_format=serialization),
            )
            for number, name, msgtype, serialization in self._all(
                "SELECT id, name, type, serialization_format FROM topics ORDER BY id"
            )
        ]
        return self

    def __exit__(self, *raised: object) -> None:
        self._base.close()

    def messages(
        self, connections: Collection[Any], start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[Any, int, bytes]]:
        """Connection, time of reception in nanoseconds and CDR bytes, in order of that time."""
        wanted = {each.id: each for each in connections}
        first, last = _FIRST if start is None else start, _LAST if stop is None else stop
        count = 0
        if self._rows is None:
            try:
                for topic, log_ns, data in self._stream(list(wanted), first, last):
                    yield wanted[topic], log_ns, data
                    count += 1
                return
            except sqlite3.DatabaseError:
                self._salvage()
        assert self._rows is not None
        kept = (row for row in self._rows if row[2] in wanted and first <= row[0] < last)
        for log_ns, number, topic in islice(kept, count, None):
            ((data,),) = self._all("SELECT data FROM messages WHERE id = ?", number)
            yield wanted[topic], log_ns, data

    def _stream(self, topics: list[int], first: int, last: int) -> Iterator[tuple[int, int, bytes]]:
        places = ",".join("?" for _ in topics)
        return self._base.execute(
            f"SELECT topic_id, timestamp, data FROM messages WHERE topic_id IN ({places}) "
            "AND timestamp >= ? AND timestamp < ? ORDER BY timestamp, id",
            [*topics, first, last],
        )

    def _all(self, query: str, *values: int) -> list[Any]:
        return self._base.execute(query, values).fetchall()

    def _salvage(self) -> Counter[int]:
        """Find the rows that can be read; returns how many of each topic there are.

        Raises:
            sqlite3.DatabaseError: there is none.
        """
        self._base.execute("PRAGMA writable_schema = ON")  # takes a file that is too short
        rows, lost, number, row_error = [], 0, 1, None
        while lost < _HOPELESS:
            try:
                for row in self._base.execute(
                    "SELECT timestamp, id, topic_id, data FROM messages WHERE id >= ? ORDER BY id",
                    [number],
                ):
                    if row[1] < number or not isinstance(row[3], bytes):
                        raise sqlite3.DatabaseError("a row holds something else")
                    rows.append(row[:3])
                    number, lost = row[1] + 1, 0
                break
            except sqlite3.DatabaseError as error:
                row_error, number, lost = error, number + 1, lost + 1
        if not rows:
            raise row_error or sqlite3.DatabaseError("there are no messages")
        self._rows = sorted(rows)
        self._notes.append(
            f"{self._path.name} is damaged or cut off: {len(rows)} messages of it can be read, up "
            f"to number {max(row[1] for row in rows)}"
        )
        return Counter(row[2] for row in rows)


def _log_size(path: Path) -> int:
    with suppress(OSError):
        return path.with_name(path.name + "-wal").stat().st_size
    return 0
