"""Where the colour camera was: from tf, or from a pose topic and the static transforms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.capture.base import CaptureConfig
from grounding3d.capture.ros2_index import ROW, BagIndex, best_run
from grounding3d.capture.ros2_storage import Bag
from grounding3d.capture.tf_buffer import TfBuffer, frame_name
from grounding3d.capture.tf_edge import NotCoveredError
from grounding3d.errors import TransformError

POSE_TYPES = (
    "nav_msgs/msg/Odometry",
    "geometry_msgs/msg/PoseStamped",
    "geometry_msgs/msg/PoseWithCovarianceStamped",
)
_WORLDS = ("map", "odom")


@dataclass(frozen=True)
class PoseSource:
    """Camera poses over time.

    Attributes:
        world_frame: frame of the poses.
        camera_frame: optical frame of the colour camera.
        tf: transforms of the bag.
        track: buffer with the pose topic as its only transform, None where tf gives the poses.
        track_parent, track_child: frames of the pose topic.
    """

    world_frame: str
    camera_frame: str
    tf: TfBuffer
    track: TfBuffer | None = None
    track_parent: str = ""
    track_child: str = ""

    def at(self, stamp_s: float) -> np.ndarray:
        """T_world_cam [4,4].

        Raises:
            NotCoveredError: not at that time.
            TransformError: not at all.
        """
        if self.track is None:
            return self.tf.lookup(self.world_frame, self.camera_frame, stamp_s)
        T_parent_child = self.track.lookup(self.track_parent, self.track_child, stamp_s)
        T_child_cam = self.tf.lookup(self.track_child, self.camera_frame, stamp_s)
        T_world_parent = self.tf.lookup(self.world_frame, self.track_parent, stamp_s)
        return T_world_parent @ T_parent_child @ T_child_cam

    def time_range(self) -> tuple[float, float]:
        """First and last stamp with a pose, seconds."""
        if self.track is None:
            return self.tf.time_range(self.world_frame, self.camera_frame)
        return self.track.time_range(self.track_parent, self.track_child)

    def jumps(self) -> str | None:
        """A remark for people on corrections of the map on the way, None without any."""
        found = (
            self.tf.jumps(self.world_frame, self.camera_frame)
            if self.track is None
            else self.track.jumps(self.track_parent, self.track_child)
        )
        if not found:
            return None
        stamp_s, moved_m, child, parent = max(found, key=lambda jump: jump[1])
        many = f"{len(found)} times, most" if len(found) > 1 else "once,"
        return (
            f"{child!r} jumps in {parent!r} {many} by {moved_m:.2f} m at {stamp_s:.3f} s, as where "
            "a map is corrected (loop closure, relocalisation): if that moved the map, what was "
            "seen before and after does not fit together; begin later with --set capture.start=..."
        )


def pose_source(
    bag: Bag,
    index: BagIndex,
    config: CaptureConfig,
    camera_frame: str,
    span_s: tuple[float, float],
) -> PoseSource:
    """Decide the world frame, and where poses come from.

    Args:
        bag: the bag, for the names of its topics.
        index: its transforms, already filled into `index.tf`.
        config: world frame, pose topic.
        camera_frame: optical frame of the colour camera.
        span_s: first and last depth stamp.

    Raises:
        TransformError: the camera is not linked to the world frame; names the missing link.
    """
    if config.pose_topic is not None:
        return _from_track(index, config, camera_frame, span_s)
    tf, world = index.tf, config.world_frame and frame_name(config.world_frame)
    if not tf.frames:
        raise TransformError(
            f"{bag.path} holds no transforms, so that the camera's poses are unknown",
            expected="/tf and /tf_static",
            hint=_pose_options(bag) or "Record /tf and /tf_static too.",
        )
    if camera_frame not in tf.frames:
        raise TransformError(
            f"no transform mentions the camera's frame {camera_frame!r}",
            found="the frames " + ", ".join(tf.frames),
            hint="Record /tf_static too; "
            + (_pose_options(bag) or "it was published once, at the start."),
        )
    chosen = world or usual_world(tf, camera_frame)
    source = PoseSource(chosen, camera_frame, tf)
    first, last = _linked(source, bag, index)
    if np.isinf(first) and world is None and chosen not in (*_WORLDS, "world"):
        raise TransformError(
            f"no moving transform: {camera_frame!r} is rigidly attached to the tf root {chosen!r}",
            expected="a moving transform from map or odom down to the camera",
            hint=f"If the camera stood still, say --set capture.world_frame={chosen}. "
            + _pose_options(bag),
        )
    if first > last:
        raise TransformError(
            f"the transforms from {camera_frame!r} to {chosen!r} never cover the same time"
        )
    return source


def usual_world(tf: TfBuffer, camera_frame: str) -> str:
    """map, odom, or else the root of the camera's tree."""
    return next((name for name in _WORLDS if name in tf.frames), tf.root(camera_frame))


def _linked(source: PoseSource, bag: Bag, index: BagIndex) -> tuple[float, float]:
    """Time range of a chain of transforms, or the error that names the missing link."""
    tf = source.tf
    try:
        return tf.time_range(source.world_frame, source.camera_frame)
    except TransformError as error:
        root = tf.root(source.camera_frame)
        hint = f"Or take {root!r} as the world: --set capture.world_frame={root}. "
        raise TransformError(
            error.summary,
            expected=error.expected,
            found=f"{error.found}; broken ones from {sorted(index.broken)}"
            if index.broken
            else error.found,
            hint=error.hint or hint + _pose_options(bag),
        ) from error


def _pose_options(bag: Bag) -> str:
    """Pose topics of the bag, as options ready to paste; "" where there are none."""
    names = list(bag.of_type(*POSE_TYPES))
    options = "; or ".join(f"--set capture.pose_topic={name}" for name in names[:6])
    return f"Poses may come from {options}" if options else ""


def check_pose_topic(bag: Bag, name: str | None) -> None:
    """Refuse a pose topic that is not in the bag or of another type."""
    if name is None or name in bag.of_type(*POSE_TYPES):
        return
    raise TransformError(
        f"{bag.path} holds no poses on {name}",
        expected="messages of type " + " or ".join(POSE_TYPES),
        found=bag.topics[name].msgtype if name in bag.topics else "no such topic",
        hint=_pose_options(bag) or None,
    )


def _from_track(
    index: BagIndex, config: CaptureConfig, camera_frame: str, span_s: tuple[float, float]
) -> PoseSource:
    """Poses of a tracked frame, and from there to the camera by tf."""
    topic = config.pose_topic
    if len(index.track_frames) != 1:
        raise TransformError(
            f"the messages on {topic} are about several frames",
            found="; ".join(f"{child!r} in {parent!r}" for parent, child in index.track_frames),
        )
    ((parent, child),) = index.track_frames
    is_named, child = bool(child), child or frame_name(config.camera_frame or "")
    if not child:
        raise TransformError(
            f"the messages on {topic} do not say which frame they are the pose of",
            hint=f"If it is the colour camera's: --set capture.camera_frame={camera_frame}; "
            "else name the tracked frame there.",
        )
    rows = np.array(index.track).reshape(-1, ROW)
    if not len(rows):
        raise TransformError(f"the messages on {topic} hold no rigid poses")
    rows = rows[best_run(rows[:, 0], span_s)]
    track = TfBuffer()
    track.add_samples(parent, child, rows[:, 0], rows[:, 1:])
    world = frame_name(config.world_frame) if config.world_frame else parent
    source = PoseSource(world, camera_frame, index.tf, track, parent, child)
    for target, frame in ((child, camera_frame), (world, parent)):
        try:
            index.tf.time_range(target, frame)
        except TransformError as error:
            raise TransformError(
                error.summary,
                expected=error.expected,
                found=error.found,
                hint=f"The messages on {topic} are about {child!r} in {parent!r}; "
                + (
                    "record /tf_static too, which says where the camera is on it."
                    if is_named
                    else "if they are the colour camera's poses: --set "
                    f"capture.camera_frame={camera_frame}"
                ),
            ) from error
    return source


def poses_at(
    source: PoseSource, stamps: np.ndarray
) -> tuple[np.ndarray, np.ndarray, NotCoveredError | None]:
    """Poses at many times.

    Returns:
        T_world_cam [n,4,4]; which of the stamps have one [n]; the first reason why one has none.
    """
    poses = np.tile(np.eye(4), (len(stamps), 1, 1))
    covered = np.zeros(len(stamps), bool)
    reason = None
    for i, stamp in enumerate(stamps):
        try:
            poses[i] = source.at(float(stamp))
            covered[i] = True
        except NotCoveredError as error:
            reason = reason or error
    return poses, covered, reason
