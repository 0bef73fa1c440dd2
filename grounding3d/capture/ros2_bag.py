"""ROS 2 bags: posed RGB-D frames out of images, camera_info and tf, without a ROS installation."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from grounding3d.capture.base import CaptureConfig, CaptureDescription, RGBDFrame
from grounding3d.capture.ros2_index import BagIndex, best_run, build_index
from grounding3d.capture.ros2_poses import PoseSource, check_pose_topic, pose_source, poses_at
from grounding3d.capture.ros2_rig import Rig, build_rig, choose_topics
from grounding3d.capture.ros2_storage import Bag, BagMessage, open_bag, storage_files
from grounding3d.capture.ros2_topics import listing
from grounding3d.capture.sync import pair_stamps, smallest_gap
from grounding3d.errors import CaptureError, TransformError
from grounding3d.geometry.camera import Camera

_log = logging.getLogger(__name__)


class Ros2BagFormat:
    """Entry of the table of capture formats."""

    @staticmethod
    def recognises(path: Path) -> bool:
        """A folder with .mcap or .db3 files, or such a file; a ROS 1 bag too, to say what to do."""
        try:
            if path.is_dir():
                return bool(storage_files(path))
            return path.suffix == ".bag" or bool(storage_files(path))
        except OSError:
            return False

    @staticmethod
    def open(path: Path, config: CaptureConfig) -> Ros2Capture:
        """Index a bag; pixels are read later.

        Raises:
            CaptureError: the bag cannot be read or lacks something.
        """
        if not path.exists():
            raise CaptureError(f"{path} does not exist", hint="Give a recorded file or folder.")
        if path.suffix == ".bag":
            raise CaptureError(
                f"{path} is a ROS 1 bag, which is not supported yet",
                hint=f"Convert it: rosbags-convert --src {path} --dst {path.with_suffix('')}",
            )
        with open_bag(path) as bag:
            return _open(bag, config)


@dataclass(frozen=True, eq=False)
class FrameTable:
    """What is known of each frame before its pixels are read; arrays over frames.

    Attributes:
        color, depth: [n] place among the messages of the topic, in order of arrival.
        color_s, depth_s: [n] stamps, seconds.
        color_ns, depth_ns: [n] when they were received.
        T_world_cam: [n,4,4] at the depth stamps.
    """

    color: np.ndarray
    depth: np.ndarray
    color_s: np.ndarray
    depth_s: np.ndarray
    color_ns: np.ndarray
    depth_ns: np.ndarray
    T_world_cam: np.ndarray

    def __len__(self) -> int:
        return len(self.depth_s)

    def __getitem__(self, selection: slice | np.ndarray) -> FrameTable:
        return FrameTable(*(getattr(self, field.name)[selection] for field in fields(self)))


class Ros2Capture:
    """Posed RGB-D frames of a ROS 2 bag, in the order of their depth stamps.

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
        self.up_world = _up(config, self.world_frame)
        self._rig, self._frames, self._description = rig, frames, description

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self._frames)

    @property
    def camera(self) -> Camera:
        """Pinhole camera of every frame."""
        return self._rig.color_lens.camera

    def describe(self) -> CaptureDescription:
        """Topics, frames, synchronisation, and what was left out."""
        return self._description

    def __iter__(self) -> Iterator[RGBDFrame]:
        """Frames in order; holds few messages at a time."""
        table, rig = self._frames, self._rig
        wanted = {
            rig.topics.color.name: {int(place): i for i, place in enumerate(table.color)},
            rig.topics.depth.name: {int(place): i for i, place in enumerate(table.depth)},
        }
        seen = dict.fromkeys(wanted, 0)
        waiting: dict[int, dict[str, BagMessage]] = {}
        following = 0
        with open_bag(self.path) as bag:
            for message in bag.messages(list(wanted)):
                place = seen[message.topic]
                seen[message.topic] += 1
                i = wanted[message.topic].get(place)
                if i is None:
                    continue
                waiting.setdefault(i, {})[message.topic] = message
                while len(waiting.get(following, ())) == 2:
                    yield self._frame(bag, following, waiting.pop(following))
                    following += 1
                if following == len(table):
                    return

    def _frame(self, bag: Bag, index: int, messages: dict[str, BagMessage]) -> RGBDFrame:
        rig, table = self._rig, self._frames
        color, depth = (
            bag.decode(messages[topic.name]) for topic in (rig.topics.color, rig.topics.depth)
        )
        rgb, depth_m = rig.image(color, depth)
        low, high = self.config.min_depth_m, self.config.max_depth_m
        depth_m = np.where((depth_m >= low) & (depth_m <= high), depth_m, np.float32(0))
        return RGBDFrame(
            rgb=rgb,
            depth_m=depth_m,
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
        raise CaptureError(f"{bag.path} holds no messages", found=listing(bag))
    topics = choose_topics(bag, config)
    check_pose_topic(bag, config.pose_topic)
    images = [topics.color.name, topics.depth.name]
    index = build_index(bag, images, topics.infos(), config.pose_topic)
    table, notes = _pair(bag, index, images, config)
    span_s = float(table.depth_s[0]), float(table.depth_s[-1])
    logs = np.concatenate([table.color_ns, table.depth_ns])
    slack_ns = 10**10  # transforms may be recorded well before or after the images they belong to
    late = index.fill(
        index.static, span_s, (int(logs.min()) - slack_ns, int(logs.max()) + slack_ns)
    )
    if late:
        notes.append(f"{late} transforms of another run of the clock are left out")
    rig = build_rig(bag, index, topics, config)
    poses = pose_source(bag, index, config, rig.camera_frame, span_s)
    table, gap = _posed(table, poses)
    if gap:
        notes.append(gap)
    table = table[config.start :: config.stride][: config.max_frames]
    if not len(table):
        raise CaptureError(f"{bag.path} holds no frame from number {config.start} on")
    notes += rig.warnings
    for note in notes:
        _log.warning("%s: %s", bag.path, note)
    return Ros2Capture(bag.path, config, rig, table, poses, _describe(bag, rig, poses, notes))


def _pair(
    bag: Bag, index: BagIndex, images: list[str], config: CaptureConfig
) -> tuple[FrameTable, list[str]]:
    """Match colour and depth by stamp; poses are still to come."""
    notes = []
    color, depth = (index.images[name] for name in images)
    (color_s, color_log), (depth_s, depth_log) = color.times(), depth.times()
    if color_log or depth_log:
        notes.append("images without stamps: the time they were received is used instead")
    color_ns, depth_ns = np.array(color.log_ns), np.array(depth.log_ns)
    depth_run = best_run(depth_s)
    color_run = np.arange(len(color_s))
    if len(depth_run) < len(depth_s):  # the clock was set back: keep what was received in that run
        notes.append(
            f"the clock was set back: {len(depth_s) - len(depth_run)} depth images left out"
        )
        received = depth_ns[depth_run]
        slack_ns = int(config.sync_tolerance_s * 1e9) + 10**9
        near = (color_ns > received.min() - slack_ns) & (color_ns < received.max() + slack_ns)
        color_run = np.flatnonzero(near)
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
    table = FrameTable(c, d, color_s[c], depth_s[d], color_ns[c], depth_ns[d], unknown)
    return table, notes


def _posed(table: FrameTable, poses: PoseSource) -> tuple[FrameTable, str | None]:
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
    return CaptureDescription("ros2", bag.path, details, tuple(notes))


def _up(config: CaptureConfig, world_frame: str) -> np.ndarray | None:
    if config.up_world is not None:
        up = np.asarray(config.up_world, float)
        return up / np.linalg.norm(up)
    return None if "optical" in world_frame else np.array([0.0, 0.0, 1.0])
