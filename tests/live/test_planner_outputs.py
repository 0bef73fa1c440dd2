"""Approach, collision and grasp on objects that the real mapper found, in a room that is known."""

from __future__ import annotations

import numpy as np
import pytest

from grounding3d.features.encoders import BUNDLED, load_encoder
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import look_at
from grounding3d.live.approach import ApproachPose, approach_pose
from grounding3d.live.collision import collision_changes
from grounding3d.live.config import Config
from grounding3d.live.grasp import grasp_hint
from grounding3d.live.mapping import Mapper
from grounding3d.live.planner_config import ApproachConfig, GraspConfig
from grounding3d.objects.base import LanguageScene, MapObject
from grounding3d.scene.config import SceneConfig
from tests.factories import UP
from tests.live.room import COLUMN, FLOOR, TARGET, distance_to, frames, furnished

pytestmark = pytest.mark.slow
CAMERA = Camera.from_focal(260, 260, 159.5, 119.5, 320, 240)


@pytest.fixture(scope="module")
def mapped() -> LanguageScene:
    """A walk around the table, looking at it and at the floor before it."""
    mapper = Mapper(Config(scene=SceneConfig(backend="points")), load_encoder(BUNDLED), up_world=UP)
    poses = []
    for angle in np.deg2rad(np.arange(0, 360, 30)):
        out = np.array([np.cos(angle), np.sin(angle), 0])
        for away, at in ((1.2, 0.0), (1.4, 0.9)):
            eye = np.array([-0.05, 0.95, 1.5]) + out * away
            poses.append(look_at(eye, np.array([-0.05, 0.95, 0.7]) + (at + 1e-3) * out, UP))
    for frame in frames(furnished(COLUMN), poses, camera=CAMERA):
        mapper.add(frame)
    return mapper.finish()


@pytest.fixture(scope="module")
def target(mapped) -> MapObject:
    things = [item for item in mapped.objects if item.kind == "object"]
    nearest = min(things, key=lambda o: np.linalg.norm(o.position - TARGET.box.center))
    assert np.linalg.norm(nearest.position - TARGET.box.center) < 0.03
    return nearest


def test_the_robot_goes_to_the_found_object(mapped, target) -> None:
    config = ApproachConfig()
    pose = approach_pose(mapped, target, config)
    assert isinstance(pose, ApproachPose), pose
    at = pose.T_world_base[:3, 3]
    solid = [item for item in furnished(COLUMN) if item not in (FLOOR, TARGET)]
    assert distance_to(at[:2], solid, config.robot_height_m) >= config.robot_radius_m - 0.03
    assert distance_to(at[:2], [TARGET], 3.0) == pytest.approx(config.stand_off_m, abs=0.1)
    to_target = TARGET.box.center[:2] - at[:2]
    turn = np.arctan2(to_target[1], to_target[0]) - pose.yaw_rad
    assert abs(np.degrees((turn + np.pi) % (2 * np.pi) - np.pi)) < 5
    assert pose.target_id == target.id


def test_the_planner_gets_the_found_objects(mapped, target) -> None:
    changes = {change.object_id: change for change in collision_changes(None, mapped.objects)}
    assert set(changes) == {item.id for item in mapped.objects}
    mine = changes[target.id]
    np.testing.assert_allclose(mine.position, TARGET.box.center, atol=0.03)
    np.testing.assert_allclose(sorted(mine.shape.size), sorted(TARGET.box.size), atol=0.03)
    assert collision_changes(mapped.objects, mapped.objects) == []


def test_the_found_object_can_be_gripped(mapped, target) -> None:
    hint = grasp_hint(mapped, target, GraspConfig(max_opening_m=0.2))
    assert hint.support.height_m == pytest.approx(0.72, abs=0.01)
    np.testing.assert_allclose(hint.extents_m, np.sort(TARGET.box.size), atol=0.03)
    assert hint.approach.fits
    assert hint.approach.opening_m == pytest.approx(0.15 + 0.02, abs=0.03)
    np.testing.assert_allclose(hint.surface_normal, -hint.approach.direction, atol=0.15)
