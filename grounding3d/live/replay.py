"""A recorded bag through the node's own message path, without ROS.

The recording's messages go through the same assembler, mapper, responder and conversions as those
of a running robot, by the recording's clock. Unlike there, no frame is dropped for lack of time.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from grounding3d.capture.base import CaptureConfig
from grounding3d.capture.ros2_poses import check_pose_topic
from grounding3d.capture.ros2_rig import choose_topics
from grounding3d.capture.ros2_storage import Bag, BagMessage, open_bag
from grounding3d.capture.selection import up_direction
from grounding3d.errors import CaptureError, SceneError
from grounding3d.features.base import Encoder
from grounding3d.live.config import Config
from grounding3d.live.frames import FrameAssembler
from grounding3d.live.mapping import Mapper
from grounding3d.live.responder import Question, Reply, Responder
from grounding3d.live.transforms import LiveTransforms
from grounding3d.objects.base import LanguageScene
from grounding3d.scene.base import Progress

_log = logging.getLogger(__name__)

TF_TOPICS = ("/tf", "/tf_static")
TF_TYPE = "tf2_msgs/msg/TFMessage"


@dataclass(frozen=True, eq=False)
class Round:
    """All questions, asked at one moment of the recording.

    Attributes:
        log_ns: when, by the recording's clock, nanoseconds.
        scene: the map at that time, None before the first frame.
        replies: one a question, in order.
    """

    log_ns: int
    scene: LanguageScene | None
    replies: tuple[Reply, ...]


class Replayer:
    """Maps a bag and asks questions at its end and, if wanted, on the way.

    Args:
        path: the bag.
        config: as the node's.
        encoder: of images and texts.
        questions: asked in every round.
        every_s: a round so often, by the recording's clock; None: only at the end.
        keep: called with each message on /tf and /tf_static, to copy it.
        progress: called with ("messages", done, total).
    """

    def __init__(
        self,
        path: Path,
        config: Config,
        encoder: Encoder,
        questions: list[Question],
        *,
        every_s: float | None = None,
        keep: Callable[[BagMessage], None] | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._path, self._config, self._encoder = path, config, encoder
        self._questions, self._every_s = questions, every_s
        self._keep, self._progress = keep, progress
        self._now_ns = 0
        self._undecoded: Counter[str] = Counter()  # messages, by topic
        self._transforms = LiveTransforms()
        self._mapper = Mapper(config, encoder, up_world=world_up(config.capture))
        self._responder = Responder(encoder, self._transforms)

    def rounds(self) -> Iterator[Round]:
        """Run; the last round is over the finished map.

        What of the recording could not be read, or is no frame, is left out with a warning.

        Raises:
            CaptureError: the bag lacks images or poses.
            SceneError: not one frame could be used; says why.
        """
        with open_bag(self._path) as bag:
            for note in bag.notes:
                _log.warning("%s: %s", self._path, note)
            assembler, takers = self._takers(bag)
            self._take_static(bag)
            topics = [topic for topic in takers if topic != "/tf_static"]
            total = sum(bag.topics[topic].count for topic in topics)
            next_ns = None
            for done, message in enumerate(bag.messages(topics), 1):
                self._now_ns = message.log_ns
                if message.topic == "/tf" and self._keep is not None:
                    self._keep(message)
                self._hand_over(bag, message, takers[message.topic])
                self._map(assembler)
                if self._progress is not None:
                    self._progress("messages", done, total)
                if self._every_s is not None:
                    if next_ns is not None and message.log_ns >= next_ns:
                        yield self._ask(
                            self._mapper.snapshot() if self._mapper.counts.used else None
                        )
                        next_ns = None
                    if next_ns is None:
                        next_ns = message.log_ns + round(self._every_s * 1e9)
            self._now_ns += round(1e9 * (self._config.live.tf_timeout_s + 1))
            self._map(assembler)
            self._now_ns -= round(1e9 * (self._config.live.tf_timeout_s + 1))
        self._tell_losses(assembler)
        if self._mapper.counts.used == 0:
            stats = assembler.stats()
            raise SceneError(
                f"not one frame of {self._path} could be used",
                found=f"{stats.depth_images} depth images; {stats.problem or 'no reason given'}",
            )
        yield self._ask(self._mapper.finish())

    def _takers(self, bag: Bag) -> tuple[FrameAssembler, dict[str, Callable[..., None]]]:
        """The assembler, and who takes the messages of each topic."""
        capture = self._config.capture
        check_pose_topic(bag, capture.pose_topic)
        topics = choose_topics(bag, capture)
        named = capture.model_copy(
            update={"color_topic": topics.color.name, "depth_topic": topics.depth.name}
        )
        assembler = FrameAssembler(
            named, self._config.live, self._transforms, clock=lambda: self._now_ns * 1e-9
        )
        takers: dict[str, Callable[..., None]] = {
            topics.color.name: assembler.add_color,
            topics.depth.name: assembler.add_depth,
        }
        if topics.depth_info:
            takers[topics.depth_info] = assembler.add_depth_info
        if topics.color_info:
            takers[topics.color_info] = assembler.add_color_info
        if topics.color_info and topics.color_info == topics.depth_info:
            takers[topics.color_info] = _both(assembler)
        if capture.pose_topic is not None:
            takers[capture.pose_topic] = assembler.add_pose
        for topic in TF_TOPICS:
            if topic in bag.of_type(TF_TYPE):
                takers[topic] = self._transforms.add
        return assembler, takers

    def _take_static(self, bag: Bag) -> None:
        """Latched transforms reach a running node before its first image: here, too."""
        if "/tf_static" not in bag.of_type(TF_TYPE):
            return
        for message in bag.messages(["/tf_static"]):
            self._hand_over(bag, message, partial(self._transforms.add, is_static=True))
            if self._keep is not None:
                self._keep(message)

    def _hand_over(self, bag: Bag, message: BagMessage, take: Callable[..., None]) -> None:
        """Have a message taken; one that does not decode is counted, no node would get it."""
        try:
            decoded = bag.decode(message)
        except CaptureError as error:
            _log.debug("%s", error)
            self._undecoded[message.topic] += 1
            return
        take(decoded)

    def _tell_losses(self, assembler: FrameAssembler) -> None:
        """Warn of what was left out."""
        told = [
            f"{count} messages on {topic} do not decode and are left out"
            for topic, count in sorted(self._undecoded.items())
        ]
        stats = assembler.stats()
        if stats.dropped:
            reasons = "; ".join(f"{n} x {reason}" for reason, n in stats.dropped.most_common())
            which = f"{stats.dropped.total()} of {stats.depth_images} depth images"
            told.append(f"{which} are no frames: {reasons}")
        for text in told:
            _log.warning("%s: %s", self._path, text)

    def _map(self, assembler: FrameAssembler) -> None:
        for frame in assembler.poll():
            self._mapper.add(frame)

    def _ask(self, scene: LanguageScene | None) -> Round:
        self._responder.serve(scene)
        replies = tuple(self._responder.ask(each) for each in self._questions)
        return Round(self._now_ns, scene, replies)


def _both(assembler: FrameAssembler) -> Callable[..., None]:
    """One camera_info for both images."""

    def take(message: object) -> None:
        assembler.add_color_info(message)
        assembler.add_depth_info(message)

    return take


def world_up(config: CaptureConfig) -> np.ndarray | None:
    """+Z, as REP 103 has it for ROS worlds, unless the configuration knows better."""
    is_optical = "optical" in (config.world_frame or "")
    return up_direction(config, None if is_optical else np.array([0.0, 0.0, 1.0]))
