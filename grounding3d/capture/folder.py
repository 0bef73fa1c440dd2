"""Reader of our own folder format: `capture.json` and images; it says everything itself.

capture.json, version 1:

    {"format": "grounding3d-capture", "version": 1,
     "world_frame": "map", "camera_frame": "camera", "up_world": [0, 0, 1] or null,
     "depth_unit_m": 0.001,
     "camera": {"fx": , "fy": , "cx": , "cy": , "width": , "height": },
     "frames": [{"rgb": "rgb/000000.png", "depth": "depth/000000.png" or null,
                 "T_world_cam": [[4x4]], "stamp_s": 1.0 or null, "depth_stamp_s": 1.0 or null,
                 "camera": {...} where it differs}]}

Poses are camera to world in metres with OpenCV axes (x right, y down, z forward). Depth is
registered to colour, uint16, z along the optical axis in steps of `depth_unit_m`, 0 = unknown.
Images are free of distortion; the centre of the top-left pixel is (0, 0). Unknown keys are ignored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from grounding3d.capture.base import CaptureConfig
from grounding3d.capture.files import read_json
from grounding3d.capture.indexed import FileFacts, FrameEntry, ImageFileCapture
from grounding3d.capture.lenses import Lens
from grounding3d.errors import CaptureError

FORMAT_NAME = "grounding3d-capture"
VERSION = 1


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class CameraRecord(_Record):
    """Pinhole intrinsics in pixels."""

    fx: float = Field(gt=0)
    fy: float
    cx: float
    cy: float
    width: int = Field(ge=1)
    height: int = Field(ge=1)


class FrameRecord(_Record):
    """One frame; paths are relative to the folder."""

    rgb: str
    depth: str | None = None
    T_world_cam: list[list[float]]
    stamp_s: float | None = None
    depth_stamp_s: float | None = None
    camera: CameraRecord | None = None


class CaptureRecord(_Record):
    """The whole of capture.json."""

    format: str
    version: int
    world_frame: str = Field(min_length=1)
    camera_frame: str
    up_world: tuple[float, float, float] | None
    depth_unit_m: float = Field(gt=0)
    camera: CameraRecord
    frames: list[FrameRecord]


class FolderFormat:
    """Entry of the table of capture formats."""

    @staticmethod
    def recognises(path: Path) -> bool:
        return (path / "capture.json").is_file() or path.name == "capture.json"

    @staticmethod
    def open(path: Path, config: CaptureConfig) -> ImageFileCapture:
        """Open a folder, or its capture.json.

        Raises:
            CaptureError: damaged, or of a newer version.
        """
        folder = path.parent if path.is_file() else path
        record = _parse(folder / "capture.json")
        entries = [_entry(folder, i, frame) for i, frame in enumerate(record.frames)]
        facts = FileFacts(
            format="folder",
            source=folder,
            lens=_lens(record.camera),
            depth_unit_m=record.depth_unit_m,
            world_frame=record.world_frame,
            camera_frame=record.camera_frame,
            up_world=None if record.up_world is None else np.array(record.up_world),
            details={"version": str(record.version)},
        )
        return ImageFileCapture(facts, entries, config)


def _parse(file: Path) -> CaptureRecord:
    raw = read_json(file)
    _check_version(file, raw)
    try:
        return CaptureRecord.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        raise CaptureError(
            f"{file} is not as its format says",
            found=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
            hint="Write the recording again.",
        ) from error


def _check_version(file: Path, raw: dict[str, Any]) -> None:
    if raw.get("format") != FORMAT_NAME:
        raise CaptureError(
            f"{file} is of another kind", expected=FORMAT_NAME, found=repr(raw.get("format"))
        )
    if raw.get("version") != VERSION:
        raise CaptureError(
            f"{file} is of another version",
            expected=str(VERSION),
            found=repr(raw.get("version")),
            hint="Update grounding3d if the recording is newer.",
        )


def _entry(folder: Path, index: int, frame: FrameRecord) -> FrameEntry:
    return FrameEntry(
        rgb=_inside(folder, frame.rgb),
        depth=None if frame.depth is None else _inside(folder, frame.depth),
        T_world_cam=_matrix(frame.T_world_cam, index),
        stamp_s=frame.stamp_s,
        depth_stamp_s=frame.depth_stamp_s,
        lens=None if frame.camera is None else _lens(frame.camera),
    )


def _inside(folder: Path, relative: str) -> Path:
    """Path of an image; a recording names only files of its own."""
    file = folder / relative
    if Path(relative).is_absolute() or ".." in Path(relative).parts:
        raise CaptureError(f"{folder / 'capture.json'} names a file outside", found=relative)
    return file


def _matrix(rows: list[list[float]], index: int) -> np.ndarray:
    if [len(row) for row in rows] != [4, 4, 4, 4]:
        raise CaptureError(
            f"the pose of frame {index} is no 4x4 matrix", found=f"rows of {[len(r) for r in rows]}"
        )
    return np.array(rows, dtype=np.float64)


def _lens(camera: CameraRecord) -> Lens:
    size = camera.width, camera.height
    return Lens((camera.fx, camera.fy, camera.cx, camera.cy), size=size)
