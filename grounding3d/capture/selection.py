"""What the configuration asks of any recording: which frames, which depth, which way is up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from grounding3d.capture.base import CaptureConfig, RGBDFrame, clean_depth
from grounding3d.errors import CaptureError


def select_frames(source: Path, count: int, config: CaptureConfig) -> range:
    """Positions in the recording that `start`, `stride` and `max_frames` choose."""
    chosen = range(config.start, count, config.stride)
    if config.max_frames is not None:
        chosen = chosen[: config.max_frames]
    if not chosen:
        raise CaptureError(
            f"no frame of {source} is left",
            expected=f"a start below {count}",
            found=f"capture.start = {config.start}",
        )
    return chosen


def limit_depth(depth_m: np.ndarray, config: CaptureConfig) -> np.ndarray:
    """Depth with everything outside the configured range set to 0 (unknown)."""
    depth_m = clean_depth(depth_m)
    inside = (depth_m >= config.min_depth_m) & (depth_m <= config.max_depth_m)
    return np.where(inside, depth_m, np.float32(0))


def up_direction(config: CaptureConfig, recorded: np.ndarray | None) -> np.ndarray | None:
    """Unit vector against gravity: the config's, else the recording's, else None."""
    up = config.up_world if config.up_world is not None else recorded
    if up is None:
        return None
    up = np.asarray(up, dtype=np.float64)
    length = np.linalg.norm(up)
    if up.shape != (3,) or not np.isfinite(length) or length < 1e-6:
        raise CaptureError("the up direction is no direction", found=str(up.tolist()))
    return up / length


def require_depth(
    frames: Iterator[RGBDFrame], source: Path, config: CaptureConfig
) -> Iterator[RGBDFrame]:
    """Pass frames on.

    Raises:
        CaptureError: after the last frame, if the depth of all of them was unknown, unless
            `config.depth` is "optional".
    """
    any_depth = False
    for frame in frames:
        any_depth = any_depth or bool(frame.depth_m.any())
        yield frame
    if not any_depth and config.depth != "optional":
        raise no_depth_error(source, config)


def no_depth_error(source: Path, config: CaptureConfig) -> CaptureError:
    """The error of a recording all of whose depth is unknown."""
    return CaptureError(
        f"no frame of {source} holds valid depth",
        expected=f"depth between {config.min_depth_m:g} and {config.max_depth_m:g} m",
        hint="If the unit is wrong, give the metres of one depth step: "
        "--set capture.depth_unit_m=0.001.",
    )
