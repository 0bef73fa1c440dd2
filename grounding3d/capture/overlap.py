"""How well the depth of nearby frames agrees, as recorded and under a mix-up put right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from grounding3d.capture.base import Capture, IndexedCapture, RGBDFrame
from grounding3d.capture.mix_ups import AS_IT_IS, MixUp
from grounding3d.capture.summary import PosedCapture, sample_indices
from grounding3d.errors import CaptureError
from grounding3d.geometry.transforms import interpolate_pose, invert_pose

_POINTS = 1500  # per frame
_WINDOW = 30  # partner frames lie within this many frames
_ROTATION_RAD, _TRANSLATION_M = 0.2, 0.15  # motion between partners worth testing
_MISS = 1.0  # relative error of a point that leaves the image: as bad as it gets
_CAP = 0.05  # of depth: occluded points and edges are as bad as that, whatever is true


@dataclass(frozen=True)
class Disagreement:
    """Of the depth of frames that see the same, as shares of it.

    Attributes:
        median: over all points, those that leave the image counted as misses.
        capped: mean over all, each at most 5 %, by which to rank.
        seen_median: without the misses; infinite where all are.
        seen_upper: upper quartile without the misses. Floors and table tops agree by themselves
            under many a wrong pose, and may be most of the points.
        misses: share of the points.
        metres: median without the misses.
    """

    median: float
    capped: float
    seen_median: float
    seen_upper: float
    misses: float
    metres: float


_INF = float(np.inf)
NOTHING_KNOWN = Disagreement(_INF, _INF, _INF, _INF, misses=1.0, metres=_INF)


@dataclass(frozen=True, eq=False)
class _Points:
    """Some pixels with depth of a frame."""

    frame: RGBDFrame
    row: np.ndarray
    column: np.ndarray
    depth_m: np.ndarray

    @classmethod
    def of(cls, frame: RGBDFrame) -> _Points:
        known = np.flatnonzero(frame.depth_m)
        known = known[:: max(1, len(known) // _POINTS)]
        row, column = np.unravel_index(known, frame.depth_m.shape)
        return cls(frame, row, column, frame.depth_m[row, column].astype(np.float64))


class Overlap:
    """Pairs of nearby frames with enough motion between them, spread over a recording.

    Args:
        capture: any; only the frames of the pairs are held in memory.
        wanted: how many pairs.

    Attributes:
        pairs: how many there are.
    """

    def __init__(self, capture: Capture, wanted: int) -> None:
        self._track = Track.of(capture)
        frames = list(_pairs(capture, self._track.poses, wanted))
        points = {id(f): _Points.of(f) for pair in frames for f in pair}
        found = [(points[id(a)], points[id(b)]) for a, b in frames]
        self._directed = [p for a, b in found for p in ((a, b), (b, a))]
        self._directed = [p for p in self._directed if len(p[0].row) and len(p[1].row)]
        self.pairs = len(self._directed) // 2

    @property
    def depth_m(self) -> float:
        """Median depth, as recorded."""
        return float(np.median(np.concatenate([a.depth_m for a, _ in self._directed])))

    @property
    def is_constant(self) -> bool:
        """Whether all depth is one value, as a camera that measures nothing may deliver."""
        depths = np.concatenate([a.depth_m for a, _ in self._directed])
        return float(np.ptp(depths)) == 0

    def under(self, mix_up: MixUp = AS_IT_IS) -> Disagreement:
        """The disagreement after a mix-up is put right."""
        return _disagreement(self._directed, mix_up, lambda frame: mix_up.pose(frame.T_world_cam))

    def shifted(self, shift: float) -> tuple[Disagreement, Disagreement]:
        """The disagreement with the poses of so much later, and as recorded, of the same pairs.

        Nothing is known where that is beyond the ends of the recording for most pairs.

        Args:
            shift: seconds, or frames where there are no stamps.
        """
        later = {f.frame_index: self._track.at(f.frame_index, shift) for f in self._frames()}
        there = [
            (a, b)
            for a, b in self._directed
            if later[a.frame.frame_index] is not None and later[b.frame.frame_index] is not None
        ]
        if len(there) < len(self._directed) / 2:
            return NOTHING_KNOWN, NOTHING_KNOWN
        return (
            _disagreement(there, AS_IT_IS, lambda frame: later[frame.frame_index]),
            _disagreement(there, AS_IT_IS, lambda frame: frame.T_world_cam),
        )

    def _frames(self) -> Iterator[RGBDFrame]:
        return (a.frame for a, _ in self._directed)

    @property
    def shifts(self) -> Sequence[float]:
        """Shifts worth trying."""
        return self._track.shifts

    @property
    def has_stamps(self) -> bool:
        """Whether shifts are seconds, else frames."""
        return self._track.has_stamps


def _disagreement(
    pairs: Sequence[tuple[_Points, _Points]], mix_up: MixUp, pose: Callable[[RGBDFrame], Any]
) -> Disagreement:
    gaps, depths = [], []
    for a, b in pairs:
        gap_m, depth_m = _compare(a, b, mix_up, invert_pose(pose(b.frame)) @ pose(a.frame))
        gaps.append(gap_m)
        depths.append(depth_m)
    gap_m, depth_m = np.concatenate(gaps), np.concatenate(depths)
    seen = depth_m > 0
    share = np.full(len(gap_m), _MISS)
    np.divide(gap_m, depth_m, out=share, where=seen)
    share = np.minimum(share, _MISS)
    return Disagreement(
        median=_quantile(share, 0.5),
        capped=float(np.minimum(share, _CAP).mean()) if len(share) else np.inf,
        seen_median=_quantile(share[seen], 0.5),
        seen_upper=_quantile(share[seen], 0.75),
        misses=1 - float(seen.mean()) if len(seen) else 1.0,
        metres=_quantile(gap_m[seen], 0.5),
    )


def _quantile(values: np.ndarray, q: float) -> float:
    return float(np.quantile(values, q)) if len(values) else float(np.inf)


@dataclass(frozen=True, eq=False)
class Track:
    """Poses [n,4,4] over time [n], in seconds; in frames where there are no stamps."""

    poses: np.ndarray
    times: np.ndarray
    has_stamps: bool

    @classmethod
    def of(cls, capture: Capture) -> Track:
        """The trajectory of a capture, which is read for it if it must be."""
        if isinstance(capture, PosedCapture):
            poses, stamps = capture.poses, list(capture.stamps_s)
        else:
            read = [(frame.T_world_cam, frame.depth_stamp_s) for frame in capture]
            poses = np.stack([T for T, _ in read] or [np.eye(4)])
            stamps = [stamp for _, stamp in read]
        times = np.array([np.nan if stamp is None else stamp for stamp in stamps], np.float64)
        if len(times) and np.isfinite(times).all() and (np.diff(times) > 0).all():
            return cls(poses, times, True)
        return cls(poses, np.arange(len(poses), dtype=np.float64), False)

    @property
    def shifts(self) -> Sequence[float]:
        """Shifts worth trying, where the camera moves."""
        steps = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0) if self.has_stamps else (1.0, 2.0, 3.0)
        return [sign * step for step in steps for sign in (1, -1)]

    def at(self, index: int, shift: float) -> np.ndarray | None:
        """The pose so much later than that of a frame; None beyond the ends."""
        time = float(self.times[index] + shift)
        if not self.times[0] <= time <= self.times[-1]:
            return None
        after = int(np.searchsorted(self.times, time))
        if self.times[after] == time:
            return self.poses[after]
        start, end = self.times[after - 1 : after + 1]
        fraction = (time - start) / (end - start)
        return interpolate_pose(self.poses[after - 1], self.poses[after], fraction)


def _pairs(
    capture: Capture, poses: np.ndarray, wanted: int
) -> Iterator[tuple[RGBDFrame, RGBDFrame]]:
    chosen = _pair_indices(poses, wanted)
    if isinstance(capture, IndexedCapture) and isinstance(capture, PosedCapture):
        return _readable_pairs(capture, chosen)
    kept = {i: f for i, f in enumerate(capture) if any(i in pair for pair in chosen)}
    return ((kept[i], kept[j]) for i, j in chosen)


def _readable_pairs(
    capture: IndexedCapture, chosen: list[tuple[int, int]]
) -> Iterator[tuple[RGBDFrame, RGBDFrame]]:
    """The pairs whose images can be read.

    Raises:
        CaptureError: not one pair can be read.
    """
    error, is_readable = None, False
    for i, j in chosen:
        try:
            pair = capture[i], capture[j]
        except CaptureError as damage:
            error = damage
            continue
        is_readable = True
        yield pair
    if error is not None and not is_readable:
        raise error


def _pair_indices(poses: np.ndarray, wanted: int) -> list[tuple[int, int]]:
    """For evenly spaced frames, the next frame that moved enough, or the last in the window."""
    pairs = []
    for first in sample_indices(len(poses) - 1, wanted) if len(poses) > 1 else []:
        last = min(int(first) + _WINDOW, len(poses) - 1)
        moved = [i for i in range(first + 1, last) if _motion(poses[first], poses[i]) >= 1]
        pairs.append((int(first), moved[0] if moved else last))
    return pairs


def _motion(T_world_a: np.ndarray, T_world_b: np.ndarray) -> float:
    """Motion between two poses, 1 = enough to tell the mix-ups apart."""
    cosine = (np.trace(T_world_a[:3, :3].T @ T_world_b[:3, :3]) - 1) / 2
    shift = np.linalg.norm(T_world_b[:3, 3] - T_world_a[:3, 3])
    return float(max(np.arccos(np.clip(cosine, -1, 1)) / _ROTATION_RAD, shift / _TRANSLATION_M))


def _compare(
    a: _Points, b: _Points, mix_up: MixUp, T_b_a: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For points of a: distance in depth from b's measurement, and that measurement; 0 = none.

    A point that falls onto a pixel of unknown depth tells nothing and is dropped. One that leaves
    the image keeps depth 0 and counts as a miss: under the right poses few do, as the frames are
    near each other.
    """
    camera_a, camera_b = mix_up.camera(a.frame.camera), mix_up.camera(b.frame.camera)
    depth_m = a.depth_m * mix_up.depth_scale
    x = (a.column - camera_a.cx) / camera_a.fx * depth_m
    y = (a.row - camera_a.cy) / camera_a.fy * depth_m
    uv, z = camera_b.project(np.stack([x, y, depth_m], axis=-1) @ T_b_a[:3, :3].T + T_b_a[:3, 3])
    inside = (z > 1e-6) & camera_b.contains(uv)
    column, row = np.where(inside[:, None], np.rint(uv), 0).astype(int).T
    measured = np.where(inside, b.frame.depth_m[row, column] * mix_up.depth_scale, 0)
    tells = ~inside | (measured > 0)
    return np.abs(z - measured)[tells], measured[tells]
