"""Messages in, posed RGB-D frames out.

Colour, depth, camera_info and poses may come in any order and from any library: only the fields of
the ROS messages are looked at. A depth image is paired with the colour image nearest in time, then
waits until the camera's pose at its own stamp is known; transforms are never extrapolated, so an
image whose pose does not come in time is dropped, and counted. Decoding, registration and
undistortion are those of recorded bags.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grounding3d.capture.base import CaptureConfig, RGBDFrame
from grounding3d.capture.losses import general_reason
from grounding3d.capture.ros2_poses import PoseSource, usual_world
from grounding3d.capture.ros2_rig import Rig
from grounding3d.capture.selection import limit_depth
from grounding3d.capture.sync import pair_stamps
from grounding3d.capture.tf_buffer import TfBuffer, frame_name, stamp_seconds
from grounding3d.errors import CaptureError, GroundingError, TransformError
from grounding3d.live.config import LiveConfig
from grounding3d.live.live_rig import LiveRig
from grounding3d.live.transforms import LiveTransforms

_MOST_WAITING = 15  # images of a kind; a driver may deliver one stream so many images later
_RATE_SLACK = 0.9  # of the shortest period: stamps are not exact
_SET_BACK_S = 1.0  # an image older than the newest by more belongs to another run of the clock
_STRAYS = 2  # so many of those in a row may be late images of the present run


@dataclass(frozen=True)
class AssemblyStats:
    """What became of the images.

    Attributes:
        depth_images: that came in.
        frames: that were given out.
        waiting: depth images that wait for their colour image or their pose.
        dropped: depth images that are no frame, by reason; numbers in reasons are written #.
        problem: the last reason in full, empty without one.
        world_frame: frame of the poses, empty before the first.
    """

    depth_images: int = 0
    frames: int = 0
    waiting: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    problem: str = ""
    world_frame: str = ""


@dataclass(frozen=True, eq=False)
class _Pair:
    """Two images of one moment that wait for their pose since `since_s` of the clock."""

    color: Any
    depth: Any
    color_s: float
    depth_s: float
    since_s: float


class _Stream:
    """Images of one topic that wait for their partner."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[float, Any]] = deque()
        self.newest_s = -np.inf
        self._recent: deque[float] = deque(maxlen=10)
        self._n_old = 0

    @property
    def stamps(self) -> list[float]:
        return [stamp for stamp, _ in self.waiting]

    @property
    def period_s(self) -> float | None:
        """Median step between the last stamps; None before the third."""
        steps = np.diff(np.sort(self._recent))
        return float(np.median(steps)) if len(steps) >= 2 else None

    def is_set_back(self, stamp_s: float) -> bool:
        """Whether the clock has been set back, seen from the next image's stamp."""
        self._n_old = self._n_old + 1 if stamp_s < self.newest_s - _SET_BACK_S else 0
        return self._n_old > _STRAYS

    def put(self, stamp_s: float, message: Any) -> None:
        self.waiting.append((stamp_s, message))
        self._recent.append(stamp_s)
        self.newest_s = max(self.newest_s, stamp_s)

    def keep(self, wanted: Callable[[int, float], bool]) -> None:
        """Keep the images whose place and stamp are wanted."""
        kept = [item for n, item in enumerate(self.waiting) if wanted(n, item[0])]
        self.waiting = deque(kept)


class FrameAssembler:
    """Makes frames of messages; all calls are safe from any thread.

    Args:
        config: topics, frames and cameras, as for a recording. With a `pose_topic`, poses come
            from `add_pose`, else from the transforms.
        live: synchronisation and patience.
        transforms: filled from /tf and /tf_static by the caller.
        clock: seconds, for patience only; a replay gives the recording's.

    Example:
        >>> assembler.add_color(message)                   # doctest: +SKIP
        >>> assembler.add_depth(message)                   # doctest: +SKIP
        >>> for frame in assembler.poll():                 # doctest: +SKIP
        ...     worker.submit(frame)
    """

    def __init__(
        self,
        config: CaptureConfig,
        live: LiveConfig,
        transforms: LiveTransforms,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._live = config, live
        self._transforms, self._clock = transforms, clock
        self._depth_topic = config.depth_topic or "the depth topic"
        self._rigs = LiveRig(config, config.color_topic or "the colour topic", self._depth_topic)
        self._lock = threading.Lock()
        self._color, self._depth = _Stream(), _Stream()
        self._pairs: list[_Pair] = []
        self._last_s = -np.inf  # depth stamp of the last pair
        self._track: tuple[TfBuffer, str, str] | None = None
        self._world_frame = config.world_frame and frame_name(config.world_frame)
        self._n_depth = self._n_frames = 0
        self._dropped: Counter[str] = Counter()
        self._problem = ""

    def add_color(self, message: Any) -> None:
        """Take in a colour `Image` or `CompressedImage`."""
        with self._lock:
            self._put(self._color, message)

    def add_depth(self, message: Any) -> None:
        """Take in a depth `Image` or `CompressedImage`."""
        with self._lock:
            self._n_depth += 1
            self._put(self._depth, message)

    def add_color_info(self, message: Any) -> None:
        """Take in the colour camera's `CameraInfo`."""
        with self._lock:
            self._rigs.add_info(message, is_depth=False)

    def add_depth_info(self, message: Any) -> None:
        """Take in the depth camera's `CameraInfo`."""
        with self._lock:
            self._rigs.add_info(message, is_depth=True)

    def add_pose(self, message: Any) -> None:
        """Take in an `Odometry` or `PoseStamped` of the pose topic; what is no pose is dropped."""
        parent = frame_name(message.header.frame_id)
        child = frame_name(
            getattr(message, "child_frame_id", "") or self._config.camera_frame or ""
        )
        pose = message.pose.pose if hasattr(message.pose, "pose") else message.pose
        with self._lock:
            if not child:
                self._problem = (
                    f"the messages on {self._config.pose_topic} do not say which frame they are "
                    "the pose of. Name it as capture.camera_frame."
                )
                return
            if self._track is None or self._track[1:] != (parent, child):
                self._track = (TfBuffer(keep_s=30.0), parent, child)
            try:
                self._track[0].add_pose(parent, child, stamp_seconds(message.header.stamp), pose)
            except TransformError as error:  # what trackers publish while they are lost
                self._problem = str(error)

    def poll(self) -> list[RGBDFrame]:
        """The frames that have become complete, in order; call it whenever something came in."""
        with self._lock:
            if not (self._depth.waiting or self._pairs):
                return []
            self._match()
            ready = self._take_posed()
        frames = []
        for pair, rig, source, T_world_cam in ready:
            try:
                frames.append(self._frame(pair, rig, source, T_world_cam))
            except GroundingError as error:
                with self._lock:
                    self._drop(error)
        return frames

    def stats(self) -> AssemblyStats:
        """What became of the images so far."""
        with self._lock:
            return AssemblyStats(
                depth_images=self._n_depth,
                frames=self._n_frames,
                waiting=len(self._pairs) + len(self._depth.waiting),
                dropped=Counter(self._dropped),
                problem=self._problem,
                world_frame=self._world_frame or "",
            )

    def _put(self, stream: _Stream, message: Any) -> None:
        stamp_s = stamp_seconds(message.header.stamp)
        is_depth = stream is self._depth
        if stamp_s <= 0:
            if is_depth:
                self._drop("an image without a stamp")
            return
        if stream.is_set_back(stamp_s):
            self._begin_run(stamp_s)
            stream = self._depth if is_depth else self._color
        if stamp_s < stream.newest_s - _SET_BACK_S:
            if is_depth:
                self._drop("the image is older than others by over a second")
            return
        stream.put(stamp_s, message)
        if len(stream.waiting) > _MOST_WAITING:
            stream.waiting.popleft()
            if is_depth:
                self._drop("no colour image came")

    def _begin_run(self, stamp_s: float) -> None:
        """Leave behind what waits, and the poses of before: the clock was set back.

        Poses are forgotten here, since those of the new run may come later than its images: until
        then, the old run's would be taken for theirs.
        """
        left = len(self._pairs) + len(self._depth.waiting)
        self._drop("the clock was set back", left)
        self._color, self._depth = _Stream(), _Stream()
        self._pairs, self._last_s = [], -np.inf
        self._track = None
        self._transforms.set_back_to(stamp_s)

    def _slop_s(self) -> float:
        """Within half a period, no other image can be nearer."""
        if self._live.sync_slop_s is not None:
            return self._live.sync_slop_s
        periods = [p for p in (self._color.period_s, self._depth.period_s) if p]
        return min(periods) / 2 if len(periods) == 2 else self._config.sync_tolerance_s

    def _match(self) -> None:
        color, depth, slop_s = self._color, self._depth, self._slop_s()
        matched = pair_stamps(depth.stamps, color.stamps, slop_s)
        for d, c in matched:
            (depth_s, depth_image), (color_s, color_image) = depth.waiting[d], color.waiting[c]
            if depth_s - self._last_s < _RATE_SLACK / self._live.max_rate_hz:
                self._drop("more frames than live.max_rate_hz")
                continue
            self._last_s = depth_s
            since_s = self._clock()
            self._pairs.append(_Pair(color_image, depth_image, color_s, depth_s, since_s))
        used_d, used_c = set(matched[:, 0].tolist()), set(matched[:, 1].tolist())
        color.keep(lambda n, stamp_s: n not in used_c and stamp_s > depth.newest_s - 1.0)
        alone = len(depth.waiting) - len(used_d)
        depth.keep(lambda n, stamp_s: n not in used_d and stamp_s >= color.newest_s - slop_s)
        self._drop("no colour image of the same time", alone - len(depth.waiting))

    def _take_posed(self) -> list[tuple[_Pair, Rig, PoseSource, np.ndarray]]:
        """The pairs whose pose is known; those that have waited too long are dropped."""
        ready, waiting = [], []
        now_s = self._clock()
        for pair in self._pairs:
            is_late = now_s - pair.since_s >= self._live.tf_timeout_s
            try:
                ready.append((pair, *self._posed(pair, is_late)))
            except GroundingError as error:
                if is_late:
                    self._drop(error)
                else:
                    waiting.append(pair)
        self._drop("too many images wait for a pose", len(waiting) - _MOST_WAITING)
        self._pairs = waiting[-_MOST_WAITING:]
        return ready

    def _posed(self, pair: _Pair, is_late: bool) -> tuple[Rig, PoseSource, np.ndarray]:
        if not (is_late or self._rigs.has_info(is_depth=True)):
            raise CaptureError(f"no camera_info for {self._depth_topic} yet")
        with self._transforms.lock:
            tf = self._transforms.buffer
            rig = self._rigs.rig(pair.color, pair.depth, tf)
            source = self._source(tf, rig.camera_frame, is_late)
            T_world_cam = source.at(pair.depth_s)
        self._world_frame = source.world_frame
        return rig, source, T_world_cam

    def _source(self, tf: TfBuffer, camera_frame: str, is_late: bool) -> PoseSource:
        if self._config.pose_topic is not None:
            if self._track is None:
                raise TransformError(f"no pose came on {self._config.pose_topic}")
            track, parent, child = self._track
            return PoseSource(self._world_frame or parent, camera_frame, tf, track, parent, child)
        world = self._world_frame or usual_world(tf, camera_frame)
        if not self._world_frame and world != "map" and not is_late:
            raise TransformError("the transform to the frame 'map' may still come")
        first, _ = tf.time_range(world, camera_frame)
        if not self._world_frame and np.isinf(first) and world not in ("map", "odom", "world"):
            raise TransformError(
                f"no moving transform: {camera_frame!r} is rigidly attached to {world!r}",
                hint="If the camera stands still, name that as capture.world_frame.",
            )
        return PoseSource(world, camera_frame, tf)

    def _frame(
        self, pair: _Pair, rig: Rig, source: PoseSource, T_world_cam: np.ndarray
    ) -> RGBDFrame:
        rgb, depth_m = rig.image(pair.color, pair.depth)
        with self._lock:
            index, self._n_frames = self._n_frames, self._n_frames + 1
        return RGBDFrame(
            rgb=rgb,
            depth_m=limit_depth(depth_m, self._config),
            camera=rig.color_lens.camera,
            T_world_cam=T_world_cam,
            frame_index=index,
            stamp_s=pair.color_s,
            depth_stamp_s=pair.depth_s,
            world_frame=source.world_frame,
            camera_frame=source.camera_frame,
        )

    def _drop(self, reason: str | GroundingError, count: int = 1) -> None:
        if count > 0:
            summary = reason if isinstance(reason, str) else reason.summary
            self._dropped[general_reason(summary)] += count
            self._problem = str(reason)
