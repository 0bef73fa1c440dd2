"""Writer of nerfstudio data; what is in it stands in `grounding3d.capture.nerfstudio`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from grounding3d.capture.base import Capture
from grounding3d.capture.files import replacing_folder, write_depth, write_rgb
from grounding3d.capture.nerfstudio import DEPTH_UNIT_M
from grounding3d.errors import CaptureError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.frames import opengl_from_opencv, pixel_corner_from_center


def write_nerfstudio(capture: Capture, path: str | Path) -> Path:
    """Write `transforms.json`, images and depth in millimetres; stamps, frame name and up are lost.

    Frames without any depth get no depth image.

    Raises:
        CaptureError: no frames, or `path` is not empty.
    """
    path = Path(path)
    with replacing_folder(path) as aside:
        records = []
        for index, frame in enumerate(capture):
            write_images(aside, index, frame.rgb, frame.depth_m)
            has_depth = bool(frame.depth_m.any())
            records.append(frame_record(index, frame.camera, frame.T_world_cam, has_depth))
        if not records:
            raise CaptureError("the capture to write has no frames")
        (aside / "transforms.json").write_text(transforms_text(records), encoding="utf-8")
    return path


def image_names(index: int) -> tuple[str, str]:
    """Names of a frame's colour and depth, below the folder."""
    return f"images/frame_{index:05d}.png", f"depth/frame_{index:05d}.png"


def write_images(folder: Path, index: int, rgb: np.ndarray, depth_m: np.ndarray) -> None:
    """Write one frame's colour and, where any is known, its depth."""
    names = image_names(index)
    (folder / "images").mkdir(exist_ok=True)
    (folder / "depth").mkdir(exist_ok=True)
    write_rgb(folder / names[0], rgb)
    if depth_m.any():
        write_depth(folder / names[1], depth_m, DEPTH_UNIT_M)


def frame_record(
    index: int, camera: Camera, T_world_cam: np.ndarray, has_depth: bool
) -> dict[str, Any]:
    """What transforms.json says about one frame."""
    rgb, depth = image_names(index)
    return {
        "file_path": rgb,
        **({"depth_file_path": depth} if has_depth else {}),
        "transform_matrix": opengl_from_opencv(T_world_cam).tolist(),
        **_intrinsics(camera),
    }


def transforms_text(records: list[dict[str, Any]]) -> str:
    """The text of transforms.json."""
    meta = {
        "camera_model": "OPENCV",
        "depth_unit_scale_factor": DEPTH_UNIT_M,
        "frames": records,
    }
    return json.dumps(meta, indent=1, allow_nan=False)


def _intrinsics(camera: Camera) -> dict[str, Any]:
    return {
        "fl_x": camera.fx,
        "fl_y": camera.fy,
        "cx": pixel_corner_from_center(camera.cx),
        "cy": pixel_corner_from_center(camera.cy),
        "w": camera.width,
        "h": camera.height,
    }
