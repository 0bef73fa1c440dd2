"""The simulated sensor's noise follows its formula."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.capture.simulator.sensor import Exposure, depth_edges, expose, sense_depth
from grounding3d.geometry.camera import Camera

CAMERA = Camera.from_focal(575.0, 575.0, 159.5, 119.5, 320, 240)


def wall(z: float) -> np.ndarray:
    return np.full((240, 320), z, np.float32)


@pytest.mark.parametrize("z", [0.6, 1.2, 2.5])
def test_axial_noise_on_a_frontal_wall(z):
    sensed = sense_depth(wall(z), CAMERA, np.random.default_rng(0))
    expected = 0.0012 + 0.0019 * (z - 0.4) ** 2
    step = z**2 / (CAMERA.fx * 0.075) * 0.125  # disparity steps add their own rounding
    assert (sensed > 0).mean() > 0.99
    assert abs(np.mean(sensed) - z) < 0.0005 + step / 4
    assert sensed.std() == pytest.approx(np.hypot(expected, step / 12**0.5), rel=0.15)


@pytest.mark.parametrize("z", [0.2, 4.5])
def test_nothing_out_of_range(z):
    assert not sense_depth(wall(z), CAMERA, np.random.default_rng(0)).any()


def test_dropouts_sit_at_edges():
    depth = wall(1.5)
    depth[80:160, 100:220] = 1.0
    lost = sense_depth(depth, CAMERA, np.random.default_rng(0)) == 0
    edges = depth_edges(depth)
    assert lost[edges].mean() > 0.25
    assert lost[~edges].mean() < 0.01


def test_the_same_generator_gives_the_same_pixels():
    picture = np.random.default_rng(1).integers(0, 255, (24, 32, 3)).astype(np.uint8)
    first, again = (expose(picture, Exposure(), np.random.default_rng(2)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
