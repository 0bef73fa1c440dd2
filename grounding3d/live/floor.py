"""The floor a mobile base drives on: the lowest large level surface of a scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from grounding3d.geometry.pointcloud import voxel_keys
from grounding3d.geometry.transforms import rotation_between
from grounding3d.live.planner_config import ApproachConfig
from grounding3d.scene.base import Scene

ReasonCode = Literal["no_up_direction", "no_floor", "no_free_space", "unreachable"]

_LEVEL_COS = np.cos(np.deg2rad(25))  # a surfel's normal and up, for it to be part of a floor
_BIN_M = 0.04  # height bins in which level surface is measured
_WINDOW_BINS = 3  # a floor tilted by a degree or two spreads over several
_START_M = 0.12  # half the slab the plane is first fitted to, then the tolerance of the fit
_FIT_M = 0.04
_MAX_TILT = np.tan(np.deg2rad(4))  # between the floor and the level; up is measured, too
_BELOW_M = 0.15  # what lies this much under a floor is not its noise
_CELL_M = 0.05  # surface is measured in these: coarser than surfels lie apart


@dataclass(frozen=True)
class NoApproach:
    """Why no approach pose can be given.

    Attributes:
        reason_code: no_up_direction: the scene does not know which way is up; no_floor: no level
            surface that could be a floor was observed; no_free_space: no place beside the target
            is observed, free and wide enough; unreachable: there are such places, but no known
            free way leads from the start to one.
        reason: for people.
    """

    reason_code: ReasonCode
    reason: str


@dataclass(frozen=True, eq=False)
class Floor:
    """A nearly level plane.

    Attributes:
        R_world_level: [3,3] columns: two level axes and up. The world's own x and y where its up
            is +Z.
        slope: (a, b, c): the floor's height in metres over the level point (x, y) is ax + by + c.
        area_m2: observed surface.
    """

    R_world_level: np.ndarray
    slope: np.ndarray
    area_m2: float

    def height_at(self, xy: np.ndarray) -> np.ndarray:
        """Heights [...] of the floor at level coordinates [..., 2]."""
        return np.asarray(np.asarray(xy) @ self.slope[:2] + self.slope[2])

    def over(self, points_world: np.ndarray) -> np.ndarray:
        """Points [N,3] as level x, y and height over the floor, float64."""
        level = np.asarray(points_world, np.float64) @ self.R_world_level
        level[..., 2] -= self.height_at(level[..., :2])
        return level


def find_floor(scene: Scene, config: ApproachConfig) -> Floor | NoApproach:
    """The scene's floor, or why there is none.

    The lowest level surface of at least `min_floor_area_m2` is taken and a plane fitted to it.
    Hardly anything may lie well below it: a large table beside which the legs of a chair or a strip
    of the floor were seen is no floor. A table as large as that, and nothing else in the whole map,
    would be taken for one. `floor_height_m` skips the search, not the observation: floor that was
    never seen is not free either way.
    """
    if scene.up_world is None:
        return NoApproach(
            "no_up_direction", "The scene does not know which way is up, so no floor can be told."
        )
    R = rotation_between(np.array([0, 0, 1.0]), scene.up_world)
    rows = scene.gaussians.opacities >= config.min_opacity
    facing = np.abs(scene.gaussians.normals[rows] @ scene.up_world) > _LEVEL_COS
    surface = scene.gaussians.means[rows].astype(np.float64) @ R
    level = surface[facing]
    height = config.floor_height_m
    if height is None:
        height = _lowest_large(level, config)
        if height is None:
            return _none(config, "the largest level surface is too small to be a floor")
    floor = _fit(level, height, R)
    if config.floor_height_m is not None:
        found = floor.area_m2 > 0
        return floor if found else _none(config, f"nothing was observed at {height:g} m")
    if floor.area_m2 < config.min_floor_area_m2:
        return _none(config, f"the lowest flat surface covers {floor.area_m2:.1f} m^2 only")
    residual = surface[:, 2] - floor.height_at(surface[:, :2])
    below_m2 = _area_m2(surface[residual < -_BELOW_M])
    if below_m2 > config.max_below_floor_share * floor.area_m2:
        return _none(
            config, f"the lowest large surface ({floor.area_m2:.1f} m^2) has {below_m2:.1f} m^2 "
            "of other things below it"
        )  # fmt: skip
    return floor


def _none(config: ApproachConfig, why: str) -> NoApproach:
    return NoApproach(
        "no_floor",
        f"No floor was observed: {why}, {config.min_floor_area_m2:g} m^2 are needed. Show the "
        "camera the floor around the object, or set floor_height_m.",
    )


def _lowest_large(level: np.ndarray, config: ApproachConfig) -> float | None:
    """Height of the lowest surface that is large enough, None if none is."""
    if not len(level):
        return None
    lowest = level[:, 2].min()
    bins = np.floor((level[:, 2] - lowest) / _BIN_M).astype(np.int64)
    patches = np.unique(_keys(level[:, :2], bins), return_index=True)[1]
    area = np.bincount(bins[patches]) * _CELL_M**2
    window = np.convolve(area, np.ones(_WINDOW_BINS), "same")
    large = np.flatnonzero(window >= config.min_floor_area_m2)
    if not len(large):
        return None
    first = large[0]
    peak = first + int(area[first : first + 2 * _WINDOW_BINS].argmax())
    return float(lowest + (peak + 0.5) * _BIN_M)


def _fit(level: np.ndarray, height: float, R: np.ndarray) -> Floor:
    """Plane through the surface near a height: least squares, thrice, on what lies near it."""
    slope = np.array([0.0, 0.0, height])
    for tolerance in (_START_M, 2 * _FIT_M, _FIT_M):
        near = _near(level, slope, tolerance)
        if len(near) < 10:
            break
        ones = np.column_stack([near[:, :2], np.ones(len(near))])
        fitted = np.linalg.lstsq(ones, near[:, 2], rcond=None)[0]
        if np.linalg.norm(fitted[:2]) > _MAX_TILT:  # a narrow strip has no reliable tilt
            fitted = np.array([0.0, 0.0, np.median(near[:, 2])])
        slope = fitted
    return Floor(R, slope, _area_m2(_near(level, slope, _FIT_M)))


def _near(level: np.ndarray, slope: np.ndarray, tolerance_m: float) -> np.ndarray:
    residual = level[:, 2] - level[:, :2] @ slope[:2] - slope[2]
    return level[np.abs(residual) <= tolerance_m]


def _area_m2(level: np.ndarray) -> float:
    """Area of the cells that hold a point."""
    keys = _keys(level[:, :2], np.zeros(len(level)))
    return len(np.unique(keys)) * _CELL_M**2


def _keys(xy: np.ndarray, layer: np.ndarray) -> np.ndarray:
    """One int64 a cell and layer."""
    return voxel_keys(np.column_stack([xy / _CELL_M, layer]), 1.0)
