"""A small transform buffer: a tree of frames, interpolated between samples, never extrapolated.

It is used alike for recorded bags and live topics, so messages are only looked at through the
fields of `geometry_msgs/TransformStamped`, whatever library made them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from grounding3d.capture.tf_edge import Edge, sample_pose
from grounding3d.errors import TransformError
from grounding3d.geometry.transforms import invert_pose, motion_between


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
    return sample_pose(transform_sample(pose))


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
        self._edges: dict[str, dict[tuple[str, bool], Edge]] = {}

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

    def _edge(self, parent: str, child: str, is_static: bool) -> Edge:
        parent, child = frame_name(parent), frame_name(child)
        if not parent or not child or parent == child:
            raise TransformError(
                f"a transform links {child!r} to {parent!r}", expected="two frames"
            )
        edges = self._edges.setdefault(child, {})
        edge = edges.get((parent, is_static))
        if edge is None:
            edge = edges[parent, is_static] = Edge(parent, child, is_static)
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

    def _chain(self, target: str, source: str) -> tuple[list[Edge], list[Edge]]:
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

    def _ancestry(self, frame: str) -> list[Edge]:
        """Edges from a frame up to its root."""
        chain: list[Edge] = []
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


def _listed(what: str, names: Iterable[str], most: int = 12) -> str:
    names = sorted(names)
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return f"{what} {', '.join(names[:most])}{more}" if names else "no transforms at all"
