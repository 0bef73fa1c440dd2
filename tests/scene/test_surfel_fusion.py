"""Surfels lie where the surface is, face the right way and stay within their bound."""

from __future__ import annotations

import numpy as np
import pytest
from analytic import CAMERA, UP, make_frame, orbit, plane_depth, sphere_depth, table_frames
from scipy.spatial import cKDTree

from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import look_at
from grounding3d.scene.config import SceneConfig
from grounding3d.scene.points import PointsBuilder
from grounding3d.scene.surfels import axial_sigma, block_camera, block_size, oriented_points

CENTER, RADIUS = np.array([0.1, -0.05, 0.0]), 0.4


def build(frames, **config) -> PointsBuilder:
    builder = PointsBuilder(SceneConfig(**config))
    for frame in frames:
        assert builder.add(frame).used
    return builder


def test_plane_without_noise_is_exact() -> None:
    frames = [make_frame(plane_depth(T), T, i) for i, T in enumerate(orbit(4))]
    gaussians = build(frames).finish().gaussians
    assert len(gaussians) > 3000
    np.testing.assert_allclose(gaussians.means[:, 2], 0, atol=2e-5)
    assert gaussians.normals[:, 2].min() > np.cos(np.deg2rad(0.1))
    np.testing.assert_allclose(gaussians.rgb - np.array([200, 100, 50]) / 255, 0, atol=1e-5)


def test_noise_averages_out_on_a_plane() -> None:
    noise = np.random.default_rng(1)
    pose = look_at(np.array([0.0, 0.01, 2.0]), np.zeros(3), np.array([0, 1.0, 0]))
    frames = [make_frame(plane_depth(pose), pose, i, noise=noise) for i in range(25)]
    gaussians = build(frames, voxel_size_m=0.02).finish().gaussians
    middle = np.abs(gaussians.means[:, :2]).max(axis=1) < 0.4
    z = gaussians.means[middle, 2]
    # 25 frames of at least 4 pixels a voxel; layers of noise are merged, not kept apart
    expected = axial_sigma(np.array(2.0)) / np.sqrt(25 * 4)
    assert np.sqrt(np.mean(np.square(z))) < 3 * expected
    assert len(z) == pytest.approx((0.8 / 0.02) ** 2, rel=0.15)
    angle = np.rad2deg(np.arccos(gaussians.normals[middle, 2].clip(-1, 1)))
    assert np.median(angle) < 2


def test_sphere_positions_and_normals() -> None:
    noise = np.random.default_rng(2)
    poses = orbit(12, radius=1.0, height=0.6)
    frames = [
        make_frame(sphere_depth(T, CENTER, RADIUS), T, i, noise=noise) for i, T in enumerate(poses)
    ]
    gaussians = build(frames, voxel_size_m=0.015).finish().gaussians
    out = gaussians.means - CENTER
    distance = np.linalg.norm(out, axis=1)
    assert abs(np.median(distance) - RADIUS) < 0.001
    assert np.quantile(np.abs(distance - RADIUS), 0.9) < 0.003
    angle = np.arccos(np.einsum("ij,ij->i", gaussians.normals, out / distance[:, None]).clip(-1, 1))
    assert np.rad2deg(np.median(angle)) < 2


def test_discs_cover_the_surface() -> None:
    gaussians = build(table_frames(), voxel_size_m=0.02).finish().gaussians
    assert (gaussians.scales[:, 2] < gaussians.scales[:, 0] / 5).all()
    x, y = np.meshgrid(np.linspace(0, 0.3, 40), np.linspace(0, 0.3, 40))
    floor = gaussians.means[np.abs(gaussians.means[:, 2]) < 0.01]
    outside_ball = np.hypot(x, y) > 0.17  # on the cameras' side
    spots = np.stack([x[outside_ball], y[outside_ball]], axis=1)
    nearest = cKDTree(floor[:, :2]).query(spots)[0]
    assert (nearest < 2 * gaussians.scales[:, 0].min()).mean() > 0.99


def test_no_surfels_float_between_an_object_and_its_background() -> None:
    pose = look_at(np.array([0.0, -2.0, 0.0]), np.zeros(3), UP)
    depth = np.full((240, 320), 2.5)
    depth[60:180, 100:220] = 1.5
    smeared = depth.copy()  # what a depth camera makes of the border
    smeared[60:180, 99] = smeared[60:180, 220] = 2.0
    frame = make_frame(smeared, pose, 0)
    builder = build([frame])
    y = builder.finish().gaussians.means[:, 1]
    near, far = np.abs(y + 0.5) < 0.01, np.abs(y - 0.5) < 0.01
    assert (near | far).all()
    assert near.sum() > 500
    assert far.sum() > 500


def test_surfels_seen_through_are_dropped() -> None:
    poses = orbit(30)
    frames = []
    for index, pose in enumerate(poses):
        depth = plane_depth(pose)
        if index < 3:  # something that was taken away
            ball = sphere_depth(pose, np.array([0, 0, 0.2]), 0.1)
            depth = np.where(ball > 0, np.minimum(ball, depth), depth)
        frames.append(make_frame(depth, pose, index))
    builder = build(frames, voxel_size_m=0.02)
    assert (builder.snapshot().gaussians.means[:, 2] > 0.05).sum() == 0
    kept = build(frames, voxel_size_m=0.02, carve_every=0)
    assert (kept.snapshot().gaussians.means[:, 2] > 0.05).sum() > 50


def test_memory_bound_holds_and_geometry_survives() -> None:
    frames = table_frames(8)
    builder = build(frames, voxel_size_m=0.005, max_gaussians=6000)
    assert builder.voxel_size_m in (0.01, 0.02, 0.04)
    assert len(builder.state()["keys"]) <= 6000
    means = builder.finish().gaussians.means
    assert 300 < len(means) <= 6000
    on_ball = np.abs(np.linalg.norm(means - [0, 0, 0.15], axis=1) - 0.15)
    assert np.quantile(np.minimum(np.abs(means[:, 2]), on_ball), 0.9) < 0.01


def test_doubled_voxels_equal_voxels_of_that_size() -> None:
    frames = table_frames(3)
    coarse = build(frames, voxel_size_m=0.04, min_views=1, detail_distance_m=10.0)
    forced = build(frames, voxel_size_m=0.02, min_views=1, detail_distance_m=5.0)
    forced._voxels._double()
    a, b = coarse.state(), forced.state()
    order_a, order_b = np.argsort(a["keys"]), np.argsort(b["keys"])
    np.testing.assert_array_equal(a["keys"][order_a], b["keys"][order_b])
    np.testing.assert_allclose(a["sums"][order_a], b["sums"][order_b], rtol=1e-9, atol=1e-3)


def test_anchor_is_the_closest_view() -> None:
    heights = [2.0, 1.0, 1.5]
    frames = []
    for index, height in enumerate(heights):
        pose = look_at(np.array([0, 0.01, height]), np.zeros(3), np.array([0, 1.0, 0]))
        frames.append(make_frame(plane_depth(pose), pose, 10 + index))
    scene = build(frames, voxel_size_m=0.02).finish()
    middle = np.abs(scene.gaussians.means[:, :2]).max(axis=1) < 0.2
    assert (scene.anchor[middle] == 1).mean() > 0.99
    assert scene.keyframes[1].frame_index == 11


def test_grazing_views_are_rejected() -> None:
    pose = look_at(np.array([0, -2.0, 0.2]), np.array([0, 0.0, 0.0]), UP)
    points = oriented_points(make_frame(plane_depth(pose), pose, 0), CAMERA, 1, SceneConfig())
    far = points.points[:, 2] > 2.0  # met at more than 84 degrees
    assert far.sum() == 0


def test_block_camera_keeps_the_rays() -> None:
    camera = Camera.from_focal(520, 530, 318.2, 241.7, 641, 483)
    blocks = block_camera(camera, 2)
    assert (blocks.width, blocks.height) == (320, 241)
    expected = camera.rays[:482, :640].reshape(241, 2, 320, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(blocks.rays, expected, atol=1e-6)
    assert block_size(Camera.from_focal(525, 525, 320, 240, 640, 480), SceneConfig()) == 2
    assert block_size(Camera.from_focal(130, 130, 80, 60, 160, 120), SceneConfig()) == 1


def test_a_jump_can_be_refused() -> None:
    frames = [make_frame(plane_depth(T), T, i) for i, T in enumerate(orbit(2))]
    assert PointsBuilder(SceneConfig()).add(frames[0]).used
    builder = PointsBuilder(SceneConfig(max_jump_m=0.3))
    builder.add(frames[0])
    report = builder.add(frames[1])
    assert not report.used
    assert "over 0.3 m" in report.reason


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (7, 5), (641, 483)])
def test_any_image_size(size: tuple[int, int]) -> None:
    from grounding3d.capture.base import RGBDFrame

    camera = Camera.from_focal(500, 500, size[0] / 2, size[1] / 2, *size)
    pose = look_at(np.array([0, 0.01, 1.0]), np.zeros(3), np.array([0, 1.0, 0]))
    depth = plane_depth(pose, camera).astype(np.float32)
    frame = RGBDFrame(np.zeros((*depth.shape, 3), np.uint8), depth, camera, pose, 0)
    report = PointsBuilder(SceneConfig()).add(frame)
    assert report.used == (depth.size > 400)
