"""The compiled loops of the masks do what the array operations do."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.features import geometric_masks, mask_outlines, mask_pieces, planes
from grounding3d.features.native import mask_core
from grounding3d.features.surface import make_surface, normals_of
from grounding3d.geometry.camera import Camera

pytestmark = pytest.mark.skipif(mask_core() is None, reason="the compiled core is not installed")


def image(shape: tuple[int, int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A slope with steps, holes and noise; and colours."""
    rng = np.random.default_rng(seed)
    v, u = np.mgrid[: shape[0], : shape[1]]
    depth = 1.0 + 0.002 * u + 0.003 * v + 0.3 * ((u // 17 + v // 23) % 2)
    depth += rng.normal(size=shape) * 0.002
    depth[rng.random(shape) < 0.1] = 0
    depth[: shape[0] // 4, : shape[1] // 5] = 0
    return depth.astype(np.float32), rng.integers(0, 256, (*shape, 3), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(48, 64), (47, 61), (2, 3), (1, 1)])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_reducing(shape, stride):
    depth_m, rgb = image(shape, 0)
    expected = geometric_masks.mean_blocks(rgb, depth_m, stride, 1.3)
    found = mask_core().reduce_frame(rgb, depth_m, stride, 1.3)
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-5)


@pytest.mark.parametrize("shape", [(48, 64), (5, 5), (3, 2)])
def test_normals(shape):
    depth_m, _ = image(shape, 1)
    camera = Camera.from_focal(60, 62, shape[1] / 2, shape[0] / 2, shape[1], shape[0])
    expected = normals_of(depth_m, camera.rays, camera.fx, camera.fy)
    found = mask_core().normals(depth_m, np.ascontiguousarray(camera.rays), camera.fx, camera.fy)
    assert (found[..., 2] != 0).sum() == (expected[..., 2] != 0).sum()
    assert found == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("shape", [(40, 50), (3, 3), (1, 9)])
def test_linking(shape):
    depth_m, _ = image(shape, 2)
    rays = Camera.from_focal(60, 60, 25, 20, shape[1], shape[0]).rays
    points = np.ascontiguousarray(rays * depth_m[..., None], np.float32)
    pitch = points[..., 2] / np.float32(60)
    reach = np.full(shape, 0.01, np.float32)
    mask = depth_m > 0
    expected, count = mask_pieces.link(points, mask, reach, pitch)
    steps = [step for pair in mask_pieces._BESIDE for step in pair]
    found, number = mask_core().connect(points, mask.view(np.uint8), reach, pitch, steps)
    assert number == count
    assert (found == expected).all()


@pytest.mark.parametrize("shape", [(40, 50), (7, 6)])
def test_voting(shape):
    depth_m, rgb = image(shape, 3)
    rng = np.random.default_rng(4)
    full = rng.integers(-1, 4, shape).astype(np.int32)
    sure = np.where(rng.random(shape) < 0.4, full, 0)
    reach = rng.random(shape) < 0.8
    expected = full.copy(), sure.copy()
    mask_outlines.vote_twice(*expected, reach, rgb, depth_m)
    steps = [step for pair in mask_outlines._RING for step in pair]
    mask_core().vote_twice(
        full, sure, reach.view(np.uint8), rgb, depth_m, steps, mask_outlines._PER_COLOR
    )
    assert (full == expected[0]).all()
    assert (sure == expected[1]).all()


@pytest.mark.parametrize("shape", [(60, 80), (4, 3)])
def test_the_band_of_a_plane(shape):
    depth_m, _ = image(shape, 5)
    camera = Camera.from_focal(60, 62, shape[1] / 2, shape[0] / 2, shape[1], shape[0])
    surface = make_surface(depth_m, camera)
    normal = np.array([0.1, -0.2, -0.97])
    normal /= np.linalg.norm(normal)
    offset = float(-np.median(surface.points[surface.valid] @ normal))
    found = planes._band(surface, normal, offset)
    assert found.dtype == bool
    assert (found == planes.plane_band(surface, normal, offset)).mean() > 0.999
