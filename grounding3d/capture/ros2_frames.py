"""The frames of a bag before their pixels are read: image pairs and their poses."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from grounding3d.capture.base import CaptureConfig
from grounding3d.capture.ros2_index import BagIndex, best_run
from grounding3d.capture.ros2_poses import PoseSource, poses_at
from grounding3d.capture.sync import pair_stamps, smallest_gap
from grounding3d.errors import CaptureError, TransformError

_LATENCY_NS = 10**9  # how much later than another topic's a message may be received


@dataclass(frozen=True, eq=False)
class FrameTable:
    """What is known of each frame before its pixels are read; arrays over frames.

    Attributes:
        color, depth: [n] place among the messages of the topic, in order of arrival.
        color_s, depth_s: [n] stamps, seconds.
        color_ns, depth_ns: [n] when they were received, nanoseconds.
        color_nth, depth_nth: [n] place among the messages received at that very time.
        T_world_cam: [n,4,4] at the depth stamps.
    """

    color: np.ndarray
    depth: np.ndarray
    color_s: np.ndarray
    depth_s: np.ndarray
    color_ns: np.ndarray
    depth_ns: np.ndarray
    color_nth: np.ndarray
    depth_nth: np.ndarray
    T_world_cam: np.ndarray

    def __len__(self) -> int:
        return len(self.depth_s)

    def __getitem__(self, selection: slice | np.ndarray) -> FrameTable:
        return FrameTable(*(getattr(self, field.name)[selection] for field in fields(self)))


def pair_images(
    index: BagIndex, images: list[str], config: CaptureConfig
) -> tuple[FrameTable, tuple[int, int] | None, list[str]]:
    """Match colour and depth by stamp; poses are still to come.

    Returns:
        the frames; if the clock was set back, when the run in use was received, nanoseconds;
        remarks for people.
    """
    notes, received_ns = [], None
    color, depth = (index.images[name] for name in images)
    (color_s, color_log), (depth_s, depth_log) = color.times(), depth.times()
    if color_log or depth_log:
        notes.append("images without stamps: the time they were received is used instead")
    color_ns, depth_ns = np.array(color.log_ns), np.array(depth.log_ns)
    depth_run = best_run(depth_s)
    color_run = np.arange(len(color_s))
    readable = int(np.isfinite(depth_s).sum())
    if len(depth_run) < readable:  # the clock was set back: keep what was received in that run
        notes.append(f"the clock was set back: {readable - len(depth_run)} depth images left out")
        first_ns, last_ns = depth_ns[depth_run].min(), depth_ns[depth_run].max()
        received_ns = int(first_ns) - _LATENCY_NS, int(last_ns) + _LATENCY_NS
        near = (color_ns >= received_ns[0]) & (color_ns <= received_ns[1])
        color_run = np.flatnonzero(near)
    if not len(depth_run):
        raise CaptureError(f"no message on {images[1]} decodes")
    span_s = depth_s[depth_run].min() - 1.0, depth_s[depth_run].max() + 1.0
    color_run = color_run[best_run(color_s[color_run], span_s)]
    pairs = pair_stamps(depth_s[depth_run], color_s[color_run], config.sync_tolerance_s)
    if not len(pairs):
        gap = smallest_gap(depth_s[depth_run], color_s[color_run])
        raise CaptureError(
            f"no colour image of {images[0]} was taken with a depth image of {images[1]}",
            expected=f"stamps at most {config.sync_tolerance_s:g} s apart",
            found=f"{gap:.3f} s at the closest",
            hint=f"If that is right: --set capture.sync_tolerance_s={1.1 * gap:.3f}",
        )
    alone = len(depth_run) - len(pairs)
    if alone:
        notes.append(
            f"{alone} of {len(depth_run)} depth images have no colour image within "
            f"{config.sync_tolerance_s:g} s"
        )
    d, c = depth_run[pairs[:, 0]], color_run[pairs[:, 1]]
    unknown = np.tile(np.eye(4), (len(pairs), 1, 1))
    nths = _nth_of_equals(color_ns)[c], _nth_of_equals(depth_ns)[d]
    table = FrameTable(c, d, color_s[c], depth_s[d], color_ns[c], depth_ns[d], *nths, unknown)
    return table, received_ns, notes


def _nth_of_equals(values: np.ndarray) -> np.ndarray:
    """How many equal values come before each value [n]."""
    order = np.argsort(values, kind="stable")
    ranks = np.empty(len(values), np.intp)
    ranks[order] = np.arange(len(values)) - np.searchsorted(values[order], values[order])
    return ranks


def with_poses(table: FrameTable, poses: PoseSource) -> tuple[FrameTable, str | None]:
    """The frames that have a pose, and a remark about the others."""
    T_world_cam, covered, reason = poses_at(poses, table.depth_s)
    first, last = poses.time_range()
    missing = int((~covered).sum())
    if missing == len(table):
        raise TransformError(
            f"no image has a pose of {poses.camera_frame!r} in {poses.world_frame!r}: {reason}",
            expected=f"transforms over the images' time, {table.depth_s[0]:.3f} to "
            f"{table.depth_s[-1]:.3f} s",
            found=f"{first:.3f} to {last:.3f} s",
        )
    table = replace(table, T_world_cam=T_world_cam)[covered]
    if not missing:
        return table, None
    return table, f"{missing} of {len(covered)} frames have no pose and are left out: {reason}"
