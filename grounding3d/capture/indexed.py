"""What the file-based formats share: from the paths and poses of their text files to frames.

A reader fills a list of `FrameEntry` from the text files and hands it to `ImageFileCapture`; images
are decoded one frame at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from grounding3d.capture.base import CaptureConfig, CaptureDescription, RGBDFrame, check_nonempty
from grounding3d.capture.files import depth_from_steps, read_depth_steps, read_rgb
from grounding3d.capture.lenses import Lens, Lenses
from grounding3d.capture.losses import Losses
from grounding3d.capture.registration import register_depth
from grounding3d.capture.selection import limit_depth, require_depth, select_frames, up_direction
from grounding3d.errors import CaptureError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import check_pose, invert_pose, make_pose

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FrameEntry:
    """A frame before its images are decoded.

    Attributes:
        depth: None where none was recorded.
        T_world_cam: pose of the camera that `FileFacts.pose_of` names.
        lens: where frames differ; None: `FileFacts.lens`.
    """

    rgb: Path
    depth: Path | None
    T_world_cam: np.ndarray
    stamp_s: float | None = None
    depth_stamp_s: float | None = None
    lens: Lens | None = None


@dataclass(frozen=True)
class FileFacts:
    """What one format says about all its frames.

    Attributes:
        format: name in the table of formats.
        source: file or folder.
        lens: of the colour images; None where every frame brings its own.
        depth_unit_m: metres of one stored depth step.
        invalid_steps: stored values that mean unknown, besides 0.
        depth_lens: of the depth images where they come from another camera; None: registered.
        color_from_depth_xyz_m: translation from the depth to the colour camera.
        pose_is_depths: the poses are those of the depth camera.
        same_view: depth of another size shows the same view, sampled otherwise.
        world_frame, camera_frame, up_world: as the recording says.
    """

    format: str
    source: Path
    lens: Lens | None
    depth_unit_m: float
    invalid_steps: tuple[int, ...] = ()
    depth_lens: Lens | None = None
    color_from_depth_xyz_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pose_is_depths: bool = False
    same_view: bool = False
    world_frame: str = "map"
    camera_frame: str = "camera"
    up_world: np.ndarray | None = None
    details: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class ImageFileCapture:
    """An indexed capture over image files.

    Args:
        facts: what the format says; the config's overrides are applied here.
        entries: every frame of the recording, in order.
        config: how to read it.

    Raises:
        CaptureError: no frames, or none left after `start`.
        TransformError: a pose is not rigid.
    """

    def __init__(
        self, facts: FileFacts, entries: Sequence[FrameEntry], config: CaptureConfig
    ) -> None:
        check_nonempty(facts.source, len(entries), "frames")
        recorded, entries = len(entries), with_depth_images(facts.source, entries, config)
        self._n_bare = recorded - len(entries)  # left out
        self._facts, self._config = facts, config
        self._entries = [entries[i] for i in select_frames(facts.source, len(entries), config)]
        self._recorded = recorded
        self.world_frame = config.world_frame or facts.world_frame
        self.up_world = up_direction(config, facts.up_world)
        self._T_color_depth = self._color_from_depth()
        self._depth_lens = (
            Lens(config.depth_intrinsics) if config.depth_intrinsics else facts.depth_lens
        )
        self._depth_unit_m = config.depth_unit_m or facts.depth_unit_m
        self._poses = np.stack([self._pose(entry) for entry in self._entries])
        self._losses = Losses(facts.source)  # of the latest reading
        images: dict[Lens, list[Path]] = {}
        for entry in self._entries:
            images.setdefault(self._lens(entry), []).append(entry.rgb)
        self._lenses = Lenses(facts.source, images)

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def poses(self) -> np.ndarray:
        """[n,4,4] `T_world_cam` of every frame, without decoding images."""
        return self._poses.copy()

    @property
    def stamps_s(self) -> list[float | None]:
        """Depth stamp of every frame, without decoding images."""
        return [entry.depth_stamp_s for entry in self._entries]

    def __iter__(self) -> Iterator[RGBDFrame]:
        """Frames in order; those that cannot be read are left out, and `describe()` tells of them.

        Raises:
            CaptureError: no frame can be read; or, after the last one, none had any valid depth.
        """
        self._losses = Losses(self._facts.source)
        frames = self._losses.read_all(enumerate(self._entries), lambda index, _: self[index])
        return require_depth(frames, self._facts.source, self._config)

    def __getitem__(self, index: int) -> RGBDFrame:
        """Frame `index`, 0 <= index < length.

        Raises:
            CaptureError: its images cannot be read, or do not fit.
        """
        if not 0 <= index < len(self._entries):
            raise IndexError(f"frame {index} of {len(self._entries)}")
        entry = self._entries[index]
        rgb = read_rgb(entry.rgb)
        rgb, depth_m, camera = self._register(entry, rgb, self._depth(entry, rgb))
        return RGBDFrame(
            rgb=rgb,
            depth_m=limit_depth(depth_m, self._config),
            camera=camera,
            T_world_cam=self._poses[index],
            frame_index=index,
            stamp_s=entry.stamp_s,
            depth_stamp_s=entry.depth_stamp_s,
            world_frame=self.world_frame,
            camera_frame=self._config.camera_frame or self._facts.camera_frame,
        )

    def describe(self) -> CaptureDescription:
        """Facts about the recording, and what the latest reading of all frames left out."""
        facts = self._facts
        details = {
            "frames recorded": str(self._recorded),
            "depth unit": f"{self._depth_unit_m:.6g} m",
            "depth": self._depth_text(),
            **facts.details,
        }
        return CaptureDescription(facts.format, facts.source, details, self._warnings())

    def _depth_text(self) -> str:
        if all(entry.depth is None for entry in self._entries):
            return "none"
        return "of another camera, reprojected" if self._is_separate else "registered"

    def _warnings(self) -> tuple[str, ...]:
        told = (*self._facts.warnings, *self._lenses.doubts, *self._losses.warnings())
        if self._n_bare:
            told = (_bare_text(self._n_bare, self._recorded), *told)
        bare = sum(entry.depth is None for entry in self._entries)
        if not bare:
            return told
        which = "no frame has" if bare == len(self._entries) else f"{bare} frames have no"
        scale = "; scale comes from the poses" if bare == len(self._entries) else ""
        return (*told, f"{which} depth: photometric only{scale}")

    @property
    def _is_separate(self) -> bool:
        return self._depth_lens is not None or self._config.color_from_depth_xyz_m is not None

    def _color_from_depth(self) -> np.ndarray:
        given = self._config.color_from_depth_xyz_m
        return make_pose(np.eye(3), np.array(given or self._facts.color_from_depth_xyz_m))

    def _pose(self, entry: FrameEntry) -> np.ndarray:
        T = check_pose(entry.T_world_cam, f"the pose of {entry.depth or entry.rgb}")
        return T @ invert_pose(self._T_color_depth) if self._facts.pose_is_depths else T

    def _depth(self, entry: FrameEntry, rgb: np.ndarray) -> np.ndarray:
        """Depth as recorded, in metres; all unknown where there is none."""
        if entry.depth is None:
            return np.zeros(rgb.shape[:2], np.float32)
        steps = read_depth_steps(entry.depth)
        return depth_from_steps(steps, self._depth_unit_m, self._facts.invalid_steps)

    def _register(
        self, entry: FrameEntry, rgb: np.ndarray, depth_m: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, Camera]:
        """Colour and depth as one pinhole camera sees them."""
        lens = self._lens(entry)
        self._lenses.check_size(lens, entry.rgb, rgb)
        color = self._lenses.undistorter(lens, rgb)
        rgb = color.rgb(rgb)
        if self._is_separate:
            depth_lens = self._depth_lens or lens
        elif depth_m.shape == rgb.shape[:2]:
            return rgb, color.depth(depth_m), color.camera
        else:
            depth_lens = self._resized_lens(entry, lens, color.camera, depth_m)
        depth = self._lenses.undistorter(depth_lens, depth_m)
        registered = register_depth(
            depth.depth(depth_m), depth.camera, color.camera, self._T_color_depth
        )
        return rgb, registered, color.camera

    def _lens(self, entry: FrameEntry) -> Lens:
        """Lens of a colour image; intrinsics as given come first."""
        lens = entry.lens or self._facts.lens
        assert lens is not None, "a format gives a lens to all frames or to each"
        if self._config.color_intrinsics is not None:
            lens = replace(lens, intrinsics=self._config.color_intrinsics, size=None)
        return lens

    def _resized_lens(
        self, entry: FrameEntry, lens: Lens, camera: Camera, depth_m: np.ndarray
    ) -> Lens:
        height, width = depth_m.shape
        stretch = (width * camera.height) / (height * camera.width)
        if not self._facts.same_view or abs(stretch - 1) > 0.02:
            raise CaptureError(
                f"the sizes of {entry.rgb} and {entry.depth} do not fit",
                expected=f"depth of {camera.width}x{camera.height} pixels",
                found=f"{width}x{height}",
                hint="If depth comes from another camera, give its intrinsics: "
                "--set capture.depth_intrinsics='[fx, fy, cx, cy]'.",
            )
        small = camera.resized(width, height)
        return Lens((small.fx, small.fy, small.cx, small.cy), lens.model, lens.coefficients)


def with_depth_images(
    source: Path, entries: Sequence[FrameEntry], config: CaptureConfig
) -> Sequence[FrameEntry]:
    """The frames with a depth image; all of them if `config.depth` is "optional".

    Raises:
        CaptureError: there is none; says what can do without.
    """
    if config.depth == "optional":
        return entries
    with_depth = [entry for entry in entries if entry.depth is not None]
    if not with_depth:
        raise CaptureError(
            f"{source} has no depth images",
            expected="a depth image for every frame",
            found=f"{len(entries)} of {len(entries)} frames without",
            hint="Record depth, or train on colour alone, scale from the poses: --backend nerf "
            "(to look at it: --set capture.depth=optional).",
        )
    if bare := len(entries) - len(with_depth):
        _log.warning("%s: %s", source, _bare_text(bare, len(entries)))
    return with_depth


def _bare_text(bare: int, total: int) -> str:
    return f"{bare} of {total} frames have no depth image and are left out"
