"""Where a mobile base should stop to deal with an object: a goal for Nav2."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from grounding3d.errors import ArrayError
from grounding3d.geometry.boxes import OBB, upright_box
from grounding3d.geometry.transforms import make_pose
from grounding3d.live.floor import NoApproach
from grounding3d.live.free_space import FreeSpace, free_space
from grounding3d.live.planner_config import ApproachConfig
from grounding3d.objects.base import LanguageScene, MapObject

_TOP_SLACK_M = 0.03  # an obstacle this little higher than the object hides nothing of it
_EYE_OVER_M = 0.3  # at least so far over the object obstacles are looked at
_UNSEEN_COST_M = 0.5  # metres of stand-off that seeing the whole object is worth
_TIGHT_COST = 0.2  # metres of stand-off that a metre of room is worth, up to twice the radius
_TRAVEL_COST = 0.02  # likewise, a metre less from the start
_ISLAND_COST_M = 0.3  # likewise, a place in the largest free region where no start is known


@dataclass(frozen=True, eq=False)
class ApproachPose:
    """A pose of the base on free floor, facing an object.

    Attributes:
        target_id: id of the object, None where a bare box was given.
        frame_id: frame of the pose.
        T_world_base: [4,4] x forward to the object, z up; its origin on the floor.
        yaw_rad: about up; from the world's x axis where the world's up is +Z, else from the
            grid's x axis.
        stand_off_m: distance in plan from the base's centre to the object's box.
        clearance_m: at least this far from the base's centre to any observed obstacle.
        visible_share: share of the object's footprint that no higher obstacle hides, 0..1.
    """

    target_id: int | None
    frame_id: str
    T_world_base: np.ndarray = field(repr=False)
    yaw_rad: float
    stand_off_m: float
    clearance_m: float
    visible_share: float


def approach_pose(
    scene: LanguageScene,
    target: OBB | MapObject,
    config: ApproachConfig | None = None,
    *,
    start_xy: np.ndarray | None = None,
    space: FreeSpace | None = None,
) -> ApproachPose | NoApproach:
    """Where to stop in front of an object.

    Every cell of the grid in which the robot can stand and that is near the target's box is a
    candidate. Those that see the object over what lies around it come first; then the nearest to
    the wanted stand-off, with room around, near the start or, without one, in the largest region.

    Args:
        scene: the map.
        target: what to face, world frame.
        config: the robot; the defaults if None.
        start_xy: where the robot is: a world point [3], or its x and y [2] where the world's up is
            +Z. The pose can be reached from there over known free floor.
        space: `free_space(scene, config)`, for several targets in one map.

    Raises:
        ArrayError: two coordinates were given for a world that does not have +Z up.
    """
    config = config or ApproachConfig()
    found = space or free_space(scene, config)
    if isinstance(found, NoApproach):
        return found
    box = target.box if isinstance(target, MapObject) else target
    plan = _Plan(found, box)
    cells = _around(plan, config)
    if not len(cells):
        return NoApproach(
            "no_free_space",
            f"No observed free floor, wide enough for a radius of {config.robot_radius_m:g} m, "
            f"lies within {config.max_stand_off_m:g} m of the object.",
        )
    start = None
    if start_xy is not None:
        start = found.grid.xy_of(_world_point(start_xy, found))
        reachable = _reachable(cells, start, found, config)
        if isinstance(reachable, NoApproach):
            return reachable
        cells = reachable
    best, visible_share = _best(cells, plan, start, config)
    target_id = target.id if isinstance(target, MapObject) else None
    return _pose(best, visible_share, plan, target_id)


class _Plan:
    """The target seen from above, in the grid's coordinates."""

    def __init__(self, space: FreeSpace, box: OBB) -> None:
        self.space = space
        up = space.floor.R_world_level[:, 2]
        upright = upright_box(box.corners, up)
        self.center = space.grid.xy_of(box.center)
        self.axes = space.grid.T_world_grid[:3, :2].T @ upright.R[:, :2]
        self.middle = space.grid.xy_of(upright.center)
        self.half = upright.size[:2] / 2
        self.top_m = float(space.floor.over(box.corners)[:, 2].max())

    def distance(self, xy: np.ndarray) -> np.ndarray:
        """Distance [n] of grid points [n,2] to the target's footprint, 0 inside."""
        beyond = np.abs((xy - self.middle) @ self.axes) - self.half
        return np.asarray(np.linalg.norm(np.maximum(beyond, 0), axis=1))

    def samples(self) -> np.ndarray:
        """[5,2] grid points spread over the footprint."""
        corners = np.array([[0, 0], [-1, -1], [-1, 1], [1, -1], [1, 1]]) * 0.8 * self.half
        return np.asarray(self.middle + corners @ self.axes.T)


def _around(plan: _Plan, config: ApproachConfig) -> np.ndarray:
    """[n,2] cells beside the target in which the robot can stand."""
    cells = np.argwhere(plan.space.standable)
    away = plan.distance(plan.space.grid.centers(cells))
    return cells[(away >= config.robot_radius_m) & (away <= config.max_stand_off_m)]


def _world_point(start_xy: np.ndarray, space: FreeSpace) -> np.ndarray:
    start = np.asarray(start_xy, float)
    if start.shape == (2,) and space.floor.R_world_level[2, 2] > 0.9999:
        return np.append(start, 0.0)
    if start.shape != (3,):
        raise ArrayError(
            "the start cannot be placed on the floor",
            expected="a world point [3], or [2] in a world whose up is +Z",
            found=str(start.shape),
        )
    return start


def _reachable(
    cells: np.ndarray, start: np.ndarray, space: FreeSpace, config: ApproachConfig
) -> np.ndarray | NoApproach:
    """The cells to which known free floor leads from grid point `start` [2]."""
    free = np.argwhere(space.standable)
    away = np.linalg.norm(space.grid.centers(free) - start, axis=1)
    if away.min() > config.start_snap_m:
        return NoApproach(
            "unreachable",
            f"The start is {away.min():.2f} m from known free floor, over "
            f"{config.start_snap_m:g} m.",
        )
    component = ndimage.label(space.standable)[0]
    row, column = free[away.argmin()]
    kept = cells[component[cells[:, 0], cells[:, 1]] == component[row, column]]
    if not len(kept):
        return NoApproach(
            "unreachable", "There is free floor at the object, but no known free way leads there."
        )
    return kept


def _best(
    cells: np.ndarray, plan: _Plan, start: np.ndarray | None, config: ApproachConfig
) -> tuple[np.ndarray, float]:
    """The best cell [2] and how much of the target is visible from it."""
    xy = plan.space.grid.centers(cells)
    visible = _visible_share(xy, plan, config)
    off = np.abs(plan.distance(xy) - config.stand_off_m)
    room = np.minimum(plan.space.clearance_m[cells[:, 0], cells[:, 1]], 2 * config.robot_radius_m)
    cost = np.maximum(off - config.resolution_m / 2, 0) + _UNSEEN_COST_M * (1 - visible)
    cost -= _TIGHT_COST * room
    if start is not None:
        cost += _TRAVEL_COST * np.linalg.norm(xy - start, axis=1)
    else:
        region = ndimage.label(plan.space.standable)[0]
        area = np.bincount(region.ravel())[region[cells[:, 0], cells[:, 1]]]
        cost += _ISLAND_COST_M * (1 - area / area.max())
    sees = visible >= config.min_visible_share
    if sees.any():
        cost[~sees] = np.inf
    best = int(cost.argmin())
    return cells[best], float(visible[best])


def _visible_share(xy: np.ndarray, plan: _Plan, config: ApproachConfig) -> np.ndarray:
    """Share [n] of the target that is seen from grid points [n,2].

    A line of sight is drawn in plan. What is no higher than the object hides nothing of it, as the
    robot looks and reaches over it; what hangs over both is no obstacle either.
    """
    samples = plan.samples()
    low = np.minimum(xy.min(axis=0), samples.min(axis=0)) - 1.0
    high = np.maximum(xy.max(axis=0), samples.max(axis=0)) + 1.0
    blocked = _blockers(plan, low, high, config)
    resolution_m = plan.space.grid.resolution_m
    share = np.zeros(len(xy))
    for sample in samples:
        way = sample - xy
        steps = int(np.ceil(2 * np.linalg.norm(way, axis=1).max() / resolution_m)) + 1
        hidden = np.zeros(len(xy), bool)
        for t in np.linspace(0, 1, steps):
            column, row = np.floor((xy + t * way - low) / resolution_m).astype(int).T
            hidden |= blocked[row, column]
        share += ~hidden
    return share / len(samples)


def _blockers(plan: _Plan, low: np.ndarray, high: np.ndarray, config: ApproachConfig) -> np.ndarray:
    """Cells [rows, columns] between grid points `low` and `high` that rise over the target."""
    surface, resolution_m = plan.space.surface, plan.space.grid.resolution_m
    eye_m = max(config.robot_height_m, plan.top_m + _EYE_OVER_M)
    rises = (surface[:, 2] > plan.top_m + _TOP_SLACK_M) & (surface[:, 2] < eye_m)
    rises &= ((surface[:, :2] > low) & (surface[:, :2] < high)).all(axis=1)
    xy = surface[rises, :2].astype(np.float64)
    # what stands over the target's own footprint is on it, not before it
    xy = xy[plan.distance(xy) > resolution_m]
    columns, rows = np.ceil((high - low) / resolution_m).astype(int) + 1
    column, row = np.floor((xy - low) / resolution_m).astype(int).T
    count = np.bincount(row * columns + column, minlength=rows * columns)
    return np.asarray(count.reshape(rows, columns) >= config.min_obstacle_points)


def _pose(
    cell: np.ndarray, visible_share: float, plan: _Plan, target_id: int | None
) -> ApproachPose:
    space = plan.space
    xy = space.grid.centers(cell)
    dx, dy = plan.center - xy
    yaw = float(np.arctan2(dy, dx))
    c, s = np.cos(yaw), np.sin(yaw)
    R = space.floor.R_world_level @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    return ApproachPose(
        target_id=target_id,
        frame_id=space.frame_id,
        T_world_base=make_pose(R, space.to_world(xy)),
        yaw_rad=yaw,
        stand_off_m=float(plan.distance(xy[None])[0]),
        clearance_m=float(space.clearance_m[tuple(cell)]),
        visible_share=visible_share,
    )
