"""What tests with a real NeRF share: skipping where there is no nerfstudio, building once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
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


def made_once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]
) -> Path:  # fmt: skip
    """A folder that the first of the workers of a run fills, and all of them use."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            make(folder)
            (folder / "made").touch()
    return folder
