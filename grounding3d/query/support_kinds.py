"""Whether objects are things, raised supports such as tables, or floors, and what was asked for."""

from __future__ import annotations

import numpy as np

from grounding3d.features.base import Encoder
from grounding3d.features.vocabulary import FLOOR_NOUNS, RAISED_NOUNS, vocabulary
from grounding3d.objects.base import ObjectMap

_THING, _RAISED, _FLOOR = 0, 1, 2
_FLOOR_BELOW_M = 0.25
_FLOOR_THICKNESS_M = 0.1
_BULKY_M = (0.4, 0.3)  # width, height
_NEARLY = 1e-3  # of cosines


class SupportKinds:
    """Compares the kind of noun with the kind of object.

    Args:
        objects: M objects.
        encoder: its text side is used.
        up_world: [3] direction against gravity, None where unknown; tells floors from tables.

    Attributes:
        vectors: [S,D] of what supports are called.
    """

    def __init__(
        self, objects: ObjectMap, encoder: Encoder, up_world: np.ndarray | None = None
    ) -> None:
        self.vectors = vocabulary(encoder, RAISED_NOUNS + FLOOR_NOUNS).vectors
        level = _levels(objects, up_world)
        self._agreement = {
            _THING: np.where(level == _THING, 0.0, -1.0),
            _RAISED: np.where(level == _RAISED, 1.0, np.where(_bulky(objects), 0.0, -1.0)),
            _FLOOR: np.where(level == _FLOOR, 1.0, -1.0),
        }

    def agreement(self, supports: np.ndarray, nearest: float) -> np.ndarray:
        """[M] 1 where noun and object are both a raised support, or both a floor, -1 where only
        one of them is, else 0. What is as large as furniture may be a shelf: 0.

        Args:
            supports: [S] cosines of the noun with `vectors`.
            nearest: its cosine with the nearest of all household nouns.
        """
        raised, floors = supports[: len(RAISED_NOUNS)], supports[len(RAISED_NOUNS) :]
        if raised.max() >= nearest - _NEARLY:
            return self._agreement[_RAISED]
        if floors.max() >= nearest - _NEARLY:
            return self._agreement[_FLOOR]
        return self._agreement[_THING]


def _levels(objects: ObjectMap, up_world: np.ndarray | None) -> np.ndarray:
    """[M] whether each object is a thing, a raised support, or a floor.

    A floor is the lowest support, far below the highest one; a lone support counts as raised.
    """
    level = np.array([_RAISED if item.kind == "support" else _THING for item in objects])
    if up_world is None or not (level == _RAISED).any():
        return level
    tops = np.array([item.box.corners @ up_world for item in objects]).max(axis=1)
    supports = tops[level == _RAISED]
    low = (tops < supports.max() - _FLOOR_BELOW_M) & (tops < supports.min() + _FLOOR_THICKNESS_M)
    level[(level == _RAISED) & low] = _FLOOR
    return level


def _bulky(objects: ObjectMap) -> np.ndarray:
    """[M] bool: as large as furniture."""
    size = np.array([item.box.size for item in objects])
    return np.asarray((size[:, 2] > _BULKY_M[1]) & (size[:, :2].max(axis=1) > _BULKY_M[0]))
