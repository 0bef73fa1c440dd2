"""The two cameras of a running robot, as their camera_info messages come in."""

from __future__ import annotations

from typing import Any

import numpy as np

from grounding3d.capture.base import CaptureConfig
from grounding3d.capture.ros2_rig import Rig, RigTopics, make_rig
from grounding3d.capture.ros2_topics import ImageTopic, given_topic
from grounding3d.capture.ros_images import (
    CameraFacts,
    camera_facts,
    decode_color,
    decode_depth,
)
from grounding3d.capture.tf_buffer import TfBuffer
from grounding3d.errors import CaptureError
from grounding3d.geometry.camera import Camera


class LiveRig:
    """Makes the `Rig` that fits the newest camera_info messages, and keeps it while they stay.

    Args:
        config: intrinsics and transforms that the user knows better.
        color_topic, depth_topic: names of the image topics; they also tell rectified images.
    """

    def __init__(self, config: CaptureConfig, color_topic: str, depth_topic: str) -> None:
        self._config = config
        self._names = {False: color_topic, True: depth_topic}
        self._given = {False: config.color_intrinsics, True: config.depth_intrinsics}
        self._infos: dict[bool, Any] = {}
        self._key: tuple[Any, ...] = ()
        self._rig: Rig | None = None

    def add_info(self, message: Any, *, is_depth: bool) -> None:
        """Take in a `sensor_msgs/CameraInfo`."""
        self._infos[is_depth] = message

    def has_info(self, *, is_depth: bool) -> bool:
        """Whether the intrinsics of a camera are known."""
        return is_depth in self._infos or self._given[is_depth] is not None

    def rig(self, color: Any, depth: Any, tf: TfBuffer) -> Rig:
        """The rig for two images.

        Args:
            color, depth: image messages.
            tf: holds the static transforms.

        Raises:
            CaptureError: a camera_info is missing or of no use.
            TransformError: no static transform between the two cameras.
        """
        images = {False: color, True: depth}
        key = tuple(
            (image.header.frame_id, _content(self._infos.get(is_depth)))
            for is_depth, image in images.items()
        )
        if self._rig is None or key != self._key:
            topics = {k: given_topic(self._names[k], images[k], is_depth=k) for k in images}
            color_facts = self._facts(topics[False], color)
            is_colours = topics[True].is_aligned or topics[True].frame_id == topics[False].frame_id
            as_colour = is_colours and not self.has_info(is_depth=True)
            depth_facts = color_facts if as_colour else self._facts(topics[True], depth)
            chosen = RigTopics(topics[False], topics[True], None, None)
            self._rig = make_rig(chosen, color_facts, depth_facts, tf, self._config)
            self._key = key
        return self._rig

    def _facts(self, topic: ImageTopic, image: Any) -> CameraFacts:
        info, given = self._infos.get(topic.is_depth), self._given[topic.is_depth]
        K = None if given is None else Camera.from_focal(*given, 1, 1).K
        kind = "depth" if topic.is_depth else "color"
        info_topic = getattr(self._config, f"{kind}_info_topic") or topic.info_topic
        if info is not None:
            return camera_facts(info, info_topic, is_rectified=topic.is_rectified, K=K)
        if K is None:
            raise CaptureError(
                f"no camera_info for {topic.name} yet",
                expected=f"messages on {info_topic}",
                hint=f"Or give the intrinsics: capture.{kind}_intrinsics, fx, fy, cx, cy.",
            )
        decode = decode_depth if topic.is_depth else decode_color
        height, width = decode(image, topic.name).shape[:2]
        return CameraFacts(Camera(K, width, height), "none", np.zeros(0), "")


def _content(info: Any) -> tuple[Any, ...] | None:
    """What of a camera_info decides about the rig; not its stamp."""
    if info is None:
        return None
    numbers = (tuple(map(float, getattr(info, name))) for name in ("k", "d", "p"))
    binned = getattr(info, "binning_x", 0), getattr(info, "binning_y", 0)
    roi = getattr(info, "roi", None)
    part = (roi.x_offset, roi.y_offset, roi.width, roi.height) if roi is not None else ()
    frame = info.header.frame_id
    return (frame, info.width, info.height, info.distortion_model, *binned, *part, *numbers)
