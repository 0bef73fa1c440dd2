"""How much a recording saw: what one view, a corner and an unseen table leave open."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grounding3d.geometry.transforms import look_at
from grounding3d.query.coverage import Coverage
from grounding3d.scene.base import Keyframe
from tests.query.word_encoder import UP, scene_of, thing


def looking(scene, targets):
    """The scene as seen from its middle towards each of some points."""
    camera = scene.scene.keyframes[0].camera
    eye = np.array([0, 0, 1.0])
    frames = tuple(
        Keyframe(i, camera, look_at(eye, np.array(t, float), UP), None)
        for i, t in enumerate(targets)
    )
    return replace(scene, scene=replace(scene.scene, keyframes=frames))


TABLE = thing(1, "table", (0, 0, 0.7), (1.0, 1.0, 0.02))


def test_a_walk_around_covers():
    assert Coverage.of(scene_of(TABLE, n_keyframes=8)).shortcomings == ()


def test_one_view_does_not():
    (first, *_) = Coverage.of(scene_of(TABLE, n_keyframes=1)).shortcomings
    assert "1 view" in first


def test_a_camera_that_stands_still_sees_a_corner():
    scene = looking(scene_of(TABLE), [(5, 0.1 * k, 1) for k in range(10)])
    found = Coverage.of(scene)
    assert found.turn_rad is not None
    assert 60 < np.rad2deg(found.turn_rad) < 85  # its field of view is 65 degrees
    assert any("degrees" in text for text in found.shortcomings)


def test_a_pan_covers():
    angles = np.deg2rad(np.arange(0, 180, 20))
    scene = looking(scene_of(TABLE), [(np.cos(a), np.sin(a), 1) for a in angles])
    assert Coverage.of(scene).shortcomings == ()


def test_looking_straight_down_says_nothing_about_directions():
    scene = looking(scene_of(TABLE), [(0.01, 0, 0)] * 5)
    assert Coverage.of(scene).turn_rad is None


def test_a_table_top_that_was_hardly_seen_may_carry_anything():
    rng = np.random.default_rng(0)
    corner = rng.uniform((-0.5, -0.5, 0.69), (-0.2, -0.2, 0.71), (300, 3)).astype(np.float32)
    found = Coverage.of(scene_of(replace(TABLE, points=corner)))
    assert found.support_share is not None
    assert found.support_share < 0.15
    assert any("tops" in text for text in found.shortcomings)


def test_what_stands_on_a_table_hides_nothing_unknown():
    rng = np.random.default_rng(0)
    left = rng.uniform((-0.5, -0.5, 0.69), (0, 0.5, 0.71), (2000, 3)).astype(np.float32)
    right = rng.uniform((0, -0.5, 0.71), (0.5, 0.5, 0.9), (2000, 3)).astype(np.float32)
    table = replace(TABLE, points=left, rgb=np.zeros((2000, 3), np.uint8))
    box = replace(thing(2, "box", (0.25, 0, 0.8), (0.5, 1, 0.2), support=1), points=right)
    alone, carrying = (Coverage.of(scene_of(*s)).support_share for s in ((table,), (table, box)))
    assert alone is not None
    assert carrying is not None
    assert alone < 0.6 < 0.9 < carrying


def test_without_up_only_views_are_counted():
    found = Coverage.of(scene_of(TABLE, up=None))
    assert found.turn_rad is None
    assert found.support_share is None
    assert found.shortcomings == ()
