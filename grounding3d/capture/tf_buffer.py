"""A small transform buffer: a tree of frames, interpolated between samples, never extrapolated.

It is used alike for recorded bags and live topics, so messages are only looked at through the
fields of `geometry_msgs/TransformStamped`, whatever library made them.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

import numpy as np

from grounding3d.errors import TransformError
from grounding3d.geometry.transforms import (
    interpolate_pose,
    invert_pose,
    motion_between,
    pose_from_quaternion,
)

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


def frame_name(frame_id: str) -> str:
    """Frame id without the leading slash of ROS 1 habits."""
    return frame_id.lstrip("/")


def stamp_seconds(stamp: Any) -> float:
    """Seconds of a `builtin_interfaces/Time`."""
    return stamp.sec + stamp.nanosec * 1e-9


def pose_from_message(pose: Any) -> np.ndarray:
    """[4,4] of a `geometry_msgs/Pose` or `geometry_msgs/Transform`.

    Raises:
        TransformError: a quaternion of norm zero or not finite.
    """
    return _matrix(transform_sample(pose))


def transform_sample(pose: Any) -> list[float]:
    """Translation xyz and quaternion wxyz of a `geometry_msgs/Pose` or `geometry_msgs/Transform`.

    Raises:
        TransformError: a quaternion of norm zero, or a number that is not finite.
    """
    is_transform = hasattr(pose, "translation")
    at = pose.translation if is_transform else pose.position
    turn = pose.rotation if is_transform else pose.orientation
    sample = [at.x, at.y, at.z, turn.w, turn.x, turn.y, turn.z]
    norm = math.hypot(*sample[3:])
    if not (math.isfinite(sum(sample)) and norm > 1e-6):
        raise TransformError(
            "a transform is not a rigid motion",
            expected="finite numbers and a unit quaternion",
            found=f"xyz {sample[:3]}, wxyz {sample[3:]}",
        )
    return sample


class _Edge:
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
        return _matrix(self.values[index * _WIDTH : (index + 1) * _WIDTH])

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


class TfBuffer:
    """Transforms between named frames over time.

    `T_a_b` maps coordinates of frame b into frame a. Between two samples the rotation is slerped
    and the translation is linear; outside of the samples, and across long pauses during which the
    frame has moved, a lookup raises `NotCoveredError`.

    Args:
        max_gap_s: longest pause of a moving transform that is interpolated, seconds.
        keep_s: forget samples this much older than the newest of their edge, seconds; None: never.
            A buffer that forgets is a live one: when its clock is set back (a simulation that was
            restarted, a bag that is played in a loop), it forgets all that moves, as poses of two
            runs must not be mixed.
    """

    def __init__(self, max_gap_s: float = 2.0, keep_s: float | None = None) -> None:
        self.max_gap_s, self.keep_s = max_gap_s, keep_s
        # child -> (parent, is it static) -> edge; contradictions matter only to lookups across them
        self._edges: dict[str, dict[tuple[str, bool], _Edge]] = {}

    def add(self, transform: Any, *, is_static: bool = False) -> None:
        """Add one `geometry_msgs/TransformStamped`.

        Raises:
            TransformError: a frame without a name, or a transform that is not rigid or not finite.
        """
        parent, child = transform.header.frame_id, transform.child_frame_id
        stamp_s = stamp_seconds(transform.header.stamp)
        self.add_pose(parent, child, stamp_s, transform.transform, is_static)

    def add_pose(
        self, parent: str, child: str, stamp_s: float, pose: Any, is_static: bool = False
    ) -> None:
        """Add T_parent_child given as a `geometry_msgs/Pose` or `geometry_msgs/Transform`."""
        sample = transform_sample(pose)
        edge = self._edge(parent, child, is_static)
        if self.keep_s is not None and not is_static and edge.is_set_back(stamp_s):
            self._forget_moving()
            edge = self._edge(parent, child, is_static)
        edge.insert(stamp_s, sample)
        if self.keep_s is not None and not is_static:
            edge.forget_before(edge.stamps[-1] - self.keep_s)

    def add_samples(
        self, parent: str, child: str, stamps_s: np.ndarray, samples: np.ndarray
    ) -> None:
        """Add many samples of a moving T_parent_child.

        Args:
            parent, child: frame names.
            stamps_s: [n] seconds, in any order.
            samples: [n,7] rows as `transform_sample` makes them.
        """
        self._edge(parent, child, False).insert_sorted(stamps_s, samples)

    def _forget_moving(self) -> None:
        for child in list(self._edges):
            kept = {key: edge for key, edge in self._edges[child].items() if edge.is_static}
            if kept:
                self._edges[child] = kept
            else:
                del self._edges[child]

    def _edge(self, parent: str, child: str, is_static: bool) -> _Edge:
        parent, child = frame_name(parent), frame_name(child)
        if not parent or not child or parent == child:
            raise TransformError(
                f"a transform links {child!r} to {parent!r}", expected="two frames"
            )
        edges = self._edges.setdefault(child, {})
        edge = edges.get((parent, is_static))
        if edge is None:
            edge = edges[parent, is_static] = _Edge(parent, child, is_static)
        return edge

    @property
    def frames(self) -> list[str]:
        """All frame names, sorted."""
        parents = {parent for edges in self._edges.values() for parent, _ in edges}
        return sorted(parents | set(self._edges))

    def root(self, frame: str) -> str:
        """The frame at the top of the tree that holds `frame`."""
        chain = self._ancestry(frame_name(frame))
        return chain[-1].parent if chain else frame_name(frame)

    def lookup(self, target: str, source: str, stamp_s: float) -> np.ndarray:
        """T_target_source [4,4] at a time.

        Raises:
            NotCoveredError: there is a chain of transforms, but not at that time.
            TransformError: no chain, or one that is not unique.
        """
        up, down = self._chain(frame_name(target), frame_name(source))
        T = np.eye(4)
        for edge in down:  # from the target up to the common ancestor
            T = T @ invert_pose(edge.at(stamp_s, self.max_gap_s))
        for edge in reversed(up):
            T = T @ edge.at(stamp_s, self.max_gap_s)
        return T

    def lookup_static(self, target: str, source: str) -> np.ndarray:
        """T_target_source [4,4] through static transforms only.

        Raises:
            TransformError: no chain, or one with a moving link.
        """
        up, down = self._chain(frame_name(target), frame_name(source))
        moving = [edge for edge in (*up, *down) if not edge.is_static]
        if moving:
            raise TransformError(
                f"{source!r} is not rigidly attached to {target!r}",
                found=f"the moving link {moving[0].parent!r} -> {moving[0].child!r}",
            )
        return self.lookup(target, source, 0.0)

    def time_range(self, target: str, source: str) -> tuple[float, float]:
        """First and last stamp in seconds that `lookup` covers; infinite for static chains."""
        up, down = self._chain(frame_name(target), frame_name(source))
        moving = [edge for edge in (*up, *down) if not edge.is_static]
        first = max((edge.stamps[0] for edge in moving), default=-np.inf)
        last = min((edge.stamps[-1] for edge in moving), default=np.inf)
        return first, last

    def jumps(self, target: str, source: str) -> list[tuple[float, float, str, str]]:
        """Corrections of the links between two frames, as by a loop closure.

        Returns:
            when, by how many metres, and of which child in which parent; by time.
        """
        up, down = self._chain(frame_name(target), frame_name(source))
        found = []
        for edge in (*up, *down):
            if edge.is_static:
                continue
            for i in map(int, np.flatnonzero(edge.jumps())):
                moved_m, _ = motion_between(edge.pose(i), edge.pose(i + 1))
                found.append((edge.stamps[i + 1], moved_m, edge.child, edge.parent))
        return sorted(found)

    def attached_to(self, frame: str) -> dict[str, np.ndarray]:
        """T_other_frame [4,4] of every frame attached to `frame` by static transforms only."""
        attached = {}
        for other in self.frames:
            try:
                attached[other] = self.lookup_static(other, frame)
            except TransformError:
                continue
        attached.pop(frame_name(frame), None)
        return attached

    def _chain(self, target: str, source: str) -> tuple[list[_Edge], list[_Edge]]:
        """Edges from source, and from target, up to their nearest common ancestor."""
        if target == source:
            return [], []
        known = self.frames
        for frame in (target, source):
            if frame not in known:
                raise TransformError(
                    f"no transform mentions the frame {frame!r}, needed to go from {source!r} to "
                    f"{target!r}",
                    found=_listed("the frames", known),
                )
        up, down = self._ancestry(source), self._ancestry(target)
        if (up[-1].parent if up else source) != (down[-1].parent if down else target):
            raise self._no_link(target, source)
        while up and down and up[-1] is down[-1]:
            up.pop()
            down.pop()
        return up, down

    def _no_link(self, target: str, source: str) -> TransformError:
        trees: dict[str, list[str]] = {}
        for frame in self.frames:
            trees.setdefault(self.root(frame), []).append(frame)
        there, here = self.root(target), self.root(source)
        return TransformError(
            f"no transform from {source!r} to {target!r}: the link above {here!r} is missing",
            expected=f"a transform that attaches {here!r} to the tree of {there!r}",
            found=f"{_listed('the tree', trees[there])} apart from "
            f"{_listed('the tree', trees[here])}",
        )

    def _ancestry(self, frame: str) -> list[_Edge]:
        """Edges from a frame up to its root."""
        chain: list[_Edge] = []
        seen = {frame}
        while frame in self._edges:
            parents = self._edges[frame]
            if len(parents) > 1:
                raise TransformError(
                    f"the frame {frame!r} has several parents",
                    expected="one",
                    found=" and ".join(
                        f"{parent!r} ({'static' if is_static else 'moving'})"
                        for parent, is_static in sorted(parents)
                    ),
                    hint="Two publishers disagree; record the bag again with only one of them.",
                )
            (edge,) = parents.values()
            chain.append(edge)
            frame = edge.parent
            if frame in seen:
                raise TransformError(f"the transforms form a loop through {frame!r}")
            seen.add(frame)
        return chain


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


def _matrix(sample: Iterable[float]) -> np.ndarray:
    values = np.array(sample, dtype=np.float64)
    return pose_from_quaternion(values[3:], values[:3])


def _same_pose(T_0: np.ndarray, T_1: np.ndarray) -> bool:
    moved_m, turned_rad = motion_between(T_0, T_1)
    return moved_m < _STILL_M and turned_rad < _STILL_RAD


def _listed(what: str, names: Iterable[str], most: int = 12) -> str:
    names = sorted(names)
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return f"{what} {', '.join(names[:most])}{more}" if names else "no transforms at all"
