"""What every rasteriser must do, whatever it is made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from splats import (
    SPLAT_CAMERA,
    balls,
    mirrored_in_y,
    random_splats,
    render_by_hand,
    splat_pose,
)

from grounding3d.errors import InputError
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import look_at
from grounding3d.scene.base import SH_C0, Gaussians
from grounding3d.scene.rasterizers.base import ImageGradients, Rasterizer
from grounding3d.scene.rasterizers.reference import ReferenceRasterizer

HERE = np.eye(4)  # a camera at the origin that looks along z
EXACT = ReferenceRasterizer(torch.float64)
CENTRED = Camera.from_focal(50, 50, 16, 12, 33, 25)


def assert_same_image(found: np.ndarray, wanted: np.ndarray, unit: float = 1.0) -> None:
    """Equal up to float32, but for the few pixels where an alpha is at the 1/255 threshold."""
    error = np.abs(np.asarray(found, np.float64) - wanted)
    assert np.quantile(error, 0.99) < 5e-4 * unit
    assert error.max() < 0.02 * unit


def some_splats(degree: int = 0, count: int = 200, seed: int = 0) -> Gaussians:
    return random_splats(count, degree, seed).activated()


# --- the formula ---------------------------------------------------------------------------------


def test_one_gaussian_is_its_formula(rasterizer: Rasterizer) -> None:
    x, y, z, scale = 0.05, -0.03, 2.0, 0.1
    image = rasterizer.render(balls([x, y, z], scale, 0.8, np.array([1, 0.5, 0.2])), CENTRED, HERE)
    u, v = np.meshgrid(np.arange(33), np.arange(25))
    J = 50 / z * np.array([[1, 0, -x / z], [0, 1, -y / z]])
    P = np.linalg.inv(scale**2 * J @ J.T + 0.3 * np.eye(2))
    d = np.stack([u - (50 * x / z + 16), v - (50 * y / z + 12)], -1)
    alpha = 0.8 * np.exp(-0.5 * np.einsum("hwi,ij,hwj->hw", d, P, d))
    alpha[alpha < 1 / 255] = 0
    np.testing.assert_allclose(image.alpha, alpha, atol=2e-4)
    np.testing.assert_allclose(image.rgb, alpha[..., None] * [1, 0.5, 0.2], atol=2e-4)
    np.testing.assert_allclose(image.depth_m, np.where(alpha > 0, z, 0), atol=1e-5)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_many_gaussians_follow_the_definition(rasterizer: Rasterizer, seed: int) -> None:
    gaussians, pose = some_splats(seed=seed), splat_pose()
    rgb, depth_sum, alpha = render_by_hand(gaussians, SPLAT_CAMERA, pose)
    image = rasterizer.render(gaussians, SPLAT_CAMERA, pose)
    assert alpha.max() > 0.99
    assert_same_image(image.rgb, rgb)
    assert_same_image(image.alpha, alpha)
    assert_same_image(image.depth_m * image.alpha, depth_sum, unit=2.0)
    assert image.rgb.dtype == image.depth_m.dtype == image.alpha.dtype == np.float32


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_view_dependent_colour_is_that_of_the_reference(
    rasterizer: Rasterizer, degree: int
) -> None:
    gaussians, pose = some_splats(degree, seed=4), splat_pose()
    image = rasterizer.render(gaussians, SPLAT_CAMERA, pose, background=(0.2, 0.4, 0.6))
    wanted = EXACT.render(gaussians, SPLAT_CAMERA, pose, background=(0.2, 0.4, 0.6))
    constant = rasterizer.render(some_splats(0, seed=4), SPLAT_CAMERA, pose)
    assert_same_image(image.rgb, wanted.rgb)
    assert_same_image(image.depth_m[image.alpha > 0.1], wanted.depth_m[image.alpha > 0.1])
    assert np.abs(image.rgb - constant.rgb).max() > 0.05


@pytest.mark.parametrize("size", [(37, 23), (1, 1), (16, 16), (17, 16), (15, 33), (130, 5)])
def test_any_size_of_image(rasterizer: Rasterizer, size: tuple[int, int]) -> None:
    width, height = size
    camera = Camera.from_focal(25, 26, width / 3, height / 1.7, width, height)
    rgb, _, alpha = render_by_hand(some_splats(), camera, splat_pose())
    image = rasterizer.render(some_splats(), camera, splat_pose())
    assert image.rgb.shape == (height, width, 3)
    assert_same_image(image.rgb, rgb)
    assert_same_image(image.alpha, alpha)


# --- conventions ---------------------------------------------------------------------------------


def test_a_pixels_centre_is_an_integer(rasterizer: Rasterizer) -> None:
    point = np.array([(7 - 16) / 50 * 2, (5 - 12) / 50 * 2, 2.0])  # projects onto column 7, row 5
    alpha = rasterizer.render(balls(point, 0.05, 0.9), CENTRED, HERE).alpha
    assert np.unravel_index(alpha.argmax(), alpha.shape) == (5, 7)
    assert alpha[5, 7] == pytest.approx(0.9, abs=1e-4)
    v, u = np.mgrid[:25, :33]
    assert (alpha * u).sum() / alpha.sum() == pytest.approx(7, abs=0.02)
    assert (alpha * v).sum() / alpha.sum() == pytest.approx(5, abs=0.02)


def test_a_pose_is_camera_to_world(rasterizer: Rasterizer) -> None:
    pose = look_at(np.array([3.0, 1.0, 2.0]), np.array([0.0, 0.5, 0.2]), np.array([0, 0, 1.0]))
    point = pose[:3, :3] @ [0.1, 0.2, 2.5] + pose[:3, 3]  # right of and below the axis
    alpha = rasterizer.render(balls(point, 0.02, 0.9), CENTRED, pose).alpha
    row, column = np.unravel_index(alpha.argmax(), alpha.shape)
    assert (row, column) == (round(12 + 50 * 0.2 / 2.5), round(16 + 50 * 0.1 / 2.5))


def test_negative_fy_is_the_mirrored_scene(rasterizer: Rasterizer) -> None:
    gaussians = replace(some_splats(), means=some_splats().means + np.float32([0, 0, 2]))
    flipped = Camera.from_focal(40, -38, 17.3, 11.6, 37, 23)
    upright = Camera.from_focal(40, 38, 17.3, 11.6, 37, 23)
    a = rasterizer.render(gaussians, flipped, HERE)
    b = rasterizer.render(mirrored_in_y(gaussians), upright, HERE)
    assert b.alpha.max() > 0.9
    assert_same_image(a.rgb, b.rgb)
    assert_same_image(a.rgb, render_by_hand(gaussians, flipped, HERE)[0])
    one = rasterizer.contributions(gaussians, flipped, HERE, cell_px=16)
    two = rasterizer.contributions(mirrored_in_y(gaussians), upright, HERE, cell_px=16)
    assert one.weight.sum() == pytest.approx(two.weight.sum(), rel=1e-3)


def test_quaternions_and_scales_turn_a_needle(rasterizer: Rasterizer) -> None:
    half = np.deg2rad(30) / 2
    needle = replace(
        balls([0, 0, 2.0], 1.0, 0.9),
        scales=np.array([[0.2, 0.01, 0.01]], np.float32),
        wxyz=np.array([[np.cos(half), 0, 0, np.sin(half)]], np.float32),
    )
    alpha = rasterizer.render(needle, CENTRED, HERE).alpha
    v, u = np.mgrid[:25, :33]
    du, dv = u - 16, v - 12
    angle = 0.5 * np.arctan2(2 * (alpha * du * dv).sum(), (alpha * (du**2 - dv**2)).sum())
    assert np.rad2deg(angle) == pytest.approx(30, abs=1)  # from x towards y, image's y is down


# --- blending ------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_nearer_one_hides_the_farther(rasterizer: Rasterizer, order: list[int]) -> None:
    red_blue = balls(
        [[0, 0, 1.0], [0, 0, 2.0]], [[0.2], [0.4]], 0.98, np.array([[1, 0, 0], [0, 0, 1]])
    )
    image = rasterizer.render(red_blue.select(np.array(order)), CENTRED, HERE)
    np.testing.assert_allclose(image.rgb[12, 16], [0.98, 0, 0.02 * 0.98], atol=2e-4)
    assert image.depth_m[12, 16] == pytest.approx((1 + 0.02 * 2) / 1.02, abs=5e-4)


def test_equal_depths_are_drawn_in_the_order_of_the_rows(rasterizer: Rasterizer) -> None:
    pair = balls([[0, 0, 1.0]] * 2, 0.2, 0.9, np.array([[1, 0, 0], [0, 0, 1]]))
    rgb = rasterizer.render(pair, CENTRED, HERE).rgb[12, 16]
    np.testing.assert_allclose(rgb, [0.9, 0, 0.09], atol=2e-4)


def test_transparencies_multiply(rasterizer: Rasterizer) -> None:
    opacities = np.array([0.3, 0.5, 0.6])
    image = rasterizer.render(balls([[0, 0, z] for z in (1, 2, 3)], 0.1, opacities), CENTRED, HERE)
    assert image.alpha[12, 16] == pytest.approx(1 - 0.7 * 0.5 * 0.4, abs=1e-4)
    weights = np.array([0.3, 0.7 * 0.5, 0.7 * 0.5 * 0.6])
    assert image.depth_m[12, 16] == pytest.approx(weights @ [1, 2, 3] / weights.sum(), abs=1e-3)


def test_an_opaque_gaussian_lets_a_thousandth_through(rasterizer: Rasterizer) -> None:
    alpha = rasterizer.render(balls([0, 0, 1.0], 0.1, 0.9999), CENTRED, HERE).alpha
    assert alpha.max() == pytest.approx(0.999, abs=1e-5)


def test_what_would_end_a_pixel_does_not_count(rasterizer: Rasterizer) -> None:
    stack = balls([[0, 0, 1 + 0.1 * i] for i in range(10)], 0.1, 0.95)
    alpha = rasterizer.render(stack, CENTRED, HERE).alpha
    assert alpha[12, 16] == pytest.approx(1 - 0.05**3, abs=1e-6)  # 0.05^4 is below 1e-4


def test_the_background_fills_what_is_left(rasterizer: Rasterizer) -> None:
    black = rasterizer.render(some_splats(), SPLAT_CAMERA, splat_pose())
    sky = rasterizer.render(some_splats(), SPLAT_CAMERA, splat_pose(), background=(0.1, 0.5, 0.9))
    filled = black.rgb + (1 - black.alpha[..., None]) * np.float32([0.1, 0.5, 0.9])
    np.testing.assert_allclose(sky.rgb, filled, atol=1e-5)
    np.testing.assert_array_equal(sky.depth_m, black.depth_m)


@pytest.mark.parametrize("count", [1, 5, 40])
def test_channels_are_blended_like_colours(rasterizer: Rasterizer, count: int) -> None:
    gaussians = some_splats()
    channels = np.random.default_rng(3).normal(size=(len(gaussians), count)).astype(np.float32)
    channels[:, 0] = np.maximum(gaussians.sh0[:, 1] * SH_C0 + 0.5, 0)
    image = rasterizer.render(
        gaussians, SPLAT_CAMERA, splat_pose(), channels=channels, background=(1, 1, 1)
    )
    black = rasterizer.render(gaussians, SPLAT_CAMERA, splat_pose())
    assert image.channels is not None
    assert image.channels.shape == (23, 37, count)
    assert black.channels is None
    np.testing.assert_allclose(image.channels[..., 0], black.rgb[..., 1], atol=1e-5)
    one = rasterizer.contributions(gaussians, SPLAT_CAMERA, splat_pose(), cell_px=1)
    blended = np.zeros((23 * 37, count))
    np.add.at(blended, one.cell, one.weight[:, None] * channels[one.gaussian])
    np.testing.assert_allclose(image.channels.reshape(-1, count), blended, atol=1e-4)


def test_channels_need_a_row_for_each_gaussian(rasterizer: Rasterizer) -> None:
    with pytest.raises(InputError, match="channels"):
        rasterizer.render(
            some_splats(), SPLAT_CAMERA, splat_pose(), channels=np.zeros((3, 2), np.float32)
        )


def test_a_tilted_wall_has_its_depth(rasterizer: Rasterizer) -> None:
    a, b = np.meshgrid(np.arange(-1.5, 1.5, 0.02), np.arange(-1.2, 1.2, 0.02))
    normal = np.array([np.sin(0.4), 0.0, -np.cos(0.4)])
    across = np.array([np.cos(0.4), 0.0, np.sin(0.4)])
    means = np.array([0, 0, 2.0]) + a.reshape(-1, 1) * across + b.reshape(-1, 1) * [0, 1.0, 0]
    wall = balls(means, 0.012, 0.9)
    wall = replace(
        wall,
        scales=np.tile(np.float32([0.012, 0.012, 0.0005]), (len(wall), 1)),
        wxyz=np.tile(np.float32([np.cos(0.2), 0, -np.sin(0.2), 0]), (len(wall), 1)),
    )
    camera = Camera.from_focal(150, 150, 30, 20, 61, 41)
    image = rasterizer.render(wall, camera, HERE)
    rays = camera.rays.astype(np.float64)
    exact = normal @ [0, 0, 2.0] / (rays @ normal)
    assert image.alpha.min() > 0.95
    assert np.abs(image.depth_m - exact).max() < 0.012  # the nearer side of a footprint hides more


# --- extremes ------------------------------------------------------------------------------------


def test_no_gaussians_is_the_background(rasterizer: Rasterizer) -> None:
    nothing = random_splats(0)
    image = rasterizer.render(
        nothing.activated(),
        SPLAT_CAMERA,
        HERE,
        background=(0.1, 0.2, 0.3),
        channels=np.zeros((0, 4), np.float32),
    )
    np.testing.assert_allclose(image.rgb, np.broadcast_to([0.1, 0.2, 0.3], (23, 37, 3)), atol=1e-6)
    assert not image.alpha.any()
    assert not image.depth_m.any()
    assert image.channels is not None
    assert image.channels.shape == (23, 37, 4)
    assert len(rasterizer.contributions(nothing.activated(), SPLAT_CAMERA, HERE).cell) == 0
    found = rasterizer.gradients(nothing, SPLAT_CAMERA, HERE, _image_gradients(SPLAT_CAMERA))
    assert len(found.parameters) == 0
    assert not found.pose.any()


def test_behind_the_camera_and_too_near_nothing_is_drawn(rasterizer: Rasterizer) -> None:
    unseen = balls([[0, 0, -1.0], [0, 0, 0.0], [0, 0, 0.009], [0.1, 0, -0.01]], 0.2, 0.9)
    image = rasterizer.render(unseen, CENTRED, HERE)
    assert not image.alpha.any()
    assert rasterizer.render(balls([0, 0, 0.011], 0.0005, 0.9), CENTRED, HERE).alpha.max() > 0.85


def test_near_and_beside_the_camera_as_defined(rasterizer: Rasterizer) -> None:
    beside = balls([[0.5, 0.05, 0.5], [-0.3, 0.2, 0.1], [0.02, 0.5, 0.3]], [0.25, 0.1, 0.2], 0.7)
    rgb, _, alpha = render_by_hand(beside, CENTRED, HERE)
    image = rasterizer.render(beside, CENTRED, HERE)
    assert alpha.max() > 0.01
    assert_same_image(image.alpha, alpha)
    assert_same_image(image.rgb, rgb)


def test_a_huge_gaussian_covers_everything(rasterizer: Rasterizer) -> None:
    image = rasterizer.render(balls([0, 0, 5.0], 1000.0, 0.6), SPLAT_CAMERA, HERE)
    np.testing.assert_allclose(image.alpha, 0.6, atol=1e-4)
    np.testing.assert_allclose(image.depth_m, 5.0, atol=1e-3)


def test_a_tiny_gaussian_is_the_blur(rasterizer: Rasterizer) -> None:
    alpha = rasterizer.render(balls([0, 0, 5.0], 1e-7, 0.9), CENTRED, HERE).alpha
    assert alpha[12, 16] == pytest.approx(0.9, abs=1e-4)
    assert alpha[12, 17] == pytest.approx(0.9 * np.exp(-0.5 / 0.3), abs=1e-4)
    assert alpha[13, 17] == pytest.approx(0.9 * np.exp(-1 / 0.3), abs=1e-4)


def test_too_transparent_is_not_drawn(rasterizer: Rasterizer) -> None:
    assert not rasterizer.render(balls([0, 0, 2.0], 0.5, 0.0039), CENTRED, HERE).alpha.any()
    assert rasterizer.render(balls([0, 0, 2.0], 0.5, 0.0041), CENTRED, HERE).alpha.any()


# --- contributions -------------------------------------------------------------------------------


@pytest.mark.parametrize("cell_px", [1, 2, 4, 8, 16])
def test_contributions_add_up_to_alpha(rasterizer: Rasterizer, cell_px: int) -> None:
    gaussians, pose = some_splats(seed=5), splat_pose()
    found = rasterizer.contributions(gaussians, SPLAT_CAMERA, pose, cell_px=cell_px)
    rows, columns = -(-23 // cell_px), -(-37 // cell_px)
    assert found.grid == (rows, columns)
    assert found.cell_px == cell_px
    assert (np.diff(found.cell) >= 0).all()
    assert (found.weight > 0).all()
    pairs = found.cell.astype(np.int64) * len(gaussians) + found.gaussian
    assert len(np.unique(pairs)) == len(pairs)
    padded = np.zeros((rows * cell_px, columns * cell_px))
    padded[:23, :37] = rasterizer.render(gaussians, SPLAT_CAMERA, pose).alpha
    wanted = padded.reshape(rows, cell_px, columns, cell_px).sum((1, 3))
    sums = np.bincount(found.cell, found.weight, rows * columns).reshape(rows, columns)
    np.testing.assert_allclose(sums, wanted, atol=1e-4 * cell_px**2)


def test_contributions_of_pixels_blend_to_the_picture(rasterizer: Rasterizer) -> None:
    gaussians, pose = some_splats(seed=6), splat_pose()
    found = rasterizer.contributions(gaussians, SPLAT_CAMERA, pose, cell_px=1)
    colours = np.maximum(gaussians.sh0 * SH_C0 + 0.5, 0)
    rgb = np.zeros((23 * 37, 3))
    np.add.at(rgb, found.cell, found.weight[:, None] * colours[found.gaussian])
    image = rasterizer.render(gaussians, SPLAT_CAMERA, pose)
    np.testing.assert_allclose(rgb.reshape(23, 37, 3), image.rgb, atol=1e-4)


def test_contributions_are_those_of_the_reference(rasterizer: Rasterizer) -> None:
    gaussians, pose = some_splats(seed=7), splat_pose()
    tables = []
    for member in (rasterizer, EXACT):
        found = member.contributions(gaussians, SPLAT_CAMERA, pose, cell_px=4)
        table = np.zeros((found.grid[0] * found.grid[1], len(gaussians)))
        table[found.cell, found.gaussian] = found.weight
        tables.append(table)
    assert_same_image(*tables)


@pytest.mark.parametrize("cell_px", [0, 3, 32])
def test_cells_must_divide_a_tile(rasterizer: Rasterizer, cell_px: int) -> None:
    with pytest.raises(InputError):
        rasterizer.contributions(some_splats(), SPLAT_CAMERA, splat_pose(), cell_px=cell_px)


# --- gradients -----------------------------------------------------------------------------------


def _image_gradients(camera: Camera, seed: int = 0) -> ImageGradients:
    rng = np.random.default_rng(seed)
    shape = (camera.height, camera.width)
    return ImageGradients(
        rgb=rng.normal(size=(*shape, 3)).astype(np.float32),
        depth_m=rng.normal(size=shape).astype(np.float32),
        alpha=rng.normal(size=shape).astype(np.float32),
    )


@pytest.mark.parametrize("degree", [0, 3])
@pytest.mark.parametrize("fy", [38.0, -38.0])
def test_gradients_are_those_of_the_reference(
    rasterizer: Rasterizer, degree: int, fy: float
) -> None:
    camera = Camera.from_focal(40, fy, 17.3, 11.6, 37, 23)
    splats = random_splats(80, degree, seed=8)
    given = (camera, splat_pose(), _image_gradients(camera))
    found = rasterizer.gradients(splats, *given, background=(0.3, 0.2, 0.1))
    wanted = EXACT.gradients(splats, *given, background=(0.3, 0.2, 0.1))
    for name in splats.__dataclass_fields__:
        if degree or name != "shN":
            assert_close(getattr(found.parameters, name), getattr(wanted.parameters, name), name)
    assert_close(found.pose, wanted.pose, "pose")
    assert_close(found.means2d, wanted.means2d, "means2d")


def assert_close(found: np.ndarray, wanted: np.ndarray, name: str) -> None:
    assert found.shape == wanted.shape, name
    assert np.isfinite(found).all(), name
    assert np.abs(wanted).max() > 0, name
    relative = np.linalg.norm(found - wanted) / np.linalg.norm(wanted)
    assert relative < 5e-3, f"{name}: {relative}"


def test_what_is_not_drawn_has_no_gradient(rasterizer: Rasterizer) -> None:
    splats = random_splats(30, 1, seed=9)
    splats.means[:5] = splat_pose()[:3, 3] + [0, -3, 0]  # behind
    splats.logits[5:10] = -8  # too transparent
    found = rasterizer.gradients(splats, SPLAT_CAMERA, splat_pose(), _image_gradients(SPLAT_CAMERA))
    for name in splats.__dataclass_fields__:
        assert not getattr(found.parameters, name)[:10].any(), name
    assert not found.means2d[:10].any()
    assert np.isfinite(found.pose).all()


def test_moving_the_camera_equals_moving_the_scene(rasterizer: Rasterizer) -> None:
    """The gradient by v is minus the sum of those by the means, in the camera's axes."""
    splats = random_splats(40, 0, seed=10)
    found = rasterizer.gradients(splats, SPLAT_CAMERA, splat_pose(), _image_gradients(SPLAT_CAMERA))
    total = splat_pose()[:3, :3].T @ found.parameters.means.astype(np.float64).sum(0)
    np.testing.assert_allclose(found.pose[:3], -total, atol=2e-3 * np.abs(found.pose[:3]).max())
