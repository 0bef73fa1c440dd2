"""The geometric scene: Gaussians with anchors, their keyframes, and who builds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from grounding3d.capture.base import RGBDFrame, UpSource
from grounding3d.checks import check_shape
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import matrix_from_wxyz

SH_C0 = 0.28209479177387814  # the constant spherical harmonic, 1 / (2 sqrt(pi))


@dataclass(frozen=True, eq=False)
class Gaussians:
    """Anisotropic 3D Gaussians in the world frame, activated (no logs, no logits).

    Attributes:
        means: [N,3] float32 metres.
        wxyz: [N,4] float32 unit quaternions, Gaussian axes to world.
        scales: [N,3] float32 standard deviations along the axes, metres.
        opacities: [N] float32 in (0, 1).
        sh0: [N,3] float32 constant spherical-harmonic coefficients of colour.
        shN: [N,K,3] float32 higher coefficients, K = 0, 3, 8 or 15.
    """

    means: np.ndarray
    wxyz: np.ndarray
    scales: np.ndarray
    opacities: np.ndarray
    sh0: np.ndarray
    shN: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.means)
        for name, shape in {
            "means": (n, 3), "wxyz": (n, 4), "scales": (n, 3), "opacities": (n,),
            "sh0": (n, 3), "shN": (n, None, 3),
        }.items():  # fmt: skip
            check_shape(getattr(self, name), shape, name)

    def __len__(self) -> int:
        return len(self.means)

    @property
    def rgb(self) -> np.ndarray:
        """[N,3] float32 view-independent colour in [0, 1]."""
        return np.clip(self.sh0 * np.float32(SH_C0) + np.float32(0.5), 0, 1)

    @property
    def normals(self) -> np.ndarray:
        """[N,3] float32 unit axes of the smallest scale (a surfel's normal, up to sign)."""
        R = matrix_from_wxyz(self.wxyz)
        thinnest = self.scales.argmin(axis=1)
        return R[np.arange(len(self)), :, thinnest].astype(np.float32)

    def select(self, rows: np.ndarray) -> Gaussians:
        """The Gaussians at a boolean mask or index array."""
        return Gaussians(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})


@dataclass(frozen=True, eq=False)
class Keyframe:
    """A frame the scene was built from, without its pixels.

    Attributes:
        frame_index: its index in the capture.
        camera: pinhole camera.
        T_world_cam: [4,4] camera to world.
        stamp_s: seconds, None where the capture has no stamps.
    """

    frame_index: int
    camera: Camera
    T_world_cam: np.ndarray
    stamp_s: float | None


@dataclass(frozen=True)
class NerfFiles:
    """Where the NeRF lies that a scene's surface points were rendered from.

    Attributes:
        weights: safetensors file of all its parameters.
        model: JSON file that says how to build it again, and how it lies in the world.
        owner: keeps a temporary folder alive as long as this is used.
    """

    weights: Path
    model: Path
    owner: object = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, eq=False)
class Scene:
    """An immutable snapshot of a scene's geometry.

    Attributes:
        gaussians: N Gaussians.
        anchor: [N] int32, for each Gaussian the index into `keyframes` of its anchoring view.
        keyframes: poses of the frames that were used.
        world_frame: frame id of all coordinates.
        up_world: [3] unit vector against gravity, None where unknown.
        up_source: where `up_world` comes from.
        backend: name of the builder in the table of scene backends.
        report: how well the scene fits its frames, as JSON values; None where nothing was measured.
        nerf: the NeRF behind it, where one was trained.
    """

    gaussians: Gaussians
    anchor: np.ndarray
    keyframes: tuple[Keyframe, ...]
    world_frame: str
    up_world: np.ndarray | None = None
    up_source: UpSource = "unknown"
    backend: str = "points"
    report: dict[str, Any] | None = None
    nerf: NerfFiles | None = None


@dataclass(frozen=True)
class FrameReport:
    """What became of one frame.

    Attributes:
        frame_index: the frame.
        used: whether it entered the scene.
        reason: why it was skipped, empty if used.
        has_depth: whether it brought depth; what lies where in it can be said only after
            training otherwise.
    """

    frame_index: int
    used: bool
    reason: str = ""
    has_depth: bool = True


@dataclass(frozen=True, eq=False)
class RenderedView:
    """What a trained scene shows from one of its keyframes.

    Attributes:
        keyframe: index of the scene's keyframe.
        frame: the recorded colour with the depth that the scene has there, 0 = none.
        vectors: [n,D] float32 unit vectors of language; n = 0 where the scene has learned none.
        index: [h,w] int32 row of `vectors` for each cell of the frame, -1 = none.
        weight: [h,w] float32 in [0, 1], how much each cell's vector is trusted.
        cell_px: edge of a cell in pixels of the frame.
    """

    keyframe: int
    frame: RGBDFrame
    vectors: np.ndarray
    index: np.ndarray
    weight: np.ndarray
    cell_px: int


Progress = Callable[[str, int, int | None], None]
"""Called with (stage, done, total or None)."""


class Cancel(Protocol):
    """A flag that says a long task should stop; `threading.Event` is one."""

    def is_set(self) -> bool: ...


class SceneBuilder(Protocol):
    """Builds a scene from frames that arrive one by one, recorded or live.

    Attributes:
        needs_depth: whether it makes nothing of frames without depth.
    """

    needs_depth: bool

    def add(self, frame: RGBDFrame) -> FrameReport:
        """Take one frame in."""
        ...

    def snapshot(self) -> Scene:
        """The scene so far; building may go on afterwards."""
        ...

    def refine(self, seconds: float) -> bool:
        """Use idle time of about that long to better the scene; whether anything changed."""
        ...

    def finish(self, progress: Progress | None = None, cancel: Cancel | None = None) -> Scene:
        """Do what is left to do and return the final scene."""
        ...

    def rendered_views(self) -> Iterable[RenderedView]:
        """After `finish`: the views by which the scene knows more than its frames said.

        Empty where it renders none to build from, as when all comes from measured depth.
        """
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Everything needed to go on later, as plain arrays (no pickle)."""
        ...

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a `state()`."""
        ...
