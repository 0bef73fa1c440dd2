"""nerfstudio's data parser for any capture of ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.dataparsers.base_dataparser import (
    DataParser,
    DataParserConfig,
    DataparserOutputs,
)
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.plugins.registry_dataparser import DataParserSpecification

from grounding3d.capture.base import CaptureConfig
from grounding3d.errors import CaptureError
from grounding3d.geometry.frames import pixel_corner_from_center
from grounding3d.geometry.transforms import make_pose
from grounding3d.nerf.facts import FACTS, WORLD, SceneFacts
from grounding3d.nerf.frames import FrameFile, frames_of, read_frames
from grounding3d.nerf.seen_space import SeenSpace, seen_space
from grounding3d.nerf.world import NerfWorld


@dataclass
class GroundingDataParserConfig(DataParserConfig):
    """How a capture is read and split."""

    _target: type = field(default_factory=lambda: GroundingDataParser)
    data: Path = Path()
    """A recording of any known format: bag, TUM, 7-Scenes, nerfstudio data or our own folder."""
    capture: dict[str, Any] = field(default_factory=dict)
    """Overrides of how the recording is read, named as in the program's `capture` section."""
    is_written: bool = False
    """`data` is a folder of frames as the scene builder leaves it, to be read as it is."""
    held_out_every: int = 10
    """Every n-th frame is kept for evaluation; 0: none."""
    held_out: tuple[int, ...] | None = None
    """Frame numbers to keep for evaluation in place of every n-th."""


class GroundingDataParser(DataParser):
    """Frames as files, cameras in a unit cube around the seen space, and the way back to metres."""

    config: GroundingDataParserConfig

    def _generate_dataparser_outputs(self, split: str = "train", **kwargs: Any) -> Any:
        config = self.config
        capture = CaptureConfig(**{**_ANY_FRAME, **config.capture})
        frames = _frames(Path(config.data), capture, config.is_written)
        held_out = self.held_out(len(frames))
        train = [frame for frame in frames if frame.number not in held_out]
        if not train:
            raise CaptureError(
                f"no frame of {config.data} is left to train on",
                found=f"{len(held_out)} of {len(frames)} held out",
                hint="Hold out fewer.",
            )
        seen = _seen(tuple(train))
        world = world_of(train, seen)
        chosen = train if split == "train" else [f for f in frames if f.number in held_out]
        return _outputs(chosen or train[:1], world, seen)

    def held_out(self, count: int) -> set[int]:
        """Numbers of the frames that are not trained on."""
        if self.config.held_out is not None:
            return set(self.config.held_out)
        every = self.config.held_out_every
        return set(range(every // 2, count, every)) if 0 < every < count else set()


_ANY_FRAME = {"depth": "optional"}  # a frame without depth still teaches colour


@lru_cache(maxsize=2)
def _frames_cached(data: Path, config: str, is_written: bool) -> list[FrameFile]:
    return read_frames(data) if is_written else frames_of(data, CaptureConfig(**json.loads(config)))


def _frames(data: Path, config: CaptureConfig, is_written: bool) -> list[FrameFile]:
    return _frames_cached(data, config.model_dump_json(), is_written)


@lru_cache(maxsize=2)
def _seen(frames: tuple[FrameFile, ...]) -> SeenSpace | None:
    return seen_space(frames)


def world_of(frames: Sequence[FrameFile], seen: SeenSpace | None) -> NerfWorld:
    """The world in which the seen space, or else the cameras, fit into [-1, 1].

    The axes stay parallel to the capture's.
    """
    if seen is not None:
        low, high = seen.low, seen.high
    else:
        places = np.stack([frame.T_world_cam[:3, 3] for frame in frames])
        low, high = places.min(axis=0), places.max(axis=0)
    half = max(float((high - low).max()) / 2, 1e-3)
    return NerfWorld(make_pose(np.eye(3), -(low + high) / 2), 1 / half)


def cameras_of(frames: Sequence[FrameFile], world: NerfWorld) -> Cameras:
    """nerfstudio's cameras of frames: OpenGL axes, pixel centres at +0.5."""
    poses = np.stack([world.nerf_pose(frame.T_world_cam) for frame in frames])
    k = [frame.camera for frame in frames]
    return Cameras(
        camera_to_worlds=torch.from_numpy(poses.astype(np.float32)),
        fx=torch.tensor([c.fx for c in k]),
        fy=torch.tensor([c.fy for c in k]),
        cx=torch.tensor([pixel_corner_from_center(c.cx) for c in k]),
        cy=torch.tensor([pixel_corner_from_center(c.cy) for c in k]),
        width=torch.tensor([c.width for c in k]),
        height=torch.tensor([c.height for c in k]),
        camera_type=CameraType.PERSPECTIVE,
    )


def _outputs(
    frames: Sequence[FrameFile], world: NerfWorld, seen: SeenSpace | None
) -> DataparserOutputs:
    box = np.array([[-1.0] * 3, [1.0] * 3])
    facts = SceneFacts(metres_per_unit=1 / world.scale)
    if seen is not None:
        box = world.to_nerf(np.stack([seen.low, seen.high]))
        hit, free = (torch.from_numpy(world.to_nerf(p)) for p in (seen.hit, seen.free))
        facts = SceneFacts(1 / world.scale, True, hit.float(), free.float())
    has_depth = any(frame.depth is not None for frame in frames)
    metadata: dict[str, Any] = {FACTS: facts, WORLD: world}
    if has_depth:
        metadata["depth_filenames"] = [frame.depth for frame in frames]
        metadata["depth_unit_scale_factor"] = frames[0].depth_unit_m
    return DataparserOutputs(
        image_filenames=[frame.image for frame in frames],
        cameras=cameras_of(frames, world),
        scene_box=SceneBox(aabb=torch.from_numpy(box).float()),
        metadata=metadata,
        dataparser_transform=torch.from_numpy(world.T_nerf_world[:3]).float(),
        dataparser_scale=world.scale,
    )


captures = DataParserSpecification(
    GroundingDataParserConfig(),
    "any recording that grounding3d reads, in a cube around what it saw",
)
"""Entry of nerfstudio's table of data parsers."""
