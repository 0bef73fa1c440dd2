"""Images and camera facts out of ROS messages: plain arrays, metres, RGB.

Messages are only looked at through the fields of `sensor_msgs/Image`, `CompressedImage` and
`CameraInfo`, so those of rosbags and of rclpy do alike.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from grounding3d.capture.base import clean_depth
from grounding3d.capture.ros2_compressed_depth import decode_compressed_depth
from grounding3d.capture.ros2_pixels import (
    COLOR_CONVERTERS,
    COLOR_ENCODINGS,
    DEPTH_TYPES,
    PIXEL_TYPES,
    SEMI_PLANAR,
    rgb_from_grey,
    rgb_from_semi_planar,
    semi_planar_rows,
)
from grounding3d.capture.tf_buffer import frame_name, stamp_seconds
from grounding3d.errors import CaptureError, GroundingError
from grounding3d.geometry.camera import Camera

_ROUNDING = 1e-6  # of intrinsics that drivers compute anew for each message


@dataclass(frozen=True, eq=False)
class CameraFacts:
    """What a `sensor_msgs/CameraInfo` says.

    Attributes:
        camera: intrinsics of the image as it is published.
        model: lens model, "none" for an image without distortion.
        coefficients: [n] of the lens model.
        frame_id: optical frame.
    """

    camera: Camera
    model: str
    coefficients: np.ndarray
    frame_id: str

    def same_as(self, other: CameraFacts) -> bool:
        """Whether both describe the same pixels, but for rounding."""
        return (
            (self.camera.width, self.camera.height) == (other.camera.width, other.camera.height)
            and np.allclose(self.camera.K, other.camera.K, rtol=_ROUNDING, atol=0)
            and self.model == other.model
            and self.coefficients.shape == other.coefficients.shape
            and np.allclose(self.coefficients, other.coefficients, rtol=_ROUNDING, atol=_ROUNDING)
        )


def message_name(message: Any, topic: str) -> str:
    """How errors call a message: its topic and stamp."""
    return f"the message on {topic} at {stamp_seconds(message.header.stamp):.6f} s"


def is_depth_encoding(message: Any) -> bool:
    """Whether an Image or CompressedImage holds distances, or 16-bit values that may be."""
    if hasattr(message, "encoding"):
        return message.encoding in DEPTH_TYPES
    return "compressedDepth" in message.format or _encoding(message) in DEPTH_TYPES


def _encoding(message: Any) -> str:
    """What a CompressedImage says of the image before it was compressed; "" or less than that."""
    return str(message.format.split(";")[0].strip())


def decode_color(message: Any, topic: str) -> np.ndarray:
    """Colour [H,W,3] uint8 of an Image or CompressedImage.

    Raises:
        CaptureError: sizes that do not fit, unknown encoding, damaged data; names topic and stamp.
    """
    if not hasattr(message, "encoding"):
        if "compressedDepth" in message.format:
            raise CaptureError(
                f"{message_name(message, topic)} is no colour image", found=message.format
            )
        with _opened(message, topic) as picture:
            if picture.mode == "L":
                return rgb_from_grey(np.asarray(picture), _encoding(message))
            if picture.mode.startswith("I"):
                return rgb_from_grey(np.asarray(picture).astype(np.uint16), _encoding(message))
            return np.asarray(picture.convert("RGB"))
    if message.encoding in SEMI_PLANAR:
        return _semi_planar(message, topic)
    convert = COLOR_CONVERTERS.get(message.encoding)
    if convert is None:
        raise CaptureError(
            f"{message_name(message, topic)} is no colour image of a known encoding",
            expected="one of " + ", ".join(COLOR_ENCODINGS),
            found=repr(message.encoding),
        )
    return np.ascontiguousarray(convert(_pixels(message, topic)))


def decode_depth(message: Any, topic: str, depth_unit_m: float | None = None) -> np.ndarray:
    """Depth [H,W] float32 in metres of an Image or CompressedImage, 0 = unknown.

    Integers are millimetres and floats are metres (REP 118).

    Args:
        depth_unit_m: metres of one stored step, of floats too, where they are something else.

    Raises:
        CaptureError: sizes that do not fit, unknown encoding, damaged data; names topic and stamp.
    """
    if hasattr(message, "encoding"):
        if message.encoding not in DEPTH_TYPES:
            raise CaptureError(
                f"{message_name(message, topic)} is no depth image",
                expected="one of " + ", ".join(sorted(DEPTH_TYPES)),
                found=repr(message.encoding),
            )
        depth = _pixels(message, topic)[..., 0]
    elif "compressedDepth" in message.format:
        try:
            depth = decode_compressed_depth(bytes(message.data), message.format)
        except (GroundingError, OSError, SyntaxError, ValueError) as error:
            raise _damaged(message, topic, error) from error
    else:
        with _opened(message, topic) as picture:
            if not picture.mode.startswith(("I", "F")):
                raise CaptureError(
                    f"{message_name(message, topic)} is no depth image",
                    expected="a 16-bit png, or a tiff of floats",
                    found=f"{message.format!r} with {picture.mode} pixels",
                )
            depth = np.asarray(picture)
    unit_m = depth_unit_m or (0.001 if np.issubdtype(depth.dtype, np.integer) else 1.0)
    return clean_depth(depth.astype(np.float32) * np.float32(unit_m))


def camera_facts(
    message: Any, topic: str, *, is_rectified: bool = False, K: np.ndarray | None = None
) -> CameraFacts:
    """Intrinsics and lens model of a `sensor_msgs/CameraInfo`.

    Args:
        is_rectified: the image it belongs to has been rectified by its driver: the projection
            matrix P describes it, and its distortion is undone already.
        K: [3,3] to use in place of the message's.

    Raises:
        CaptureError: not calibrated, or not finite.
    """
    name = f"the camera_info on {topic}"
    own = np.array(_field(message, "k"), dtype=np.float64).reshape(3, 3)
    coefficients = np.array(_field(message, "d"), dtype=np.float64).ravel()
    if is_rectified:
        P = np.array(_field(message, "p"), dtype=np.float64).reshape(3, 4)
        own = P[:, :3] if P[0, 0] != 0 else own
        coefficients = np.zeros(0)
    region = _region(message)
    K = region.camera_matrix(own) if K is None else K
    if not np.isfinite(K).all() or not np.isfinite(coefficients).all():
        raise CaptureError(f"{name} holds NaN or infinite numbers", found=str(K.tolist()))
    if K[0, 0] == 0:
        raise CaptureError(
            f"{name} is empty: the camera was not calibrated",
            hint="Give --set capture.color_intrinsics='[fx, fy, cx, cy]' (or depth_intrinsics).",
        )
    if K[0, 2] == 0 and K[1, 2] == 0:
        raise CaptureError(
            f"{name} says that the optical axis meets the image in its corner: it is not filled in",
            expected="cx, cy near the middle",
            found="0, 0",
            hint="Give --set capture.color_intrinsics='[fx, fy, cx, cy]' (or depth_intrinsics).",
        )
    model = message.distortion_model
    if not coefficients.any() and model not in ("equidistant", "fisheye"):
        model, coefficients = "none", np.zeros(0)
    try:
        camera = Camera(K, *region.image_size)
    except GroundingError as error:
        raise CaptureError(f"{name} is of no use: {error}") from error
    return CameraFacts(camera, model, coefficients, frame_name(message.header.frame_id))


class _Region(NamedTuple):
    """The part of the sensor that is published, and how many of its pixels become one."""

    corner: tuple[int, int]
    size: tuple[int, int]
    binning: tuple[int, int]

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height of the published image."""
        return self.size[0] // self.binning[0], self.size[1] // self.binning[1]

    def camera_matrix(self, K: np.ndarray) -> np.ndarray:
        """[3,3] of the published image, from that of the whole sensor."""
        corner, binning = np.array(self.corner), np.array(self.binning)
        K = K.copy()
        K[:2, :2] /= binning[:, None]
        K[:2, 2] = (K[:2, 2] - corner + 0.5) / binning - 0.5  # pixels' centres are integers
        return K


def _region(message: Any) -> _Region:
    """As `sensor_msgs/CameraInfo` defines it: all numbers are of the whole sensor, 0 is unset."""
    roi = getattr(message, "roi", None)
    corner = (int(roi.x_offset), int(roi.y_offset)) if roi is not None else (0, 0)
    size = (int(roi.width), int(roi.height)) if roi is not None else (0, 0)
    full = int(message.width), int(message.height)
    binning = int(getattr(message, "binning_x", 0)), int(getattr(message, "binning_y", 0))
    return _Region(
        corner, (size[0] or full[0], size[1] or full[1]), (binning[0] or 1, binning[1] or 1)
    )


def _field(message: Any, name: str) -> Any:
    """A field whose name ROS 1 writes with a capital letter."""
    return getattr(message, name) if hasattr(message, name) else getattr(message, name.upper())


def _pixels(message: Any, topic: str) -> np.ndarray:
    """Raw image as [H,W,channels] in native byte order, without row padding."""
    dtype, channels = PIXEL_TYPES[message.encoding]
    height, width = int(message.height), int(message.width)
    row = width * channels * np.dtype(dtype).itemsize
    step = int(message.step) or row
    data = np.frombuffer(message.data, np.uint8)
    if height == 0 or width == 0:
        raise CaptureError(
            f"{message_name(message, topic)} has no pixels", found=f"{width}x{height}"
        )
    # drivers leave out the padding of the last row
    if step < row or not step * (height - 1) + row <= data.size <= step * height:
        raise CaptureError(
            f"{message_name(message, topic)} has the wrong size",
            expected=f"{height} rows of {step} bytes, at least {row} each, for {width}x{height} "
            f"{message.encoding}",
            found=f"{data.size} bytes",
        )
    rows = np.lib.stride_tricks.as_strided(data, (height, row), (step, 1), writeable=False)
    stored = np.dtype(dtype).newbyteorder(">" if message.is_bigendian else "<")
    pixels = np.ascontiguousarray(rows).view(stored)
    return pixels.astype(dtype, copy=False).reshape(height, width, channels)


def _semi_planar(message: Any, topic: str) -> np.ndarray:
    """Colour of a raw image of luma and, behind it, interleaved chroma.

    `step` is the length of luma's rows, or all the bytes over the height, as others' code expects.
    """
    height, width = int(message.height), int(message.width)
    data = np.frombuffer(message.data, np.uint8)
    rows = semi_planar_rows(message.encoding, height)
    row = data.size // max(rows, 1)
    steps = (0, row, data.size // max(height, 1))
    if not rows or row < width or row * rows != data.size or row % 2 or message.step not in steps:
        raise CaptureError(
            f"{message_name(message, topic)} has the wrong size",
            expected=f"{rows} rows of at least {width} bytes for {width}x{height} "
            f"{message.encoding}",
            found=f"{data.size} bytes with a step of {message.step}",
        )
    return rgb_from_semi_planar(data.reshape(rows, row), message.encoding, height, width)


def _opened(message: Any, topic: str) -> Image.Image:
    """A compressed image, decoded."""
    try:
        picture = Image.open(io.BytesIO(bytes(message.data)))
        picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise _damaged(message, topic, error) from error
    return picture


def _damaged(message: Any, topic: str, error: Exception) -> CaptureError:
    return CaptureError(
        f"{message_name(message, topic)} does not decode: {error}",
        found=f"{len(message.data)} bytes of format {message.format!r}",
    )
