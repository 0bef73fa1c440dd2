"""What every recording ends in: `RGBDFrame`s, delivered by a `Capture`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from pydantic import Field

from grounding3d.checks import check_shape
from grounding3d.config import Section
from grounding3d.errors import ArrayError, CaptureError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import check_pose


@dataclass(frozen=True, eq=False)
class RGBDFrame:
    """One posed colour image with depth registered to it.

    Attributes:
        rgb: [H,W,3] uint8.
        depth_m: [H,W] float32, z along the optical axis in metres, 0 = unknown; all of it where a
            recording has no depth.
        camera: pinhole camera of both images.
        T_world_cam: [4,4] camera to world, OpenCV axes, at the depth's stamp.
        frame_index: position in the capture, from 0; equal for every reading of the same capture.
        stamp_s: colour stamp in seconds, None where the format has none.
        depth_stamp_s: depth stamp in seconds.
        world_frame: name of the frame the pose refers to.
        camera_frame: name of the optical frame.
    """

    rgb: np.ndarray
    depth_m: np.ndarray
    camera: Camera
    T_world_cam: np.ndarray
    frame_index: int
    stamp_s: float | None = None
    depth_stamp_s: float | None = None
    world_frame: str = "map"
    camera_frame: str = "camera"

    def __post_init__(self) -> None:
        shape = (self.camera.height, self.camera.width)
        check_shape(self.rgb, (*shape, 3), "rgb")
        check_shape(self.depth_m, shape, "depth_m")
        if self.rgb.dtype != np.uint8:
            raise ArrayError("rgb has the wrong type", expected="uint8", found=str(self.rgb.dtype))
        if self.depth_m.dtype != np.float32:
            raise ArrayError(
                "depth_m has the wrong type", expected="float32", found=str(self.depth_m.dtype)
            )
        pose = check_pose(self.T_world_cam, f"pose of frame {self.frame_index}")
        object.__setattr__(self, "T_world_cam", pose)


def clean_depth(depth_m: np.ndarray) -> np.ndarray:
    """float32 depth with everything that is not a positive finite number set to 0 (unknown)."""
    depth_m = np.asarray(depth_m, dtype=np.float32)
    return np.where(np.isfinite(depth_m) & (depth_m > 0), depth_m, np.float32(0))


UpSource = Literal["capture", "estimated", "unknown"]


@dataclass(frozen=True)
class CaptureDescription:
    """What a reader knows of a recording without decoding its images.

    Attributes:
        format: name in the table of formats.
        source: file or folder.
        details: format-specific facts for people, such as topics and frame ids.
        warnings: what a user should know before trusting coordinates.
    """

    format: str
    source: Path | None
    details: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@runtime_checkable
class Capture(Protocol):
    """A source of posed RGB-D frames, iterable any number of times, in order.

    Attributes:
        world_frame: name of the world frame of every pose.
        up_world: unit vector against gravity in the world frame, None where unknown.
    """

    world_frame: str
    up_world: np.ndarray | None

    @property
    def length(self) -> int | None:
        """Number of frames, None where it is only known after reading."""
        ...

    def __iter__(self) -> Iterator[RGBDFrame]:
        """Frames in order; pixels are read one frame at a time."""
        ...

    def describe(self) -> CaptureDescription:
        """Facts about the recording."""
        ...


@runtime_checkable
class IndexedCapture(Capture, Protocol):
    """A capture whose frames can be read in any order."""

    def __getitem__(self, index: int) -> RGBDFrame:
        """Frame number `index`, 0 <= index < length."""
        ...


class CaptureConfig(Section):
    """How a recording is read. What is None is taken from the recording; nothing is guessed."""

    format: str | None = Field(None, description="format name; None: recognised from the files")
    world_frame: str | None = Field(None, description="world frame id; None: as the format says")
    camera_frame: str | None = Field(
        None,
        description="optical frame id of the colour camera; None: as the messages say. Beside a "
        "pose topic: the tracked frame, where its messages do not name it",
    )
    up_world: tuple[float, float, float] | None = Field(
        None, description="direction against gravity in the world frame"
    )
    stride: int = Field(1, ge=1, description="use every n-th frame")
    start: int = Field(0, ge=0, description="first frame to use")
    max_frames: int | None = Field(None, ge=1, description="stop after this many frames")
    depth: Literal["required", "optional"] | None = Field(
        None,
        description="optional: frames without depth are read too, for a backend that trains on "
        "colour alone; None: as the backend needs it",
    )
    min_depth_m: float = Field(0.1, ge=0, description="nearer depth is unknown, metres")
    max_depth_m: float = Field(10.0, gt=0, description="farther depth is unknown, metres")
    depth_unit_m: float | None = Field(
        None, gt=0, description="metres of one stored depth step; None: as the format says"
    )
    sync_tolerance_s: float = Field(
        0.02, gt=0, description="largest colour-depth stamp gap, seconds"
    )
    color_topic: str | None = Field(None, description="ROS colour image topic")
    depth_topic: str | None = Field(None, description="ROS depth image topic")
    color_info_topic: str | None = Field(
        None, description="ROS CameraInfo topic of the colour camera"
    )
    depth_info_topic: str | None = Field(
        None, description="ROS CameraInfo topic of the depth camera"
    )
    pose_topic: str | None = Field(
        None, description="ROS Odometry or PoseStamped topic to use instead of tf"
    )
    color_intrinsics: tuple[float, float, float, float] | None = Field(
        None, description="fx, fy, cx, cy of the colour camera, pixels"
    )
    depth_intrinsics: tuple[float, float, float, float] | None = Field(
        None, description="fx, fy, cx, cy of the depth camera, pixels"
    )
    color_from_depth_xyz_m: tuple[float, float, float] | None = Field(
        None, description="translation that maps depth-camera points into the colour camera, metres"
    )


def check_nonempty(source: Path, count: int, what: str) -> None:
    """Raise the error of a recording without frames."""
    if count == 0:
        raise CaptureError(f"{source} holds no {what}", hint="Check the path and the recording.")
