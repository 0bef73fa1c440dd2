"""Which topics of a bag are the colour camera, the depth camera and their intrinsics."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from grounding3d.capture.base import CaptureConfig
from grounding3d.capture.ros2_pixels import COLOR_ENCODINGS
from grounding3d.capture.ros2_storage import Bag
from grounding3d.capture.ros_images import is_depth_encoding
from grounding3d.capture.tf_buffer import frame_name
from grounding3d.errors import CaptureError

RAW, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
INFO = "sensor_msgs/msg/CameraInfo"

_TRANSPORT = re.compile(r"/(compressed|compressedDepth)$")
# the segment of a topic where the device ends and its streams begin; rgb_camera is a device
_STREAM = re.compile(
    r"(colou?r|rgb|depth|aligned_depth|stereo|left|right|infra|ir|mono|gr[ae]y|image)"
    r"(_(?!cam).*|\d*)$"
)
_NEITHER = r"infra|(^|[/_])ir($|[/_\d])|dispar|confid|thermal|mask|label"
_NO_DEPTH = re.compile(_NEITHER)
_NO_COLOR = re.compile(_NEITHER + r"|(^|/)depth/|depth[^/]*$|_to_depth|debug|overlay|annot")
_ALIGNED = re.compile(r"aligned_depth_to_colou?r|registered|depth_to_(rgb|colou?r)")
_RECTIFIED = re.compile(r"/rect/|rect[^/]*$")
_COLOR_ORDER = (r"colou?r|rgb", r"(?!left|mono|gr[ae]y|right)", r"left|mono|gr[ae]y", r"right")


@dataclass(frozen=True)
class ImageTopic:
    """An image stream of a bag.

    Attributes:
        name: topic.
        base: topic without the transport's suffix.
        device: common prefix of the streams of one camera.
        is_depth: holds distances.
        frame_id: of its first message.
        rank: smaller is preferred within one device.
    """

    name: str
    base: str
    device: str
    is_depth: bool
    frame_id: str
    rank: tuple[int, ...]

    @property
    def is_rectified(self) -> bool:
        """Whether the driver has undone the lens distortion, by the naming rules of image_proc."""
        return bool(_RECTIFIED.search(self.base))

    @property
    def is_aligned(self) -> bool:
        """Whether the name promises depth that is registered to colour."""
        return self.is_depth and bool(_ALIGNED.search(self.base))

    @property
    def info_topic(self) -> str:
        """Where image_transport publishes the intrinsics."""
        return self.base.rsplit("/", 1)[0] + "/camera_info"


def image_topics(bag: Bag) -> list[ImageTopic]:
    """All usable image streams, judged by the encoding of a first message and by their names."""
    found = []
    for name in bag.of_type(RAW, COMPRESSED):
        topic = _judge(name, bag.first(name))
        if topic is not None:
            found.append(topic)
    return found


def choose_images(bag: Bag, config: CaptureConfig) -> tuple[ImageTopic, ImageTopic]:
    """The colour and the depth stream.

    Raises:
        CaptureError: there is none, or several cameras fit; the error lists options ready to paste.
    """
    topics = image_topics(bag)
    colors = [topic for topic in topics if not topic.is_depth]
    depths = [topic for topic in topics if topic.is_depth]
    color = _named(config.color_topic, bag, "colour", depth=False)
    depth = _named(config.depth_topic, bag, "depth", depth=True)
    colors, depths = [color] if color else colors, [depth] if depth else depths
    for kind, usable in (("colour", colors), ("depth", depths)):
        if not usable:
            raise CaptureError(
                f"{bag.path} holds no {kind} images",
                expected=f"a {kind} topic of type {RAW} or {COMPRESSED}",
                found=listing(bag) + _encodings(bag),
                hint=_all_options(colors, depths),
            )
    pairs = _pairs(colors, depths)
    if len(pairs) > 1:
        options = "; or ".join(_option(*pair) for pair in pairs[:6])
        raise CaptureError(
            f"{bag.path} holds several cameras that could be meant", hint=f"Choose with {options}"
        )
    return pairs[0]


def info_topic(bag: Bag, image: ImageTopic, chosen: str | None, option: str) -> str | None:
    """The CameraInfo topic of an image stream: as chosen, by namespace, by frame id, or None."""
    infos = bag.of_type(INFO)
    if chosen is not None:
        if chosen not in infos:
            raise CaptureError(
                f"{bag.path} holds no {INFO} on {chosen}",
                found=", ".join(infos) or "no camera_info at all",
                hint=f"Choose with {_one_of(option, list(infos))}" if infos else None,
            )
        return chosen
    if image.info_topic in infos:
        return image.info_topic
    same_frame = [
        name
        for name in infos
        if image.frame_id and frame_name(bag.first(name).header.frame_id) == image.frame_id
    ]
    if len(same_frame) > 1:
        raise CaptureError(
            f"the intrinsics of {image.name} could be on several topics",
            hint=f"Choose with {_one_of(option, same_frame)}",
        )
    return same_frame[0] if same_frame else None


def listing(bag: Bag, most: int = 12) -> str:
    """The topics of a bag with their types, for errors."""
    names = [f"{name} ({facts.msgtype})" for name, facts in sorted(bag.topics.items())]
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return "the topics " + ", ".join(names[:most]) + more if names else "no topics"


def _encodings(bag: Bag) -> str:
    """How the raw images of a bag are encoded, for errors."""
    first = {name: bag.first(name) for name in list(bag.of_type(RAW))[:6]}
    texts = [f"{name} as {message.encoding!r}" for name, message in first.items()]
    return f"; with images on {', '.join(texts)}" if texts else ""


def _judge(name: str, message: Any) -> ImageTopic | None:
    """An image topic's place among its like, None where it is of no use here."""
    base = _TRANSPORT.sub("", name)
    segments = base.split("/")
    first = next((i for i, part in enumerate(segments) if _STREAM.match(part)), len(segments) - 1)
    device, stream = "/".join(segments[:first]), "/".join(segments[first:])
    encoding = getattr(message, "encoding", None)
    is_depth = is_depth_encoding(message)
    if encoding == "mono16" and "depth" not in stream:
        is_depth = False
    if (_NO_DEPTH if is_depth else _NO_COLOR).search(stream):
        return None
    if not is_depth and encoding is not None and encoding not in COLOR_ENCODINGS:
        return None
    if is_depth:
        order = int(not _ALIGNED.search(stream))
    else:
        order = next(i for i, word in enumerate(_COLOR_ORDER) if re.match(word, segments[first]))
    is_grey = "gray" in segments[-1] or (encoding or "").startswith("mono")
    coding = 0 if encoding is not None else 1 if name.endswith("compressedDepth") else 2
    rank = order, is_grey, not _RECTIFIED.search(base), coding
    frame_id = frame_name(message.header.frame_id)
    return ImageTopic(name, base, device, is_depth, frame_id, tuple(map(int, rank)))


def given_topic(name: str, message: Any, *, is_depth: bool) -> ImageTopic:
    """The stream of a name that was given, with the frame that one of its messages is in."""
    base = _TRANSPORT.sub("", name)
    judged = _judge(name, message)
    device = judged.device if judged else base.rsplit("/", 1)[0]
    return ImageTopic(name, base, device, is_depth, frame_name(message.header.frame_id), (0,))


def _named(name: str | None, bag: Bag, kind: str, *, depth: bool) -> ImageTopic | None:
    """The stream that the user named; its name is not judged."""
    if name is None:
        return None
    images = bag.of_type(RAW, COMPRESSED)
    if name not in images:
        raise CaptureError(
            f"{bag.path} holds no images on {name}",
            expected=f"the {kind} topic",
            found="images on " + (", ".join(images) or "no topic"),
        )
    message = bag.first(name)
    coding = getattr(message, "encoding", None) or message.format
    if depth != is_depth_encoding(message) and coding != "mono16":
        raise CaptureError(f"{name} holds no {kind} images", found=f"images of {coding}")
    return given_topic(name, message, is_depth=depth)


def _pairs(
    colors: list[ImageTopic], depths: list[ImageTopic]
) -> list[tuple[ImageTopic, ImageTopic]]:
    """Best colour and depth stream of each device that has both; else of all devices together."""
    devices = sorted({topic.device for topic in colors} & {topic.device for topic in depths})
    if not devices:
        return [(color, depth) for color in _best(colors) for depth in _best(depths)]
    pairs = []
    for device in devices:
        for color in _best([topic for topic in colors if topic.device == device]):
            own = [topic for topic in depths if topic.device == device]
            pairs += [(color, depth) for depth in _best(own)]
    return pairs


def _best(topics: list[ImageTopic]) -> list[ImageTopic]:
    """The preferred streams; several where nothing decides between them."""
    best = []
    for device in sorted({topic.device for topic in topics}):
        own = [topic for topic in topics if topic.device == device]
        best += [topic for topic in own if topic.rank == min(other.rank for other in own)]
    return best


def _option(color: ImageTopic, depth: ImageTopic) -> str:
    return f"--set capture.color_topic={color.name} --set capture.depth_topic={depth.name}"


def _one_of(option: str, names: list[str]) -> str:
    return "; or ".join(f"--set capture.{option}={name}" for name in names[:8])


def _all_options(colors: list[ImageTopic], depths: list[ImageTopic]) -> str | None:
    if colors:
        return "Record the depth topic too, or name it with --set capture.depth_topic=..."
    if depths:
        return "Record the colour topic too, or name it with --set capture.color_topic=..."
    return "Record the colour and depth images, their camera_info, /tf and /tf_static."
