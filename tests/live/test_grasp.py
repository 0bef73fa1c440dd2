"""Grasp hints on a table of known things."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grounding3d.geometry.boxes import OBB
from grounding3d.live.grasp import GraspHint, grasp_hint
from grounding3d.live.planner_config import GraspConfig
from grounding3d.objects.base import LanguageScene
from grounding3d.objects.build import build_objects
from tests.live.room import as_language
from tests.objects.object_factories import (
    BOOK,
    BOX,
    MUG,
    TILTED,
    UP,
    make_scene,
    segment,
    surface,
    table_segments,
    turned,
    upright,
)

CONFIG = GraspConfig()
WIDE = GraspConfig(max_opening_m=0.2)


def _scene(more=(), R=None, without=()) -> LanguageScene:
    """The table with a mug, a box and a book on the box, and more; Gaussians on all of it."""
    R = np.eye(3) if R is None else R
    fused = [item for item in table_segments() if item.id not in without]
    fused = [turned(item, R) for item in [*fused, *more]]
    scene = make_scene(np.concatenate([s.points for s in fused]), R @ UP, R)
    return as_language(scene, build_objects(fused, scene))


def _hint(object_id: int, config: GraspConfig = CONFIG, **options) -> GraspHint:
    scene = _scene(**options)
    return grasp_hint(scene, scene.objects.by_id(object_id), config)


def _angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))


def _to_surface_m(point: np.ndarray, box: OBB) -> float:
    """Distance from a point to the surface of a box."""
    beyond = np.abs((point - box.center) @ box.R) - box.size / 2
    outside = np.linalg.norm(np.maximum(beyond, 0))
    return float(outside if outside > 0 else -beyond.max())


def test_axes_extents_and_openings_are_the_boxs_narrowest_first() -> None:
    hint = _hint(3)
    np.testing.assert_allclose(hint.extents_m, np.sort(BOX.size), atol=0.01)
    np.testing.assert_allclose(hint.openings_m, hint.extents_m + 2 * CONFIG.margin_m)
    np.testing.assert_allclose(hint.axes.T @ hint.axes, np.eye(3), atol=1e-9)
    assert abs(hint.axes[:, 0] @ UP) > 0.99  # the box is lowest along up
    assert abs(hint.axes[:, 2] @ BOX.R[:, 0]) > 0.99  # and longest along its first axis


def test_the_support_plane_is_what_it_stands_on() -> None:
    on_table, on_box = _hint(2).support, _hint(4).support
    assert (on_table.object_id, on_box.object_id) == (1, 3)
    assert on_table.height_m == pytest.approx(0.74, abs=0.005)
    assert on_box.height_m == pytest.approx(0.86, abs=0.008)
    np.testing.assert_allclose(on_table.normal, UP)
    np.testing.assert_allclose(on_table.point, MUG.center - [0, 0, MUG.size[2] / 2], atol=0.01)


def test_a_flat_thing_is_taken_from_above_across_its_narrow_side() -> None:
    hint = _hint(4, WIDE)
    assert hint.approach.side == "above"
    np.testing.assert_allclose(hint.approach.direction, -UP, atol=0.02)
    assert hint.approach.opening_m == pytest.approx(BOOK.size[1] + 0.02, abs=0.012)
    assert abs(hint.approach.closing_axis @ BOOK.R[:, 1]) > 0.98
    assert hint.approach.fits
    assert _to_surface_m(hint.surface_point, BOOK) < 0.006
    assert _angle_deg(hint.surface_normal, UP) < 5


def test_what_carries_something_is_not_taken_from_above() -> None:
    """The book lies on the box; without the book the box is free from above."""
    hint = _hint(3, WIDE)
    (above,) = [side for side in hint.sides if side.side == "above"]
    assert not above.free
    assert hint.approach.side == "horizontal"
    assert abs(hint.approach.direction @ UP) < 0.02
    assert _to_surface_m(hint.surface_point, BOX) < 0.006
    assert _angle_deg(hint.surface_normal, -hint.approach.direction) < 8
    assert _hint(3, WIDE, without=(4,)).approach.side == "above"


def test_a_side_that_something_stands_before_is_not_free() -> None:
    """A tall bottle with a carton 5 cm beside it."""
    rng = np.random.default_rng(3)
    bottle = upright(0.25, -0.25, 0.74, (0.07, 0.07, 0.24))
    carton = upright(0.36, -0.25, 0.74, (0.05, 0.10, 0.2))
    things = [segment(5, surface(bottle, 1500, rng)), segment(6, surface(carton, 1500, rng))]
    hint = _hint(5, CONFIG, more=things)
    towards_carton = [s for s in hint.sides if _angle_deg(s.direction, np.array([-1, 0, 0])) < 20]
    assert [side.free for side in towards_carton] == [False]
    assert sum(side.free for side in hint.sides) == 4
    assert hint.approach.side == "horizontal"  # it is taller than wide
    assert hint.approach.opening_m == pytest.approx(0.09, abs=0.01)
    assert hint.approach.fits == (hint.approach.opening_m <= CONFIG.max_opening_m)


def _comes_from(hint: GraspHint, outward: np.ndarray) -> bool:
    return any(_angle_deg(-side.direction, outward) < 15 for side in hint.sides)


def test_a_side_nobody_saw_is_no_side() -> None:
    box = upright(0.3, -0.2, 0.74, (0.10, 0.12, 0.10))
    points = surface(box, 4000, np.random.default_rng(4))
    x = np.array([1.0, 0, 0])
    whole = _hint(5, WIDE, more=[segment(5, points)])
    assert len(whole.sides) == 5  # never the lower one
    assert _comes_from(whole, x)
    half = _hint(5, WIDE, more=[segment(5, points[points[:, 0] < box.center[0] + 0.02])])
    assert _comes_from(half, -x)
    assert not _comes_from(half, x)


def test_a_bowl_is_seen_from_above() -> None:
    """Its inside lies far below its rim, and faces up."""
    rng = np.random.default_rng(6)
    sphere = rng.normal(size=(6000, 3))
    sphere *= 0.08 / np.linalg.norm(sphere, axis=1, keepdims=True)
    bowl = sphere[sphere[:, 2] < 0] + np.array([0.3, -0.25, 0.74 + 0.08])
    hint = _hint(5, WIDE, more=[segment(5, bowl)])
    assert hint.approach.side == "above"
    np.testing.assert_allclose(hint.surface_point, [0.3, -0.25, 0.74], atol=0.02)
    assert _angle_deg(hint.surface_normal, UP) < 15


def test_the_hint_turns_with_the_world() -> None:
    hint, there = _hint(4, WIDE), _hint(4, WIDE, R=TILTED)
    assert there.approach.side == hint.approach.side
    np.testing.assert_allclose(
        there.approach.direction, TILTED @ hint.approach.direction, atol=0.01
    )
    np.testing.assert_allclose(there.surface_normal, TILTED @ hint.surface_normal, atol=0.02)
    np.testing.assert_allclose(there.support.point, TILTED @ hint.support.point, atol=0.004)
    np.testing.assert_allclose(there.extents_m, hint.extents_m, atol=0.002)


def test_without_up_nothing_is_said_about_sides_and_support() -> None:
    scene = _scene()
    lost = replace(scene, scene=replace(scene.scene, up_world=None, up_source="unknown"))
    item = replace(scene.objects.by_id(2), support_id=None)
    hint = grasp_hint(lost, item)
    assert (hint.support, hint.approach, hint.sides) == (None, None, ())
    # the surface towards the camera is known all the same
    eye = scene.scene.keyframes[item.anchor].T_world_cam[:3, 3]
    assert _to_surface_m(hint.surface_point, MUG) < 0.006
    assert hint.surface_normal is None or hint.surface_normal @ (eye - hint.surface_point) > 0


def test_an_object_without_points_has_no_surface() -> None:
    scene = _scene()
    bare = replace(
        scene.objects.by_id(2), points=np.zeros((0, 3), np.float32), rgb=np.zeros((0, 3), np.uint8)
    )
    hint = grasp_hint(scene, bare)
    assert (hint.surface_point, hint.surface_normal, hint.approach) == (None, None, None)
    assert hint.support is not None


def test_a_rough_surface_has_no_normal() -> None:
    """Leaves, say: points all through a volume."""
    rng = np.random.default_rng(5)
    bush = rng.uniform(-0.04, 0.04, (3000, 3)) + np.array([0.3, -0.25, 0.79])
    hint = _hint(5, WIDE, more=[segment(5, bush)])
    assert hint.surface_point is not None
    assert hint.surface_normal is None
