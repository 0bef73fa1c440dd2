"""Writer of TUM RGB-D folders; what is in them stands in `grounding3d.capture.tum`."""

from __future__ import annotations

from pathlib import Path

from grounding3d.capture.base import Capture, RGBDFrame
from grounding3d.capture.files import replacing_folder, write_depth, write_rgb
from grounding3d.capture.tum import DEPTH_UNIT_M
from grounding3d.errors import CaptureError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.frames import xyzw_from_wxyz
from grounding3d.geometry.transforms import wxyz_from_matrix


def write_tum(capture: Capture, path: str | Path) -> Path:
    """Write a capture in TUM's layout. The format holds neither the world frame's name nor up.

    Raises:
        CaptureError: frames without stamps, or of different cameras; `path` is not empty.
    """
    path = Path(path)
    lines: dict[str, list[str]] = {"rgb": [], "depth": [], "groundtruth": []}
    camera: Camera | None = None
    with replacing_folder(path) as aside:
        (aside / "rgb").mkdir()
        (aside / "depth").mkdir()
        for frame in capture:
            camera = camera or frame.camera
            color, depth = _stamps(frame, camera)
            write_rgb(aside / f"rgb/{color}.png", frame.rgb)
            write_depth(aside / f"depth/{depth}.png", frame.depth_m, DEPTH_UNIT_M)
            lines["rgb"].append(f"{color} rgb/{color}.png")
            lines["depth"].append(f"{depth} depth/{depth}.png")
            lines["groundtruth"].append(f"{depth} {_pose_text(frame)}")
        if camera is None:
            raise CaptureError("the capture to write has no frames")
        for name, rows in lines.items():
            (aside / f"{name}.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
        text = f"{camera.fx!r} {camera.fy!r} {camera.cx!r} {camera.cy!r}\n"
        (aside / "calibration.txt").write_text(text, encoding="utf-8")
    return path


def _stamps(frame: RGBDFrame, camera: Camera) -> tuple[str, str]:
    if frame.stamp_s is None:
        raise CaptureError("TUM recordings need stamps", hint="Write a folder or nerfstudio data.")
    if frame.camera != camera:
        raise CaptureError("TUM recordings have one camera", hint="Write a folder instead.")
    depth_s = frame.stamp_s if frame.depth_stamp_s is None else frame.depth_stamp_s
    return f"{frame.stamp_s:.6f}", f"{depth_s:.6f}"


def _pose_text(frame: RGBDFrame) -> str:
    xyzw = xyzw_from_wxyz(wxyz_from_matrix(frame.T_world_cam[:3, :3]))
    return " ".join(f"{x:.9f}" for x in [*frame.T_world_cam[:3, 3], *xyzw])
