"""Up from support planes: right where it can be known, withheld where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from analytic import UP, make_frame, orbit, plane_depth, sphere_depth, table_frames
from scipy.spatial.transform import Rotation

from grounding3d.capture.base import RGBDFrame
from grounding3d.geometry.transforms import look_at, make_pose
from grounding3d.scene.base import Scene
from grounding3d.scene.config import SceneConfig
from grounding3d.scene.points import PointsBuilder
from grounding3d.scene.up import estimate_up


def build(frames: list[RGBDFrame]) -> Scene:
    builder = PointsBuilder(SceneConfig(voxel_size_m=0.02))
    for frame in frames:
        builder.add(frame)
    return builder.finish()


def degrees(a: np.ndarray | None, b: np.ndarray) -> float:
    assert a is not None
    return float(np.rad2deg(np.arccos(np.clip(a @ b, -1, 1))))


@pytest.mark.parametrize("seed", range(3))
def test_table_with_a_ball_in_any_world(seed: int) -> None:
    T = make_pose(Rotation.random(random_state=seed).as_matrix(), np.array([3.0, -2, 1]))
    frames = [
        RGBDFrame(f.rgb, f.depth_m, f.camera, T @ f.T_world_cam, f.frame_index)
        for f in table_frames(6)
    ]
    up, source = estimate_up(build(frames))
    assert source == "estimated"
    assert degrees(up, T[:3, :3] @ UP) < 0.5


def test_hand_held_roll_does_not_matter() -> None:
    frames = []
    for index, (pose, roll) in enumerate(zip(orbit(6), np.deg2rad([12, -5, 8, -14, 3, 10]))):
        turned = pose @ make_pose(Rotation.from_rotvec([0, 0, roll]).as_matrix(), np.zeros(3))
        frames.append(make_frame(plane_depth(turned), turned, index))
    assert degrees(estimate_up(build(frames))[0], UP) < 0.5


def wall() -> list[RGBDFrame]:
    """A wall met straight on, and nothing else."""
    poses = [look_at(np.array([x, -1.5, 1.0]), np.array([x, 0, 1.0]), UP) for x in (0, 0.1, 0.2)]
    return [make_frame(np.full((240, 320), 1.5), pose, i) for i, pose in enumerate(poses)]


def straight_down() -> list[RGBDFrame]:
    """A floor whose cameras' image-up is horizontal."""
    poses = [look_at(np.array([x, 0, 1.5]), np.array([x, 0.0, 0]), np.eye(3)[1]) for x in (0, 0.1)]
    return [make_frame(plane_depth(pose), pose, i) for i, pose in enumerate(poses)]


def ball() -> list[RGBDFrame]:
    """No plane at all."""
    return [
        make_frame(sphere_depth(T, np.zeros(3), 0.4), T, i) for i, T in enumerate(orbit(6, 1.0))
    ]


def turning_over() -> list[RGBDFrame]:
    """A camera that turns around its axis."""
    frames = []
    for index, roll in enumerate(np.deg2rad([0, 90, 180, 270])):
        spin = make_pose(Rotation.from_rotvec([0, 0, roll]).as_matrix(), np.zeros(3))
        pose = orbit(4)[index] @ spin
        frames.append(make_frame(plane_depth(pose), pose, index))
    return frames


@pytest.mark.parametrize("frames", [wall, straight_down, ball, turning_over, list])
def test_unknown_where_nothing_tells(frames: Callable[[], list[RGBDFrame]]) -> None:
    assert estimate_up(build(frames())) == (None, "unknown")


def test_real_kitchen(shared_data: Path) -> None:
    from grounding3d.capture.base import CaptureConfig
    from grounding3d.capture.formats import open_capture

    capture = open_capture(shared_data / "kitchen", CaptureConfig(stride=12))
    up, _ = estimate_up(build(list(capture)))
    table = np.array([0.003, -0.89, -0.457])
    assert degrees(up, table / np.linalg.norm(table)) < 3
