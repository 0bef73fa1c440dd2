"""The table of rasterisers."""

from __future__ import annotations

from typing import cast

from grounding3d.errors import GroundingError
from grounding3d.registry import Registry
from grounding3d.scene.rasterizers.base import Rasterizer

RASTERIZERS = Registry(
    "rasteriser",
    {
        "cpu": "grounding3d.scene.rasterizers.cpu:CpuRasterizer",
        "cuda": "grounding3d.scene.rasterizers.cuda:CudaRasterizer",
        "reference": "grounding3d.scene.rasterizers.reference:ReferenceRasterizer",
    },
    group="grounding3d.rasterizers",
)


def make_rasterizer(name: str) -> Rasterizer:
    """The rasteriser called `name`.

    Raises:
        ConfigError: no such name.
        MissingDependencyError: it cannot run here; says what to install.
    """
    return cast(Rasterizer, RASTERIZERS.load(name)())


def available_rasterizers() -> list[str]:
    """The names of the table that can run on this machine."""
    names = []
    for name in RASTERIZERS.names():
        try:
            make_rasterizer(name)
        except (GroundingError, ImportError):
            continue
        names.append(name)
    return names
