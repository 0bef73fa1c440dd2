"""Puts things on the boards of furniture and on the floor of a room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.placement import (
    MAY_LIE,
    PlacedObject,
    Settler,
    footprint,
    polygon_gap,
    touch_down,
)
from grounding3d.geometry.transforms import invert_pose, make_pose, transform_points

_EDGE_M = 0.015  # things keep this far from a board's edge
_ROOM_ABOVE_M = 0.03
_TRIES = 25


@dataclass(frozen=True, eq=False)
class Surface:
    """Where things may stand.

    Attributes:
        T_room: Pose [4, 4] of its centre in the room frame, +z up.
        half_m: Half extents along its x and y; a round one is the ellipse in them.
        headroom_m: Free height above.
        support: Index of the furniture among the room's objects, None for the table.
        on_floor: Whether it is the floor.
        weight: How often it is chosen.
        obstacles: Outlines [n, 2] that nothing may stand on or near.
    """

    T_room: np.ndarray
    half_m: tuple[float, float]
    headroom_m: float
    support: int | None = None
    on_floor: bool = False
    round: bool = False
    weight: float = 1.0
    obstacles: tuple[np.ndarray, ...] = ()

    def holds(self, outline: np.ndarray, gap_m: float) -> bool:
        """Whether a footprint [n, 2] (room frame) lies on it, clear of its edge and obstacles."""
        flat = np.column_stack([outline, np.full(len(outline), self.T_room[2, 3])])
        local = transform_points(invert_pose(self.T_room), flat)[:, :2]
        half = np.array(self.half_m) - _EDGE_M
        inside = (np.abs(local) <= half).all()
        if self.round:
            inside = (((local / half) ** 2).sum(axis=1) <= 1).all()
        return bool(inside) and all(polygon_gap(outline, o) >= gap_m for o in self.obstacles)


def put_on(
    rng: np.random.Generator,
    surface: Surface,
    model: ObjectModel,
    others: list[PlacedObject],
    *,
    gap_m: float,
    p_lying: float,
    wanted: Callable[[np.ndarray], bool] | None = None,
) -> PlacedObject | None:
    """Let a thing fall onto a free spot of a surface, None if none was found.

    Args:
        others: What stands on the surface already; poses in the room frame.
        gap_m: Free space to them.
        p_lying: Chance that a thing that may lie does.
        wanted: Further condition on the outline.
    """
    ground = float(surface.T_room[2, 3])
    for _ in range(_TRIES):
        R = Rotation.from_euler("z", rng.uniform(-np.pi, np.pi)).as_matrix()
        if model.category in MAY_LIE and rng.random() < p_lying:
            R = R @ Rotation.from_euler("x", 90.0, degrees=True).as_matrix()
        rotated = model.vertices @ R.T
        if np.ptp(rotated[:, 2]) + _ROOM_ABOVE_M > surface.headroom_m:
            continue
        spot = surface.T_room @ [*(rng.uniform(-1, 1, 2) * surface.half_m), 0.0, 1.0]
        T = make_pose(R, np.array([spot[0], spot[1], ground + 0.003 - rotated[:, 2].min()]))
        if not _is_free(surface, model, T, others, gap_m, wanted):
            continue
        rest = _settled(model, T, ground)
        if rest is not None and _is_free(surface, model, rest, others, gap_m, wanted):
            return PlacedObject(model, rest, surface.support, surface.on_floor)
    return None


def _settled(model: ObjectModel, T: np.ndarray, ground: float) -> np.ndarray | None:
    """The pose at rest on the ground, None where it falls over or stays in the air."""
    settler = Settler(ground)
    try:
        rest = settler.settle(model, T)
    finally:
        settler.close()
    if rest is None or np.degrees(np.arccos(np.clip(rest[:3, 2] @ T[:3, 2], -1, 1))) > 8:
        return None
    touching = touch_down(model, rest, ground)
    return touching if abs(touching[2, 3] - rest[2, 3]) < 0.004 else None


def _is_free(
    surface: Surface,
    model: ObjectModel,
    T: np.ndarray,
    others: list[PlacedObject],
    gap_m: float,
    wanted: Callable[[np.ndarray], bool] | None,
) -> bool:
    outline = footprint(transform_points(T, model.vertices.astype(float)))
    if not surface.holds(outline, gap_m) or (wanted is not None and not wanted(outline)):
        return False
    return all(polygon_gap(outline, footprint(p.vertices)) >= gap_m for p in others)
