"""Messages for planners: planning-scene diffs, grasp hints and poses, with known numbers."""

from __future__ import annotations

import numpy as np
import pytest
from rosbags.typesys import get_types_from_msg

from grounding3d.live.collision import CollisionScene
from grounding3d.live.grasp import grasp_hint
from grounding3d.live.messages.planning import grasp_message, planning_scene, pose_stamped
from grounding3d.live.messages.types import BagTypes
from grounding3d.live.planner_config import CollisionConfig
from grounding3d.objects.base import ObjectMap
from tests.live.answers import translation
from tests.objects.object_factories import language_scene

# the fields of moveit_msgs that are used here
MOVEIT = {
    "CollisionObject": (
        "std_msgs/Header header\ngeometry_msgs/Pose pose\nstring id\n"
        "shape_msgs/SolidPrimitive[] primitives\ngeometry_msgs/Pose[] primitive_poses\n"
        "shape_msgs/Mesh[] meshes\ngeometry_msgs/Pose[] mesh_poses\n"
        "byte ADD=0\nbyte REMOVE=1\nbyte APPEND=2\nbyte MOVE=3\nbyte operation\n"
    ),
    "PlanningSceneWorld": "moveit_msgs/CollisionObject[] collision_objects\n",
    "RobotState": "bool is_diff\n",
    "PlanningScene": (
        "moveit_msgs/RobotState robot_state\nmoveit_msgs/PlanningSceneWorld world\nbool is_diff\n"
    ),
}


@pytest.fixture(scope="module")
def types() -> BagTypes:
    made = BagTypes()
    for name, text in MOVEIT.items():
        made.store.register(get_types_from_msg(text, f"moveit_msgs/msg/{name}"))
    return made


def test_objects_become_boxes_at_their_poses_and_go_by_their_ids(types: BagTypes) -> None:
    scene = language_scene()
    board = CollisionScene()
    message = planning_scene(types, board.update(scene.objects), "map")
    assert message.is_diff
    assert message.robot_state.is_diff
    by_id = {item.id: item for item in message.world.collision_objects}
    assert set(by_id) == {f"grounding3d/{item.id}" for item in scene.objects}
    for item in scene.objects:
        sent = by_id[f"grounding3d/{item.id}"]
        at = sent.pose.position
        shape = sent.primitives[0]
        assert (sent.operation, shape.type, sent.header.frame_id) == (0, 1, "map")
        np.testing.assert_allclose(shape.dimensions, np.maximum(item.box.size, 0.01), atol=1e-9)
        if (item.box.size > 0.01).all():
            np.testing.assert_allclose([at.x, at.y, at.z], item.box.center, atol=1e-9)
        assert sent.primitive_poses[0].orientation.w == 1.0
    gone = planning_scene(types, board.update(ObjectMap()), "map")
    assert [item.operation for item in gone.world.collision_objects] == [1] * len(scene.objects)


def test_hulls_are_meshes_whose_triangles_name_their_vertices(types: BagTypes) -> None:
    board = CollisionScene(CollisionConfig(shape="hull", supports=False))
    message = planning_scene(types, board.update(language_scene().objects), "map")
    for item in message.world.collision_objects:
        (mesh,) = item.meshes
        highest = max(int(triangle.vertex_indices.max()) for triangle in mesh.triangles)
        assert highest == len(mesh.vertices) - 1
        assert not item.primitives
    data = types.serialize(message)
    assert len(types.store.deserialize_cdr(data, message.__msgtype__).world.collision_objects)


def test_a_grasp_hint_turns_with_its_frame(types: BagTypes) -> None:
    scene = language_scene()
    item = next(each for each in scene.objects if each.support_id is not None)
    hint = grasp_hint(scene, item)
    assert hint.surface_point is not None
    assert hint.support is not None
    T = translation(1, 2, 3, degrees=90)
    message = grasp_message(types, hint, item.box, T)
    at = message.surface_point
    x, y, z = hint.surface_point
    np.testing.assert_allclose([at.x, at.y, at.z], [1 - y, 2 + x, 3 + z], atol=1e-9)
    normal, d = message.support_plane[:3], message.support_plane[3]
    np.testing.assert_allclose(normal, [0, 0, 1], atol=1e-9)
    assert d == pytest.approx(hint.support.height_m + 3)
    if hint.surface_normal is not None:
        n = message.surface_normal
        wanted = [-hint.surface_normal[1], hint.surface_normal[0], hint.surface_normal[2]]
        np.testing.assert_allclose([n.x, n.y, n.z], wanted, atol=1e-9)
    assert message.box.size.x == item.box.size[0]


def test_a_pose_names_its_frame_and_time(types: BagTypes) -> None:
    message = pose_stamped(types, translation(1, 2, 0, degrees=180), "odom", 12.5)
    assert (message.header.frame_id, message.header.stamp.sec) == ("odom", 12)
    assert abs(message.pose.orientation.z) == pytest.approx(1)
