"""Approach poses in an analytic room: truth in metres."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grounding3d.errors import ArrayError
from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.transforms import look_at
from grounding3d.live.approach import ApproachPose, approach_pose
from grounding3d.live.floor import NoApproach
from grounding3d.live.free_space import free_space
from grounding3d.live.planner_config import ApproachConfig
from grounding3d.objects.base import LanguageScene
from tests.factories import UP, aabb
from tests.live.room import (
    BARRIER,
    COLUMN,
    FLOOR,
    R_TILTED,
    TARGET,
    TILTED_UP,
    above_table,
    as_language,
    build,
    distance_to,
    furnished,
    room,
    table,
    turned_box,
    walk,
)

CONFIG = ApproachConfig()
SOUTH, NORTH = np.array([0.0, -1.8]), np.array([0.0, 2.0])


def _approach(scene: LanguageScene, box: OBB = TARGET.box, **options) -> ApproachPose:
    found = approach_pose(scene, box, options.pop("config", CONFIG), **options)
    assert isinstance(found, ApproachPose), found
    return found


def _facing_error_deg(pose: ApproachPose, target: np.ndarray, up: np.ndarray = UP) -> float:
    to_target = target - pose.T_world_base[:3, 3]
    to_target = to_target - (to_target @ up) * up
    cosine = pose.T_world_base[:3, 0] @ to_target / np.linalg.norm(to_target)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _crosses(start: np.ndarray, end: np.ndarray, box: OBB) -> bool:
    points = start + np.linspace(0, 1, 400)[:, None] * (end - start)
    low, high = box.aabb()
    return bool(((points > low[:2]) & (points < high[:2])).all(axis=1).any())


@pytest.mark.parametrize(("kind", "more"), [("open", []), ("column", [COLUMN])])
@pytest.mark.parametrize("start", [None, SOUTH, NORTH])
def test_the_robot_stops_clear_of_everything_and_faces_the_object(kind, more, start) -> None:
    pose = _approach(room(kind), start_xy=start)
    at = pose.T_world_base[:3, 3]
    solid = [item for item in furnished(*more) if item not in (FLOOR, TARGET)]
    assert distance_to(at[:2], solid, CONFIG.robot_height_m) >= CONFIG.robot_radius_m - 0.03
    assert abs(at[2]) < 0.02
    assert _facing_error_deg(pose, TARGET.box.center) < 5
    stand_off = distance_to(at[:2], [TARGET], 3.0)
    assert stand_off == pytest.approx(CONFIG.stand_off_m, abs=0.1)
    assert pose.stand_off_m == pytest.approx(stand_off, abs=0.01)
    assert pose.clearance_m <= distance_to(at[:2], solid, CONFIG.robot_height_m) + 0.03
    assert pose.visible_share == 1.0
    np.testing.assert_allclose(pose.T_world_base[:3, 2], UP, atol=1e-9)
    assert np.linalg.det(pose.T_world_base[:3, :3]) == pytest.approx(1)
    forward = pose.T_world_base[:3, 0]
    assert pose.yaw_rad == pytest.approx(np.arctan2(forward[1], forward[0]))


def test_a_column_before_the_object_is_walked_around() -> None:
    pose = _approach(room("column"), start_xy=SOUTH)
    assert not _crosses(pose.T_world_base[:2, 3], TARGET.box.center[:2], COLUMN.box)


def test_from_the_south_the_object_is_approached_from_the_south() -> None:
    assert _approach(room("open"), start_xy=SOUTH).T_world_base[1, 3] < 0.7
    farther = ApproachConfig(stand_off_m=0.75)  # as far as that both sides of the table do
    assert _approach(room("open"), start_xy=SOUTH, config=farther).T_world_base[1, 3] < 0.7
    assert _approach(room("open"), start_xy=NORTH, config=farther).T_world_base[1, 3] > 1.3


def test_behind_a_barrier_the_object_cannot_be_reached_and_it_is_said() -> None:
    scene = room("barrier")
    found = approach_pose(scene, TARGET.box, CONFIG, start_xy=SOUTH)
    assert isinstance(found, NoApproach)
    assert found.reason_code == "unreachable"
    assert _approach(scene, start_xy=NORTH).T_world_base[1, 3] > BARRIER.box.aabb()[1][1]
    low = ApproachConfig(robot_height_m=0.6)
    assert approach_pose(scene, TARGET.box, low, start_xy=SOUTH).reason_code == "unreachable"


def test_a_start_outside_the_map_is_no_start() -> None:
    found = approach_pose(room("open"), TARGET.box, CONFIG, start_xy=np.array([9.0, 9.0]))
    assert isinstance(found, NoApproach)
    assert found.reason_code == "unreachable"
    assert "from known free floor" in found.reason


def test_the_answer_turns_with_the_world() -> None:
    """Up is a direction of the map, not +Z."""
    box = turned_box(TARGET.box, R_TILTED)
    start = R_TILTED @ np.append(SOUTH, 0.3)
    pose = _approach(room("tilted"), box, start_xy=start)
    at = R_TILTED.T @ pose.T_world_base[:3, 3]
    solid = [item for item in furnished() if item not in (FLOOR, TARGET)]
    assert distance_to(at[:2], solid, CONFIG.robot_height_m) >= CONFIG.robot_radius_m - 0.03
    assert abs(at[2]) < 0.02
    assert _facing_error_deg(pose, box.center, TILTED_UP) < 5
    np.testing.assert_allclose(pose.T_world_base[:3, 2], TILTED_UP, atol=1e-9)
    assert distance_to(at[:2], [TARGET], 3.0) == pytest.approx(CONFIG.stand_off_m, abs=0.1)
    with pytest.raises(ArrayError, match="cannot be placed"):
        approach_pose(room("tilted"), box, CONFIG, start_xy=SOUTH)


def test_without_up_there_is_no_pose() -> None:
    scene = room("open")
    lost = replace(scene, scene=replace(scene.scene, up_world=None, up_source="unknown"))
    assert approach_pose(lost, TARGET.box, CONFIG).reason_code == "no_up_direction"


def test_a_table_top_alone_is_no_floor() -> None:
    scene = as_language(build([*table(), TARGET], above_table()))
    assert len(scene.scene.gaussians) > 1000
    assert approach_pose(scene, TARGET.box, CONFIG).reason_code == "no_floor"


def test_a_large_table_over_a_strip_of_floor_is_no_floor() -> None:
    top = aabb([-1.4, 0.2, 0.68], [1.2, 1.8, 0.72])
    large = replace(table()[0], box=top)
    strip = replace(FLOOR, box=aabb([-1.4, -0.2, -0.1], [1.2, 0.2, 0.0]))
    eyes = [np.array([x, -0.5, 1.5]) for x in (-0.5, 0.0, 0.5)]
    beside = [look_at(eye, np.array([eye[0], 0.4, 0.4]), UP) for eye in eyes]
    scene = as_language(build([strip, large, TARGET], [*above_table(), *beside]))
    found = approach_pose(scene, TARGET.box, CONFIG)
    assert isinstance(found, NoApproach)
    assert found.reason_code == "no_floor"
    assert "below" in found.reason


def test_floor_that_was_not_seen_is_not_free() -> None:
    """The object is known, but only the far south of the room was looked at."""
    poses = [pose for pose in walk([(0.0, -1.9)]) if pose[1, 2] < 0.2]
    scene = as_language(build(furnished(), poses))
    assert not isinstance(free_space(scene, CONFIG), NoApproach)
    assert approach_pose(scene, TARGET.box, CONFIG).reason_code == "no_free_space"


def test_a_wider_robot_stays_farther_away() -> None:
    wide = ApproachConfig(robot_radius_m=0.45)
    pose = _approach(room("open"), config=wide)
    solid = [item for item in furnished() if item not in (FLOOR, TARGET)]
    at = pose.T_world_base[:2, 3]
    assert distance_to(at, solid, wide.robot_height_m) >= wide.robot_radius_m - 0.03
    huge = ApproachConfig(robot_radius_m=2.4, max_stand_off_m=2.5)
    assert approach_pose(room("open"), TARGET.box, huge).reason_code == "no_free_space"


def test_one_grid_serves_many_targets() -> None:
    scene = room("open")
    space = free_space(scene, CONFIG)
    assert not isinstance(space, NoApproach)
    once, again = _approach(scene, space=space), _approach(scene)
    np.testing.assert_array_equal(once.T_world_base, again.T_world_base)
    whole_table = _approach(scene, table()[0].box, space=space)
    assert whole_table.stand_off_m == pytest.approx(CONFIG.stand_off_m, abs=0.1)


def test_without_a_start_a_pocket_of_floor_is_not_preferred() -> None:
    """With the near side cut off by the barrier, the larger part of the room is taken."""
    near_barrier = OBB(
        np.array([0.0, -0.95, 0.25]), np.array([1.0, 0, 0, 0]), np.array([0.2, 0.1, 0.5])
    )
    pose = _approach(room("barrier"), near_barrier)
    assert pose.T_world_base[1, 3] > BARRIER.box.aabb()[1][1]
    assert _approach(room("barrier"), near_barrier, start_xy=SOUTH).T_world_base[1, 3] < -1.0
