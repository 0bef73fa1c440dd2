"""Adam for the few numbers per frame that the engine does not hold."""

from __future__ import annotations

import numpy as np

from grounding3d.scene.splat.engine import ADAM_BETAS

_EPSILON = 1e-8


class RowAdam:
    """Values of shape [rows, ...], each row with moments and a count of its own (Kingma, Ba 2015).

    Args:
        start: the value of a row that was never touched.
    """

    def __init__(self, start: np.ndarray) -> None:
        self.start = np.asarray(start, np.float64)
        self.values = np.zeros((0, *self.start.shape))
        self.first = np.zeros_like(self.values)
        self.second = np.zeros_like(self.values)
        self.steps = np.zeros(0, np.int64)

    def reserve(self, rows: int) -> None:
        """Have at least that many rows."""
        more = rows - len(self.values)
        if more > 0:
            zeros = np.zeros((more, *self.start.shape))
            self.values = np.concatenate([self.values, zeros + self.start])
            self.first = np.concatenate([self.first, zeros])
            self.second = np.concatenate([self.second, zeros])
            self.steps = np.concatenate([self.steps, np.zeros(more, np.int64)])

    def update(self, row: int, gradient: np.ndarray, rate: float) -> None:
        """One step down the gradient of a row."""
        low, high = ADAM_BETAS
        self.steps[row] += 1
        self.first[row] += (1 - low) * (gradient - self.first[row])
        self.second[row] += (1 - high) * (np.square(gradient) - self.second[row])
        mean = self.first[row] / (1 - low ** self.steps[row])
        square = self.second[row] / (1 - high ** self.steps[row])
        self.values[row] -= rate * mean / (np.sqrt(square) + _EPSILON)

    def state(self) -> dict[str, np.ndarray]:
        """All arrays."""
        names = ("values", "first", "second", "steps")
        return {name: getattr(self, name).copy() for name in names}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """The inverse of `state`."""
        for name in ("values", "first", "second", "steps"):
            setattr(self, name, np.array(state[name]))
