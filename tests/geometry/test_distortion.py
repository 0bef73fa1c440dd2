"""Laws of the lens models: the distorted image, undistorted, is the pinhole image."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.errors import CaptureError
from grounding3d.geometry.distortion import Undistorter, check_model, distort

K = np.array([[120.0, 0, 79.3], [0, 118.0, 60.1], [0, 0, 1]])
WIDTH, HEIGHT = 160, 120
LENSES = {
    "plumb_bob": [0.12, -0.08, 0.003, -0.002, 0.02],
    "rational_polynomial": [0.3, 0.05, 0.001, -0.002, 0.01, 0.25, 0.03, 0.002],
    "equidistant": [0.02, -0.01, 0.003, -0.001],
    "none": [],
}


def _pattern(x, y):
    """A smooth function of the ray, in 0..255."""
    return 127.5 + 60 * np.sin(5 * x + 1) + 60 * np.cos(4 * y)


def _rays():
    u, v = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    return np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1]], axis=-1)


def _inverse(distorted, model, coefficients):
    """Undistorted rays by fixed-point iteration: an independent route to the same mapping."""
    xy = distorted.copy()
    for _ in range(200):
        xy += 0.7 * (distorted - distort(xy, model, coefficients))
    return xy


@pytest.mark.parametrize("model", LENSES)
def test_undistorting_a_photo_through_the_lens_gives_the_pinhole_image(model):
    seen = _inverse(_rays(), model, LENSES[model])
    photo = np.repeat(np.rint(_pattern(seen[..., 0], seen[..., 1]))[..., None], 3, -1)
    undistorter = Undistorter(K, model, LENSES[model], WIDTH, HEIGHT)
    image = undistorter.rgb(photo.astype(np.uint8)).astype(float)[..., 0]
    depth = undistorter.depth(np.full((HEIGHT, WIDTH), 2.0, np.float32))
    xy = _rays()
    error = np.abs(image - _pattern(xy[..., 0], xy[..., 1]))[depth > 0]
    assert (depth > 0).mean() > 0.7
    assert np.quantile(error, 0.99) < 3
    assert np.array_equal(undistorter.camera.K, K)


@pytest.mark.parametrize("model", LENSES)
def test_depth_is_copied_never_mixed(model):
    rng = np.random.default_rng(0)
    depth = rng.choice([0.5, 1.0, 4.0], (HEIGHT, WIDTH)).astype(np.float32)
    out = Undistorter(K, model, LENSES[model], WIDTH, HEIGHT).depth(depth)
    assert set(np.unique(out)) <= {0.0, 0.5, 1.0, 4.0}
    assert out.dtype == np.float32


def test_equidistant_without_coefficients_is_the_equidistant_projection():
    angle = 0.9
    got = distort(np.array([np.tan(angle), 0.0]), "fisheye", [0, 0, 0, 0])
    assert got == pytest.approx([angle, 0])


def test_brown_conrady_against_the_written_formula():
    k1, k2, p1, p2, k3 = LENSES["plumb_bob"]
    x, y = 0.3, -0.2
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    want = [
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
    ]
    assert distort(np.array([x, y]), "plumb_bob", LENSES["plumb_bob"]) == pytest.approx(want)


def test_a_polynomial_that_folds_back_shows_nothing_beyond_the_fold():
    wide = np.array([[30.0, 0, 79.5], [0, 30.0, 59.5], [0, 0, 1]])
    undistorter = Undistorter(wide, "plumb_bob", [-0.3, 0, 0, 0], WIDTH, HEIGHT)
    seen = undistorter.depth(np.ones((HEIGHT, WIDTH), np.float32)) > 0
    radius = np.hypot(*np.meshgrid((np.arange(WIDTH) - 79.5) / 30, (np.arange(HEIGHT) - 59.5) / 30))
    assert seen[radius < 1.0].all()
    assert not seen[radius > 1.06].any()  # 1 - 0.9 r^2 = 0 at 1.054


def test_models_without_effect_and_padding_are_recognised():
    assert check_model("", [])[0] == "none"
    assert check_model("plumb_bob", [0] * 5)[0] == "none"
    assert check_model("equidistant", [0] * 4)[0] == "equidistant"
    name, values = check_model("rational_polynomial", [0.1] * 8 + [0] * 6)
    assert name == "rational_polynomial"
    assert len(values) == 8


@pytest.mark.parametrize(
    ("model", "coefficients"),
    [("omnidirectional", [0.1]), ("plumb_bob", [0.1, 0.2]), ("equidistant", [0.1] * 5)],
)
def test_unknown_lenses_are_refused(model, coefficients):
    with pytest.raises(CaptureError):
        Undistorter(K, model, coefficients, WIDTH, HEIGHT)
