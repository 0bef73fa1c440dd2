"""The pose check on real frames of other layouts, read by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grounding3d.capture.base import RGBDFrame
from grounding3d.capture.consistency import pose_consistency
from grounding3d.capture.files import depth_from_steps, read_depth_steps, read_rgb
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.frames import opengl_from_opencv, wxyz_from_xyzw
from grounding3d.geometry.transforms import invert_pose, pose_from_quaternion
from tests.factories import ListCapture

PRIMESENSE = Camera.from_focal(525, 525, 319.5, 239.5, 640, 480)


def _frames(images, poses, camera, unit_m=0.001):
    return [
        RGBDFrame(
            read_rgb(color), depth_from_steps(read_depth_steps(depth), unit_m), camera, T, index
        )
        for index, ((color, depth), T) in enumerate(zip(images, poses, strict=True))
    ]


def _slambook_poses(file: Path):
    table = np.loadtxt(file)
    return [pose_from_quaternion(wxyz_from_xyzw(row[3:]), row[:3]) for row in table[:, -7:]]


def _living_room(root: Path):
    folder = root / "frames_slambook" / "ch5" / "rgbd"
    camera = Camera.from_focal(518, 519, 325.5, 253.5, 640, 480)
    images = [(folder / f"color/{i}.png", folder / f"depth/{i}.pgm") for i in range(1, 6)]
    return _frames(images, _slambook_poses(folder / "pose.txt"), camera)


def _redwood(root: Path):
    folder = root / "frames_open3d" / "RGBD"
    rows = [line.split() for line in (folder / "trajectory.log").read_text().splitlines()]
    matrices = np.array([row for row in rows if len(row) == 4], float).reshape(-1, 4, 4)
    images = [(folder / f"color/{i:05d}.jpg", folder / f"depth/{i:05d}.png") for i in range(5)]
    return _frames(images, matrices[:5], PRIMESENSE)


@pytest.mark.parametrize("read", [_living_room, _redwood])
def test_real_frames_fit_and_mix_ups_are_found(shared_data, read):
    try:
        frames = read(shared_data)
    except OSError:
        pytest.skip("these frames are not on this machine")
    assert pose_consistency(ListCapture(frames)).consistent
    inverse = [replace(f, T_world_cam=invert_pose(f.T_world_cam)) for f in frames]
    assert "invert them" in (pose_consistency(ListCapture(inverse)).advice or "")
    opengl = [replace(f, T_world_cam=opengl_from_opencv(f.T_world_cam)) for f in frames]
    assert "OpenGL" in (pose_consistency(ListCapture(opengl)).advice or "")
