"""The loops of the geometric masks in the compiled core, where it is installed."""

from __future__ import annotations

from functools import cache
from types import ModuleType

from grounding3d.errors import MissingDependencyError
from grounding3d.scene.rasterizers.core import load_core


@cache
def mask_core() -> ModuleType | None:
    """The core, or None: then array operations do the same in several times as long."""
    try:
        return load_core()
    except MissingDependencyError:
        return None
