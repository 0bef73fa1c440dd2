"""Where a mobile base can stand: an occupancy grid from the map's own floor and obstacles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, signal

from grounding3d.errors import ConfigError
from grounding3d.geometry.transforms import make_pose
from grounding3d.live.floor import Floor, NoApproach, find_floor
from grounding3d.live.planner_config import ApproachConfig
from grounding3d.objects.base import LanguageScene

UNKNOWN, FREE, OCCUPIED = -1, 0, 100
_MAX_CELLS = 30_000_000


@dataclass(frozen=True, eq=False)
class OccupancyGrid:
    """What nav_msgs/OccupancyGrid holds.

    Attributes:
        T_world_grid: [4,4] pose of the outer corner of cell (0, 0); x along a row, y over the
            rows, z up; at the floor's height there.
        resolution_m: edge of a cell, metres.
        cells: [rows, columns] int8: -1 unknown, 0 free (observed floor), 100 occupied. Obstacles
            are not grown here; `FreeSpace.standable` has them grown by the robot's radius.
    """

    T_world_grid: np.ndarray
    resolution_m: float
    cells: np.ndarray

    def xy_of(self, points_world: np.ndarray) -> np.ndarray:
        """Grid coordinates [..., 2], metres, of world points [..., 3]."""
        offset = np.asarray(points_world, float) - self.T_world_grid[:3, 3]
        return np.asarray(offset @ self.T_world_grid[:3, :2])

    def centers(self, cells: np.ndarray) -> np.ndarray:
        """Grid coordinates [..., 2], metres, of the middles of (row, column) cells [..., 2]."""
        return (np.asarray(cells)[..., ::-1] + 0.5) * self.resolution_m


@dataclass(frozen=True, eq=False)
class FreeSpace:
    """The grid and what follows from it for one robot.

    Attributes:
        grid: the occupancy grid.
        clearance_m: [rows, columns] at least this far from a cell's middle to any obstacle.
        standable: [rows, columns] bool: observed floor, obstacles beyond the robot's radius and
            margin, hardly anything unobserved under the robot.
        floor: the plane the grid lies on.
        surface: [N,3] float32 grid x, grid y and height over the floor of what was observed.
        frame_id: frame of `T_world_grid`.
    """

    grid: OccupancyGrid
    clearance_m: np.ndarray
    standable: np.ndarray
    floor: Floor
    surface: np.ndarray
    frame_id: str

    def to_world(self, xy: np.ndarray) -> np.ndarray:
        """Point [3] of the floor at grid coordinates [2]."""
        T = self.grid.T_world_grid
        on_level = T[:3, 3] + T[:3, :2] @ np.asarray(xy, float)
        return np.asarray(on_level - T[:3, 2] * self.floor.over(on_level[None])[0, 2])


def free_space(
    scene: LanguageScene, config: ApproachConfig | None = None
) -> FreeSpace | NoApproach:
    """Free floor and obstacles of a scene.

    Floor cells are those in which surface was observed at the floor's height, gaps of up to
    `fill_gap_m` between them included; obstacle cells hold surface between `clearance_m` and
    `robot_height_m` over it. Everything else is unknown, and unknown is not free. The points of
    tables count besides the scene's own surface: a top that was only seen from afar, at a grazing
    angle, is in no surfel, while the floor under it is.

    Raises:
        ConfigError: the floor has too many cells of `resolution_m`.
    """
    config = config or ApproachConfig()
    floor = find_floor(scene.scene, config)
    if isinstance(floor, NoApproach):
        return floor
    opaque = scene.scene.gaussians.opacities >= config.min_opacity
    tables = [item.points for item in scene.objects if item.kind == "support"]
    surface = floor.over(np.concatenate([scene.scene.gaussians.means[opaque], *tables]))
    on_floor = np.abs(surface[:, 2]) <= config.clearance_m
    if not on_floor.any():
        return NoApproach("no_floor", "No surface lies within clearance_m of the floor's plane.")
    corner, shape = _bounds(surface[on_floor, :2], config)
    surface[:, :2] -= corner
    cells = _cells(surface, on_floor, shape, config)
    clearance_m, standable = _room(cells, config)
    at = floor.R_world_level @ np.append(corner, floor.height_at(corner))
    grid = OccupancyGrid(make_pose(floor.R_world_level, at), config.resolution_m, cells)
    return FreeSpace(
        grid, clearance_m, standable, floor, surface.astype(np.float32), scene.scene.world_frame
    )


def _bounds(xy: np.ndarray, config: ApproachConfig) -> tuple[np.ndarray, tuple[int, int]]:
    """Lower corner [2] and (rows, columns) of a grid around points [N,2], with a border.

    The corner is a multiple of the resolution, so that a growing map keeps its cells.
    """
    border = np.ceil(config.robot_radius_m / config.resolution_m) + 1
    low = np.floor(xy.min(axis=0) / config.resolution_m) - border
    high = np.floor(xy.max(axis=0) / config.resolution_m) + 1 + border
    columns, rows = (high - low).astype(int)
    if columns * rows > _MAX_CELLS:
        raise ConfigError(
            "the floor is too large for an occupancy grid", expected=f"up to {_MAX_CELLS} cells",
            found=f"{columns} x {rows}", hint="Raise resolution_m.",
        )  # fmt: skip
    return low * config.resolution_m, (int(rows), int(columns))


def _cells(
    surface: np.ndarray, on_floor: np.ndarray, shape: tuple[int, int], config: ApproachConfig
) -> np.ndarray:
    """Unknown, free and occupied cells [rows, columns] int8."""
    height = surface[:, 2]
    in_the_way = (height > config.clearance_m) & (height < config.robot_height_m)
    obstacle = (
        _count(surface[in_the_way, :2], shape, config.resolution_m) >= config.min_obstacle_points
    )
    seen = _count(surface[on_floor, :2], shape, config.resolution_m) > 0
    gap = _disc(config.fill_gap_m / 2 / config.resolution_m)
    cells = np.full(shape, UNKNOWN, np.int8)
    cells[ndimage.binary_closing(seen, gap) | seen] = FREE
    cells[obstacle] = OCCUPIED
    return cells


def _room(cells: np.ndarray, config: ApproachConfig) -> tuple[np.ndarray, np.ndarray]:
    """Clearance [rows, columns] in metres, and where the robot's centre may be."""
    # an obstacle may lie anywhere in its cell, half a cell nearer than the middle
    clearance_m = np.full(cells.shape, np.hypot(*cells.shape) * config.resolution_m)
    if (cells == OCCUPIED).any():
        to_middle = ndimage.distance_transform_edt(cells != OCCUPIED)
        clearance_m = np.maximum(to_middle - 0.5, 0) * config.resolution_m
    disc = _disc(config.robot_radius_m / config.resolution_m).astype(np.float32)
    unknown = np.pad((cells == UNKNOWN).astype(np.float32), len(disc) // 2, constant_values=1)
    share = signal.fftconvolve(unknown, disc / disc.sum(), mode="valid")
    wide = clearance_m >= config.robot_radius_m + config.margin_m
    return clearance_m, (cells == FREE) & wide & (share <= config.max_unknown_share + 1e-4)


def _disc(radius_cells: float) -> np.ndarray:
    """[2r+1, 2r+1] bool: cells whose middle lies within the radius of the middle one's."""
    r = int(radius_cells)
    y, x = np.ogrid[-r : r + 1, -r : r + 1]
    return np.asarray(x * x + y * y <= radius_cells**2)


def _count(xy: np.ndarray, shape: tuple[int, int], resolution_m: float) -> np.ndarray:
    """Points [N,2] in each cell; those beside the grid are not counted."""
    column, row = np.floor(xy / resolution_m).astype(int).T
    inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
    flat = row[inside] * shape[1] + column[inside]
    return np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)
