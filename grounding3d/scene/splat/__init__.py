"""The `splat` backend: Gaussians trained on colour and depth."""

from __future__ import annotations

from typing import cast

from grounding3d.registry import Registry
from grounding3d.scene.splat.engine import SplatEngine

ENGINES = Registry(
    "training engine",
    {
        "native": "grounding3d.scene.splat.native:NativeEngine",
        "gsplat": "grounding3d.scene.splat.torch_engine:GsplatEngine",
        "reference": "grounding3d.scene.splat.torch_engine:ReferenceEngine",
    },
    group="grounding3d.splat_engines",
)


def make_engine(name: str) -> SplatEngine:
    """The training engine called `name`.

    Raises:
        ConfigError: no such name.
        MissingDependencyError: it cannot run here; says what to install.
    """
    return cast(SplatEngine, ENGINES.load(name)())
