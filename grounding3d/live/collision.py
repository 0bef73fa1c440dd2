"""The object map as collision objects of a motion planner (MoveIt 2), sent as differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from grounding3d.geometry.boxes import OBB
from grounding3d.live.hull import convex_hull
from grounding3d.live.planner_config import CollisionConfig
from grounding3d.objects.base import MapObject, ObjectMap

Operation = Literal["ADD", "MOVE", "REMOVE"]


@dataclass(frozen=True, eq=False)
class BoxShape:
    """A shape_msgs/SolidPrimitive box.

    Attributes:
        size: [3] full extents along the pose's axes, metres.
    """

    size: np.ndarray


@dataclass(frozen=True, eq=False)
class MeshShape:
    """A shape_msgs/Mesh.

    Attributes:
        vertices: [n,3] metres, in the pose's frame.
        triangles: [m,3] int indices of vertices, counter-clockwise seen from outside.
    """

    vertices: np.ndarray
    triangles: np.ndarray


@dataclass(frozen=True, eq=False)
class CollisionObject:
    """One object as the planner knows it.

    Attributes:
        object_id: id in the map.
        box: pose of the shape, and what changes are measured on.
        shape: its shape about that pose.
    """

    object_id: int
    box: OBB
    shape: BoxShape | MeshShape

    @property
    def id(self) -> str:
        """The planner's id, the same as long as the map's id lives."""
        return collision_id(self.object_id)


@dataclass(frozen=True, eq=False)
class CollisionChange:
    """One entry of a planning-scene diff, in the world frame of the map.

    Attributes:
        id: "grounding3d/<object id>".
        object_id: id in the map.
        operation: ADD also replaces what has the id; MOVE gives a pose only; REMOVE neither.
        position: [3] metres of the shape's frame, None for REMOVE.
        wxyz: [4] unit quaternion of it, None for REMOVE.
        shape: None for MOVE and REMOVE.
    """

    id: str
    object_id: int
    operation: Operation
    position: np.ndarray | None = None
    wxyz: np.ndarray | None = None
    shape: BoxShape | MeshShape | None = None


def collision_id(object_id: int) -> str:
    """The planner's id of a map object."""
    return f"grounding3d/{object_id}"


def collision_changes(
    previous: ObjectMap | None, current: ObjectMap, config: CollisionConfig | None = None
) -> list[CollisionChange]:
    """What turns a planning scene made from `previous` into one of `current`.

    None is sent for a change within the tolerance; over many maps those add up, so a stream of maps
    goes through a `CollisionScene`, which compares with what was sent.

    Args:
        previous: the map before; None for an empty planning scene.
        current: the map now.
        config: shapes and tolerance; the defaults if None.
    """
    scene = CollisionScene(config)
    if previous is not None:
        scene.update(previous)
    return scene.update(current)


class CollisionScene:
    """What a planner was told so far.

    Args:
        config: shapes and tolerance; the defaults if None.
    """

    def __init__(self, config: CollisionConfig | None = None) -> None:
        self.config = config or CollisionConfig()
        self._sent: dict[int, CollisionObject] = {}

    def update(self, objects: ObjectMap) -> list[CollisionChange]:
        """The changes to send now, removals first, then in order of id."""
        wanted = [item for item in objects if item.kind == "object" or self.config.supports]
        gone = sorted(set(self._sent) - {item.id for item in wanted})
        changes = [self._remove(object_id) for object_id in gone]
        for item in wanted:
            change = self._place(item)
            if change is not None:
                changes.append(change)
        return changes

    def clear(self) -> list[CollisionChange]:
        """The changes that take everything of ours out of the planner's scene."""
        return [self._remove(object_id) for object_id in sorted(self._sent)]

    def everything(self) -> list[CollisionChange]:
        """All that was sent, anew: for a planner that was restarted."""
        return [_add(self._sent[object_id]) for object_id in sorted(self._sent)]

    def _remove(self, object_id: int) -> CollisionChange:
        del self._sent[object_id]
        return CollisionChange(collision_id(object_id), object_id, "REMOVE")

    def _place(self, item: MapObject) -> CollisionChange | None:
        old = self._sent.get(item.id)
        tolerance_m = self.config.tolerance_m
        box = collision_box(item.box, self.config)
        if old is not None and corner_distance(old.box, box) <= tolerance_m:
            return None
        same_size = old is not None and (np.abs(old.box.size - box.size) <= tolerance_m).all()
        if old is not None and same_size and isinstance(old.shape, BoxShape):
            # the size that was sent stays, so that its drift is measured from there
            box = OBB(box.center, box.wxyz, old.box.size)
            self._sent[item.id] = CollisionObject(item.id, box, old.shape)
            return CollisionChange(
                collision_id(item.id), item.id, "MOVE", position=box.center, wxyz=box.wxyz
            )
        placed = collision_object(item, self.config)
        self._sent[item.id] = placed
        return _add(placed)


def _add(placed: CollisionObject) -> CollisionChange:
    return CollisionChange(
        placed.id, placed.object_id, "ADD", placed.box.center, placed.box.wxyz, placed.shape
    )


def collision_object(item: MapObject, config: CollisionConfig) -> CollisionObject:
    """An object's shape; its box where its points span no volume."""
    box = collision_box(item.box, config)
    if config.shape == "hull" and item.kind == "object":
        hull = _hull(item, config)
        if hull is not None:
            return CollisionObject(item.id, box, hull)
    return CollisionObject(item.id, box, BoxShape(box.size))


def collision_box(box: OBB, config: CollisionConfig) -> OBB:
    """The box padded, and no thinner than `min_thickness_m`; a slab keeps its upper face."""
    size = np.maximum(box.size, config.min_thickness_m)
    lower = np.zeros(3)
    lower[2] = (box.size[2] - size[2]) / 2
    return OBB(box.center + box.R @ lower, box.wxyz, size + 2 * config.padding_m)


def corner_distance(a: OBB, b: OBB) -> float:
    """Largest distance from a corner of one box to the nearest of the other, metres.

    It does not see how a box's axes are named: a box turned by a quarter with its sides swapped is
    the same box.
    """
    distances = np.linalg.norm(a.corners[:, None] - b.corners[None], axis=2)
    return float(max(distances.min(axis=0).max(), distances.min(axis=1).max()))


def _hull(item: MapObject, config: CollisionConfig) -> MeshShape | None:
    """Convex hull of the points in the box, in the axes of the collision box.

    The foot of a thing on a support is often unseen: its points' shadow on the box's lower face
    belongs to the hull, as the box was completed down to there.
    """
    box = collision_box(item.box, config)
    points = item.points[item.box.contains(item.points, margin_m=0.005)].astype(np.float64)
    local = (points - box.center) @ box.R
    if item.support_id is not None and len(local):
        foot = local.copy()
        foot[:, 2] = -item.box.size[2] / 2 + (item.box.center - box.center) @ box.R[:, 2]
        local = np.concatenate([local, foot])
    found = convex_hull(local, config.max_vertices, config.padding_m)
    return None if found is None else MeshShape(*found)
