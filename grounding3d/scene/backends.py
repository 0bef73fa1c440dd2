"""The table of scene backends."""

from __future__ import annotations

from typing import cast

from grounding3d.registry import Registry
from grounding3d.scene.base import SceneBuilder
from grounding3d.scene.config import SceneConfig

SCENES = Registry(
    "scene backend",
    {"points": "grounding3d.scene.points:PointsBuilder"},
    group="grounding3d.scenes",
)


def make_builder(config: SceneConfig) -> SceneBuilder:
    """The empty builder that `config.backend` names.

    Raises:
        ConfigError: no such backend.
    """
    return cast(SceneBuilder, SCENES.load(config.backend)(config))
