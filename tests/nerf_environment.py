"""Skips what needs nerfstudio where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from grounding3d.errors import GroundingError
from grounding3d.scene.nerf.environment import require_environment


def needs_nerf() -> Path:
    """The interpreter of nerfstudio's environment; skips the test where there is none."""
    try:
        return require_environment().python
    except GroundingError as error:
        pytest.skip(str(error))
