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
        "nerf": "grounding3d.scene.nerf.builder:NerfBuilder",
    },
    group="grounding3d.scenes",
)


def make_builder(
    config: SceneConfig, device: str | None = None, encoder: str | None = None
) -> SceneBuilder:
    """The empty builder that `config.backend` names.

    Args:
        config: the scene's section.
        device: where it trains, unless the section says otherwise.
        encoder: SPEC of the language it learns, where it learns any, unless the section names one.

    Raises:
        ConfigError: no such backend.
        MissingDependencyError: it cannot run here.
    """
    build = {"device": device, "encoder": encoder}
    missing = {k: v for k, v in build.items() if v is not None and getattr(config, k) is None}
    config = config.model_copy(update=missing)
    return cast(SceneBuilder, SCENES.load(config.backend)(config))


def needs_depth(backend: str) -> bool:
    """Whether a backend makes nothing of frames without depth.

    Raises:
        ConfigError: no such backend.
    """
    return bool(getattr(SCENES.load(backend), "needs_depth", True))
