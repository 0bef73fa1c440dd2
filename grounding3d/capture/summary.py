"""What a recording holds, for people: the text behind `grounding3d info`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from grounding3d.capture.base import Capture, IndexedCapture, RGBDFrame
from grounding3d.capture.losses import Losses
from grounding3d.errors import CaptureError

_PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
_LITTLE_DEPTH = 0.2
_SAMPLE_FRAMES = 20


@runtime_checkable
class PosedCapture(Protocol):
    """A capture that knows its trajectory without decoding images."""

    @property
    def poses(self) -> np.ndarray:
        """[n,4,4] `T_world_cam`."""
        ...

    @property
    def stamps_s(self) -> list[float | None]:
        """Depth stamps."""
        ...


@dataclass(frozen=True)
class CaptureSummary:
    """Facts about a recording.

    Attributes:
        frames: number of frames.
        duration_s: from the first to the last stamp, None without stamps.
        rate_hz: frames a second over that time.
        width, height: image size in pixels.
        intrinsics: fx, fy, cx, cy of the first frame in pixels.
        world_frame, camera_frame: frame ids.
        up_world: unit vector against gravity, None where not known.
        up_source: "capture" or "unknown"; a build may still estimate it.
        depth_percentiles_m: percentile -> metres, over the known depth of the sampled frames.
        valid_depth_share: of the sampled frames' pixels.
        path_length_m: length of the camera's path.
        details: format-specific facts, such as topics.
        warnings: what to know before trusting coordinates.
    """

    format: str
    source: str | None
    frames: int
    duration_s: float | None
    rate_hz: float | None
    width: int
    height: int
    intrinsics: tuple[float, float, float, float]
    world_frame: str
    camera_frame: str
    up_world: tuple[float, float, float] | None
    up_source: str
    depth_percentiles_m: dict[str, float]
    valid_depth_share: float
    path_length_m: float
    details: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def summarise(capture: Capture, sample_frames: int = _SAMPLE_FRAMES) -> CaptureSummary:
    """Summarise a recording from its trajectory and some evenly spaced frames.

    A capture without random access is read once, all of it.

    Raises:
        CaptureError: the recording holds no frame, or cannot be read.
    """
    poses, stamps_s, samples, lost = _read(capture, sample_frames)
    description = capture.describe()
    first = samples[0]
    duration_s, rate_hz = _timing(stamps_s)
    depths = np.concatenate([frame.depth_m[frame.depth_m > 0] for frame in samples])
    share = len(depths) / sum(frame.depth_m.size for frame in samples)
    up = capture.up_world
    return CaptureSummary(
        format=description.format,
        source=None if description.source is None else str(description.source),
        frames=len(poses),
        duration_s=duration_s,
        rate_hz=rate_hz,
        width=first.camera.width,
        height=first.camera.height,
        intrinsics=(first.camera.fx, first.camera.fy, first.camera.cx, first.camera.cy),
        world_frame=capture.world_frame,
        camera_frame=first.camera_frame,
        up_world=None if up is None else (float(up[0]), float(up[1]), float(up[2])),
        up_source="unknown" if up is None else "capture",
        depth_percentiles_m=_percentiles(depths),
        valid_depth_share=share,
        path_length_m=float(np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1).sum()),
        details=description.details,
        warnings=(*description.warnings, *lost, *_warnings(poses, stamps_s, share, up is not None)),
    )


def _read(
    capture: Capture, sample_frames: int
) -> tuple[np.ndarray, list[float | None], list[RGBDFrame], tuple[str, ...]]:
    """Poses [n,4,4] and stamps of all frames, up to `sample_frames` frames, and their warnings."""
    if isinstance(capture, IndexedCapture) and isinstance(capture, PosedCapture):
        poses, losses = capture.poses, Losses(capture.describe().source or Path())
        chosen = enumerate(sample_indices(len(poses), sample_frames).tolist())
        samples = list(losses.read_all(chosen, lambda _, i: capture[i]))
        return poses, list(capture.stamps_s), samples, losses.warnings("sampled frames")
    all_poses, stamps_s, kept, step = [], [], [], 1
    for index, frame in enumerate(capture):
        all_poses.append(frame.T_world_cam)
        stamps_s.append(frame.stamp_s if frame.depth_stamp_s is None else frame.depth_stamp_s)
        if index % step == 0:
            kept.append(frame)
        if len(kept) > 2 * sample_frames:  # bounded memory for a recording of any length
            kept, step = kept[::2], 2 * step
    if not all_poses:
        raise CaptureError("the recording holds no frames")
    kept = [kept[i] for i in sample_indices(len(kept), sample_frames)]
    return np.stack(all_poses), stamps_s, kept, ()


def sample_indices(count: int, wanted: int) -> np.ndarray:
    """Up to `wanted` evenly spaced indices below `count`, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(int))


def _timing(stamps_s: list[float | None]) -> tuple[float | None, float | None]:
    known = [stamp for stamp in stamps_s if stamp is not None]
    if len(known) < 2:
        return None, None
    duration_s = float(max(known) - min(known))
    return duration_s, (len(known) - 1) / duration_s if duration_s > 0 else None


def _percentiles(depths: np.ndarray) -> dict[str, float]:
    if not len(depths):
        return {}
    values = np.percentile(depths, _PERCENTILES)
    return {str(p): float(v) for p, v in zip(_PERCENTILES, values, strict=True)}


def _warnings(
    poses: np.ndarray, stamps_s: list[float | None], share: float, has_up: bool
) -> list[str]:
    warnings = []
    if share == 0:
        warnings.append("no sampled frame holds valid depth; check capture.depth_unit_m")
    elif share < _LITTLE_DEPTH:
        warnings.append(f"only {share:.0%} of the pixels have valid depth")
    if not has_up:
        warnings.append("the recording does not say which way is up; a build estimates it")
    if len(poses) > 1 and np.ptp(poses[:, :3, 3], axis=0).max() < 1e-3:
        warnings.append("the camera never moves")
    known = [stamp for stamp in stamps_s if stamp is not None]
    if sorted(known) != known:
        warnings.append("the stamps go backwards")
    return warnings
