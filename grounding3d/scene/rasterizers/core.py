"""The compiled core behind one door: where it is missing, the error says what to do."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from grounding3d.checks import check_shape
from grounding3d.errors import MissingDependencyError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose


def load_core() -> ModuleType:
    """The extension module `grounding3d._core`.

    Raises:
        MissingDependencyError: this installation was made without a C++ compiler.
    """
    try:
        import grounding3d._core as core  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise MissingDependencyError(
            "the compiled core of grounding3d is not installed",
            found=str(error),
            hint="Install a C++ compiler (Debian, Ubuntu: apt-get install g++), then run: "
            "pip install --force-reinstall --no-deps grounding3d",
        ) from error
    return core


def core_view(
    camera: Camera,
    T_world_cam: np.ndarray,
    background: tuple[float, float, float],
    sh_degree: int,
) -> Any:
    """The core's record of one camera."""
    T = np.asarray(T_world_cam, np.float64)
    check_shape(T, (4, 4), "T_world_cam")
    return load_core().View(
        np.ascontiguousarray(invert_pose(T)),
        np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
        camera.width,
        camera.height,
        np.asarray(background, np.float32),
        sh_degree,
    )


def contiguous(*arrays: np.ndarray) -> list[np.ndarray]:
    """The same arrays as C-contiguous float32."""
    return [np.ascontiguousarray(array, np.float32) for array in arrays]
