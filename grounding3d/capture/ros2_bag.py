"""ROS bags: posed RGB-D frames out of images, camera_info and tf, without a ROS installation."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from weakref import finalize

import numpy as np

from grounding3d.capture import ros1_storage
from grounding3d.capture.base import CaptureConfig, CaptureDescription, RGBDFrame
from grounding3d.capture.losses import Losses
from grounding3d.capture.ros2_frames import FrameTable, pair_images, with_poses
from grounding3d.capture.ros2_index import build_index
from grounding3d.capture.ros2_poses import PoseSource, check_pose_topic, pose_source
from grounding3d.capture.ros2_rig import Rig, build_rig, choose_topics
from grounding3d.capture.ros2_storage import Bag, BagMessage, open_bag, storage_files
from grounding3d.capture.ros2_topics import listing
from grounding3d.capture.selection import limit_depth, require_depth, select_frames, up_direction
from grounding3d.errors import CaptureError
from grounding3d.geometry.camera import Camera

_log = logging.getLogger(__name__)


class Ros2BagFormat:
    """Entry of the table of capture formats."""

    @staticmethod
    def recognises(path: Path) -> bool:
        """A folder with .mcap or .db3 files, or such a file."""
        return _kind(path) == "ros2"

    @staticmethod
    def open(path: Path, config: CaptureConfig) -> Ros2Capture:
        """Index a bag; pixels are read later.

        Raises:
            CaptureError: the bag cannot be read or lacks something.
        """
        with open_bag(path) as bag:
            return _open(bag, config)


class Ros1BagFormat(Ros2BagFormat):
    """Entry of the table of capture formats; ROS 1's messages are read as ROS 2's."""

    @staticmethod
    def recognises(path: Path) -> bool:
        """A .bag file, or a folder with such files."""
        return _kind(path) == "ros1"


def _kind(path: Path) -> str:
    """Name of the format in the table, "" for neither."""
    try:
        files = storage_files(path)
    except OSError:
        return ""
    if not files:
        return ""
    return "ros1" if files[0].suffix == ros1_storage.SUFFIX else "ros2"


class Ros2Capture:
    """Posed RGB-D frames of a bag, in the order of their depth stamps.

    Attributes:
        world_frame: frame of the poses.
        up_world: +Z, as REP 103 says, or as configured; None where the world is an optical frame.
        static_transforms: T_frame_world [4,4] of the frames rigidly attached to the world frame.
    """

    def __init__(
        self,
        path: Path,
        config: CaptureConfig,
        rig: Rig,
        frames: FrameTable,
        poses: PoseSource,
        description: CaptureDescription,
    ) -> None:
        self.path, self.config = path, config
        self.world_frame, self.camera_frame = poses.world_frame, poses.camera_frame
        self.static_transforms = poses.tf.attached_to(poses.world_frame)
        self.up_world = up_direction(config, _up(self.world_frame))
        self._rig, self._frames, self._description = rig, frames, description
        self._losses = Losses(path)  # of the latest reading
        self._kept: Bag | None = None  # for random access

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self._frames)

    @property
    def camera(self) -> Camera:
        """Pinhole camera of every frame."""
        return self._rig.color_lens.camera

    @property
    def poses(self) -> np.ndarray:
        """[n,4,4] `T_world_cam` of every frame, without decoding images."""
        return self._frames.T_world_cam.copy()

    @property
    def stamps_s(self) -> list[float | None]:
        """Depth stamp of every frame, without decoding images."""
        return list(map(float, self._frames.depth_s))

    def describe(self) -> CaptureDescription:
        """Topics, frames, synchronisation, and what was left out, in the latest reading too."""
        told = self._description
        return replace(told, warnings=(*told.warnings, *self._losses.warnings()))

    def __iter__(self) -> Iterator[RGBDFrame]:
        """Frames in order; holds few messages at a time.

        Those whose images do not decode are left out, and `describe()` tells of them.

        Raises:
            CaptureError: no frame can be read; or, after the last one, none had any valid depth.
        """
        self._losses = Losses(self.path)
        return require_depth(self._read(self._losses), self.path, self.config)

    def _read(self, losses: Losses) -> Iterator[RGBDFrame]:
        with open_bag(self.path) as bag:
            pairs = self._messages(bag)
            yield from losses.read_all(pairs, lambda i, pair: self._frame(bag, i, pair))

    def _messages(self, bag: Bag) -> Iterator[tuple[int, dict[str, BagMessage]]]:
        """Index of each frame, and its two messages by topic."""
        table, rig = self._frames, self._rig
        wanted = {
            rig.topics.color.name: {int(place): i for i, place in enumerate(table.color)},
            rig.topics.depth.name: {int(place): i for i, place in enumerate(table.depth)},
        }
        seen = dict.fromkeys(wanted, 0)
        waiting: dict[int, dict[str, BagMessage]] = {}
        following = 0
        for message in bag.messages(list(wanted)):
            place = seen[message.topic]
            seen[message.topic] += 1
            i = wanted[message.topic].get(place)
            if i is None:
                continue
            waiting.setdefault(i, {})[message.topic] = message
            while len(waiting.get(following, ())) == 2:
                yield following, waiting.pop(following)
                following += 1
            if following == len(table):
                break
        if following < len(table):
            raise CaptureError(
                f"{self.path} ended early",
                expected=f"{len(table)} frames, as when it was opened",
                found=f"{following}",
            )

    def __getitem__(self, index: int) -> RGBDFrame:
        """Frame number `index`; the bag is kept open from the first call on."""
        table, topics = self._frames, self._rig.topics
        if not 0 <= index < len(table):
            raise IndexError(f"frame {index} of {len(table)}")
        if self._kept is None:
            stack = ExitStack()
            self._kept = stack.enter_context(open_bag(self.path))
            finalize(self, stack.close)
        messages = {}
        for topic, log_ns, nth in (
            (topics.color.name, int(table.color_ns[index]), int(table.color_nth[index])),
            (topics.depth.name, int(table.depth_ns[index]), int(table.depth_nth[index])),
        ):
            around = self._kept.messages([topic], log_ns - 1, log_ns + 1)
            same_time = (message for message in around if message.log_ns == log_ns)
            messages[topic] = next(islice(same_time, nth, None))
        return self._frame(self._kept, index, messages)

    def _frame(self, bag: Bag, index: int, messages: dict[str, BagMessage]) -> RGBDFrame:
        rig, table = self._rig, self._frames
        color, depth = (
            bag.decode(messages[topic.name]) for topic in (rig.topics.color, rig.topics.depth)
        )
        rgb, depth_m = rig.image(color, depth)
        return RGBDFrame(
            rgb=rgb,
            depth_m=limit_depth(depth_m, self.config),
            camera=self.camera,
            T_world_cam=table.T_world_cam[index],
            frame_index=index,
            stamp_s=float(table.color_s[index]),
            depth_stamp_s=float(table.depth_s[index]),
            world_frame=self.world_frame,
            camera_frame=self.camera_frame,
        )


def _open(bag: Bag, config: CaptureConfig) -> Ros2Capture:
    """Everything but the pixels."""
    if not sum(facts.count for facts in bag.topics.values()):
        raise CaptureError(
            f"{bag.path} holds no messages",
            found=listing(bag),
            hint="; ".join(bag.notes) or "The recording was not finished or not copied.",
        )
    told = len(bag.notes)
    _warn(bag, bag.notes)
    topics = choose_topics(bag, config)
    check_pose_topic(bag, config.pose_topic)
    images = [topics.color.name, topics.depth.name]
    index = build_index(bag, images, topics.infos(), config.pose_topic)
    _warn(bag, bag.notes[told:])  # of damage that the reading has met
    table, received_ns, notes = pair_images(index, images, config)
    span_s = float(table.depth_s[0]), float(table.depth_s[-1])
    notes += index.fill_transforms(span_s, received_ns)
    rig = build_rig(bag, index, topics, config)
    poses = pose_source(bag, index, config, rig.camera_frame, span_s)
    table, gap = with_poses(table, poses)
    notes += [note for note in (gap, poses.jumps()) if note]
    notes += index.damage()
    table = table[np.array(select_frames(bag.path, len(table), config))]
    notes += rig.warnings
    _warn(bag, notes)
    description = _describe(bag, rig, poses, [*bag.notes, *notes])
    return Ros2Capture(bag.path, config, rig, table, poses, description)


def _warn(bag: Bag, notes: list[str]) -> None:
    for note in notes:
        _log.warning("%s: %s", bag.path, note)


def _describe(bag: Bag, rig: Rig, poses: PoseSource, notes: list[str]) -> CaptureDescription:
    details = {
        "color_topic": rig.topics.color.name,
        "depth_topic": rig.topics.depth.name,
        "color_info_topic": rig.topics.color_info or "given",
        "depth_info_topic": rig.topics.depth_info or "as colour",
        "world_frame": poses.world_frame,
        "camera_frame": poses.camera_frame,
        "frames": ", ".join(poses.tf.frames),
        "registration": rig.registration,
        "topics": ", ".join(
            f"{name} ({facts.msgtype}, {facts.count})" for name, facts in sorted(bag.topics.items())
        ),
    }
    if bag.distro:
        details["ros_distro"] = bag.distro
    return CaptureDescription(_kind(bag.path), bag.path, details, tuple(notes))


def _up(world_frame: str) -> np.ndarray | None:
    return None if "optical" in world_frame else np.array([0.0, 0.0, 1.0])
