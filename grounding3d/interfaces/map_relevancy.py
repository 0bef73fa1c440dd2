"""Relevancy of a map's Gaussians for whatever is looked for, prepared once a map."""

from __future__ import annotations

import threading

import numpy as np

from grounding3d.features.base import Encoder
from grounding3d.objects.base import LanguageScene
from grounding3d.query.gaussian_relevancy import GaussianRelevancy


class MapRelevancy:
    """A function of scene and target; safe from any thread.

    Args:
        encoder: the one the scenes are built with.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._lock = threading.Lock()
        self._prepared: tuple[LanguageScene, GaussianRelevancy] | None = None

    def __call__(self, scene: LanguageScene, target: str) -> np.ndarray:
        """[N] float32 in [0, 1]."""
        with self._lock:
            if self._prepared is None or self._prepared[0] is not scene:
                relevancy = GaussianRelevancy.for_encoder(scene.features, self._encoder)
                self._prepared = scene, relevancy
            return self._prepared[1].of(self._encoder.encode_text([target])[0])
