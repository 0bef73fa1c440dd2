"""Training frames in a temporary file: memory does not grow with the recording."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.errors import SceneError
from grounding3d.geometry.camera import Camera
from grounding3d.scene.splat.pyramid import (
    halved_camera,
    halved_depth,
    halved_rgb,
    levels_of,
)

DEPTH_STEP_M = 2e-4  # of the stored depth; exact for sensors that count millimetres
_PIXEL_BYTES = 5  # three of colour, two of depth


@dataclass(frozen=True, eq=False)
class StoredFrame:
    """A frame's place in the file and all about it but its pixels.

    Attributes:
        number: its place among all frames ever offered to the store, from 0.
        frame_index: its index in the capture.
        keyframe: its index among the scene's keyframes, -1 if its depth was not fused.
        held_out: whether it is compared with instead of trained on.
        T_world_cam: [4,4] measured pose.
        cameras: of the full image and its halvings.
        offset: first byte in the file.
        background: mean colour of the pixels without depth, each in [0, 1]; black if all have.
    """

    number: int
    frame_index: int
    keyframe: int
    held_out: bool
    T_world_cam: np.ndarray
    cameras: tuple[Camera, ...]
    offset: int
    background: tuple[float, float, float]

    @property
    def bytes(self) -> int:
        """Length in the file."""
        return sum(_image_bytes(camera) for camera in self.cameras)


@dataclass(eq=False)
class FrameStore:
    """Frames and their halvings, spooled to an unlinked file in the folder for temporary files.

    Colour is kept exactly, depth in steps of 0.2 mm up to 13.1 m. The file holds at most
    `max_frames` frames of 5 bytes a pixel and a third more for the halvings (300 frames of
    640x480: 0.6 GB); memory holds one frame. When full, every second frame is let go and from then
    on only every second one comes in, again and again.

    Args:
        levels: halvings kept beside the full image.
        max_frames: bound on the frames.
    """

    levels: int
    max_frames: int
    frames: list[StoredFrame] = field(default_factory=list)
    digest: bytes = b""
    _offered: int = 0
    _every: int = 1
    _end: int = 0
    _free: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # lives as long as the store; nothing is left behind by a killed process
        self._file = tempfile.TemporaryFile(prefix="grounding3d-")  # noqa: SIM115

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def offered(self) -> int:
        """How many frames were ever offered."""
        return self._offered

    def add(self, frame: RGBDFrame, depth_m: np.ndarray, *, keyframe: int, held_out: bool) -> None:
        """Take a frame in with the depth [H,W] to train on, 0 = unknown.

        `digest` becomes a hash of all that was ever offered, in order.
        """
        self._offered += 1
        steps = np.rint(depth_m / np.float32(DEPTH_STEP_M))
        stored = np.where(steps < 65536, steps, 0).astype(np.uint16)
        seen = hashlib.blake2b(self.digest, digest_size=16)
        for part in (frame.rgb, stored, frame.T_world_cam, frame.camera.K):
            seen.update(np.ascontiguousarray(part).data)
        self.digest = seen.digest()
        if (self._offered - 1) % self._every == 0:
            self._keep(frame, stored, keyframe, held_out)
            if len(self.frames) >= self.max_frames:
                self._thin()

    def read(self, position: int, level: int = 0) -> tuple[np.ndarray, np.ndarray, Camera]:
        """Pixels of frame number `position` at a level (the smallest it has, if it has fewer).

        Returns:
            rgb [h,w,3] uint8, depth_m [h,w] float32, and the camera of that size.
        """
        frame = self.frames[position]
        level = min(level, len(frame.cameras) - 1)
        offset = frame.offset + sum(_image_bytes(camera) for camera in frame.cameras[:level])
        camera = frame.cameras[level]
        self._file.seek(offset)
        data = np.frombuffer(self._file.read(_image_bytes(camera)), np.uint8)
        cut = 3 * camera.width * camera.height
        shape = (camera.height, camera.width)
        depth = data[cut:].view(np.uint16).reshape(shape) * np.float32(DEPTH_STEP_M)
        return data[:cut].reshape(*shape, 3), depth, camera

    def state(self) -> dict[str, np.ndarray]:
        """Everything as arrays; the pixels lie in a file of their own, mapped into memory."""
        cameras = [frame.cameras[0] for frame in self.frames]
        return {
            "number": np.array([f.number for f in self.frames], np.int64),
            "frame_index": np.array([f.frame_index for f in self.frames], np.int64),
            "keyframe": np.array([f.keyframe for f in self.frames], np.int64),
            "held_out": np.array([f.held_out for f in self.frames], bool),
            "pose": np.array([f.T_world_cam for f in self.frames]).reshape(-1, 4, 4),
            "K": np.array([camera.K for camera in cameras]).reshape(-1, 3, 3),
            "size": np.array([(c.width, c.height) for c in cameras], np.int64).reshape(-1, 2),
            "background": np.array([f.background for f in self.frames]).reshape(-1, 3),
            "counts": np.array([self._offered, self._every], np.int64),
            "digest": np.frombuffer(self.digest, np.uint8).copy(),
            "pixels": self._packed(),
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Become what `state` was taken from.

        Raises:
            SceneError: pixels are missing.
        """
        self.frames, self._free, self._end = [], {}, 0
        self._offered, self._every = (int(v) for v in state["counts"])
        self.digest = state["digest"].tobytes()
        for n, (width, height) in enumerate(state["size"]):
            cameras = self._cameras(Camera(state["K"][n].copy(), int(width), int(height)))
            frame = StoredFrame(
                number=int(state["number"][n]),
                frame_index=int(state["frame_index"][n]),
                keyframe=int(state["keyframe"][n]),
                held_out=bool(state["held_out"][n]),
                T_world_cam=state["pose"][n].copy(),
                cameras=cameras,
                offset=self._end,
                background=_triple(state["background"][n]),
            )
            self._write(frame.offset, [state["pixels"][self._end : self._end + frame.bytes]])
            self.frames.append(frame)
            self._end += frame.bytes
        if self._end != len(state["pixels"]):
            raise SceneError(
                "the frames of a state do not fit their pixels",
                expected=f"{self._end} bytes",
                found=str(len(state["pixels"])),
            )

    def _keep(self, frame: RGBDFrame, depth: np.ndarray, keyframe: int, held_out: bool) -> None:
        cameras = self._cameras(frame.camera)
        unknown = depth == 0
        background = frame.rgb[unknown].mean(axis=0) / 255 if unknown.any() else np.zeros(3)
        size = sum(_image_bytes(camera) for camera in cameras)
        offset = self._place(size)
        pixels = []
        rgb, depth_m = frame.rgb, depth * np.float32(DEPTH_STEP_M)
        for level in range(len(cameras)):
            if level:
                rgb, depth_m = halved_rgb(rgb), halved_depth(depth_m)
            steps = np.rint(depth_m / np.float32(DEPTH_STEP_M)).astype(np.uint16)
            pixels += [np.ascontiguousarray(rgb).ravel(), steps.ravel().view(np.uint8)]
        self._write(offset, pixels)
        self.frames.append(
            StoredFrame(
                self._offered - 1, frame.frame_index, keyframe, held_out, frame.T_world_cam,
                cameras, offset, _triple(background),
            )
        )  # fmt: skip

    def _cameras(self, camera: Camera) -> tuple[Camera, ...]:
        cameras = [camera]
        for _ in range(levels_of(camera, self.levels)):
            cameras.append(halved_camera(cameras[-1]))
        return tuple(cameras)

    def _place(self, size: int) -> int:
        """Offset of a gap of exactly `size` bytes, or the end of the file."""
        if self._free.get(size):
            return self._free[size].pop()
        self._end += size
        return self._end - size

    def _write(self, offset: int, parts: Sequence[np.ndarray]) -> None:
        try:
            self._file.seek(offset)
            for part in parts:
                self._file.write(np.ascontiguousarray(part).data)
        except OSError as error:
            raise SceneError(
                f"cannot keep a training frame in {tempfile.gettempdir()}",
                found=error.strerror or str(error),
                hint="Free some space, set TMPDIR to a larger disk, or lower "
                "scene.splat.max_frames.",
            ) from error

    def _thin(self) -> None:
        for frame in self.frames[1::2]:
            self._free.setdefault(frame.bytes, []).append(frame.offset)
        self.frames = self.frames[::2]
        self._every *= 2

    def _packed(self) -> np.ndarray:
        """A copy of all pixels, frame after frame, on the disk."""
        if not self.frames:
            return np.zeros(0, np.uint8)
        with tempfile.TemporaryFile(prefix="grounding3d-") as copy:
            for frame in self.frames:
                self._file.seek(frame.offset)
                copy.write(self._file.read(frame.bytes))
            copy.flush()
            return np.memmap(copy, np.uint8, mode="r")


def _image_bytes(camera: Camera) -> int:
    return _PIXEL_BYTES * camera.width * camera.height


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
