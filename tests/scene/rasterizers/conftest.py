"""One fixture: every rasteriser of the table that can run here."""

from __future__ import annotations

import pytest

from grounding3d.errors import GroundingError
from grounding3d.scene.rasterizers import RASTERIZERS, make_rasterizer
from grounding3d.scene.rasterizers.base import Rasterizer


@pytest.fixture(
    params=[
        pytest.param(name, marks=pytest.mark.gpu) if name == "cuda" else name
        for name in RASTERIZERS.names()
    ]
)
def rasterizer(request: pytest.FixtureRequest) -> Rasterizer:
    """A rasteriser; skips the test where it cannot run."""
    try:
        return make_rasterizer(request.param)
    except (GroundingError, ImportError) as error:
        pytest.skip(f"{request.param}: {error}")
