"""Which engine trains, and which rasteriser shows what it trained."""

from __future__ import annotations

import logging

from grounding3d.errors import MissingDependencyError
from grounding3d.scene.rasterizers import make_rasterizer
from grounding3d.scene.rasterizers.base import Rasterizer
from grounding3d.scene.splat import make_engine
from grounding3d.scene.splat.engine import SplatEngine

_log = logging.getLogger(__name__)

_RASTERIZER_OF = {"native": "cpu", "gsplat": "cuda", "reference": "reference"}


def choose_engine(name: str, device: str) -> SplatEngine:
    """The engine of that name; `auto` is gsplat on cuda and native elsewhere.

    Raises:
        ConfigError: no such engine.
        MissingDependencyError: it cannot run here; `auto` falls back on the reference instead.
    """
    if name != "auto":
        return make_engine(name)
    if device.startswith("cuda"):
        return make_engine("gsplat")
    try:
        return make_engine("native")
    except (MissingDependencyError, ImportError) as error:
        _log.warning("training with the slow reference engine: %s", error)
        return make_engine("reference")


def rasterizer_of(engine: SplatEngine) -> Rasterizer:
    """The rasteriser that draws as the engine does."""
    return make_rasterizer(_RASTERIZER_OF.get(engine.name, "reference"))
