"""Nouns in an encoder's space: for labels, as rivals of a query, and for its null distribution."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np

from grounding3d.features.base import PROBE_PHRASES, Encoder, Vocabulary
from grounding3d.features.identity import fingerprint

_log = logging.getLogger(__name__)
_FOLDER = Path(__file__).parent / "words"

RAISED_NOUNS = (
    "table", "desk", "coffee table", "dining table", "countertop", "workbench", "side table",
    "kitchen table", "shelf",
)  # fmt: skip
"""What a raised plane that carries other things may be called."""

FLOOR_NOUNS = ("floor", "carpet", "rug", "ground")
"""What the plane that carries everything may be called."""


@lru_cache(maxsize=8)
def read_nouns(name: str) -> tuple[str, ...]:
    """The nouns of words/NAME.txt, one a line; lines with # are headings."""
    return tuple(dict.fromkeys(row[0] for row in _rows(name)))


@lru_cache(maxsize=1)
def read_lengths() -> dict[str, tuple[float, float]]:
    """Between which lengths, metres, the longest side of each household noun usually is."""
    return {noun: (float(low), float(high)) for noun, low, high in _rows("household")}


def _rows(name: str) -> list[list[str]]:
    """The lines of words/NAME.txt at their tabs."""
    lines = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]


def label_vocabulary(encoder: Encoder) -> Vocabulary:
    """Some 400 household nouns, for labels and as rivals of a query."""
    return vocabulary(encoder, read_nouns("household"))


def null_vocabulary(encoder: Encoder) -> Vocabulary:
    """Some 1,000 nouns that have nothing to do with a household."""
    return vocabulary(encoder, read_nouns("unrelated"))


def vocabulary(encoder: Encoder, names: Sequence[str]) -> Vocabulary:
    """Nouns with their vectors; those are kept in the user's cache folder, since a large text
    tower takes minutes for a thousand of them."""
    path = _cache_path(encoder, names)
    try:
        vectors = np.load(path, allow_pickle=False)
        if vectors.shape == (len(names), encoder.dim) and np.isfinite(vectors).all():
            return Vocabulary(tuple(names), vectors)
    except (OSError, ValueError, EOFError):
        _log.debug("no usable vectors in %s", path)
    vectors = encoder.encode_text(names)
    _write(path, vectors)
    return Vocabulary(tuple(names), vectors)


def _cache_path(encoder: Encoder, names: Sequence[str]) -> Path:
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    probes = fingerprint(encoder.encode_text(PROBE_PHRASES))
    key = sha256("\n".join([encoder.spec, probes, *names]).encode()).hexdigest()[:24]
    return root / "grounding3d" / f"nouns-{key}.npy"


def _write(path: Path, vectors: np.ndarray) -> None:
    """Atomic, so that two programs may do it at once; a full or read-only disk is no reason to
    fail."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as out:
            np.save(out, vectors, allow_pickle=False)
        part.replace(path)
    except OSError as error:
        _log.debug("cannot keep the vectors: %s", error)
        part.unlink(missing_ok=True)
