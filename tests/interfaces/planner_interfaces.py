"""moveit_msgs and diagnostic_msgs for tests: real packages, generated and built as ours are.

diagnostic_msgs, shape_msgs and trajectory_msgs have the texts that rosbags carries. Of moveit_msgs
(ROS 2) and the two packages it needs, all fields of what a planning scene consists of are here, in
their order, since these are the wire format.
"""

from __future__ import annotations

from typing import Any

import pytest
from rosbags.typesys import Stores, get_typestore

from tests.ros_build import build_tool, ros_environment

STANDARD = ("diagnostic_msgs", "shape_msgs", "trajectory_msgs")
FURTHER = {
    "object_recognition_msgs/msg/ObjectType": "string key\nstring db\n",
    "octomap_msgs/msg/Octomap": (
        "std_msgs/Header header\nbool binary\nstring id\nfloat64 resolution\nint8[] data\n"
    ),
    "octomap_msgs/msg/OctomapWithPose": (
        "std_msgs/Header header\ngeometry_msgs/Pose origin\noctomap_msgs/Octomap octomap\n"
    ),
    "moveit_msgs/msg/CollisionObject": (
        "std_msgs/Header header\ngeometry_msgs/Pose pose\nstring id\n"
        "object_recognition_msgs/ObjectType type\n"
        "shape_msgs/SolidPrimitive[] primitives\ngeometry_msgs/Pose[] primitive_poses\n"
        "shape_msgs/Mesh[] meshes\ngeometry_msgs/Pose[] mesh_poses\n"
        "shape_msgs/Plane[] planes\ngeometry_msgs/Pose[] plane_poses\n"
        "string[] subframe_names\ngeometry_msgs/Pose[] subframe_poses\n"
        "byte ADD=0\nbyte REMOVE=1\nbyte APPEND=2\nbyte MOVE=3\nbyte operation\n"
    ),
    "moveit_msgs/msg/AttachedCollisionObject": (
        "string link_name\nmoveit_msgs/CollisionObject object\nstring[] touch_links\n"
        "trajectory_msgs/JointTrajectory detach_posture\nfloat64 weight\n"
    ),
    "moveit_msgs/msg/RobotState": (
        "sensor_msgs/JointState joint_state\nsensor_msgs/MultiDOFJointState multi_dof_joint_state\n"
        "moveit_msgs/AttachedCollisionObject[] attached_collision_objects\nbool is_diff\n"
    ),
    "moveit_msgs/msg/AllowedCollisionEntry": "bool[] enabled\n",
    "moveit_msgs/msg/AllowedCollisionMatrix": (
        "string[] entry_names\nmoveit_msgs/AllowedCollisionEntry[] entry_values\n"
        "string[] default_entry_names\nbool[] default_entry_values\n"
    ),
    "moveit_msgs/msg/LinkPadding": "string link_name\nfloat64 padding\n",
    "moveit_msgs/msg/LinkScale": "string link_name\nfloat64 scale\n",
    "moveit_msgs/msg/ObjectColor": "string id\nstd_msgs/ColorRGBA color\n",
    "moveit_msgs/msg/PlanningSceneWorld": (
        "moveit_msgs/CollisionObject[] collision_objects\noctomap_msgs/OctomapWithPose octomap\n"
    ),
    "moveit_msgs/msg/PlanningScene": (
        "string name\nmoveit_msgs/RobotState robot_state\nstring robot_model_name\n"
        "geometry_msgs/TransformStamped[] fixed_frame_transforms\n"
        "moveit_msgs/AllowedCollisionMatrix allowed_collision_matrix\n"
        "moveit_msgs/LinkPadding[] link_padding\nmoveit_msgs/LinkScale[] link_scale\n"
        "moveit_msgs/ObjectColor[] object_colors\nmoveit_msgs/PlanningSceneWorld world\n"
        "bool is_diff\n"
    ),
}
NEEDS = {
    "diagnostic_msgs": ("builtin_interfaces", "std_msgs", "geometry_msgs"),
    "shape_msgs": ("geometry_msgs",),
    "trajectory_msgs": ("builtin_interfaces", "std_msgs", "geometry_msgs"),
    "object_recognition_msgs": ("std_msgs",),
    "octomap_msgs": ("std_msgs", "geometry_msgs"),
    "moveit_msgs": (
        "std_msgs", "geometry_msgs", "sensor_msgs", "shape_msgs", "trajectory_msgs",
        "object_recognition_msgs", "octomap_msgs",
    ),
}  # fmt: skip


def planner_environment() -> dict[str, str]:
    """`ros_environment()` in which the planners' and the diagnostics' messages are found, too."""
    variables, tool = ros_environment(), build_tool()
    prefix = tool.PREFIX.with_name("ros_planners")
    tool.build(prefix, _packages(tool))
    with pytest.MonkeyPatch.context() as patched:
        for name, value in variables.items():
            patched.setenv(name, value)
        return dict(tool.environment(prefix))


def _packages(tool: Any) -> list[Any]:
    """The packages that are not installed, in the order of their needs."""
    texts = _texts()
    return [
        tool.Package(name, texts[name], needs)
        for name, needs in NEEDS.items()
        if not tool._find_share(name)
    ]


def _texts() -> dict[str, dict[str, str]]:
    """Package -> file -> definition."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    names = [name for name in store.types if name.split("/")[0] in STANDARD]
    known = {name: _definition(store, name) for name in names} | FURTHER
    texts: dict[str, dict[str, str]] = {}
    for name, text in known.items():
        package, kind, leaf = name.split("/")
        texts.setdefault(package, {})[f"{kind}/{leaf}.msg"] = text
    return texts


def _definition(store: Any, name: str) -> str:
    """What stands in the file of a message: the part before those of other messages."""
    text: str = store.generate_msgdef(name, ros_version=2)[0].partition("=" * 80)[0]
    return text
