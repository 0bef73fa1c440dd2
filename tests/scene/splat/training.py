"""A small real training: twelve views of a table, and the engine that this machine has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from factories import make_capture

from grounding3d.capture.base import RGBDFrame
from grounding3d.errors import GroundingError
from grounding3d.scene.config import SceneConfig
from grounding3d.scene.splat import make_engine
from grounding3d.scene.splat.builder import SplatBuilder
from grounding3d.scene.splat.config import SplatConfig

FAST = {
    "iterations": 40,
    "merge_levels": 0,
    "held_out_every": 4,
    "densify": {"every": 10, "max_gaussians": 10_000},
}


@cache
def engine_name() -> str:
    """The fastest engine that runs on any machine."""
    try:
        make_engine("native")
    except (GroundingError, ImportError):
        return "reference"
    return "native"


@cache
def frames(count: int = 12) -> tuple[RGBDFrame, ...]:
    """An orbit around the table; depth is exact."""
    return tuple(make_capture(count))


def scene_config(voxel_size_m: float = 0.04, **changes: Any) -> SceneConfig:
    """A short training on coarse surfels."""
    values = {"engine": engine_name(), **FAST, **changes}
    return SceneConfig(
        backend="splat", voxel_size_m=voxel_size_m, splat=SplatConfig.model_validate(values)
    )


def builder_of(views: Sequence[RGBDFrame], **changes: Any) -> SplatBuilder:
    """A builder that has seen the views."""
    builder = SplatBuilder(scene_config(**changes))
    for view in views:
        builder.add(view)
    return builder


def exposed(view: RGBDFrame, gain: float) -> RGBDFrame:
    """The view as a camera with that gain sees it."""
    return replace(view, rgb=np.clip(np.rint(view.rgb * gain), 0, 255).astype(np.uint8))


def without_depth(view: RGBDFrame) -> RGBDFrame:
    """The view of a camera whose depth failed."""
    return replace(view, depth_m=np.zeros_like(view.depth_m))
