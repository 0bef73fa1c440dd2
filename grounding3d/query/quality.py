"""How well a table decides on samples, without building answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grounding3d.features.relevancy import sigmoid
from grounding3d.query.calibration import Calibration
from grounding3d.query.samples import Sample


@dataclass(frozen=True)
class Quality:
    """Counts of decisions; counts of several sets of samples add up.

    Attributes:
        present: queries for things that are there.
        best_right: of those, how often the best object is a wanted one.
        right: of those, how often it also passes the threshold.
        absent: queries for things that are not there.
        refused: of those, how often nothing passes.
        squared_error: summed over all objects, of the probabilities.
        objects: their number.
    """

    present: int = 0
    best_right: int = 0
    right: int = 0
    absent: int = 0
    refused: int = 0
    squared_error: float = 0.0
    objects: int = 0

    def __add__(self, other: Quality) -> Quality:
        return Quality(*(a + b for a, b in zip(vars(self).values(), vars(other).values())))

    def as_dict(self) -> dict[str, float]:
        """Shares, with the numbers of queries."""
        return {
            "n_present": self.present,
            "best_right": round(self.best_right / max(self.present, 1), 4),
            "answered_right": round(self.right / max(self.present, 1), 4),
            "n_absent": self.absent,
            "refused": round(self.refused / max(self.absent, 1), 4),
            "brier": round(self.squared_error / max(self.objects, 1), 5),
        }


def quality(table: Calibration, samples: Sequence[Sample]) -> Quality:
    """Decide every sample with a table."""
    counts = Quality()
    for sample in samples:
        x = (sample.columns(table.features) - table.mean) / table.scale
        score = sigmoid(x @ np.asarray(table.coefficients) + table.intercept)
        hit, passes = bool(sample.wanted[score.argmax()]), bool(score.max() >= table.found)
        present = bool(sample.wanted.any())
        counts += Quality(
            present=int(present),
            best_right=int(present and hit),
            right=int(present and hit and passes),
            absent=int(not present),
            refused=int(not present and not passes),
            squared_error=float(((score - sample.wanted) ** 2).sum()),
            objects=len(score),
        )
    return counts
