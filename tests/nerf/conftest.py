"""These tests run in nerfstudio's environment: `.venv-nerf/bin/python -m pytest tests/nerf`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grounding3d.capture.nerfstudio_writer import write_nerfstudio
from grounding3d.errors import MissingDependencyError
from grounding3d.nerf.environment import prepare
from tests.factories import ListCapture, make_capture

try:
    prepare()
    collect_ignore_glob: list[str] = []
except MissingDependencyError:
    collect_ignore_glob = ["test_*.py"]

SHIFT = np.array([12.0, -7.0, 3.0])


@pytest.fixture(scope="session")
def capture() -> ListCapture:
    """An orbit around the table, in a world whose origin is far from it."""
    frames = []
    for frame in make_capture(8).frames:
        T = frame.T_world_cam.copy()
        T[:3, 3] += SHIFT
        frames.append(replace(frame, T_world_cam=T))
    return ListCapture(frames)


@pytest.fixture(scope="session")
def frames_folder(capture: ListCapture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The capture as nerfstudio data."""
    return write_nerfstudio(capture, tmp_path_factory.mktemp("data") / "frames")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the user's cache."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
