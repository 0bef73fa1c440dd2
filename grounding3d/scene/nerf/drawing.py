"""Views from anywhere, drawn by the job from a stored NeRF."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from grounding3d.errors import SceneError
from grounding3d.geometry.camera import Camera
from grounding3d.scene.base import Cancel, NerfFiles, Progress
from grounding3d.scene.nerf.environment import NerfEnvironment
from grounding3d.scene.nerf.process import run_job
from grounding3d.scene.nerf.views import DrawnView, read_view

Place = tuple[Camera, np.ndarray]
"""A camera and its pose `T_world_cam` [4,4]."""


class DrawnViews:
    """Views that the job has drawn, in a temporary folder, one in memory at a time.

    Args:
        environment: nerfstudio's.
        nerf: the stored NeRF.
        places: where to look from.
        device: where to draw: cpu, cuda.
        progress: is told how far it is.
        cancel: stops it when set.

    Raises:
        Cancelled: `cancel` was set.
        SceneError: the scene's NeRF has gone.
        TrainingError: the job failed.
    """

    def __init__(
        self,
        environment: NerfEnvironment,
        nerf: NerfFiles,
        places: Sequence[Place],
        *,
        device: str = "cpu",
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="grounding3d-nerf-")
        folder = Path(self._folder.name)
        source = _staged(nerf, folder / "nerf")
        request = folder / "request.json"
        request.write_text(json.dumps(_request(places, device)), encoding="utf-8")
        self._views = folder / "views"
        arguments = ["render", str(source), str(request), str(self._views)]
        run_job(environment.python, arguments, folder, progress, cancel)
        self._count = len(places)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> DrawnView:
        """View `number`, in the order of the places."""
        return read_view(self._views / f"{number:05d}.safetensors")


def _staged(nerf: NerfFiles, folder: Path) -> Path:
    """The NeRF under the names that the job expects; a scene's own carry hashes."""
    folder.mkdir()
    for name, path in (("nerf.safetensors", nerf.weights), ("nerf.json", nerf.model)):
        if not path.is_file():
            raise SceneError(
                f"the scene's NeRF is not there any more: {path}", hint="Load the scene again."
            )
        (folder / name).symlink_to(path.resolve())
    return folder


def _request(places: Sequence[Place], device: str) -> dict[str, object]:
    views = [
        {
            "K": camera.K.tolist(),
            "width": camera.width,
            "height": camera.height,
            "T_world_cam": np.asarray(T_world_cam, float).tolist(),
        }
        for camera, T_world_cam in places
    ]
    return {"device": device.partition(":")[0], "views": views}
