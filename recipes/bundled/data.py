"""Rendered crops with their targets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.bundled.space import GENERIC_AXIS, Space, axis


@dataclass
class Crops:
    """Crops of one or more folders.

    Attributes:
        images: Memory maps uint8 [n, h, w, 4].
        records: One per crop.
        concept: Noun number, -1 for background [n].
        target: Unit vectors [n, DIM].
        plain: The same without colours and patterns [n, DIM].
    """

    images: list[np.ndarray]
    records: list[dict]
    concept: np.ndarray
    target: np.ndarray
    plain: np.ndarray

    def __len__(self) -> int:
        return len(self.records)

    def take(self, index: np.ndarray) -> np.ndarray:
        """The images of some crops, uint8 [b, h, w, 4]."""
        starts = np.cumsum([0] + [len(i) for i in self.images])
        which = np.searchsorted(starts, index, side="right") - 1
        return np.stack([self.images[w][i - starts[w]] for w, i in zip(which, index, strict=True)])


def load(folders: list[Path], space: Space) -> Crops:
    """Read folders that ``render`` wrote (also while it is still writing)."""
    known = space.index()
    images, records = [], []
    for folder in folders:
        rows = [json.loads(line) for line in (folder / "meta.jsonl").read_text().splitlines()]
        images.append(np.load(folder / "images.npy", mmap_mode="r")[: len(rows)])
        records += rows
    concept = np.array([known.get(r["category"], -1) for r in records])
    target = np.stack([target_of(r, i, space, True) for r, i in zip(records, concept, strict=True)])
    plain = np.stack([target_of(r, i, space, False) for r, i in zip(records, concept, strict=True)])
    return Crops(images, records, concept, target.astype(np.float32), plain.astype(np.float32))


def target_of(record: dict, concept: int, space: Space, coloured: bool) -> np.ndarray:
    """Where a crop's embedding should come to lie."""
    if concept < 0:
        return axis(GENERIC_AXIS)
    return space.phrase(int(concept), record.get("shows") if coloured else None)
