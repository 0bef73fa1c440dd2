"""Rendered surfels show what the camera saw."""

from __future__ import annotations

import numpy as np
from analytic import CAMERA, make_frame, orbit, plane_depth, table_frames

from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import look_at
from grounding3d.scene.base import Scene
from grounding3d.scene.config import SceneConfig
from grounding3d.scene.points import PointsBuilder
from grounding3d.scene.render import render_points


def table() -> Scene:
    builder = PointsBuilder(SceneConfig(voxel_size_m=0.02))
    for frame in table_frames():
        builder.add(frame)
    return builder.finish()


def test_depth_and_colour_come_back_without_holes() -> None:
    frame = table_frames()[3]
    rgb, depth = render_points(table(), CAMERA, frame.T_world_cam)
    middle = np.s_[40:200, 60:260]
    assert (depth[middle] > 0).mean() > 0.999  # but for the seam under the ball
    error = np.abs(depth - frame.depth_m)[middle][depth[middle] > 0]
    assert np.median(error) < 0.005
    assert np.abs(rgb[middle][depth[middle] > 0].astype(int) - [200, 100, 50]).max() <= 2


def test_near_hides_far() -> None:
    pose = look_at(np.array([0, 0.01, 2.0]), np.zeros(3), np.array([0, 1.0, 0]))
    depth = plane_depth(pose)
    red, blue = make_frame(depth, pose, 0, (255, 0, 0)), make_frame(depth - 1, pose, 1, (0, 0, 255))
    builder = PointsBuilder(SceneConfig(voxel_size_m=0.02, min_views=1, carve_every=0))
    builder.add(red)
    builder.add(blue)
    rgb, z = render_points(builder.finish(), CAMERA, pose)
    assert rgb[120, 160].tolist() == [0, 0, 255]
    assert abs(z[120, 160] - (depth[120, 160] - 1)) < 1e-3


def test_other_sizes_and_an_empty_view() -> None:
    scene, away = table(), look_at(np.array([0, 0, 1.0]), np.array([0, 0, 2.0]), np.eye(3)[1])
    small = Camera.from_focal(50, 50, 20, 15, 41, 31)
    rgb, depth = render_points(scene, small, away, background=(1, 2, 3))
    assert (rgb == [1, 2, 3]).all()
    assert not depth.any()
    rgb, depth = render_points(scene, small, orbit(1)[0])
    assert rgb.shape == (31, 41, 3)
    assert (depth > 0).mean() > 0.6
    empty = PointsBuilder(SceneConfig()).finish()
    assert not render_points(empty, small, away)[1].any()


def test_back_faces_can_be_left_out() -> None:
    below = look_at(np.array([0, 0.01, -1.0]), np.zeros(3), np.array([0, 1.0, 0]))
    assert (render_points(table(), CAMERA, below)[1] > 0).mean() > 0.3
    assert (render_points(table(), CAMERA, below, cull_back=True)[1] > 0).mean() < 0.1
