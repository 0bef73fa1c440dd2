"""Writer of our own folder format; what is in it stands in `grounding3d.capture.folder`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from grounding3d.capture.base import Capture, RGBDFrame
from grounding3d.capture.files import replacing_folder, write_depth, write_rgb
from grounding3d.capture.folder import FORMAT_NAME, VERSION
from grounding3d.errors import CaptureError
from grounding3d.geometry.camera import Camera


def write_folder(
    capture: Capture,
    path: str | Path,
    *,
    depth_unit_m: float = 0.001,
    image: Literal["png", "jpg"] = "png",
    quality: int = 95,
) -> Path:
    """Write a capture as a folder; an older recording of this format at `path` is replaced.

    Args:
        capture: any source of frames.
        path: folder to create.
        depth_unit_m: metres of one step of the 16-bit depth images.
        image: colour as lossless png or as jpg.
        quality: of jpg, 1 to 95.

    Raises:
        CaptureError: no frames, or `path` holds something else, or the disk refuses.
    """
    path = Path(path)
    with replacing_folder(path, lambda folder: (folder / "capture.json").is_file()) as aside:
        (aside / "rgb").mkdir()
        (aside / "depth").mkdir()
        cameras, frames = [], []
        camera_frame = "camera"
        for index, frame in enumerate(capture):
            names = f"rgb/{index:06d}.{image}", f"depth/{index:06d}.png"
            write_rgb(aside / names[0], frame.rgb, quality)
            write_depth(aside / names[1], frame.depth_m, depth_unit_m)
            cameras.append(frame.camera)
            frames.append(_frame_record(frame, *names, common=cameras[0]))
            camera_frame = frame.camera_frame
        if not frames:
            raise CaptureError("the capture to write has no frames")
        up = capture.up_world
        record = {
            "format": FORMAT_NAME,
            "version": VERSION,
            "world_frame": capture.world_frame,
            "camera_frame": camera_frame,
            "up_world": None if up is None else [float(x) for x in up],
            "depth_unit_m": depth_unit_m,
            "camera": _camera_record(cameras[0]),
            "frames": frames,
        }
        text = json.dumps(record, indent=1, allow_nan=False)
        (aside / "capture.json").write_text(text, encoding="utf-8")
    return path


def _frame_record(frame: RGBDFrame, rgb: str, depth: str, common: Camera) -> dict[str, Any]:
    record: dict[str, Any] = {
        "rgb": rgb,
        "depth": depth,
        "T_world_cam": frame.T_world_cam.tolist(),
        "stamp_s": frame.stamp_s,
        "depth_stamp_s": frame.depth_stamp_s,
    }
    if frame.camera != common:
        record["camera"] = _camera_record(frame.camera)
    return record


def _camera_record(camera: Camera) -> dict[str, float]:
    return {
        "fx": camera.fx,
        "fy": camera.fy,
        "cx": camera.cx,
        "cy": camera.cy,
        "width": camera.width,
        "height": camera.height,
    }
