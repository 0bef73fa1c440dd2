"""Planes of analytic depth images: where they are, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.features.planes import (
    box_mean,
    depth_noise_m,
    find_supports,
    find_walls,
    make_surface,
    up_from_image,
    widen,
)
from grounding3d.geometry.camera import Camera

CAMERA = Camera.from_focal(262, 262, 159.5, 119.5, 320, 240)


def plane_depth(normal, distance, camera: Camera = CAMERA, noise_seed: int | None = None):
    """Depth of the plane `normal . p = -distance` with a normal towards the camera."""
    facing = camera.rays @ np.asarray(normal, float)
    depth = np.where(facing < -0.05, -distance / np.minimum(facing, -0.05), 0)
    depth[depth > 4] = 0
    if noise_seed is not None:
        noise = np.random.default_rng(noise_seed).normal(size=depth.shape)
        depth = np.where(depth > 0, depth + noise * depth_noise_m(depth), 0)
    return depth.astype(np.float32)


def tilted(degrees: float, roll: float = 0.0) -> np.ndarray:
    """Up in the camera frame of a camera looking down by so many degrees."""
    a, r = np.radians(degrees), np.radians(roll)
    return np.array([np.sin(r) * np.cos(a), -np.cos(r) * np.cos(a), -np.sin(a)])


@pytest.mark.parametrize("degrees", [25, 45, 70])
def test_normals_of_a_plane_are_its_normal(degrees):
    up = tilted(degrees)
    surface = make_surface(plane_depth(up, 0.8), CAMERA)
    lost = ~surface.valid
    lost[:4] = lost[-4:] = lost[:, :4] = lost[:, -4:] = True
    inner = surface.normals[~widen(widen(widen(widen(lost))))]
    assert len(inner) > 1000
    assert np.degrees(np.arccos(np.clip(inner @ up, -1, 1))).max() < 1


def test_the_area_of_a_plane_is_its_area():
    depth = np.zeros((240, 320), np.float32)
    depth[60:180, 80:240] = 1.0
    surface = make_surface(depth, CAMERA)
    truth = 120 * 160 / 262**2
    assert surface.area_m2.sum() == pytest.approx(truth, rel=0.08)


@pytest.mark.parametrize("degrees", [25, 45, 70])
def test_a_noisy_support_is_found_to_a_millimetre(degrees):
    up = tilted(degrees)
    surface = make_surface(plane_depth(up, 0.9, noise_seed=3), CAMERA)
    (plane,) = find_supports(surface, tilted(degrees + 4), 0.05, 0.26)
    assert np.degrees(np.arccos(plane.normal @ up)) < 0.3
    assert plane.offset == pytest.approx(0.9, abs=0.001)
    assert plane.bits[surface.valid].mean() > 0.95


def test_a_thin_slab_on_the_table_does_not_tilt_it():
    up = tilted(40)
    table, slab = plane_depth(up, 0.9, noise_seed=3), plane_depth(up, 0.885, noise_seed=4)
    depth = table.copy()
    depth[60:200, 190:310] = slab[60:200, 190:310]
    plane = find_supports(make_surface(depth, CAMERA), up, 0.05, 0.26)[0]
    assert np.degrees(np.arccos(plane.normal @ up)) < 0.3
    assert not plane.bits[80:180, 210:290].any()


def test_a_wall_is_no_support_and_a_table_no_wall():
    up = tilted(30)
    wall = np.cross(up, [1.0, 0, 0])
    wall *= -np.sign(wall[2])
    floor, back = plane_depth(up, 1.2), plane_depth(wall, 2.2)
    depth = np.where((floor > 0) & ((back == 0) | (floor < back)), floor, back)
    surface = make_surface(depth.astype(np.float32), CAMERA)
    (support,) = find_supports(surface, up, 0.05, 0.26)
    assert support.normal @ up > 0.999
    (found,) = find_walls(surface, up, surface.valid & ~support.bits, 0.3)
    assert found.normal @ wall > 0.999
    assert found.offset == pytest.approx(2.2, abs=0.002)


@pytest.mark.parametrize("roll", [-15, 0, 15])
def test_up_is_guessed_from_what_faces_image_up(roll):
    up = tilted(40, roll)
    guess = up_from_image(make_surface(plane_depth(up, 1.0, noise_seed=1), CAMERA))
    assert guess is not None
    assert np.degrees(np.arccos(guess @ up)) < 3


def test_nothing_that_faces_up_gives_no_guess():
    assert up_from_image(make_surface(plane_depth([0, 0, -1.0], 1.0), CAMERA)) is None


def test_box_mean_counts_only_the_mask():
    values = np.arange(25, dtype=np.float32).reshape(5, 5)
    mask = np.zeros((5, 5), bool)
    mask[2, 2] = mask[2, 3] = True
    mean = box_mean(values, mask, 3)
    assert mean[2, 1] == pytest.approx(12)
    assert mean[1, 3] == pytest.approx(12.5)
    assert mean[0, 0] == 0


def test_widening_takes_the_eight_neighbours():
    bits = np.zeros((5, 6), bool)
    bits[0, 0] = bits[3, 4] = True
    wide = widen(bits)
    assert wide.sum() == 4 + 9
    assert wide[2:5, 3:6].all()
