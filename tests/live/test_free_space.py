"""The occupancy grid against the true room."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grounding3d.errors import ConfigError
from grounding3d.live.floor import NoApproach, find_floor
from grounding3d.live.free_space import FREE, OCCUPIED, UNKNOWN, FreeSpace, free_space
from grounding3d.live.planner_config import ApproachConfig
from grounding3d.objects.build import build_objects
from tests.live.room import (
    FLOOR,
    LAMP,
    R_TILTED,
    as_language,
    build,
    distance_to,
    furnished,
    room,
    table,
    walk,
)
from tests.objects.object_factories import segment, surface

CONFIG = ApproachConfig()


def _space(kind: str = "open", config: ApproachConfig = CONFIG) -> FreeSpace:
    found = free_space(room(kind), config)
    assert isinstance(found, FreeSpace), found
    return found


def _cell(space: FreeSpace, point: np.ndarray) -> int:
    column, row = np.floor(space.grid.xy_of(point) / space.grid.resolution_m).astype(int)
    return int(space.grid.cells[row, column])


@pytest.mark.parametrize("kind", ["open", "tilted"])
def test_cells_say_what_is_there(kind) -> None:
    space = _space(kind)
    R = R_TILTED if kind == "tilted" else np.eye(3)
    at = {"floor": (1.5, -1.0, 0), "corner": (-2.3, -2.3, 0), "table": (-0.5, 1.0, 0),
          "wall": (2.5, 0.0, 0), "outside": (2.62, 0.0, 0)}  # fmt: skip
    found = {name: _cell(space, R @ np.array(point)) for name, point in at.items()}
    assert found == {
        "floor": FREE, "corner": FREE, "table": OCCUPIED, "wall": OCCUPIED, "outside": UNKNOWN,
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["open", "tilted"])
def test_no_standable_cell_is_near_a_true_obstacle(kind) -> None:
    space = _space(kind)
    solid = [item for item in furnished() if item is not FLOOR]
    cells = np.argwhere(space.standable)
    assert len(cells) * CONFIG.resolution_m**2 > 10  # of 25 m^2 with a table
    for cell in cells[::7]:
        world = space.to_world(space.grid.centers(cell))
        at = (R_TILTED.T @ world) if kind == "tilted" else world
        distance = distance_to(at[:2], solid, CONFIG.robot_height_m)
        assert distance >= CONFIG.robot_radius_m - 0.03
        assert space.clearance_m[tuple(cell)] <= distance + 0.03


def test_what_hangs_over_the_robot_is_no_obstacle() -> None:
    low, high = LAMP.box.aabb()
    rim = [np.array([x, low[1], 0]) for x in np.linspace(low[0], high[0], 12)]
    assert {_cell(_space(), point) for point in rim} == {FREE}
    tall = _space(config=ApproachConfig(robot_height_m=1.9))
    assert sum(_cell(tall, point) == OCCUPIED for point in rim) >= 3


def test_a_low_robot_fits_under_the_table() -> None:
    low = _space(config=ApproachConfig(robot_height_m=0.5, robot_radius_m=0.15))
    row, column = np.floor(low.grid.xy_of(np.array([-0.1, 1.0, 0])) / 0.05).astype(int)[::-1]
    assert low.standable[row, column]


def test_the_floor_is_found_where_it_is() -> None:
    floor = _space().floor
    assert abs(floor.slope[2]) < 0.01
    assert np.abs(floor.slope[:2]).max() < 0.005
    assert 20 < floor.area_m2 < 26


def test_a_slightly_tilted_floor_is_followed() -> None:
    """Up is measured: a degree off over a room is several centimetres of height."""
    scene = room("open")
    up = np.array([np.sin(np.deg2rad(1.5)), 0, np.cos(np.deg2rad(1.5))])
    moved = as_language(replace(scene.scene, up_world=up))
    space = free_space(moved, CONFIG)
    assert isinstance(space, FreeSpace)
    assert space.standable.sum() > 0.9 * _space().standable.sum()
    for x in (-2.0, 2.0):
        xy = space.grid.xy_of(np.array([x, -1.0, 0]))
        assert abs(space.to_world(xy)[2]) < 0.02


def test_a_known_floor_height_is_taken_if_it_was_seen() -> None:
    assert abs(_space(config=ApproachConfig(floor_height_m=0.0)).floor.slope[2]) < 0.01
    found = find_floor(room("open").scene, ApproachConfig(floor_height_m=-1.0))
    assert isinstance(found, NoApproach)
    assert found.reason_code == "no_floor"


def test_the_points_of_a_table_seen_from_afar_are_obstacles() -> None:
    """The surfels of a top seen at a grazing angle are rejected; the fused points are not."""
    bare = build([FLOOR], walk())
    top = table()[0].box
    points = surface(top, 6000, np.random.default_rng(0))
    objects = build_objects([segment(1, points, "support")], bare)
    middle = np.array([-0.1, 1.0, 0])
    without, with_table = free_space(as_language(bare)), free_space(as_language(bare, objects))
    assert isinstance(without, FreeSpace)
    assert isinstance(with_table, FreeSpace)
    assert _cell(without, middle) == FREE
    assert _cell(with_table, middle) == OCCUPIED


def test_a_growing_map_keeps_its_cells() -> None:
    corner = _space().grid.xy_of(np.zeros(3)) / CONFIG.resolution_m
    np.testing.assert_allclose(corner, np.rint(corner), atol=1e-6)


def test_a_grid_too_large_is_refused() -> None:
    with pytest.raises(ConfigError, match="resolution_m"):
        free_space(room("open"), ApproachConfig(resolution_m=0.0005))
