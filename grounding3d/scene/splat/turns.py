"""A lock for a loop that would otherwise never let anybody in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Guests get their turn between two steps of a loop; a step never starts while one waits."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._counting = threading.Lock()
        self._guests = 0
        self._nobody_waits = threading.Event()
        self._nobody_waits.set()

    @contextmanager
    def guest(self) -> Iterator[None]:
        """Look or change something between two steps."""
        with self._counting:
            self._guests += 1
            self._nobody_waits.clear()
        try:
            with self._lock:
                yield
        finally:
            with self._counting:
                self._guests -= 1
                if self._guests == 0:
                    self._nobody_waits.set()

    @contextmanager
    def step(self) -> Iterator[None]:
        """One step of the loop; not to be taken inside a guest's turn."""
        self._nobody_waits.wait()
        with self._lock:
            yield
