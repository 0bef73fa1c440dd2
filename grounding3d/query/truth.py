"""What is really in a recorded scene: the ground truth that a simulator writes (schema 1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from grounding3d.errors import ConfigError

SCHEMA = 1
KINDS = (
    "plain", "caption", "synonym", "attribute", "relation", "negation", "plural", "ordinal",
    "absent",
)  # fmt: skip
"""Kinds of questions in the order in which they are reported; others may follow."""
MARGIN_M = 0.02
"""How far outside the true box an answer still counts."""


@dataclass(frozen=True, eq=False)
class TrueObject:
    """A real object.

    Attributes:
        id, name, category: as the truth has them.
        minimum, maximum: [3] world-axis-aligned box, metres.
        held_out: whether encoders were kept from it in training.
        seen: whether any frame shows it.
    """

    id: int
    name: str
    category: str
    minimum: np.ndarray
    maximum: np.ndarray
    held_out: bool = False
    seen: bool = True

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
    """A question.

    Attributes:
        text: as it is asked.
        kind: one of `KINDS`, or another name.
        targets: ids of what answers it: every one of them for kind "plural", any of them
            otherwise; none where what is asked for is not there.
        viewpoint: [3] world, metres: where "left of" is seen from; None: the engine's default.
    """

    text: str
    kind: str
    targets: tuple[int, ...]
    viewpoint: tuple[float, ...] | None = None


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
            queries = tuple(_query(item) for item in content["queries"])
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


def read_truth(path: Path) -> dict[str, Any]:
    """Parsed ground_truth.json.

    Raises:
        ConfigError: no such file, not JSON, or not our schema.
    """
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read the ground truth {path}",
            found=error.strerror,
            hint="`grounding3d simulate` writes captures with ground truth.",
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON", found=str(error)) from error
    if not isinstance(truth, dict) or truth.get("schema") != SCHEMA:
        raise ConfigError(f"{path} is no ground truth of ours", expected=f'"schema": {SCHEMA}')
    return truth


def _query(item: Mapping[str, Any]) -> TrueQuery:
    viewpoint = item.get("viewpoint")
    if viewpoint is not None:
        viewpoint = tuple(float(v) for v in np.asarray(viewpoint, float).reshape(3))
    targets = tuple(int(t) for t in item["targets"])
    return TrueQuery(str(item["text"]), str(item["kind"]), targets, viewpoint)


def _object(item: Mapping[str, Any]) -> TrueObject:
    box = item["aabb"]
    return TrueObject(
        int(item["id"]),
        str(item.get("name", "")),
        str(item.get("category", "")),
        np.asarray(box["min"], float).reshape(3),
        np.asarray(box["max"], float).reshape(3),
        bool(item.get("held_out", False)),
        item.get("n_views_visible") != 0,
    )
