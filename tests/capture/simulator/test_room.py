"""Simulated rooms are at rest, apart, walked through freely, and their truth is true."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("pybullet")

from grounding3d.capture.simulator.capture import SimulatedCapture
from grounding3d.capture.simulator.placement import Settler, footprint, polygon_gap
from grounding3d.capture.simulator.queries.base import ALL_KINDS
from grounding3d.capture.simulator.room.config import RoomConfig
from grounding3d.capture.simulator.room.walk import clearance
from grounding3d.capture.simulator.room.world import simulate_room
from grounding3d.errors import ConfigError
from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.transforms import invert_pose, transform_points

SMALL = RoomConfig(n_objects=12, n_on_floor=2, n_frames=40, width=240, height=180)


@pytest.fixture(scope="module", params=[1, 2])
def world(request):
    with simulate_room(SMALL, request.param) as made:
        yield made


@pytest.fixture(scope="module")
def capture():
    made = SimulatedCapture(simulate_room(SMALL, 2))
    yield made
    made.close()


@pytest.fixture(scope="module")
def truth(capture):
    return capture.ground_truth()


def test_it_is_furnished_and_filled(world):
    kinds = [p.model.category for p in world.objects]
    assert "shelf" in kinds
    assert {"sofa", "armchair", "bed"} & set(kinds)
    assert len(kinds) >= 12
    shelf = kinds.index("shelf")
    assert sum(p.support == shelf for p in world.objects) >= 2
    assert sum(p.support is None and not p.on_floor for p in world.objects) >= 2


def test_there_are_several_of_a_kind(world):
    kinds = Counter(p.model.category for p in world.objects)
    assert sum(n > 1 for n in kinds.values()) >= 2


def test_everything_touches_what_it_stands_on(world):
    for placed in world.objects:
        bottom = placed.vertices[:, 2].min()
        if placed.inside:
            continue
        if placed.on_floor:
            levels = np.zeros(1)
        elif placed.support is None:
            levels = np.array([world.table.size_m[2]])
        else:
            levels = world.objects[placed.support].vertices[:, 2]
        assert np.abs(levels - bottom).min() < 0.003, placed.model.name


def test_things_stay_where_they_are_when_physics_goes_on(world):
    things = [p for p in world.objects if not p.inside and max(p.model.size_m) < 0.5]
    for placed in things:
        settler = Settler(float(placed.vertices[:, 2].min()))
        try:
            rest = settler.settle(placed.model, placed.T_table_object)
        finally:
            settler.close()
        assert rest is not None
        assert np.linalg.norm(rest[:3, 3] - placed.T_table_object[:3, 3]) < 0.008
        assert rest[:3, 2] @ placed.T_table_object[:3, 2] > np.cos(np.radians(6))


def test_nothing_intersects(world):
    outlines = [footprint(p.vertices) for p in world.objects]
    spans = [(p.vertices[:, 2].min(), p.vertices[:, 2].max()) for p in world.objects]
    for k, placed in enumerate(world.objects):
        for j in range(k):
            if placed.support == j or world.objects[j].support == k:
                continue
            overlap = min(spans[k][1], spans[j][1]) - max(spans[k][0], spans[j][0])
            assert overlap < 0.002 or polygon_gap(outlines[k], outlines[j]) > 0.01
    table = footprint(world.table.vertices.astype(float))
    for outline, (low, _), placed in zip(outlines, spans, world.objects, strict=True):
        assert (
            low > world.table.size_m[2] - 0.003
            or polygon_gap(outline, table) > 0.01
            or (placed.inside)
        )


def test_what_lies_in_a_container_does_not_cut_through_it(world):
    for placed in (p for p in world.objects if p.inside):
        around = world.objects[placed.support].vertices
        assert placed.vertices[:, 2].min() > around[:, 2].min()
        outline = footprint(around)
        inside = footprint(np.concatenate([around, placed.vertices]))
        np.testing.assert_allclose(np.ptp(inside, axis=0), np.ptp(outline, axis=0), atol=1e-6)


def test_the_walk_is_free_at_eye_height_and_smooth(world):
    in_table = invert_pose(world.T_world_table) @ world.T_world_cam
    eyes = in_table[:, :3, 3]
    low, high = SMALL.eye_height_m
    assert (eyes[:, 2] > low - 0.05).all()
    assert (eyes[:, 2] < high + 0.05).all()
    floor = transform_points(np.eye(4), world.room[0].vertices.astype(float))
    assert polygon_gap(footprint(floor), footprint(np.column_stack([eyes, 0 * eyes]))) == 0
    outlines = [footprint(p.vertices) for p in world.objects if p.on_floor and not p.inside]
    outlines.append(footprint(world.table.vertices.astype(float)))
    assert clearance(eyes[:, :2], (99.0, 99.0), outlines) > SMALL.clearance_m - 0.05
    assert np.linalg.norm(np.diff(eyes, axis=0), axis=1).max() < 0.45
    level = np.abs(in_table[:, 2, 0])  # the image's x axis stays level
    assert level.max() < 0.12


def test_observed_points_lie_in_their_true_boxes(capture, truth):
    records = {r["id"]: r for r in truth["objects"]}
    seen_ids = set()
    for index in range(0, capture.length, 4):
        image, frame = capture.perfect(index), capture[index]
        points = frame.camera.backproject(image.depth_m)
        for identifier in np.unique(image.body[image.body >= 0]):
            seen = points[(image.body == identifier) & (image.depth_m > 0)].astype(np.float64)
            world = transform_points(frame.T_world_cam, seen)
            box = records[identifier]["box"]
            obb = OBB(np.array(box["center"]), np.array(box["wxyz"]), np.array(box["size"]))
            assert obb.contains(world, margin_m=0.003).all()
            seen_ids.add(int(identifier))
    assert len(seen_ids) >= 8


def test_every_kind_is_asked_and_furniture_too(truth):
    kinds = {q["kind"] for q in truth["queries"]}
    assert kinds <= set(ALL_KINDS)
    assert kinds >= {"plain", "caption", "absent"}
    assert len(kinds) >= 6
    categories = {r["id"]: r["category"] for r in truth["objects"]}
    plain = {categories[t] for q in truth["queries"] if q["kind"] == "plain" for t in q["targets"]}
    assert plain & {"shelf", "sofa", "bed", "table", "armchair"}
    assert len(truth["viewpoint"]) == 3


def test_a_seed_gives_the_same_room(capture, truth):
    again = SimulatedCapture(simulate_room(SMALL, 2))
    np.testing.assert_array_equal(capture[7].rgb, again[7].rgb)
    np.testing.assert_array_equal(capture.world.T_world_cam, again.world.T_world_cam)
    names = [p.model.name for p in again.world.objects]
    assert names == [r["name"] for r in truth["objects"][1:]]
    again.close()


def test_a_room_without_room_is_refused():
    tiny = SMALL.model_copy(update={"room_width_m": (1.0, 1.0), "room_depth_m": (0.9, 0.9)})
    with pytest.raises(ConfigError, match="too small"):
        simulate_room(tiny, 0)
