"""An encoder that remembers the phrases it has encoded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np

from grounding3d.features.base import Encoder

_REMEMBERED = 512


class RememberingEncoder:
    """The same encoder, its text side behind a small memory shared by all browsers.

    An answer and its picture need the vector of the same phrase, and a growing scene asks its
    questions again and again.

    Args:
        encoder: what does the work; called from one thread at a time.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._lock = Lock()
        self._vectors: OrderedDict[str, np.ndarray] = OrderedDict()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode_text(self, phrases: Sequence[str]) -> np.ndarray:
        """[n,D] float32 unit vectors of n phrases."""
        if len(phrases) > _REMEMBERED:
            with self._lock:
                return self._encoder.encode_text(phrases)
        with self._lock:
            new = [phrase for phrase in dict.fromkeys(phrases) if phrase not in self._vectors]
            if new:
                self._vectors.update(zip(new, self._encoder.encode_text(new)))
            for phrase in phrases:
                self._vectors.move_to_end(phrase)
            found = np.array([self._vectors[phrase] for phrase in phrases], np.float32)
            while len(self._vectors) > _REMEMBERED:
                self._vectors.popitem(last=False)
        return found.reshape(len(phrases), self._encoder.dim)
