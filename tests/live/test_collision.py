"""Collision objects: shapes that enclose, ids that stay, and no news without a change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.transforms import make_pose, wxyz_from_matrix
from grounding3d.live.collision import (
    BoxShape,
    CollisionChange,
    CollisionScene,
    MeshShape,
    collision_changes,
    collision_object,
    corner_distance,
)
from grounding3d.live.hull import convex_hull
from grounding3d.live.planner_config import CollisionConfig
from grounding3d.objects.base import ObjectMap
from grounding3d.objects.build import build_objects
from tests.objects.object_factories import MUG, make_scene, surface, table_segments

CONFIG = CollisionConfig()
HULL = CollisionConfig(shape="hull")


@pytest.fixture(scope="module")
def table_map() -> ObjectMap:
    return build_objects(table_segments(), make_scene())


def _moved(objects: ObjectMap, object_id: int, by: np.ndarray, yaw: float = 0.0) -> ObjectMap:
    c, s = np.cos(yaw), np.sin(yaw)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])

    def move(item):
        center = item.box.center
        T = make_pose(turn, center + by - turn @ center)
        points = (item.points @ turn.T + T[:3, 3]).astype(np.float32)
        return replace(item, box=item.box.transformed(T), points=points)

    return ObjectMap(tuple(move(o) if o.id == object_id else o for o in objects), objects.next_id)


def _without(objects: ObjectMap, object_id: int) -> ObjectMap:
    return ObjectMap(tuple(o for o in objects if o.id != object_id), objects.next_id)


def _told(changes: list[CollisionChange]) -> list[tuple[int, str]]:
    return [(change.object_id, change.operation) for change in changes]


def test_a_new_planning_scene_gets_everything(table_map) -> None:
    changes = collision_changes(None, table_map)
    assert _told(changes) == [(1, "ADD"), (2, "ADD"), (3, "ADD"), (4, "ADD")]
    assert changes[1].id == "grounding3d/2"
    mug = changes[1]
    assert isinstance(mug.shape, BoxShape)
    np.testing.assert_allclose(sorted(mug.shape.size), sorted(MUG.size), atol=0.01)
    np.testing.assert_allclose(mug.position, MUG.center, atol=0.01)


def test_nothing_changed_nothing_sent(table_map) -> None:
    assert collision_changes(table_map, table_map) == []
    nudged = _moved(table_map, 2, np.array([0.004, 0, 0]))
    assert collision_changes(table_map, nudged) == []


def test_what_moved_is_moved_and_what_went_is_removed(table_map) -> None:
    changed = _without(_moved(table_map, 2, np.array([0.1, 0, 0])), 4)
    changes = collision_changes(table_map, changed)
    assert _told(changes) == [(4, "REMOVE"), (2, "MOVE")]
    gone, moved = changes
    assert (gone.position, gone.wxyz, gone.shape) == (None, None, None)
    assert moved.shape is None
    np.testing.assert_allclose(moved.position, MUG.center + np.array([0.1, 0, 0]), atol=0.01)


def test_what_changed_its_size_is_added_anew_under_its_id(table_map) -> None:
    mug = table_map.by_id(2)
    taller = replace(
        mug, box=OBB(mug.box.center, mug.box.wxyz, mug.box.size + np.array([0, 0, 0.05]))
    )
    changed = ObjectMap(tuple(taller if o.id == 2 else o for o in table_map))
    (change,) = collision_changes(table_map, changed)
    assert (change.id, change.operation) == ("grounding3d/2", "ADD")
    np.testing.assert_allclose(change.shape.size, taller.box.size)


def test_a_box_whose_axes_are_named_otherwise_is_the_same_box(table_map) -> None:
    box = table_map.by_id(3).box
    quarter = box.R @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    renamed = OBB(box.center, wxyz_from_matrix(quarter), box.size[[1, 0, 2]])
    assert corner_distance(box, renamed) < 1e-9
    turned = ObjectMap(tuple(replace(o, box=renamed) if o.id == 3 else o for o in table_map))
    assert collision_changes(table_map, turned) == []


def test_a_slow_drift_is_sent_once_it_adds_up(table_map) -> None:
    """Each step is below the tolerance; the planner's idea must stay within it all the same."""
    scene = CollisionScene(CONFIG)
    scene.update(table_map)
    known = table_map.by_id(2).box
    sent = 0
    for step in range(1, 11):
        now = _moved(table_map, 2, np.array([0.004 * step, 0, 0]))
        for change in scene.update(now):
            assert change.operation == "MOVE"
            known = OBB(change.position, change.wxyz, known.size)
            sent += 1
        assert corner_distance(known, now.by_id(2).box) <= CONFIG.tolerance_m + 1e-9
    assert 2 <= sent <= 5


def test_replaying_the_changes_gives_the_planner_the_map(table_map) -> None:
    scene, planner = CollisionScene(CONFIG), {}
    steps = [
        table_map,
        _moved(table_map, 3, np.array([0, 0.2, 0]), yaw=0.5),
        _without(table_map, 2),
        table_map,
    ]
    for objects in steps:
        for change in scene.update(objects):
            if change.operation == "REMOVE":
                del planner[change.id]
            elif change.operation == "MOVE":
                size = planner[change.id].size
                planner[change.id] = OBB(change.position, change.wxyz, size)
            else:
                planner[change.id] = OBB(change.position, change.wxyz, change.shape.size)
        assert set(planner) == {f"grounding3d/{item.id}" for item in objects}
        for item in objects:
            known = planner[f"grounding3d/{item.id}"]
            # the tolerance for what was sent, and the slab's least thickness
            assert corner_distance(known, item.box) <= CONFIG.tolerance_m + CONFIG.min_thickness_m
    assert _told(scene.everything()) == [(n, "ADD") for n in (1, 2, 3, 4)]
    assert _told(scene.clear()) == [(n, "REMOVE") for n in (1, 2, 3, 4)]
    assert scene.clear() == []


def test_supports_can_be_left_out_and_slabs_keep_their_upper_face(table_map) -> None:
    bare = collision_changes(None, table_map, CollisionConfig(supports=False))
    assert 1 not in [change.object_id for change in bare]
    table = table_map.by_id(1)
    thick = collision_object(table, CollisionConfig(min_thickness_m=0.05))
    assert thick.box.size[2] == pytest.approx(0.05)
    tops = [box.corners[:, 2].max() for box in (thick.box, table.box)]
    assert tops[0] == pytest.approx(tops[1])


def test_padding_grows_every_side(table_map) -> None:
    for config in (CollisionConfig(padding_m=0.02), CollisionConfig(shape="hull", padding_m=0.02)):
        shape = collision_object(table_map.by_id(2), config).shape
        extent = shape.size if isinstance(shape, BoxShape) else np.ptp(shape.vertices, axis=0)
        np.testing.assert_allclose(sorted(extent), np.sort(MUG.size) + 0.04, atol=0.012)


def _outside_m(points: np.ndarray, vertices: np.ndarray, triangles: np.ndarray) -> float:
    """How far the farthest of the points lies outside a convex mesh; its winding says which way."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return float(((points[:, None] - a[None]) * normals[None]).sum(axis=2).max())


def _volume(vertices: np.ndarray, triangles: np.ndarray) -> float:
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize("stretch", [(1, 1, 1), (1, 0.5, 0.05), (0.05, 0.05, 1)])
@pytest.mark.parametrize("bound", [16, 64])
def test_a_coarse_hull_encloses_and_stays_bounded(stretch, bound) -> None:
    ball = np.random.default_rng(0).normal(size=(3000, 3))
    ball *= 0.1 * np.array(stretch) / np.linalg.norm(ball, axis=1, keepdims=True)
    vertices, triangles = convex_hull(ball, bound)
    assert 8 <= len(vertices) <= bound
    assert len(triangles) == 2 * len(vertices) - 4  # Euler: a closed surface
    assert _outside_m(ball, vertices, triangles) < 1e-6
    true = 4 / 3 * np.pi * 0.1**3 * np.prod(stretch)
    assert true < _volume(vertices, triangles) < (1.3 if bound == 64 else 1.9) * true
    assert (np.abs(vertices) <= np.abs(ball).max(axis=0) + 1e-4).all()


def test_a_small_hull_is_exact_and_a_flat_one_is_none() -> None:
    cube = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    vertices, triangles = convex_hull(np.concatenate([cube, 0.5 * cube + 0.2]), 64)
    assert len(vertices) == 8
    assert _volume(vertices, triangles) == pytest.approx(1)
    assert convex_hull(cube * [1, 1, 0], 64) is None
    assert convex_hull(cube[:2], 64) is None


def test_a_hull_reaches_down_to_the_support_and_follows_the_thing(table_map) -> None:
    hidden = build_objects(table_segments(hidden=0.03), make_scene())
    placed = collision_object(hidden.by_id(2), HULL)
    assert isinstance(placed.shape, MeshShape)
    world = placed.shape.vertices @ placed.box.R.T + placed.box.center
    assert world[:, 2].min() == pytest.approx(0.74, abs=0.006)
    truth = surface(MUG, 500, np.random.default_rng(5))
    assert _outside_m(truth, world, placed.shape.triangles) < 0.006
    moved = _moved(table_map, 2, np.array([0.1, 0, 0]))
    (change,) = collision_changes(table_map, moved, HULL)
    assert change.operation == "ADD"  # a hull's frame may turn within the thing


def test_an_object_of_one_plane_gets_its_box(table_map) -> None:
    book = table_map.by_id(4)
    flat = replace(book, support_id=None, points=book.points * np.float32([1, 1, 0]) + [0, 0, 0.87])
    assert isinstance(collision_object(flat, HULL).shape, BoxShape)
