"""Writing posed RGB-D frames as a ROS 2 bag, as a robot with a registered camera would."""

from __future__ import annotations

import io
import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal
from uuid import uuid4

import numpy as np
from PIL import Image

from grounding3d.capture.base import RGBDFrame
from grounding3d.capture.ros2_compressed_depth import encode_compressed_depth
from grounding3d.capture.ros2_messages import MessageFactory, latched, nanoseconds
from grounding3d.errors import CaptureError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose, make_pose

_log = logging.getLogger(__name__)

Storage = Literal["mcap", "sqlite3"]
ColorCoding = Literal["jpeg", "png", "raw"]
DepthCoding = Literal["compressedDepth", "compressedDepth rvl", "16UC1", "32FC1"]

_RATE_HZ = 10.0  # of frames without stamps
_JPEG_QUALITY = 92
_LARGEST_TILT_DEG = 2.0  # between a capture's up and +Z
_COLOR, _DEPTH = "/camera/color", "/camera/aligned_depth_to_color"
_LINK = "camera_link"
# REP 103: a link looks along +x with z up; an optical frame looks along +z with y down
_T_LINK_OPTICAL = make_pose(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.zeros(3))


def write_ros2_bag(
    capture: Iterable[RGBDFrame],
    path: str | Path,
    *,
    storage: Storage = "mcap",
    color: ColorCoding = "jpeg",
    depth: DepthCoding = "compressedDepth",
    compression: Literal["zstd"] | None = None,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write frames as a ROS 2 bag folder.

    Images and `camera_info` are on `/camera/color` and `/camera/aligned_depth_to_color`, moving
    transforms (world -> camera_link) on `/tf`, the optical frame on `/tf_static`. The bag appears
    under its name when it is complete; what stood there before survives a failure.

    Args:
        capture: frames, all of one camera and one world frame; without stamps they get 10 Hz.
        path: folder to make, with those it is to lie in.
        storage: file format.
        color: jpeg loses a little, png and raw nothing.
        depth: 32FC1 loses nothing, the others round to millimetres.
        compression: zstd on top, by chunk (mcap) or by file (sqlite3).
        overwrite: replace a bag that is there already; another folder is never replaced.
        progress: called with the number of frames written so far.

    Returns:
        Number of frames written.

    Raises:
        CaptureError: the path is taken, there are no frames, they do not belong together, its
            world is not +Z up, or the disk refuses.
    """
    path = Path(path)
    _check_target(path, overwrite)
    _check_up(capture)
    aside = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _Recording(aside / path.name, storage, compression) as recording:
            for frame in capture:
                recording.write(frame, color, depth)
                if progress is not None:
                    progress(recording.count)
            if not recording.count:
                raise CaptureError(f"there are no frames to write to {path}")
        _swap_in(aside, path)
    except (OSError, sqlite3.Error) as error:
        raise CaptureError(
            f"{path} cannot be written", found=str(error), hint="What was there is untouched."
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    _log.info("wrote %d frames to %s", recording.count, path)
    return recording.count


def _check_target(path: Path, overwrite: bool) -> None:
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not path.is_dir() or not (path / "metadata.yaml").exists():
        raise CaptureError(f"{path} exists and is no ROS 2 bag", hint="Choose another name.")
    if not overwrite:
        raise CaptureError(
            f"{path} exists already", hint="Choose another name, or remove it first."
        )


def _check_up(capture: Iterable[RGBDFrame]) -> None:
    """A bag cannot say which way is up: by REP 103 its readers take +Z."""
    if not hasattr(capture, "up_world"):
        return
    if capture.up_world is None:
        _log.warning("the capture's up direction is unknown; readers of the bag will take +Z")
    elif capture.up_world[2] < np.cos(np.radians(_LARGEST_TILT_DEG)):
        raise CaptureError(
            "a ROS world has +Z up",
            found=f"up along {np.round(capture.up_world, 3).tolist()}",
            hint="Write another format, or rotate the capture's world first.",
        )


def _swap_in(aside: Path, path: Path) -> None:
    """Give the finished bag its name; what had it goes away with the folder `aside`."""
    old = aside / "replaced"
    if path.exists():
        path.rename(old)
    try:
        (aside / path.name).rename(path)
    except BaseException:
        if old.exists():
            old.rename(path)
        raise


class _Recording:
    """An open bag and the connections of its topics."""

    def __init__(self, folder: Path, storage: Storage, compression: str | None) -> None:
        from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

        plugins = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}
        if storage not in plugins or compression not in (None, "zstd"):
            raise CaptureError(
                "unknown way to store a bag",
                expected="mcap or sqlite3, with zstd or no compression",
                found=f"{storage}, {compression}",
            )
        self.count = 0
        self._messages = MessageFactory("humble")  # later distributions read it too
        self._writer = Writer(folder, version=8, storage_plugin=plugins[storage])
        if compression:
            mode = CompressionMode.STORAGE if storage == "mcap" else CompressionMode.FILE
            self._writer.set_compression(mode, CompressionFormat.ZSTD)
        self._connections: dict[str, Any] = {}
        self._camera: Camera | None = None
        self._newest_s = -np.inf
        self._frames: tuple[str, str] = ("", "")

    def __enter__(self) -> _Recording:
        self._writer.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.__exit__(kind, error, trace)

    def write(self, frame: RGBDFrame, color: ColorCoding, depth: DepthCoding) -> None:
        """Write one frame: transforms, intrinsics, colour, depth."""
        depth_s = frame.depth_stamp_s if frame.depth_stamp_s is not None else frame.stamp_s
        depth_s = depth_s if depth_s is not None else self.count / _RATE_HZ
        color_s = frame.stamp_s if frame.stamp_s is not None else depth_s
        if self._camera is None:
            self._camera = frame.camera
            self._frames = frame.world_frame, _optical_name(frame.camera_frame)
            self._send_static(depth_s)
        self._check_same(frame)
        if depth_s <= self._newest_s:
            raise CaptureError(
                f"frame {frame.frame_index} is not later than the one before",
                expected=f"a stamp after {self._newest_s:.6f} s",
                found=f"{depth_s:.6f} s",
            )
        self._newest_s = depth_s
        T_world_link = frame.T_world_cam @ invert_pose(_T_LINK_OPTICAL)
        self._send_transform("/tf", frame.world_frame, _LINK, T_world_link, depth_s)
        for name, stamp_s in ((_COLOR, color_s), (_DEPTH, depth_s)):
            info = self._messages.camera_info(self._frames[1], frame.camera, stamp_s)
            self._send(f"{name}/camera_info", info, stamp_s)
        self._send_color(frame.rgb, color, color_s)
        self._send_depth(frame.depth_m, depth, depth_s)
        self.count += 1

    def _check_same(self, frame: RGBDFrame) -> None:
        frames = frame.world_frame, _optical_name(frame.camera_frame)
        if frame.camera != self._camera or frames != self._frames:
            raise CaptureError(
                f"frame {frame.frame_index} has another camera or world frame than the first",
                expected=f"{self._camera} in {self._frames}",
                found=f"{frame.camera} in {frames}",
            )

    def _send_static(self, stamp_s: float) -> None:
        self._send_transform("/tf_static", _LINK, self._frames[1], _T_LINK_OPTICAL, stamp_s)

    def _send_transform(
        self, topic: str, parent: str, child: str, T: np.ndarray, stamp_s: float
    ) -> None:
        self._send(topic, self._messages.transform(parent, child, T, stamp_s), stamp_s)

    def _send_color(self, rgb: np.ndarray, coding: ColorCoding, stamp_s: float) -> None:
        topic = f"{_COLOR}/image_raw"
        if coding == "raw":
            self._send_raw(topic, rgb, "rgb8", stamp_s)
            return
        buffer = io.BytesIO()
        if coding == "jpeg":
            Image.fromarray(rgb).save(buffer, "jpeg", quality=_JPEG_QUALITY, subsampling=0)
            text = "rgb8; jpeg compressed bgr8"
        elif coding == "png":
            Image.fromarray(rgb).save(buffer, "png", compress_level=3)
            text = "rgb8; png compressed bgr8"
        else:
            raise CaptureError("unknown coding of colour", expected="jpeg, png, raw", found=coding)
        self._send_compressed(f"{topic}/compressed", buffer.getvalue(), text, stamp_s)

    def _send_depth(self, depth_m: np.ndarray, coding: DepthCoding, stamp_s: float) -> None:
        topic = f"{_DEPTH}/image_raw"
        if coding == "32FC1":
            unknown_is_nan = np.where(depth_m > 0, depth_m, np.float32(np.nan))  # REP 118
            self._send_raw(topic, unknown_is_nan, "32FC1", stamp_s)
            return
        millimetres = np.rint(depth_m * 1000.0)
        depth_mm = np.where(millimetres <= 65535, millimetres, 0).astype(np.uint16)
        if coding == "16UC1":
            self._send_raw(topic, depth_mm, "16UC1", stamp_s)
        elif coding in ("compressedDepth", "compressedDepth rvl"):
            codec = "rvl" if coding.endswith("rvl") else "png"
            data, text = encode_compressed_depth(depth_mm, codec=codec)
            self._send_compressed(f"{topic}/compressedDepth", data, text, stamp_s)
        else:
            raise CaptureError(
                "unknown coding of depth", expected="compressedDepth, 16UC1, 32FC1", found=coding
            )

    def _send_raw(self, topic: str, pixels: np.ndarray, encoding: str, stamp_s: float) -> None:
        message = self._messages.image(self._frames[1], pixels, encoding, stamp_s)
        self._send(topic, message, stamp_s)

    def _send_compressed(self, topic: str, data: bytes, text: str, stamp_s: float) -> None:
        message = self._messages.compressed_image(self._frames[1], data, text, stamp_s)
        self._send(topic, message, stamp_s)

    def _send(self, topic: str, message: Any, stamp_s: float) -> None:
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(
                topic,
                message.__msgtype__,
                typestore=self._messages.types,
                offered_qos_profiles=latched() if topic == "/tf_static" else (),
            )
        data = self._messages.types.serialize_cdr(message, message.__msgtype__)
        self._writer.write(self._connections[topic], nanoseconds(stamp_s), bytes(data))


def _optical_name(camera_frame: str) -> str:
    """Name of the optical frame below camera_link, which it must not share."""
    return camera_frame if "optical" in camera_frame else "camera_color_optical_frame"
