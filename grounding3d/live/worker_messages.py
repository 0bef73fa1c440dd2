"""What the two ends of a mapping worker tell each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.geometry.camera import Camera
from grounding3d.objects.base import LanguageScene
from grounding3d.scene.keyframes import keyframes_from_arrays, keyframes_to_arrays


@dataclass(frozen=True, eq=False)
class Setup:
    """First message to the process: what it maps with.

    Attributes:
        config: a `Config` as JSON values.
        up_world: [3] or None.
        static_transforms: frame id -> [4,4].
        log_level: of the package's loggers.
    """

    config: dict[str, Any]
    up_world: np.ndarray | None
    static_transforms: dict[str, np.ndarray]
    log_level: int


@dataclass(frozen=True, eq=False)
class FrameParts:
    """A frame without what its camera has cached.

    Attributes:
        epoch: counts the resets and loads; a frame of an older map is left out.
        images: rgb and depth_m.
        K: [3,3].
        others: the remaining fields of `RGBDFrame`.
    """

    epoch: int
    images: tuple[np.ndarray, np.ndarray]
    K: np.ndarray
    others: dict[str, Any]

    @classmethod
    def of(cls, frame: RGBDFrame, epoch: int) -> FrameParts:
        """Take a frame apart; its images are not copied."""
        others = dict(vars(frame))
        images = (
            np.ascontiguousarray(others.pop("rgb")),
            np.ascontiguousarray(others.pop("depth_m")),
        )
        return cls(epoch, images, others.pop("camera").K, others)

    def frame(self, camera: Camera | None) -> RGBDFrame:
        """The frame again, on the last frame's camera if it is equal."""
        rgb, depth_m = self.images
        mine = Camera(self.K, rgb.shape[1], rgb.shape[0])
        return RGBDFrame(rgb, depth_m, camera if mine == camera else mine, **self.others)


@dataclass(frozen=True)
class Order:
    """Something to do, other than a frame.

    Attributes:
        kind: "snapshot", "save", "load" or "reset".
        number: comes back in the `Done`.
        epoch: of the map from now on.
        path: scene folder.
        next_id: smallest object id that was never given.
    """

    kind: str
    number: int
    epoch: int
    path: str = ""
    next_id: int = 1


@dataclass(frozen=True)
class Ready:
    """The encoder is loaded."""


@dataclass(frozen=True)
class FrameDone:
    """What became of a frame; the process has room for the next.

    Attributes:
        used: whether it entered the map.
        reason: why not.
        seconds: that it took.
    """

    used: bool
    reason: str
    seconds: float


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A scene on its way.

    Attributes:
        epoch: of its map.
        seconds: that it took to make.
    """

    epoch: int
    seconds: float
    _scene: LanguageScene
    _keyframes: Mapping[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, scene: LanguageScene, epoch: int, seconds: float) -> Snapshot:
        """Make a scene ready to travel; keyframes go as arrays, without what cameras cache."""
        arrays = keyframes_to_arrays(scene.scene.keyframes)
        bare = replace(scene, scene=replace(scene.scene, keyframes=()))
        return cls(epoch, seconds, bare, arrays)

    def scene(self) -> LanguageScene:
        """The scene again; its arrays are read-only."""
        keyframes = tuple(keyframes_from_arrays(dict(self._keyframes)))
        return replace(self._scene, scene=replace(self._scene.scene, keyframes=keyframes))


@dataclass(frozen=True)
class Done:
    """An order has been carried out, or could not be.

    Attributes:
        number: of the order.
        error: why not; None if it was.
    """

    number: int
    error: str | None = None


@dataclass(frozen=True)
class Failed:
    """The last words of a process that cannot go on."""

    error: str
