"""Depth registration against analytic scenes."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.capture.registration import register_depth
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import make_pose

DEPTH = Camera.from_focal(146, 146, 79.5, 59.5, 160, 120)
SAME = Camera.from_focal(131, 131, 79.5, 59.5, 160, 120)
FINE = Camera.from_focal(270, 270, 159.5, 119.5, 320, 240)
COARSE = Camera.from_focal(60, 60, 39.5, 29.5, 80, 60)
SHIFT = make_pose(np.eye(3), np.array([-0.025, 0, 0]))


def _plane_depth(camera, normal, offset):
    """z of the plane n.p = offset along every ray."""
    return (offset / (camera.rays @ np.asarray(normal, np.float32))).astype(np.float32)


@pytest.mark.parametrize("color", [SAME, FINE, COARSE], ids=["same", "fine", "coarse"])
def test_slanted_plane_keeps_its_place_and_has_no_holes(color):
    normal = np.array([0.5, 0.2, 1.0]) / np.linalg.norm([0.5, 0.2, 1.0])
    got = register_depth(_plane_depth(DEPTH, normal, 2.0), DEPTH, color, SHIFT)
    want = _plane_depth(color, normal, 2.0 + normal @ SHIFT[:3, 3])
    inner = np.zeros(got.shape, bool)
    rows, columns = got.shape[0] // 8, got.shape[1] // 8
    inner[rows:-rows, columns:-columns] = True
    assert (got[inner] > 0).all()
    error = (got - want)[inner]
    assert np.abs(error).max() < 0.02
    assert abs(error.mean()) < 1e-3


@pytest.mark.parametrize("color", [SAME, FINE, COARSE], ids=["same", "fine", "coarse"])
def test_foreground_hides_background_and_depths_are_not_mixed(color):
    depth = np.full((120, 160), 3.0, np.float32)
    depth[40:80, 60:110] = 1.0
    got = register_depth(depth, DEPTH, color, SHIFT)
    assert set(np.unique(got)) <= {0.0, 1.0, 3.0}
    x0, x1 = (np.array([60, 109]) - DEPTH.cx) / DEPTH.fx - 0.025
    y0, y1 = (np.array([40, 79]) - DEPTH.cy) / DEPTH.fy
    u = np.arange(np.ceil(x0 * color.fx + color.cx), x1 * color.fx + color.cx, dtype=int)
    v = np.arange(np.ceil(y0 * color.fy + color.cy), y1 * color.fy + color.cy, dtype=int)
    assert (got[np.ix_(v, u)] == 1.0).all()
    box_share = (got == 1.0).sum() / (len(u) * len(v))
    assert 1.0 <= box_share < 1.25  # grown by less than about a pixel on each side


def test_the_same_camera_changes_nothing():
    depth = np.random.default_rng(0).uniform(0.5, 3, (120, 160)).astype(np.float32)
    assert np.array_equal(register_depth(depth, DEPTH, DEPTH, np.eye(4)), depth)
    nudge = make_pose(np.eye(3), np.array([1e-7, 0, 0]))
    smooth = _plane_depth(DEPTH, [0.1, 0.1, 0.99], 2.0)
    assert register_depth(smooth, DEPTH, DEPTH, nudge) == pytest.approx(smooth, abs=1e-5)


def test_unknown_depth_and_points_behind_the_camera_vanish():
    assert not register_depth(np.zeros((120, 160), np.float32), DEPTH, SAME, SHIFT).any()
    behind = make_pose(np.eye(3), np.array([0, 0, -2.0]))
    assert not register_depth(np.ones((120, 160), np.float32), DEPTH, SAME, behind).any()


def test_a_rotated_depth_camera():
    half_turn = make_pose(np.diag([-1.0, -1.0, 1.0]), np.zeros(3))
    depth = np.full((120, 160), 2.0, np.float32)
    depth[:60] = 1.0
    got = register_depth(depth, DEPTH, DEPTH, half_turn)
    assert (got[60:] == 1.0).mean() > 0.98
    assert (got[:59] == 2.0).mean() > 0.98
