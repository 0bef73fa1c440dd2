"""Pictures of a scene drawn from its NeRF, in place of the surfels that were made from it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from grounding3d.errors import ConfigError, GroundingError
from grounding3d.geometry.camera import Camera
from grounding3d.interfaces.renders.colours import normals_of
from grounding3d.interfaces.renders.view import View, ViewRenderer
from grounding3d.objects.base import LanguageScene
from grounding3d.scene.base import Progress
from grounding3d.scene.nerf.drawing import DrawnViews, Place
from grounding3d.scene.nerf.environment import NerfEnvironment, require_environment

_log = logging.getLogger(__name__)

NERF = "nerf"
"""Name of this renderer for `--rasterizer`."""


class NerfRenderer(ViewRenderer):
    """Draws views of one scene from its NeRF, all of them by one job in nerfstudio's environment.

    What is to be drawn is announced with `prepare`, since starting the job takes seconds. Normals
    follow from depth.

    Args:
        scene: with a NeRF.
        environment: where it is drawn.
        device: cpu or cuda.

    Raises:
        ConfigError: the scene has no NeRF.
    """

    def __init__(
        self, scene: LanguageScene, environment: NerfEnvironment, device: str = "cpu"
    ) -> None:
        if scene.scene.nerf is None:
            raise ConfigError(
                "the scene has no NeRF to draw", hint="Build it with: --backend nerf"
            )  # fmt: skip
        self.scene = scene.scene
        self.background = (0, 0, 0)
        self.name = NERF
        self._nerf, self._environment, self._device = scene.scene.nerf, environment, device
        self._numbers: dict[bytes, int] = {}
        self._drawn: DrawnViews | None = None

    def prepare(self, places: Sequence[Place], progress: Progress | None = None) -> None:
        """Have all of these drawn; `render` then gives them one by one."""
        self._drawn = DrawnViews(
            self._environment, self._nerf, places, device=self._device, progress=progress
        )
        self._numbers = {_key(*place): number for number, place in enumerate(places)}

    def render(
        self, camera: Camera, T_world_cam: np.ndarray, channel: np.ndarray | None = None
    ) -> View:
        """One view; drawn on the spot where it was not announced.

        Raises:
            ConfigError: a channel is asked for, which are values of Gaussians.
        """
        if channel is not None:
            raise ConfigError("a NeRF draws no values of Gaussians", hint="Use --rasterizer cpu.")
        key = _key(camera, T_world_cam)
        if self._drawn is None or key not in self._numbers:
            self.prepare([(camera, T_world_cam)])
        assert self._drawn is not None
        view = self._drawn[self._numbers[key]]
        return View(view.rgb, view.depth_m, view.alpha, None, camera, T_world_cam)

    def normals(self, view: View) -> np.ndarray:
        """Unit normals [H,W,3] float32 of a view, world frame, 0 = none."""
        return normals_of(view.depth_m, view.camera, view.T_world_cam)


def nerf_renderer(scene: LanguageScene, wanted: str | None) -> NerfRenderer | None:
    """The renderer of a scene's NeRF: where it is asked for, or there is one and nothing else is.

    Args:
        scene: any scene.
        wanted: name given by the user, None for the best there is.

    Returns:
        None where another renderer is to be used; for a scene with a NeRF that cannot be drawn
        here, the log says how it could be.

    Raises:
        ConfigError: it is asked for, and the scene has none.
        MissingDependencyError: it is asked for, and nothing here can draw it.
    """
    if wanted not in (None, NERF) or (wanted is None and scene.scene.nerf is None):
        return None
    settings = scene.config.get("scene", {})
    python = settings.get("nerf", {}).get("python")
    try:
        environment = require_environment(python)
    except GroundingError as error:
        if wanted == NERF:
            raise
        _log.warning("drawing the surface made from the NeRF, not the NeRF itself: %s", error)
        return None
    device = settings.get("device") or scene.config.get("device") or "cpu"
    return NerfRenderer(scene, environment, _usable(device))


def _usable(device: str) -> str:
    """The device, or the CPU where a scene from a machine with a GPU is drawn on one without."""
    if not device.startswith("cuda"):
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _key(camera: Camera, T_world_cam: np.ndarray) -> bytes:
    size = np.array([camera.width, camera.height])
    parts = camera.K, size, np.asarray(T_world_cam, float)
    return b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
