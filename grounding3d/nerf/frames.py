"""Frames of a capture as files, the form in which training reads them.

The layout is nerfstudio's own (`grounding3d.capture.nerfstudio_writer`): `transforms.json` with
OpenGL poses in the capture's world, images, and depth in millimetres for the frames that have any.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from grounding3d.capture.base import CaptureConfig, RGBDFrame
from grounding3d.capture.files import depth_from_steps, read_depth_steps, read_json, read_rgb
from grounding3d.capture.formats import open_capture
from grounding3d.capture.nerfstudio import DEPTH_UNIT_M
from grounding3d.capture.nerfstudio_writer import write_nerfstudio
from grounding3d.errors import CaptureError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.frames import opencv_from_opengl, pixel_center_from_corner
from grounding3d.geometry.transforms import check_pose

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FrameFile:
    """One frame on disk.

    Attributes:
        number: position in the recording, from 0.
        image: file of the colour image.
        depth: file of its depth, None without any.
        camera: pinhole camera of both.
        T_world_cam: [4,4] OpenCV axes, metres.
        depth_unit_m: metres of one step of the depth file.
    """

    number: int
    image: Path
    depth: Path | None
    camera: Camera
    T_world_cam: np.ndarray
    depth_unit_m: float

    def rgb(self) -> np.ndarray:
        """[H,W,3] uint8."""
        return read_rgb(self.image)

    def depth_m(self) -> np.ndarray:
        """[H,W] float32, 0 = unknown; all unknown without a depth file."""
        if self.depth is None:
            return np.zeros((self.camera.height, self.camera.width), np.float32)
        return depth_from_steps(read_depth_steps(self.depth), self.depth_unit_m)

    def frame(self) -> RGBDFrame:
        """The frame as every other part of the program takes it."""
        return RGBDFrame(
            self.rgb(), self.depth_m(), self.camera, self.T_world_cam, frame_index=self.number
        )


def read_frames(folder: Path) -> list[FrameFile]:
    """Frames of a folder that `write_nerfstudio` or the scene builder wrote, in the file's order.

    Raises:
        CaptureError: no such folder, or a record in it is damaged.
    """
    file = folder / "transforms.json"
    meta = read_json(file)
    frames = meta.get("frames")
    if not isinstance(frames, list) or not frames:
        raise CaptureError(f"{file} lists no frames", hint="Write the frames again.")
    unit_m = float(meta.get("depth_unit_scale_factor", DEPTH_UNIT_M))
    try:
        return [_frame(folder, n, {**meta, **f}, unit_m) for n, f in enumerate(frames)]
    except (KeyError, TypeError, ValueError) as error:
        raise CaptureError(f"a frame of {file} is damaged", found=repr(error)) from error


def _frame(folder: Path, number: int, record: dict[str, object], unit_m: float) -> FrameFile:
    fx, fy, cx, cy, w, h = (float(str(record[k])) for k in ("fl_x", "fl_y", "cx", "cy", "w", "h"))
    camera = Camera.from_focal(
        fx, fy, pixel_center_from_corner(cx), pixel_center_from_corner(cy), int(w), int(h)
    )
    T_world_glcam = np.asarray(record["transform_matrix"], np.float64)
    depth = record.get("depth_file_path")
    return FrameFile(
        number,
        folder / str(record["file_path"]),
        None if depth is None else folder / str(depth),
        camera,
        check_pose(opencv_from_opengl(T_world_glcam), f"pose of frame {number}"),
        unit_m,
    )


def frames_of(data: Path, config: CaptureConfig | None = None) -> list[FrameFile]:
    """Frames of any capture, written as files once and read from there afterwards.

    Args:
        data: a recording of any known format.
        config: how the recording is read.

    Raises:
        CaptureError: it cannot be read.
    """
    config = config or CaptureConfig()
    if not data.exists():
        raise CaptureError(f"{data} does not exist", hint="Give a recorded file or folder.")
    folder = _kept_folder(data, config)
    if not (folder / "transforms.json").is_file():
        _log.info("writing the frames of %s to %s", data, folder)
        write_nerfstudio(open_capture(data, config), folder)
    return read_frames(folder)


def _kept_folder(data: Path, config: CaptureConfig) -> Path:
    """Where the frames of a recording are kept: by its files and how it is read."""
    data = data.resolve()
    files = [data] if data.is_file() else sorted(p for p in data.rglob("*") if p.is_file())
    digest = sha256(f"{data} {config.model_dump_json()}".encode())
    for file in files:
        status = file.stat()
        digest.update(f"{file} {status.st_size} {status.st_mtime_ns}".encode())
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "grounding3d" / "nerf_frames" / f"{data.stem}-{digest.hexdigest()[:16]}"
