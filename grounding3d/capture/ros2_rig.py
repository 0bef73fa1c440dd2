"""The two cameras of a bag: topics, intrinsics, and how their images become one RGB-D image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grounding3d.capture.base import CaptureConfig
from grounding3d.capture.plausibility import intrinsics_doubt
from grounding3d.capture.registration import register_depth
from grounding3d.capture.ros2_index import BagIndex
from grounding3d.capture.ros2_storage import Bag
from grounding3d.capture.ros2_topics import INFO, ImageTopic, choose_images, info_topic
from grounding3d.capture.ros_images import (
    CameraFacts,
    camera_facts,
    decode_color,
    decode_depth,
    message_name,
)
from grounding3d.capture.tf_buffer import TfBuffer, frame_name
from grounding3d.errors import CaptureError, TransformError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.distortion import Undistorter
from grounding3d.geometry.transforms import make_pose


@dataclass(frozen=True)
class RigTopics:
    """The topics in use.

    The info topics are None where intrinsics are given, or where depth has those of colour.
    """

    color: ImageTopic
    depth: ImageTopic
    color_info: str | None
    depth_info: str | None

    def infos(self) -> list[str]:
        """CameraInfo topics to read."""
        return sorted({name for name in (self.color_info, self.depth_info) if name})


@dataclass(frozen=True, eq=False)
class Rig:
    """The two cameras, and how their images become one RGB-D image.

    Attributes:
        topics: where the images are.
        color_lens, depth_lens: remove the distortion.
        T_color_depth: [4,4]; None where depth is registered to colour already.
        depth_unit_m: metres of one integer depth step, None for millimetres.
        camera_frame: optical frame of the colour camera.
        registration: how depth comes to colour, for people.
        warnings: what a user should know before trusting coordinates.
    """

    color_lens: Undistorter
    depth_lens: Undistorter
    T_color_depth: np.ndarray | None
    depth_unit_m: float | None
    topics: RigTopics
    camera_frame: str
    registration: str
    warnings: tuple[str, ...]

    def image(self, color: Any, depth: Any) -> tuple[np.ndarray, np.ndarray]:
        """rgb [H,W,3] uint8 and registered depth [H,W] float32 of two messages."""
        rgb = decode_color(color, self.topics.color.name)
        depth_m = decode_depth(depth, self.topics.depth.name, self.depth_unit_m)
        _check_size(
            rgb, self.color_lens.camera, message_name(color, self.topics.color.name), "color"
        )
        _check_size(
            depth_m, self.depth_lens.camera, message_name(depth, self.topics.depth.name), "depth"
        )
        rgb, depth_m = self.color_lens.rgb(rgb), self.depth_lens.depth(depth_m)
        if self.T_color_depth is not None:
            depth_m = register_depth(
                depth_m, self.depth_lens.camera, self.color_lens.camera, self.T_color_depth
            )
        return rgb, depth_m


def choose_topics(bag: Bag, config: CaptureConfig) -> RigTopics:
    """Decide all topics.

    Raises:
        CaptureError: something is missing or ambiguous; the hint can be pasted.
    """
    color, depth = choose_images(bag, config)
    color_info = info_topic(bag, color, config.color_info_topic, "color_info_topic")
    if color_info is None and config.color_intrinsics is None:
        raise _no_info(bag, color, "color")
    depth_info = info_topic(bag, depth, config.depth_info_topic, "depth_info_topic")
    is_colours = depth.is_aligned or depth.frame_id == color.frame_id
    if depth_info is None and config.depth_intrinsics is None and not is_colours:
        raise _no_info(bag, depth, "depth")
    return RigTopics(color, depth, color_info, depth_info)


def build_rig(bag: Bag, index: BagIndex, topics: RigTopics, config: CaptureConfig) -> Rig:
    """The cameras' facts, and the way from the depth to the colour camera.

    Raises:
        CaptureError: intrinsics that change or are of no use, or an unknown lens model.
        TransformError: no static transform between the two cameras.
    """
    depth_name = topics.depth.name
    color = _facts(bag, index, topics.color, topics.color_info, config.color_intrinsics)
    if topics.depth_info is None and config.depth_intrinsics is None:
        depth = color
        first = bag.first(depth_name, lambda message: decode_depth(message, depth_name))
        name = f"the first image on {depth_name}, which has no camera_info,"
        _check_size(first, color.camera, name, "depth")
    else:
        depth = _facts(bag, index, topics.depth, topics.depth_info, config.depth_intrinsics)
    return make_rig(topics, color, depth, index.tf, config)


def make_rig(
    topics: RigTopics, color: CameraFacts, depth: CameraFacts, tf: TfBuffer, config: CaptureConfig
) -> Rig:
    """The way from the depth to the colour camera, recorded or live.

    Args:
        topics: names, and the frames that the images' headers give.
        color, depth: what is known of the two cameras.
        tf: holds the static transforms.
        config: what the user knows better.

    Raises:
        CaptureError: the images do not name their frame, or a lens model is unknown.
        TransformError: no static transform between the two cameras.
    """
    camera_frame, depth_frame = _optical_frames(topics, color, depth, config)
    if not camera_frame:
        raise CaptureError(
            f"the images on {topics.color.name} do not name their frame",
            hint="Name the optical frame with --set capture.camera_frame=...",
        )
    frames = camera_frame, depth_frame
    T, registration = _color_from_depth(tf, (color, depth), frames, config)
    warnings = []
    if "optical" not in camera_frame:
        warnings.append(
            f"the frame {camera_frame!r} is not named as an optical frame; its axes are taken as "
            "x right, y down, z forward; if they are a body's, x forward, name the optical frame "
            "with --set capture.camera_frame=..."
        )
    for topic, facts in ((topics.color, color), (topics.depth, depth)):
        if doubt := intrinsics_doubt(facts.camera):
            warnings.append(f"{topic.name}: {doubt}")
    return Rig(
        color_lens=_lens(color),
        depth_lens=_lens(depth),
        T_color_depth=T,
        depth_unit_m=config.depth_unit_m,
        topics=topics,
        camera_frame=camera_frame,
        registration=registration,
        warnings=tuple(warnings),
    )


def _optical_frames(
    topics: RigTopics, color: CameraFacts, depth: CameraFacts, config: CaptureConfig
) -> tuple[str, str]:
    """Frames of the colour and of the depth camera; "" where nothing names them.

    Beside a pose topic `config.camera_frame` names the tracked frame, else it comes before what the
    messages say.
    """
    given = frame_name(config.camera_frame or "")
    named = topics.color.frame_id or color.frame_id
    camera_frame = named or given if config.pose_topic is not None else given or named
    depth_frame = topics.depth.frame_id or depth.frame_id
    return camera_frame, camera_frame if depth_frame in ("", named) else depth_frame


def _lens(facts: CameraFacts) -> Undistorter:
    camera = facts.camera
    return Undistorter(camera.K, facts.model, facts.coefficients, camera.width, camera.height)


def _facts(
    bag: Bag,
    index: BagIndex,
    image: ImageTopic,
    info: str | None,
    given: tuple[float, float, float, float] | None,
) -> CameraFacts:
    """Facts of the stream's CameraInfo, which must not change; intrinsics as given come first."""
    K = None if given is None else Camera.from_focal(*given, 1, 1).K
    camera = None if K is None else Camera(K, *_first_size(bag, image))
    if info is None:
        assert camera is not None, "choose_topics finds camera_info where no intrinsics are given"
        return CameraFacts(camera, "none", np.zeros(0), "")
    messages = _decoded(bag, index, info)
    usable = [message for message in messages if message.k[0] != 0] or messages
    facts = [camera_facts(each, info, is_rectified=image.is_rectified, K=K) for each in usable]
    if any(not other.same_as(facts[0]) for other in facts[1:]):
        raise CaptureError(
            f"the intrinsics on {info} change during the recording",
            found="; ".join(
                f"fx {each.camera.fx:.3f} cx {each.camera.cx:.3f}" for each in facts[:4]
            ),
            hint="Split the bag where they change, or give --set "
            f"capture.{'depth' if image.is_depth else 'color'}_intrinsics='[fx, fy, cx, cy]'.",
        )
    return facts[0] if camera is None else replace(facts[0], camera=camera)


def _first_size(bag: Bag, image: ImageTopic) -> tuple[int, int]:
    """Width and height of the first image that decodes."""
    decode = decode_depth if image.is_depth else decode_color
    height, width = bag.first(image.name, lambda message: decode(message, image.name)).shape[:2]
    return width, height


def _decoded(bag: Bag, index: BagIndex, info: str) -> list[Any]:
    """The distinct CameraInfo messages of a topic that decode; the others are counted."""
    messages, first = [], None
    for message in index.infos[info].values():
        try:
            messages.append(bag.decode(message))
        except CaptureError as error:
            first = first or error
            index.damaged[info] += 1
    if not messages:
        raise first or CaptureError(f"{bag.path} holds no message on {info}")
    return messages


def _color_from_depth(
    tf: TfBuffer,
    facts: tuple[CameraFacts, CameraFacts],
    frames: tuple[str, str],
    config: CaptureConfig,
) -> tuple[np.ndarray | None, str]:
    """T_color_depth [4,4], None where the images are registered already; and a word about it."""
    (color, depth), (color_frame, depth_frame) = facts, frames
    if config.color_from_depth_xyz_m is not None:
        T = make_pose(np.eye(3), np.array(config.color_from_depth_xyz_m))
        return T, "reprojected with the given translation"
    if depth_frame == color_frame:
        if color.camera == depth.camera:
            return None, "registered by the driver"
        return np.eye(4), f"resampled from {depth.camera.width}x{depth.camera.height}"
    try:
        T = tf.lookup_static(color_frame, depth_frame)
    except TransformError as error:
        raise TransformError(
            f"depth in {depth_frame!r} cannot be brought to colour: {error.summary}",
            expected=error.expected,
            found=error.found,
            hint="Record /tf_static, or give --set capture.color_from_depth_xyz_m='[x, y, z]'.",
        ) from error
    return T, f"reprojected from {depth_frame} to {color_frame} by the static transforms"


def _no_info(bag: Bag, image: ImageTopic, kind: str) -> CaptureError:
    infos = list(bag.of_type(INFO))
    options = "; or ".join(f"--set capture.{kind}_info_topic={name}" for name in infos[:6])
    return CaptureError(
        f"{bag.path} holds no camera_info for {image.name}",
        expected=f"{INFO} on {image.info_topic}",
        found=", ".join(infos) or "no camera_info at all",
        hint=f"Choose with {options}"
        if options
        else f"Give the intrinsics with --set capture.{kind}_intrinsics='[fx, fy, cx, cy]'",
    )


def _check_size(image: np.ndarray, camera: Camera, name: str, kind: str) -> None:
    height, width = image.shape[:2]
    if (width, height) != (camera.width, camera.height):
        raise CaptureError(
            f"{name} does not have the size of its camera_info",
            expected=f"{camera.width}x{camera.height}",
            found=f"{width}x{height}",
            hint="Give the intrinsics of the published images: "
            f"--set capture.{kind}_intrinsics='[fx, fy, cx, cy]'.",
        )
