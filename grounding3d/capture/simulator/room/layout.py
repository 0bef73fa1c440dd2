"""Stands furniture along the walls of a room.

The room frame: +Z up, origin on the floor in the middle of the room, x along its longer side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from grounding3d.capture.simulator.placement import footprint, polygon_gap
from grounding3d.capture.simulator.room.furniture import Piece
from grounding3d.geometry.transforms import make_pose, transform_points

_TRIES = 300
_WALL_GAP_M = 0.03
_BETWEEN_M = 0.15
_FREE_FRONT_M = 0.75  # nothing else stands this near in front of a piece
_JITTER_DEG = 1.5


@dataclass(frozen=True)
class Stand:
    """A piece of furniture in its place: pose [4, 4] in the room frame."""

    piece: Piece
    T_room: np.ndarray

    @property
    def outline(self) -> np.ndarray:
        """Convex footprint [n, 2] in the room frame."""
        vertices = self.piece.model.vertices.astype(float)
        return footprint(transform_points(self.T_room, vertices))

    @property
    def front(self) -> np.ndarray:
        """Unit vector [2] away from its back."""
        return -self.T_room[:2, 1]

    @property
    def zone(self) -> np.ndarray:
        """Outline [4, 2] of the piece's box with the free space in front of it."""
        x, y = np.array(self.piece.model.size_m[:2]) / 2
        corners = [[-x, -y - _FREE_FRONT_M], [x, -y - _FREE_FRONT_M], [x, y], [-x, y]]
        flat = np.column_stack([corners, np.zeros(4)])
        return transform_points(self.T_room, flat)[:, :2]


def against_a_wall(
    rng: np.random.Generator, piece: Piece, size_m: tuple[float, float], others: list[Stand]
) -> Stand | None:
    """The piece with its back to a random wall and free space in front, None if nowhere."""
    half = np.array(size_m) / 2
    x, y = np.array(piece.model.size_m[:2]) / 2
    for _ in range(_TRIES):
        quarter = int(rng.integers(4))
        yaw = quarter * np.pi / 2
        along, depth = (half[0], half[1]) if quarter % 2 == 0 else (half[1], half[0])
        turn = np.radians(rng.uniform(-_JITTER_DEG, _JITTER_DEG))
        gap = _WALL_GAP_M + abs(np.sin(turn)) * x + rng.uniform(0, 0.03)
        free = along - x - 0.05
        if free <= 0 or depth < 2 * y:
            continue
        local = np.array([rng.uniform(-free, free), depth - gap - y, 0.0])
        at = Rotation.from_euler("z", yaw).apply(local)
        stand = Stand(piece, make_pose(Rotation.from_euler("z", yaw + turn).as_matrix(), at))
        if _has_room(stand, others, half):
            return stand
    return None


def at_the_table(
    rng: np.random.Generator,
    chair: Piece,
    table: Stand,
    size_m: tuple[float, float],
    others: list[Stand],
) -> Stand | None:
    """A chair in front of the table, facing it, None if there is no room."""
    half = np.array(size_m) / 2
    depth = (table.piece.model.size_m[1] + chair.model.size_m[1]) / 2
    side = 0.35 * table.piece.model.size_m[0]
    for _ in range(40):
        local = np.array([rng.uniform(-side, side), -depth - rng.uniform(0.04, 0.2), 0.0])
        yaw = Rotation.from_euler("z", 180 + rng.uniform(-25, 25), degrees=True).as_matrix()
        T = table.T_room @ make_pose(yaw, local)
        stand = Stand(chair, T)
        apart = all(polygon_gap(stand.outline, o.outline) > 0.02 for o in others)
        if apart and (np.abs(stand.outline) < half - _WALL_GAP_M).all():
            return stand
    return None


def _has_room(stand: Stand, others: list[Stand], half: np.ndarray) -> bool:
    if not (np.abs(stand.outline) < half - 0.005).all():
        return False
    return all(
        polygon_gap(stand.outline, o.outline) >= _BETWEEN_M
        and polygon_gap(stand.zone, o.outline) > 0
        and polygon_gap(stand.outline, o.zone) > 0
        for o in others
    )
