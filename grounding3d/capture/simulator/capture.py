"""A simulated recording as a `Capture`, rendered frame by frame when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from typing_extensions import Self

from grounding3d.capture.base import CaptureDescription, RGBDFrame
from grounding3d.capture.simulator.renderer import Rendering
from grounding3d.capture.simulator.sensor import expose, sense_depth
from grounding3d.capture.simulator.tabletop import TabletopConfig
from grounding3d.capture.simulator.truth import ground_truth
from grounding3d.capture.simulator.world import SimulatedWorld, simulate_tabletop

CAMERA_FRAME = "camera_color_optical_frame"
_FIRST_STAMP_S = 1000.0


class SimulatedCapture:
    """Frames of a `SimulatedWorld`; every frame is the same however often it is read.

    Example:
        >>> capture = SimulatedCapture.from_seed(7)              # doctest: +SKIP
        >>> frames = list(capture)                               # doctest: +SKIP
        >>> truth = capture.ground_truth()                       # doctest: +SKIP
    """

    def __init__(self, world: SimulatedWorld) -> None:
        self.world = world
        self.world_frame = world.config.world_frame
        self.up_world: np.ndarray | None = world.up_world
        self._pixels: dict[int, np.ndarray] = {}

    @classmethod
    def from_seed(cls, seed: int, config: TabletopConfig | None = None) -> Self:
        """The recording of a seed."""
        return cls(simulate_tabletop(config or TabletopConfig(), seed))

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.world.T_world_cam)

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[RGBDFrame]:
        return (self[k] for k in range(self.length))

    def __getitem__(self, index: int) -> RGBDFrame:
        """Frame number ``index`` with the sensor's noise, if the configuration asks for it."""
        if not 0 <= index < self.length:
            raise IndexError(f"frame {index} of {self.length}")
        world, image = self.world, self.perfect(index)
        rgb, depth = image.rgb, image.depth_m
        if world.config.noise:
            rng = np.random.default_rng([world.seed, 6, index])
            rgb = expose(rgb, world.exposure, rng)
            depth = sense_depth(depth, world.camera, rng)
        stamp = _FIRST_STAMP_S + index / world.config.rate_hz
        return RGBDFrame(
            rgb=rgb,
            depth_m=depth,
            camera=world.camera,
            T_world_cam=world.T_world_cam[index],
            frame_index=index,
            stamp_s=stamp,
            depth_stamp_s=stamp,
            world_frame=self.world_frame,
            camera_frame=CAMERA_FRAME,
        )

    def perfect(self, index: int, shadows: bool | None = None) -> Rendering:
        """Frame number ``index`` without noise, with truth ids per pixel."""
        image = self.world.render(self.world.T_world_cam[index], shadows)
        count = 1 + len(self.world.objects)
        self._pixels[index] = np.bincount(image.body.ravel() + 1, minlength=count + 1)[1:]
        return image

    def ground_truth(self) -> dict[str, Any]:
        """The truth of the whole recording; renders the frames that were not read yet."""
        for index in range(self.length):
            if index not in self._pixels:
                self.perfect(index, shadows=False)
        pixels = np.stack([self._pixels[k] for k in range(self.length)])
        return ground_truth(self.world, pixels)

    def describe(self) -> CaptureDescription:
        """Facts about the recording."""
        names = ", ".join(p.model.name for p in self.world.objects)
        return CaptureDescription(
            format="simulated",
            source=None,
            details={"seed": str(self.world.seed), "objects": names, "camera_frame": CAMERA_FRAME},
        )

    def close(self) -> None:
        """Release the renderer."""
        self.world.close()
