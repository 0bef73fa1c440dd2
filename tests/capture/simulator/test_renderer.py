"""The simulated camera obeys the pixel, depth and pose conventions of the project."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pybullet")

import pybullet
from scipy.ndimage import map_coordinates

from grounding3d.capture.simulator.capture import SimulatedCapture
from grounding3d.capture.simulator.renderer import Light, render
from grounding3d.capture.simulator.tabletop import TabletopConfig
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose, transform_points

CAMERA = Camera.from_focal(280.0, 280.0, 161.3, 117.8, 320, 240)
LIGHT = Light(shadows=False)


@pytest.fixture
def client():
    identifier = pybullet.connect(pybullet.DIRECT)
    yield identifier
    pybullet.disconnect(identifier)


def add_quad(client, corners):
    """A quad that faces a camera at the origin looking along +z (OpenCV axes)."""
    shape = pybullet.createVisualShape(
        pybullet.GEOM_MESH,
        vertices=corners,
        indices=[0, 2, 1, 0, 3, 2],
        uvs=[[0, 0]] * 4,
        normals=[[0, 0, -1]] * 4,
        physicsClientId=client,
    )
    return pybullet.createMultiBody(0, -1, shape, [0, 0, 0], physicsClientId=client)


def test_pixel_centres_are_integers(client):
    """The first pixel of a quad that begins at u0 is ceil(u0): 0.5 behind it on average."""
    rng = np.random.default_rng(0)
    gaps = []
    for _ in range(40):
        z = rng.uniform(0.5, 2.0)
        u0, v0 = rng.uniform(40, 120, 2)
        u1, v1 = u0 + rng.uniform(30, 90), v0 + rng.uniform(30, 90)
        x, y = (np.array([u0, u1]) - CAMERA.cx) / CAMERA.fx * z, (np.array([v0, v1]) - CAMERA.cy)
        y = y / CAMERA.fy * z
        body = add_quad(
            client, [[x[0], y[0], z], [x[1], y[0], z], [x[1], y[1], z], [x[0], y[1], z]]
        )
        v, u = np.nonzero(render(client, CAMERA, np.eye(4), LIGHT).body == body)
        gaps.append([u.min() - u0, u.max() - u1, v.min() - v0, v.max() - v1])
        pybullet.removeBody(body, physicsClientId=client)
    np.testing.assert_allclose(np.mean(gaps, axis=0), [0.5, -0.5, 0.5, -0.5], atol=0.15)


def test_depth_is_z_of_the_pixel_centre(client):
    """A plane tilted about both axes: z = 1.5 + 0.4 x + 0.6 y."""
    corners = [[x, y, 1.5 + 0.4 * x + 0.6 * y] for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    add_quad(client, corners)
    depth = render(client, CAMERA, np.eye(4), LIGHT).depth_m
    x, y, _ = np.moveaxis(CAMERA.rays.astype(float), -1, 0)
    expected = 1.5 / (1 - 0.4 * x - 0.6 * y)
    seen = depth > 0
    assert seen.mean() > 0.5
    np.testing.assert_allclose(depth[seen], expected[seen], atol=1e-4)


def test_two_views_agree_in_three_dimensions():
    """Points of one view, projected into another, have the other's depth where both see them."""
    config = TabletopConfig(n_objects=4, n_frames=2, width=160, height=120, noise=False)
    capture = SimulatedCapture.from_seed(11, config)
    first, second = capture[0], capture[1]
    points = first.camera.backproject(first.depth_m)[first.depth_m > 0]
    world = transform_points(first.T_world_cam, points.astype(np.float64))
    uv, z = second.camera.project(transform_points(invert_pose(second.T_world_cam), world))
    inside = (z > 0) & second.camera.contains(uv)
    # Inverse depth is linear over the image of a plane, so interpolating it is exact there.
    inverse = 1 / np.where(second.depth_m > 0, second.depth_m, np.inf)
    there = 1 / np.maximum(map_coordinates(inverse, uv[inside].T[::-1], order=1), 1e-6)
    difference = np.abs(there - z[inside])
    assert inside.mean() > 0.3
    assert np.median(difference) < 0.0005
