"""The table of scene backends."""

from __future__ import annotations

from typing import cast

from grounding3d.registry import Registry
from grounding3d.scene.base import SceneBuilder
from grounding3d.scene.config import SceneConfig

SCENES = Registry(
    "scene backend",
    {
        "points": "grounding3d.scene.points:PointsBuilder",
        "splat": "grounding3d.scene.splat.builder:SplatBuilder",
    },
    group="grounding3d.scenes",
)


def make_builder(config: SceneConfig, device: str | None = None) -> SceneBuilder:
    """The empty builder that `config.backend` names.

    Args:
        config: the scene's section.
        device: where it trains, unless the section says otherwise.

    Raises:
        ConfigError: no such backend.
    """
    if config.device is None and device is not None:
        config = config.model_copy(update={"device": device})
    return cast(SceneBuilder, SCENES.load(config.backend)(config))
