"""Laws of the pinhole camera."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.errors import ArrayError
from grounding3d.geometry.camera import Camera

CAMERA = Camera.from_focal(131.0, 128.5, 80.2, 57.9, 160, 120)


@pytest.mark.parametrize("camera", [CAMERA, Camera.from_focal(131, -120, 80, 60, 160, 120)])
def test_projecting_a_backprojected_image_gives_its_pixels(camera):
    depth = np.random.default_rng(0).uniform(0.3, 5, (120, 160)).astype(np.float32)
    uv, z = camera.project(camera.backproject(depth).astype(np.float64))
    u, v = np.meshgrid(np.arange(160), np.arange(120))
    assert uv[..., 0] == pytest.approx(u, abs=1e-4)
    assert uv[..., 1] == pytest.approx(v, abs=1e-4)
    assert z == pytest.approx(depth, rel=1e-6)


def test_axes_and_the_principal_point():
    uv, _ = CAMERA.project(np.array([[0, 0, 2.0], [0.1, 0, 2.0], [0, 0.1, 2.0]]))
    assert uv[0] == pytest.approx([80.2, 57.9])
    assert uv[1, 0] > uv[0, 0]  # x to the right
    assert uv[2, 1] > uv[0, 1]  # y down
    assert CAMERA.rays.shape == (120, 160, 3)
    assert CAMERA.rays[0, 0] == pytest.approx([-80.2 / 131, -57.9 / 128.5, 1], rel=1e-6)


def test_unknown_depth_becomes_the_origin():
    points = CAMERA.backproject(np.zeros((120, 160), np.float32))
    assert points.dtype == np.float32
    assert not points.any()


def test_points_at_and_behind_the_camera_do_not_warn():
    with np.errstate(all="raise"):
        _, z = CAMERA.project(np.array([[1.0, 1, 0], [1, 1, -1]]))
    assert z.tolist() == [0, -1]


@pytest.mark.parametrize(("width", "height"), [(80, 60), (320, 240), (107, 33)])
def test_resizing_keeps_the_view(width, height):
    resized = CAMERA.resized(width, height)
    points = np.random.default_rng(1).uniform([-1, -1, 1], [1, 1, 4], (50, 3))
    uv, _ = CAMERA.project(points)
    small, _ = resized.project(points)
    scale = np.array([width / 160, height / 120])
    assert (small + 0.5) / scale == pytest.approx(uv + 0.5)  # image corners meet
    back = resized.resized(160, 120)
    assert np.allclose(back.K, CAMERA.K)


def test_halving_averages_two_pixels():
    half = CAMERA.resized(80, 60)
    ray = half.rays[10, 20]
    assert ray == pytest.approx(CAMERA.rays[20:22, 40:42].mean(axis=(0, 1)), rel=1e-5)


def test_pixels_on_the_border():
    inside = CAMERA.contains(np.array([[-0.5, 0], [159.49, 119.49], [0, 0]]))
    outside = CAMERA.contains(np.array([[-0.51, 0], [159.5, 0], [0, 119.5], [0, -1]]))
    assert inside.all()
    assert not outside.any()


def test_equality_is_by_value():
    assert Camera(CAMERA.K.copy(), 160, 120) == CAMERA
    assert Camera(CAMERA.K, 161, 120) != CAMERA
    assert CAMERA != "camera"


@pytest.mark.parametrize(
    "K",
    [
        [[0, 0, 1], [0, 1, 1], [0, 0, 1]],
        [[1, 0, 1], [0, 0, 1], [0, 0, 1]],
        [[1, 0, 1], [0, 1, 1], [0, 0, 2]],
        [[1, 0, np.nan], [0, 1, 1], [0, 0, 1]],
        [[1, 0], [0, 1]],
        [[1, 0.5, 1], [0, 1, 1], [0, 0, 1]],
    ],
    ids=["fx", "fy", "last row", "nan", "shape", "skew"],
)
def test_other_matrices_are_refused(K):
    with pytest.raises(ArrayError):
        Camera(np.array(K, float), 10, 10)


def test_sizes_are_checked():
    with pytest.raises(ArrayError):
        Camera(np.eye(3), 0, 10)
    with pytest.raises(ArrayError):
        CAMERA.backproject(np.zeros((160, 120), np.float32))
