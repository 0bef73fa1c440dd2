"""What every test of encoders and masks needs."""

from __future__ import annotations

import pytest

from grounding3d.compat import prepare_torchvision


@pytest.fixture(scope="session", autouse=True)
def _torchvision() -> None:
    """open_clip imports it, whichever test of a worker comes first."""
    prepare_torchvision()
