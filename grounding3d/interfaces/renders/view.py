"""One picture of a scene from anywhere, by the quickest rasteriser at hand."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from grounding3d.errors import ConfigError, GroundingError
from grounding3d.geometry.camera import Camera
from grounding3d.interfaces.renders.colours import normals_of
from grounding3d.scene.base import SH_C0, Gaussians, Progress, Scene
from grounding3d.scene.rasterizers import make_rasterizer
from grounding3d.scene.rasterizers.base import Rasterizer
from grounding3d.scene.render import render_points

_log = logging.getLogger(__name__)

SURFELS = "surfels"
"""Name of the renderer without a compiled core, `scene/render.py`."""

CHOICES = ("cpu", "cuda", SURFELS, "reference")
_SOLID_ALPHA = 0.5  # less is no surface: no depth, no normal


@dataclass(frozen=True, eq=False)
class View:
    """What a camera sees of a scene.

    Attributes:
        rgb: [H,W,3] uint8 over the background.
        depth_m: [H,W] float32 z in metres, 0 where no surface is.
        alpha: [H,W] float32 in [0, 1].
        channel: [H,W] float32, the value that was asked for averaged over the surface; 0 beside.
        camera: what looked.
        T_world_cam: [4,4] its pose.
    """

    rgb: np.ndarray
    depth_m: np.ndarray
    alpha: np.ndarray
    channel: np.ndarray | None
    camera: Camera
    T_world_cam: np.ndarray


class ViewRenderer:
    """Draws views of one scene.

    Args:
        scene: what is drawn.
        rasterizer: one of `CHOICES`; None takes the compiled `cpu` one, or where that is missing
            the surfel renderer, with a note in the log.
        background: colour behind the scene, 0..255 each.

    Raises:
        ConfigError: no such rasteriser.
        MissingDependencyError: the named one cannot run here.
    """

    def __init__(
        self,
        scene: Scene,
        rasterizer: str | None = None,
        background: tuple[int, int, int] = (255, 255, 255),
    ) -> None:
        self.scene = scene
        self.background = background
        self._rasterizer = _choose(rasterizer)
        self.name = SURFELS if self._rasterizer is None else self._rasterizer.name

    @property
    def is_quick(self) -> bool:
        """Whether hundreds of pictures are a matter of seconds."""
        return self.name in ("cpu", "cuda")

    def prepare(
        self, places: Sequence[tuple[Camera, np.ndarray]], progress: Progress | None = None
    ) -> None:
        """Get ready for views from these places (camera and pose); they may be rendered then.

        Nothing to do where a picture takes no time to begin.
        """

    def of(self, gaussians: Gaussians) -> ViewRenderer:
        """A renderer of the same kind for other Gaussians of the same scene."""
        other = ViewRenderer.__new__(ViewRenderer)
        other.scene = replace(self.scene, gaussians=gaussians)
        other.background, other.name = self.background, self.name
        other._rasterizer = self._rasterizer
        return other

    def render(
        self, camera: Camera, T_world_cam: np.ndarray, channel: np.ndarray | None = None
    ) -> View:
        """Draw one view.

        Args:
            camera: pinhole camera of any size.
            T_world_cam: [4,4] its pose, OpenCV axes.
            channel: [N] float32 in [0, 1], a value a Gaussian to draw beside the colour.
        """
        if self._rasterizer is None:
            return self._surfels(camera, T_world_cam, channel)
        drawn = self._rasterizer.render(
            self.scene.gaussians,
            camera,
            T_world_cam,
            background=_unit_colour(self.background),
            channels=None if channel is None else np.float32(channel)[:, None],
        )
        solid = drawn.alpha >= _SOLID_ALPHA
        values = None
        if channel is not None and drawn.channels is not None:
            values = np.where(solid, drawn.channels[..., 0] / np.maximum(drawn.alpha, 1e-6), 0)
        return View(
            rgb=np.rint(255 * np.clip(drawn.rgb, 0, 1)).astype(np.uint8),
            depth_m=np.where(solid, drawn.depth_m, 0).astype(np.float32),
            alpha=drawn.alpha,
            channel=values,
            camera=camera,
            T_world_cam=T_world_cam,
        )

    def normals(self, view: View) -> np.ndarray:
        """Unit normals [H,W,3] float32 of a view of this renderer, world frame, 0 = none.

        They point to the camera's side. A rasteriser blends those of the Gaussians (their thinnest
        axes); for surfels they follow from the depth.
        """
        camera, T_world_cam = view.camera, view.T_world_cam
        if self._rasterizer is None:
            return normals_of(view.depth_m, camera, T_world_cam)
        gaussians = self.scene.gaussians
        normals = gaussians.normals
        toward = np.asarray(T_world_cam[:3, 3], np.float32) - gaussians.means
        away = np.einsum("ij,ij->i", normals, toward) < 0
        normals = np.where(away[:, None], -normals, normals)
        drawn = self._rasterizer.render(gaussians, camera, T_world_cam, channels=normals)
        assert drawn.channels is not None
        length = np.linalg.norm(drawn.channels, axis=-1)
        good = (view.depth_m > 0) & (length > 0.1 * view.alpha)
        unit = drawn.channels / np.maximum(length, 1e-6)[..., None]
        return np.where(good[..., None], unit, 0).astype(np.float32)

    def _surfels(self, camera: Camera, T_world_cam: np.ndarray, channel: np.ndarray | None) -> View:
        rgb, depth_m = render_points(self.scene, camera, T_world_cam, background=self.background)
        values = None
        if channel is not None:
            grey = replace(self.scene, gaussians=_painted(self.scene.gaussians, channel))
            drawn, _ = render_points(grey, camera, T_world_cam, background=(0, 0, 0))
            values = drawn[..., 0].astype(np.float32) / 255
        alpha = (depth_m > 0).astype(np.float32)
        return View(rgb, depth_m, alpha, values, camera, T_world_cam)


def _painted(gaussians: Gaussians, values: np.ndarray) -> Gaussians:
    """The Gaussians in grey, as bright as `values` [N] in [0, 1]."""
    sh0 = np.repeat((np.float32(values)[:, None] - 0.5) / SH_C0, 3, axis=1)
    return replace(
        gaussians, sh0=sh0.astype(np.float32), shN=np.zeros((len(gaussians), 0, 3), np.float32)
    )


def _unit_colour(colour: tuple[int, int, int]) -> tuple[float, float, float]:
    return colour[0] / 255, colour[1] / 255, colour[2] / 255


def _choose(name: str | None) -> Rasterizer | None:
    """The rasteriser of this name, None for the surfel renderer."""
    if name is not None and name not in CHOICES:
        raise ConfigError(f"unknown rasteriser {name!r}", expected="one of " + ", ".join(CHOICES))
    if name == SURFELS:
        return None
    if name is not None:
        return make_rasterizer(name)
    try:
        return make_rasterizer("cpu")
    except (GroundingError, ImportError) as error:
        _log.warning("the compiled rasteriser is not there (%s): drawing surfels, slowly", error)
        return None
