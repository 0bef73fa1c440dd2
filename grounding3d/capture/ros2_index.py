"""One pass over a bag that collects stamps, transforms and intrinsics, without decoding images."""

from __future__ import annotations

import logging
import struct
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grounding3d.capture.ros2_storage import Bag, BagMessage
from grounding3d.capture.sync import clock_runs
from grounding3d.capture.tf_buffer import (
    TfBuffer,
    frame_name,
    stamp_seconds,
    transform_sample,
)
from grounding3d.errors import CaptureError, TransformError

_log = logging.getLogger(__name__)

TF = "tf2_msgs/msg/TFMessage"
ROW = 8  # a sample: stamp, translation, quaternion


@dataclass
class Stream:
    """Stamps of one topic's messages, in order of arrival.

    Attributes:
        stamps: header stamps, seconds; NaN where a message is too short to hold one.
        log_ns: when each was received, nanoseconds.
    """

    stamps: array = field(default_factory=lambda: array("d"))
    log_ns: array = field(default_factory=lambda: array("q"))

    def add(self, message: BagMessage) -> bool:
        """Take in a message; whether it is long enough to hold a stamp."""
        self.log_ns.append(message.log_ns)
        try:
            self.stamps.append(header_stamp(message.data))
        except (struct.error, IndexError):
            self.stamps.append(np.nan)
            return False
        return True

    def times(self) -> tuple[np.ndarray, bool]:
        """Stamps [n], and whether they are the recorder's, as the headers hold none."""
        stamps = np.array(self.stamps)
        if len(stamps) and not np.nan_to_num(stamps).any():
            return np.array(self.log_ns) * 1e-9, True
        return stamps, False


@dataclass
class BagIndex:
    """What one pass over a bag collects.

    Attributes:
        images: stamps by image topic.
        infos: distinct CameraInfo messages by topic, as bytes without their stamps.
        moving: samples by (parent, child).
        moving_log: when each of those samples was received, nanoseconds.
        tf: static transforms, and the moving ones after `fill_transforms`.
        broken: how many messages about (parent, child) hold no rigid transform.
        damaged: how many messages do not decode, by topic.
        track_frames: (parent, child) of the messages on the pose topic; child "" for PoseStamped.
        track: samples of the pose topic.
    """

    images: dict[str, Stream]
    infos: dict[str, dict[bytes, BagMessage]]
    moving: dict[tuple[str, str], array] = field(default_factory=dict)
    moving_log: dict[tuple[str, str], array] = field(default_factory=dict)
    tf: TfBuffer = field(default_factory=TfBuffer)
    broken: Counter[tuple[str, str]] = field(default_factory=Counter)
    damaged: Counter[str] = field(default_factory=Counter)
    track_frames: set[tuple[str, str]] = field(default_factory=set)
    track: array = field(default_factory=lambda: array("d"))

    def add_sample(self, parent: str, child: str, stamp_s: float, pose: Any, log_ns: int) -> None:
        key = frame_name(parent), frame_name(child)
        try:
            sample = transform_sample(pose)
        except TransformError:
            self.broken[key] += 1
            return
        rows = self.moving.setdefault(key, array("d"))
        rows.append(stamp_s)
        rows.extend(sample)
        self.moving_log.setdefault(key, array("q")).append(log_ns)

    def add_static(self, transform: Any) -> None:
        """Add one transform that holds for the whole bag."""
        try:
            self.tf.add(transform, is_static=True)
        except TransformError:
            names = transform.header.frame_id, transform.child_frame_id
            self.broken[frame_name(names[0]), frame_name(names[1])] += 1

    def add_pose(self, message: Any) -> None:
        """Add an Odometry or PoseStamped message."""
        child = frame_name(getattr(message, "child_frame_id", ""))
        pose = message.pose.pose if hasattr(message.pose, "pose") else message.pose
        key = frame_name(message.header.frame_id), child
        self.track_frames.add(key)
        try:
            sample = transform_sample(pose)
        except TransformError:  # what trackers publish while they are lost
            self.broken[key] += 1
            return
        self.track.append(stamp_seconds(message.header.stamp))
        self.track.extend(sample)

    def fill_transforms(
        self, span_s: tuple[float, float], received_ns: tuple[int, int] | None
    ) -> list[str]:
        """Put the moving transforms into the buffer.

        Where a clock was set back, the run with the most samples within `span_s` is used.

        Args:
            span_s: first and last stamp of the images.
            received_ns: only samples received within these times count; None: all do.

        Returns:
            Remarks for people.
        """
        left_out = 0
        for (parent, child), flat in self.moving.items():
            rows = np.array(flat).reshape(-1, ROW)
            log_ns = np.array(self.moving_log[parent, child])
            if received_ns is not None:
                rows = rows[(log_ns >= received_ns[0]) & (log_ns <= received_ns[1])]
            kept = rows[best_run(rows[:, 0], span_s)]
            left_out += len(flat) // ROW - len(kept)
            if len(kept):
                self.tf.add_samples(parent, child, kept[:, 0], kept[:, 1:])
        notes = [f"{left_out} transforms of another run of the clock left out"] if left_out else []
        return notes + [
            f"{count} messages about {child!r} in {parent!r} left out: no rigid transforms"
            for (parent, child), count in sorted(self.broken.items())
        ]

    def damage(self) -> list[str]:
        """Remarks for people on damaged messages; of images, on those without a stamp only."""
        return [
            f"{count} messages on {topic} do not decode and are left out"
            for topic, count in sorted(self.damaged.items())
            if count
        ]


def header_stamp(data: bytes) -> float:
    """Seconds of the `std_msgs/Header` that a CDR message begins with."""
    order = "<" if data[1] & 1 else ">"
    sec, nanosec = struct.unpack_from(order + "iI", data, 4)
    return sec + nanosec * 1e-9


def best_run(stamps: np.ndarray, span_s: tuple[float, float] | None = None) -> np.ndarray:
    """Indices of the run of a clock with the most stamps, or the most within a span of seconds.

    Stamps of NaN belong to none.
    """
    known = np.flatnonzero(np.isfinite(stamps))
    runs = [known[run] for run in clock_runs(stamps[known])]
    if not runs:
        return np.zeros(0, np.intp)
    first, last = span_s or (-np.inf, np.inf)
    return max(runs, key=lambda run: ((stamps[run] >= first) & (stamps[run] <= last)).sum())


def build_index(bag: Bag, images: list[str], infos: list[str], pose_topic: str | None) -> BagIndex:
    """Read every message of these topics, and of the transforms, once."""
    index = BagIndex({name: Stream() for name in images}, {name: {} for name in infos})
    transforms = _tf_topics(bag)
    topics = {*images, *infos, *transforms} | ({pose_topic} if pose_topic else set())
    for message in bag.messages(topics):
        if message.topic in index.images:
            index.damaged[message.topic] += not index.images[message.topic].add(message)
        elif message.topic in (*transforms, pose_topic):
            try:
                decoded = bag.decode(message)
            except CaptureError:
                index.damaged[message.topic] += 1
                continue
            if message.topic == pose_topic:
                index.add_pose(decoded)
            else:
                _add_transforms(index, message, decoded.transforms)
        else:
            same = index.infos[message.topic]
            if len(same) < 8:
                same.setdefault(bytes(message.data[12:]), message)
    return index


def _add_transforms(index: BagIndex, message: BagMessage, transforms: Iterable[Any]) -> None:
    is_static = message.topic.endswith("tf_static")
    for transform in transforms:
        if is_static:
            index.add_static(transform)
            continue
        index.add_sample(
            transform.header.frame_id,
            transform.child_frame_id,
            stamp_seconds(transform.header.stamp),
            transform.transform,
            message.log_ns,
        )


def _tf_topics(bag: Bag) -> list[str]:
    """/tf and /tf_static, or those of the only namespace that has them."""
    topics = list(bag.of_type(TF))
    if any(name in ("/tf", "/tf_static") for name in topics):
        return [name for name in topics if name in ("/tf", "/tf_static")]
    names = [name for name in topics if name.endswith(("/tf", "/tf_static"))]
    spaces = sorted({name.rsplit("/", 1)[0] for name in names})
    if len(spaces) > 1:
        raise CaptureError(
            f"{bag.path} holds the transforms of several robots",
            found=", ".join(names),
            hint="Filter the bag down to one of them.",
        )
    return names
