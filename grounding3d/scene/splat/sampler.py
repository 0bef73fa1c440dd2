"""In which order frames are trained on."""

from __future__ import annotations

import numpy as np


class ViewSampler:
    """Every frame once in a random order, then again in another: epochs shuffled by a seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._epoch = 0
        self._queue: list[int] = []

    def next(self, numbers: np.ndarray) -> int:
        """The next of the frame numbers [C] that there are now."""
        available = set(numbers.tolist())
        while True:
            if not self._queue:
                rng = np.random.default_rng([self.seed, 0x0F5, self._epoch])
                self._queue = rng.permutation(np.sort(numbers)).tolist()
                self._epoch += 1
            number = self._queue.pop(0)
            if number in available:
                return number

    def put_first(self, numbers: np.ndarray) -> None:
        """Show these before the others, once."""
        self._queue = [*numbers.tolist(), *self._queue]

    def state(self) -> dict[str, np.ndarray]:
        """The rest of the epoch."""
        return {"epoch": np.array(self._epoch), "queue": np.array(self._queue, np.int64)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """The inverse of `state`."""
        self._epoch = int(state["epoch"])
        self._queue = state["queue"].tolist()
