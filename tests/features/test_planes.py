"""Planes of analytic depth images: where they are, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest
from plane_world import CAMERA, plane_depth, tilted

from grounding3d.features.planes import find_supports, find_walls, up_from_image
from grounding3d.features.surface import make_surface


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
