"""What lies in a bowl or a box, beside what only lies in its bounding box."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from object_factories import UP, language_scene, make_scene, segment, surface, upright

from grounding3d.fusion.base import FusedSegment
from grounding3d.fusion.evidence import Crop
from grounding3d.fusion.memo import Memo
from grounding3d.objects.base import MapObject, ObjectMap
from grounding3d.objects.build import build_objects
from grounding3d.objects.records import object_arrays, objects_from, objects_json
from grounding3d.objects.store import load_scene, save_scene

TABLE_M = 0.74
BIN = upright(0.0, 0.0, TABLE_M, (0.30, 0.24, 0.14), 0.3)
APPLE = upright(0.03, -0.02, TABLE_M + 0.005, (0.07, 0.07, 0.07), 0.1)


def tray(box, n: int = 4000) -> np.ndarray:
    """Points on the four walls and the bottom of an open box; none on top."""
    rng = np.random.default_rng(7)
    points = surface(box, n, rng)
    local = (points - box.center) @ box.R
    local[local[:, 2] > box.size[2] / 2 - 1e-6, 2] = -box.size[2] / 2 + 0.003
    return local @ box.R.T + box.center


def table() -> FusedSegment:
    rng = np.random.default_rng(1)
    top = np.column_stack([rng.uniform(-0.6, 0.6, (6000, 2)), np.full(6000, TABLE_M)])
    return segment(1, top, "support")


def things(*clouds: np.ndarray) -> ObjectMap:
    fused = [table(), *(segment(n, cloud) for n, cloud in enumerate(clouds, 2))]
    return build_objects(fused, make_scene())


def apple(at: np.ndarray | None = None) -> np.ndarray:
    return surface(APPLE, 900, np.random.default_rng(3)) + (0 if at is None else at)


def inside(objects: ObjectMap) -> MapObject:
    return objects.by_id(3)


def test_an_apple_in_a_box_is_in_it_and_rests_on_it() -> None:
    item = inside(things(tray(BIN), apple()))
    assert item.container_id == item.support_id == 2
    assert item.position == pytest.approx(APPLE.center, abs=0.006)


def test_the_box_itself_stands_on_the_table_and_in_nothing() -> None:
    box = things(tray(BIN), apple()).by_id(2)
    assert (box.container_id, box.support_id) == (None, 1)
    assert box.position == pytest.approx(BIN.center, abs=0.006)


@pytest.mark.parametrize("turn", [0.0, 0.7, 2.0])
def test_it_does_not_depend_on_where_the_world_s_axes_point(turn: float) -> None:
    c, s = np.cos(turn), np.sin(turn)
    R = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    assert inside(things(tray(BIN) @ R.T, apple() @ R.T)).container_id == 2


def test_beside_and_on_are_not_in() -> None:
    beside = inside(things(tray(BIN), apple(np.array([0.3, 0, 0]))))
    assert (beside.container_id, beside.support_id) == (None, 1)
    closed = surface(BIN, 4000, np.random.default_rng(2))
    on_top = inside(things(closed, apple(np.array([0, 0, BIN.size[2]]))))
    assert (on_top.container_id, on_top.support_id) == (None, 2)


def test_a_cup_before_a_laptop_s_screen_is_not_in_the_laptop() -> None:
    rng = np.random.default_rng(4)
    keys = surface(upright(0, 0, TABLE_M, (0.32, 0.24, 0.015)), 2000, rng)
    screen = surface(upright(0, 0.115, TABLE_M + 0.015, (0.32, 0.01, 0.20)), 2000, rng)
    objects = things(np.concatenate([keys, screen]), apple(np.array([0, 0, 0.012])))
    assert inside(objects).container_id is None


def test_without_up_nothing_is_in_anything() -> None:
    fused = [segment(2, tray(BIN)), segment(3, apple())]
    objects = build_objects(fused, make_scene(up=None))
    assert all(item.container_id is None for item in objects)


def test_the_folder_keeps_container_pictures_and_views(tmp_path: Path) -> None:
    scene = language_scene()
    first, second = scene.objects.objects[1:3]
    crops = tuple(Crop(bytes([n] * (5 + n)), n, (1, 2, 30 + n, 40), 0.5) for n in range(2))
    held = replace(first, container_id=second.id, crops=crops, misfit_m=0.002)
    objects = ObjectMap((scene.objects.objects[0], held, *scene.objects.objects[2:]))
    item = load_scene(save_scene(tmp_path / "s", replace(scene, objects=objects))).objects.by_id(
        held.id
    )
    assert (item.container_id, item.misfit_m, item.crops) == (second.id, 0.002, crops)
    np.testing.assert_array_equal(item.keyframes, first.keyframes)


def test_records_from_before_there_were_any_are_read() -> None:
    objects = language_scene().objects
    value, arrays = objects_json(objects), object_arrays(objects)
    for record in value["objects"]:
        for name in ("container_id", "crops", "n_keyframes", "misfit_m"):
            del record[name]
    del arrays["crops"], arrays["keyframes"]
    for item in objects_from(value, arrays):
        assert (item.container_id, item.crops, len(item.keyframes)) == (None, (), 0)


def test_thousands_of_things_ask_only_their_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    """5,000 things in a grid: comparisons in Python must grow with the things, not their square."""
    from grounding3d.objects import completion, containment, support

    calls = 0
    surface_height, contains = support.surface_height, containment._contains

    def counted(*args):
        nonlocal calls
        calls += 1
        return surface_height(*args)

    def counted_too(*args):
        nonlocal calls
        calls += 1
        return contains(*args)

    monkeypatch.setattr(support, "surface_height", counted)
    monkeypatch.setattr(containment, "_contains", counted_too)
    side, cube = 71, surface(upright(0, 0, 0, (0.05, 0.05, 0.05)), 40, np.random.default_rng(5))
    grid = [(x, y) for x in range(side) for y in range(side)][:5000]
    items = [
        support.Carrier(n, "object", upright(0.3 * x, 0.3 * y, 0, (0.05, 0.05, 0.05)),
                        cube + np.array([0.3 * x, 0.3 * y, 0]))
        for n, (x, y) in enumerate(grid)
    ]  # fmt: skip
    from grounding3d.objects.config import ObjectConfig

    nearby = completion.Neighbours(items, UP, ObjectConfig())
    for n, item in enumerate(items):
        seen = np.ones(len(cube))
        completion._complete_object(item, seen, UP, ObjectConfig(), Memo(), *nearby.of(n))
    assert calls <= 2 * len(items)
