"""What is really in a recorded scene: the ground truth that a simulator writes (schema 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from grounding3d.errors import ConfigError

SCHEMA = 1
MARGIN_M = 0.02
"""How far outside the true box an answer still counts."""


@dataclass(frozen=True, eq=False)
class TrueObject:
    """A real object: world-axis-aligned box in metres, and whether encoders were kept from it."""

    id: int
    name: str
    category: str
    minimum: np.ndarray
    maximum: np.ndarray
    held_out: bool = False

    @property
    def center(self) -> np.ndarray:
        """[3] centre of the box."""
        return (self.minimum + self.maximum) / 2

    def contains(self, points: np.ndarray, margin_m: float = MARGIN_M) -> np.ndarray:
        """Whether points [...,3] lie in the box inflated by `margin_m`."""
        low, high = self.minimum - margin_m, self.maximum + margin_m
        return np.asarray(((points >= low) & (points <= high)).all(axis=-1))


@dataclass(frozen=True)
class TrueQuery:
    """A question, its kind ("plain", "caption", "absent") and the ids of what it asks for."""

    text: str
    kind: str
    targets: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """Objects by id, and queries."""

    frame_id: str
    objects: dict[int, TrueObject]
    queries: tuple[TrueQuery, ...]

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> GroundTruth:
        """From the parsed ground_truth.json.

        Raises:
            ConfigError: another schema, a field is missing, or a query's target does not exist.
        """
        try:
            if content["schema"] != SCHEMA:
                raise ValueError(f"schema {content['schema']}")
            objects = {int(item["id"]): _object(item) for item in content["objects"]}
            queries = tuple(
                TrueQuery(str(q["text"]), str(q["kind"]), tuple(int(t) for t in q["targets"]))
                for q in content["queries"]
            )
            unknown = {t for q in queries for t in q.targets} - set(objects)
            if unknown:
                raise ValueError(f"targets without an object: {sorted(unknown)}")
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                "the ground truth cannot be read",
                expected=f"schema {SCHEMA} with objects and queries",
                found=f"{type(error).__name__}: {error}",
            ) from error
        return cls(str(content.get("frame_id", "map")), objects, queries)


def _object(item: Mapping[str, Any]) -> TrueObject:
    box = item["aabb"]
    return TrueObject(
        int(item["id"]),
        str(item.get("name", "")),
        str(item.get("category", "")),
        np.asarray(box["min"], float).reshape(3),
        np.asarray(box["max"], float).reshape(3),
        bool(item.get("held_out", False)),
    )
