"""Recordings of numbered images as their publishers lay them out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from grounding3d.capture.base import Capture, RGBDFrame
from grounding3d.capture.files import write_depth, write_rgb
from grounding3d.geometry.camera import Camera


def write_scannet(capture: Capture, path: Path) -> None:
    """As ScanNet's SensReader exports a scan."""
    frames = _images(capture, path, "color/{}.png", "depth/{}.png", 0.001)
    for folder in ("pose", "intrinsic"):
        (path / folder).mkdir()
    for frame in frames:
        np.savetxt(path / f"pose/{frame.frame_index}.txt", frame.T_world_cam)
    write_scannet_intrinsics(path, "color", frames[0].camera)
    write_scannet_intrinsics(path, "depth", frames[0].camera)


def write_scannet_intrinsics(path: Path, which: str, camera: Camera) -> None:
    K = np.eye(4)
    K[:3, :3] = camera.K
    np.savetxt(path / f"intrinsic/intrinsic_{which}.txt", K)


def write_replica(capture: Capture, path: Path) -> None:
    """As Replica comes with NICE-SLAM, the camera's file in the sequence."""
    names = "results/frame{:06d}.png", "results/depth{:06d}.png"
    frames = _images(capture, path, *names, 1 / 6553.5)
    np.savetxt(path / "traj.txt", [frame.T_world_cam.ravel() for frame in frames])
    camera = frames[0].camera
    told = {name: getattr(camera, name) for name in ("fx", "fy", "cx", "cy")}
    told |= {"w": camera.width, "h": camera.height, "scale": 6553.5}
    (path / "cam_params.json").write_text(json.dumps({"camera": told}))


def write_redwood(capture: Capture, path: Path, first: int = 0) -> None:
    """As Redwood's recordings and Open3D's reconstruction system, images numbered from `first`."""
    frames = _images(capture, path, "rgb/{:05d}.png", "depth/{:05d}.png", 0.001, first)
    rows = [f"{i} {i} {i + 1}\n{_rows(f.T_world_cam)}\n" for i, f in enumerate(frames)]
    (path / "trajectory.log").write_text("".join(rows))
    camera = frames[0].camera
    told = {"width": camera.width, "height": camera.height}
    told["intrinsic_matrix"] = camera.K.T.ravel().tolist()
    (path / "camera_intrinsic.json").write_text(json.dumps(told))


def _rows(T: np.ndarray) -> str:
    return "\n".join(" ".join(map(repr, row)) for row in T.tolist())


def _images(
    capture: Capture, path: Path, rgb: str, depth: str, unit_m: float, first: int = 0
) -> list[RGBDFrame]:
    frames = list(capture)
    for frame in frames:
        number = first + frame.frame_index
        for name in (rgb, depth):
            (path / name).parent.mkdir(parents=True, exist_ok=True)
        write_rgb(path / rgb.format(number), frame.rgb)
        write_depth(path / depth.format(number), frame.depth_m, unit_m)
    return frames
