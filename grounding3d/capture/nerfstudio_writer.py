"""Writer of nerfstudio data; what is in it stands in `grounding3d.capture.nerfstudio`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grounding3d.capture.base import Capture
from grounding3d.capture.files import replacing_folder, write_depth, write_rgb
from grounding3d.capture.nerfstudio import DEPTH_UNIT_M
from grounding3d.errors import CaptureError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.frames import opengl_from_opencv, pixel_corner_from_center


def write_nerfstudio(capture: Capture, path: str | Path) -> Path:
    """Write `transforms.json`, images and depth in millimetres; stamps, frame name and up are lost.

    Raises:
        CaptureError: no frames, or `path` is not empty.
    """
    path = Path(path)
    frames = []
    with replacing_folder(path) as aside:
        (aside / "images").mkdir()
        (aside / "depth").mkdir()
        for index, frame in enumerate(capture):
            names = f"images/frame_{index:05d}.png", f"depth/frame_{index:05d}.png"
            write_rgb(aside / names[0], frame.rgb)
            write_depth(aside / names[1], frame.depth_m, DEPTH_UNIT_M)
            record = {
                "file_path": names[0],
                "depth_file_path": names[1],
                "transform_matrix": opengl_from_opencv(frame.T_world_cam).tolist(),
            }
            frames.append({**record, **_intrinsics(frame.camera)})
        if not frames:
            raise CaptureError("the capture to write has no frames")
        meta = {
            "camera_model": "OPENCV",
            "depth_unit_scale_factor": DEPTH_UNIT_M,
            "frames": frames,
        }
        text = json.dumps(meta, indent=1, allow_nan=False)
        (aside / "transforms.json").write_text(text, encoding="utf-8")
    return path


def _intrinsics(camera: Camera) -> dict[str, Any]:
    return {
        "fl_x": camera.fx,
        "fl_y": camera.fy,
        "cx": pixel_corner_from_center(camera.cx),
        "cy": pixel_corner_from_center(camera.cy),
        "w": camera.width,
        "h": camera.height,
    }
