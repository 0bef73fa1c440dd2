"""What planners read: an approach pose, grasp hints, a planning-scene diff."""

from __future__ import annotations

from typing import Any

import numpy as np

from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.transforms import wxyz_from_matrix
from grounding3d.live.collision import BoxShape, CollisionChange, MeshShape
from grounding3d.live.grasp import GraspHint
from grounding3d.live.messages.answers import POSE, box
from grounding3d.live.messages.basics import header, point, pose, vector
from grounding3d.live.messages.types import MessageTypes

PLANNING_SCENE = "moveit_msgs/msg/PlanningScene"
_OPERATIONS = {"ADD": 0, "REMOVE": 1, "MOVE": 3}
_BOX = 1  # shape_msgs/SolidPrimitive


def pose_stamped(
    types: MessageTypes, T_frame_body: np.ndarray, frame_id: str, stamp_s: float | None
) -> Any:
    """`geometry_msgs/PoseStamped` of a body's pose [4,4] in a frame."""
    wxyz = wxyz_from_matrix(T_frame_body[:3, :3])
    return types.make(
        POSE,
        header=header(types, frame_id, stamp_s),
        pose=pose(types, T_frame_body[:3, 3], wxyz),
    )


def grasp_message(
    types: MessageTypes, hint: GraspHint, item_box: OBB, T_frame_world: np.ndarray | None = None
) -> Any | None:
    """`grounding3d_msgs/GraspHint` in another frame; None without an observed surface.

    A zero normal stands for a surface that is not smooth enough to have one.

    Args:
        hint: in the world frame.
        item_box: the object's box in the world frame.
        T_frame_world: [4,4] into the message's frame; None: the world's.
    """
    if hint.surface_point is None:
        return None
    T = np.eye(4) if T_frame_world is None else T_frame_world
    R, t = T[:3, :3], T[:3, 3]
    normal = np.zeros(3) if hint.surface_normal is None else R @ hint.surface_normal
    plane = np.zeros(4)
    if hint.support is not None:
        up = R @ hint.support.normal
        plane = np.append(up, up @ (R @ hint.support.point + t))
    return types.make(
        "grounding3d_msgs/msg/GraspHint",
        surface_point=point(types, R @ hint.surface_point + t),
        surface_normal=vector(types, normal),
        box=box(types, item_box.transformed(T)),
        has_support_plane=hint.support is not None,
        support_plane=plane,
    )


def planning_scene(types: MessageTypes, changes: list[CollisionChange], frame_id: str) -> Any:
    """`moveit_msgs/PlanningScene` as a diff: what was there stays unless it is named here."""
    world = types.make(
        "moveit_msgs/msg/PlanningSceneWorld",
        collision_objects=[_collision_object(types, change, frame_id) for change in changes],
    )
    state = types.make("moveit_msgs/msg/RobotState", is_diff=True)
    return types.make(PLANNING_SCENE, world=world, robot_state=state, is_diff=True)


def _collision_object(types: MessageTypes, change: CollisionChange, frame_id: str) -> Any:
    fields: dict[str, Any] = {}
    if change.position is not None and change.wxyz is not None:
        fields["pose"] = pose(types, change.position, change.wxyz)
    unmoved = types.make("geometry_msgs/msg/Pose")
    if isinstance(change.shape, BoxShape):
        size = np.asarray(change.shape.size, np.float64)
        shape = types.make("shape_msgs/msg/SolidPrimitive", type=_BOX, dimensions=size)
        fields |= {"primitives": [shape], "primitive_poses": [unmoved]}
    elif isinstance(change.shape, MeshShape):
        fields |= {"meshes": [_mesh(types, change.shape)], "mesh_poses": [unmoved]}
    return types.make(
        "moveit_msgs/msg/CollisionObject",
        header=header(types, frame_id, None),
        id=change.id,
        operation=_OPERATIONS[change.operation],
        **fields,
    )


def _mesh(types: MessageTypes, shape: MeshShape) -> Any:
    triangles = [
        types.make("shape_msgs/msg/MeshTriangle", vertex_indices=np.asarray(each, np.uint32))
        for each in shape.triangles
    ]
    return types.make(
        "shape_msgs/msg/Mesh",
        triangles=triangles,
        vertices=[point(types, each) for each in shape.vertices],
    )
