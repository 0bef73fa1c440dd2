"""Points, normals and areas of analytic depth images, and means over their pixels."""

from __future__ import annotations

import numpy as np
import pytest
from plane_world import CAMERA, plane_depth, tilted

from grounding3d.features.surface import box_mean, make_surface, widen


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
