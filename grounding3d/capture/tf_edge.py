"""One transform over time: interpolated between its samples, but neither beyond them nor where it
pauses or jumps.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable

import numpy as np

from grounding3d.errors import TransformError
from grounding3d.geometry.transforms import interpolate_pose, motion_between, pose_from_quaternion

_WIDTH = 7  # a sample: translation xyz, quaternion wxyz
_STILL_M = 0.01  # samples this close span a gap of any length: nothing has moved
_STILL_RAD = 0.01
# a step as long, and as fast, that stands out from those around it is no motion but a correction
_JUMP_M, _JUMP_M_PER_S = 0.1, 1.0
_JUMP_RAD, _JUMP_RAD_PER_S = 0.1, 2.0
_JUMP_S, _JUMP_RATIO = 0.25, 10
_SET_BACK_S = 1.0  # a live sample older than its edge's newest by more is a stray,
_STRAYS = 2  # or, after so many of them in a row, the clock has been set back


class NotCoveredError(TransformError):
    """A chain of transforms exists, but not at this time."""


class Edge:
    """Samples of one transform T_parent_child, sorted by stamp."""

    def __init__(self, parent: str, child: str, is_static: bool) -> None:
        self.parent, self.child, self.is_static = parent, child, is_static
        self.stamps = array("d")
        self.values = array("d")
        self.n_old = 0  # samples in a row, until now, far older than the newest

    def is_set_back(self, stamp_s: float) -> bool:
        """Whether the clock has been set back, seen from the next sample's stamp."""
        is_old = bool(self.stamps) and stamp_s < self.stamps[-1] - _SET_BACK_S
        self.n_old = self.n_old + 1 if is_old else 0
        return self.n_old > _STRAYS

    def insert(self, stamp_s: float, sample: list[float]) -> None:
        if self.is_static:  # the latest word of a latched topic counts
            self.values = array("d", sample)
            return
        index = len(self.stamps)
        if index and stamp_s <= self.stamps[-1]:
            index = bisect_left(self.stamps, stamp_s)
            if self.stamps[index] == stamp_s:
                return  # like tf2: the first of two samples with one stamp stays
        self.stamps.insert(index, stamp_s)
        self.values[index * _WIDTH : index * _WIDTH] = array("d", sample)

    def insert_sorted(self, stamps: np.ndarray, samples: np.ndarray) -> None:
        """Add many samples [n], [n,7] at once; of equal stamps the first stays."""
        stamps = np.concatenate([np.array(self.stamps), stamps])
        samples = np.concatenate([np.array(self.values).reshape(-1, _WIDTH), samples])
        stamps, first = np.unique(stamps, return_index=True)
        self.stamps, self.values = array("d", stamps), array("d", samples[first].ravel())

    def forget_before(self, stamp_s: float) -> None:
        count = bisect_left(self.stamps, stamp_s)
        del self.stamps[:count], self.values[: count * _WIDTH]

    def pose(self, index: int) -> np.ndarray:
        return sample_pose(self.values[index * _WIDTH : (index + 1) * _WIDTH])

    def at(self, stamp_s: float, max_gap_s: float) -> np.ndarray:
        """T_parent_child at a time within the samples."""
        if self.is_static:
            return self.pose(0)
        index = bisect_left(self.stamps, stamp_s)
        if index < len(self.stamps) and self.stamps[index] == stamp_s:
            return self.pose(index)
        if index in (0, len(self.stamps)):
            raise NotCoveredError(
                f"no transform from {self.child!r} to {self.parent!r} at {stamp_s:.6f} s",
                expected=f"a time from {self.stamps[0]:.6f} to {self.stamps[-1]:.6f} s",
                hint="Transforms are not extrapolated.",
            )
        T_0, T_1 = self.pose(index - 1), self.pose(index)
        gap_s = self.stamps[index] - self.stamps[index - 1]
        if gap_s > max_gap_s and not _same_pose(T_0, T_1):
            raise NotCoveredError(
                f"the transform from {self.child!r} to {self.parent!r} pauses for {gap_s:.2f} s "
                f"around {stamp_s:.6f} s while the frame moves",
                expected=f"samples at most {max_gap_s:g} s apart",
            )
        if self.jumps(max(index - 2, 0), index + 2).any():
            raise NotCoveredError(
                f"the transform from {self.child!r} to {self.parent!r} jumps around {stamp_s:.6f} "
                "s, as where a map is corrected",
                hint="What is between is not interpolated.",
            )
        return interpolate_pose(T_0, T_1, (stamp_s - self.stamps[index - 1]) / gap_s)

    def jumps(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Which of the steps between samples are corrections; their neighbours tell."""
        stamps = np.array(self.stamps[start:stop])
        stop = None if stop is None else stop * _WIDTH
        samples = np.array(self.values[start * _WIDTH : stop]).reshape(-1, _WIDTH)
        return find_jumps(stamps, samples)


def find_jumps(stamps_s: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Which steps [n-1] from sample to sample are no motion.

    A robot that localises itself publishes where its odometry's frame is: it stands still, or
    drifts, and jumps where it is corrected. Such a step is long and fast, while those before and
    after it are far shorter; motion has no such steps.

    Args:
        stamps_s: [n] rising, seconds.
        samples: [n,7] translation xyz, quaternion wxyz.
    """
    jumps = np.zeros(max(len(stamps_s) - 1, 0), bool)
    if len(stamps_s) < 4:
        return jumps
    gap_s = np.diff(stamps_s)
    turns = samples[:, 3:] / np.linalg.norm(samples[:, 3:], axis=1, keepdims=True)
    cosine = np.abs((turns[1:] * turns[:-1]).sum(axis=1)).clip(max=1)
    for steps, least, least_per_s in (
        (np.linalg.norm(np.diff(samples[:, :3], axis=0), axis=1), _JUMP_M, _JUMP_M_PER_S),
        (2 * np.arccos(cosine), _JUMP_RAD, _JUMP_RAD_PER_S),
    ):
        inner, around = steps[1:-1], np.maximum(steps[:-2], steps[2:])
        is_long = (inner > least) & (inner > least_per_s * gap_s[1:-1])
        jumps[1:-1] |= is_long & (gap_s[1:-1] <= _JUMP_S) & (inner > _JUMP_RATIO * around)
    return jumps


def sample_pose(sample: Iterable[float]) -> np.ndarray:
    """[4,4] of a sample: translation xyz, quaternion wxyz."""
    values = np.array(sample, dtype=np.float64)
    return pose_from_quaternion(values[3:], values[:3])


def _same_pose(T_0: np.ndarray, T_1: np.ndarray) -> bool:
    moved_m, turned_rad = motion_between(T_0, T_1)
    return moved_m < _STILL_M and turned_rad < _STILL_RAD
