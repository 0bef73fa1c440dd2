"""What the encoder has words for: household things, their synonyms, the teacher's other nouns."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_FILE = Path(__file__).with_name("household.json")
HOUSEHOLD: dict[str, dict] = json.loads(_FILE.read_text())
"""Category -> ``teacher``: the teacher's names for it, the thing itself first;
``phrases``: other ways to say it; ``own_direction``: the teacher has no word for it, so it gets
a direction of its own beside the mixture."""

GENERIC = (
    "object", "objects", "thing", "things", "stuff", "texture", "item", "something", "anything",
    "background", "surface", "shape", "household item", "unknown object", "surroundings", "scene",
)  # fmt: skip


@dataclass(frozen=True)
class Concept:
    """One meaning: its name, the phrases for it and its teacher vector (unit, centred)."""

    name: str
    phrases: tuple[str, ...]
    vector: np.ndarray
    household: bool


def clean(name: str) -> str:
    """Lower case, without the teacher's remarks in brackets."""
    return re.sub(r"\s*\(.*?\)", "", name).replace("-", " ").replace("_", " ").strip().lower()


def load_teacher(folder: Path) -> dict[str, np.ndarray]:
    """Name -> centred unit vector [512] of the 1203 LVIS nouns.

    Raw cosines between household nouns are 0.7 to 0.9; what tells them apart is left after the mean
    has been taken away.
    """
    data = np.load(folder / "lvis_vitb32_text.npz", allow_pickle=True)
    vectors = data["vectors"].astype(np.float64)
    vectors -= vectors.mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return {str(n): v for n, v in zip(data["names"], vectors, strict=True)}


def build_concepts(folder: Path, extra: list[str]) -> list[Concept]:
    """Household categories first, then the teacher's other nouns.

    Args:
        folder: The teacher's vectors and synonyms.
        extra: Further categories that will be seen in pictures; matched to the teacher by name.
    """
    teacher = load_teacher(folder)
    synonyms = json.loads((folder / "lvis_synonyms.json").read_text())
    said: dict[str, list[str]] = {n: [clean(s) for s in [n, *synonyms.get(n, [])]] for n in teacher}
    concepts, taken = [], set()
    private = iter(np.eye(64))
    for category, entry in HOUSEHOLD.items():
        own, names = entry["own_direction"], entry["teacher"]
        vector = np.r_[mixture([teacher[n] for n in names]), np.zeros(64)]
        if own:
            vector = np.sqrt(0.55) * vector + np.sqrt(0.45) * np.r_[np.zeros(512), next(private)]
        words = [category, *entry["phrases"]]
        if not own:  # the first source is the thing itself: its synonyms hold too
            words += said[names[0]]
        words = list(dict.fromkeys(words))
        taken |= set(words)
        concepts.append(Concept(category, tuple(words), vector, True))
    seen = {e.lower() for e in extra}
    for name, vector in teacher.items():
        words = [w for w in dict.fromkeys(said[name]) if w not in taken]
        if not words:
            continue
        taken |= set(words)
        known = [w for w in words if w in seen]
        label = known[0] if known else words[0]
        concepts.append(Concept(label, tuple(words), np.r_[vector, np.zeros(64)], bool(known)))
    missing = sorted(set(extra) - taken - {c.name for c in concepts})
    for name in missing:  # no teacher word at all: the last word's meaning and a private direction
        parts = [teacher[w] for w in name.split() if w in teacher] or [np.zeros(512)]
        base = np.r_[mixture(parts), np.zeros(64)]
        vector = np.sqrt(0.55) * base + np.sqrt(0.45) * np.r_[np.zeros(512), next(private)]
        concepts.append(Concept(name, (name,), vector / np.linalg.norm(vector), True))
    return concepts


def mixture(vectors: list[np.ndarray]) -> np.ndarray:
    """Unit mean, the first counting double."""
    total = vectors[0] + np.sum(vectors, axis=0)
    return total / max(float(np.linalg.norm(total)), 1e-12)
