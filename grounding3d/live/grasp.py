"""Where and from which side an object can be gripped: a hint for a grasp planner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from grounding3d.live.planner_config import GraspConfig
from grounding3d.objects.base import LanguageScene, MapObject
from grounding3d.objects.extent import height_range
from grounding3d.objects.support import Carrier, surface_height

_SEEN_DEPTH = 0.25  # share of the box's depth behind a face in which its surface must lie
_SEEN_SHARE = 0.5  # of a grid over the face's middle that must hold surface, for it to be known
_FACE_CELLS = 5  # of which the outermost are left out: other faces' rims lie there
_LINE_M = 0.01  # points this near beside a line count as on it
_MIN_POINTS = 12  # fewer make no normal
_FLATNESS = 0.3  # thickness over width of a patch beyond which it has no normal
_ATOP_COS = 0.7  # a face this much towards up is above, towards the horizon a side


@dataclass(frozen=True, eq=False)
class SupportPlane:
    """The surface an object stands on.

    Attributes:
        object_id: id of what carries it.
        point: [3] metres, under the object's middle.
        normal: [3] unit, against gravity.
        height_m: of the plane along up_world.
    """

    object_id: int
    point: np.ndarray
    normal: np.ndarray
    height_m: float


@dataclass(frozen=True, eq=False)
class GraspSide:
    """One face of the object's box, as a way to come to it.

    Attributes:
        side: "above" or "horizontal".
        direction: [3] unit, the way the gripper moves: towards the object.
        free: whether the corridor before the face is clear of other observed surface.
        opening_m: opening the fingers need to close along `closing_axis`, margins included.
        closing_axis: [3] unit, the box's narrower axis across the direction.
        fits: whether the gripper opens that wide.
    """

    side: Literal["above", "horizontal"]
    direction: np.ndarray
    free: bool
    opening_m: float
    closing_axis: np.ndarray
    fits: bool


@dataclass(frozen=True, eq=False)
class GraspHint:
    """What is known for gripping one object, in the scene's world frame, metres.

    Attributes:
        object_id: id in the map.
        frame_id: frame of all coordinates.
        surface_point: [3] observed surface, on the suggested side where there is one, else the
            nearest to the camera the object is anchored to; None without points.
        surface_normal: [3] unit, outwards; None where the surface there is not smooth enough.
        axes: [3,3] the box's axes as columns, narrowest first.
        extents_m: [3] full extents along them.
        openings_m: [3] openings needed to grip along each of them, margins included.
        support: what it stands on, None if nothing is known.
        approach: the side to come from; None where up is unknown or no observed side is free.
        sides: all sides that were observed; an unobserved one is not listed, as what stands before
            it and where it ends are guesses.
    """

    object_id: int
    frame_id: str
    surface_point: np.ndarray | None
    surface_normal: np.ndarray | None
    axes: np.ndarray
    extents_m: np.ndarray
    openings_m: np.ndarray
    support: SupportPlane | None
    approach: GraspSide | None
    sides: tuple[GraspSide, ...]


def grasp_hint(
    scene: LanguageScene, item: MapObject, config: GraspConfig | None = None
) -> GraspHint:
    """Surface, axes, support and the free sides of an object.

    Of the free sides those come first that the gripper fits, then above before the horizon unless
    the object is taller than wide, then the one that needs the least opening.
    """
    config = config or GraspConfig()
    order = np.argsort(item.box.size, kind="stable")
    extents = item.box.size[order]
    sides = _sides(scene, item, config)
    approach = _choose([side for side in sides if side.free], item, scene.scene.up_world)
    point, facing = _surface_point(scene, item, approach)
    return GraspHint(
        object_id=item.id,
        frame_id=scene.scene.world_frame,
        surface_point=point,
        surface_normal=None if point is None else _normal(item, point, facing, config),
        axes=item.box.R[:, order],
        extents_m=extents,
        openings_m=extents + 2 * config.margin_m,
        support=_support(scene, item),
        approach=approach,
        sides=tuple(sides),
    )


def _support(scene: LanguageScene, item: MapObject) -> SupportPlane | None:
    up = scene.scene.up_world
    carrier = next((o for o in scene.objects if o.id == item.support_id), None)
    if up is None or carrier is None:
        return None
    of = Carrier(carrier.id, carrier.kind, carrier.box, carrier.points)
    height = surface_height(of, item.box.center, up)
    point = item.box.center + up * (height - item.box.center @ up)
    return SupportPlane(carrier.id, point, np.asarray(up, float), height)


def _sides(scene: LanguageScene, item: MapObject, config: GraspConfig) -> list[GraspSide]:
    """The observed faces of the box that a gripper can come to: not the lower one."""
    up = scene.scene.up_world
    if up is None or not item.n_points:
        return []
    local = (item.points - item.box.center) @ item.box.R
    others = _others(scene, item, config)
    sides = []
    for axis in range(3):
        for sign in (1, -1):
            outward = sign * item.box.R[:, axis]
            # from above one looks to the bottom of a bowl
            depth = 1.0 if outward @ up > _ATOP_COS else _SEEN_DEPTH
            if outward @ up < -_ATOP_COS or not _was_seen(local, item.box.size, axis, sign, depth):
                continue
            sides.append(
                _side(item, axis, sign, up, _in_corridor(others, item, axis, sign, config), config)
            )
    return sides


def _side(
    item: MapObject, axis: int, sign: int, up: np.ndarray, in_the_way: int, config: GraspConfig
) -> GraspSide:
    outward = sign * item.box.R[:, axis]
    above = bool(outward @ up > _ATOP_COS)
    across = [k for k in range(3) if k != axis]
    if not above:  # fingers that close vertically would need the room under the object
        across = [k for k in across if abs(item.box.R[:, k] @ up) < _ATOP_COS] or across
    closing = min(across, key=lambda k: item.box.size[k])
    opening = float(item.box.size[closing] + 2 * config.margin_m)
    return GraspSide(
        side="above" if above else "horizontal",
        direction=-outward,
        free=in_the_way <= config.max_points,
        opening_m=opening,
        closing_axis=item.box.R[:, closing],
        fits=opening <= config.max_opening_m,
    )


def _others(scene: LanguageScene, item: MapObject, config: GraspConfig) -> np.ndarray:
    """[n,3] observed surface near the object that is not its own, in the box's axes."""
    points = scene.scene.gaussians.means
    reach = np.linalg.norm(item.box.size) / 2 + config.reach_m
    center = item.box.center.astype(np.float32)
    near = points[(np.abs(points - center) <= np.float32(reach)).all(axis=1)]
    others = near[~item.box.contains(near, margin_m=config.margin_m)]
    return np.asarray((others - item.box.center) @ item.box.R)


def _in_corridor(
    others: np.ndarray, item: MapObject, axis: int, sign: int, config: GraspConfig
) -> int:
    """How many points of others lie before a face, as far out as the gripper reaches."""
    half = item.box.size / 2
    out = sign * others[:, axis] - half[axis]
    before = (out > config.margin_m) & (out < config.reach_m)
    for k in (k for k in range(3) if k != axis):
        before &= np.abs(others[:, k]) <= half[k]
    # the support's own surface lies at the lower rim of an upright box
    if axis != 2:
        before &= others[:, 2] > -half[2] + config.contact_m
    return int(before.sum())


def _was_seen(local: np.ndarray, size: np.ndarray, axis: int, sign: int, depth: float) -> bool:
    """Whether surface [n,3] was observed behind the middle of a face, down to a share of depth."""
    behind = size[axis] / 2 - sign * local[:, axis]
    near = local[behind <= max(depth * size[axis], 0.01)]
    across = [k for k in range(3) if k != axis]
    cells = np.floor((near[:, across] / size[across] + 0.5) * _FACE_CELLS)
    middle = cells[((cells >= 1) & (cells < _FACE_CELLS - 1)).all(axis=1)]
    return len(np.unique(middle, axis=0)) >= _SEEN_SHARE * (_FACE_CELLS - 2) ** 2


def _choose(free: list[GraspSide], item: MapObject, up: np.ndarray | None) -> GraspSide | None:
    if not free or up is None:
        return None
    low, high = height_range(item.box, up)
    tall = high - low > item.box.size[:2].max()
    preferred = "horizontal" if tall else "above"
    return min(free, key=lambda side: (not side.fits, side.side != preferred, side.opening_m))


def _surface_point(
    scene: LanguageScene, item: MapObject, approach: GraspSide | None
) -> tuple[np.ndarray | None, np.ndarray]:
    """The observed point [3] to go for, and a direction [3] its surface faces.

    On the side to come from it is what the line through the box's middle meets; without one, the
    point nearest to the camera the object is anchored to. Either way the surface faces where it is
    come from, or it would not have been seen.
    """
    if not item.n_points:
        return None, np.zeros(3)
    points = item.points.astype(np.float64)
    if approach is not None:
        offset = points - item.box.center
        along = -(offset @ approach.direction)
        aside = np.linalg.norm(offset + along[:, None] * approach.direction, axis=1)
        on_line = aside <= aside.min() + _LINE_M
        return points[np.where(on_line, along, -np.inf).argmax()], -approach.direction
    keyframes = scene.scene.keyframes
    if not keyframes:
        return points[np.linalg.norm(points - item.box.center, axis=1).argmin()], np.zeros(3)
    anchor = item.anchor if 0 <= item.anchor < len(keyframes) else -1
    eye = keyframes[anchor].T_world_cam[:3, 3]
    point = points[np.linalg.norm(points - eye, axis=1).argmin()]
    return point, eye - point


def _normal(
    item: MapObject, point: np.ndarray, facing: np.ndarray, config: GraspConfig
) -> np.ndarray | None:
    """Normal of the observed surface about a point, None where that is no smooth surface."""
    away = np.linalg.norm(item.points - point, axis=1)
    patch = item.points[away <= config.normal_radius_m].astype(np.float64)
    if len(patch) < _MIN_POINTS or not facing.any():
        return None
    spread = patch - patch.mean(axis=0)
    variance, directions = np.linalg.eigh(spread.T @ spread)
    if variance[0] > _FLATNESS**2 * variance[1]:
        return None
    normal = directions[:, 0]
    return np.asarray(normal if normal @ facing >= 0 else -normal)
