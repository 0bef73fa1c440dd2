"""How much of a place a recording really covered: whether "not there" can be said at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grounding3d.objects.base import LanguageScene, MapObject
from grounding3d.query.layout import Layout
from grounding3d.scene.base import Keyframe

MIN_KEYFRAMES = 3
"""Fewer views leave most things half hidden."""
MIN_TURN_RAD = np.deg2rad(100.0)
"""Horizontal directions that the cameras must have looked in: one camera that stands still sees
some 60 degrees of its surroundings, hence a corner; a walk around a table or a pan of a room sees
far more."""
MIN_LANGUAGE_SHARE = 0.25
"""Share of the surface that the encoder must have looked at; bare walls and floors, often half of
a scene, have no masks and need none."""
MIN_SUPPORT_SHARE = 0.35
"""Share of the tops of tables and shelves that must have been seen or be covered by known things:
what is missing may carry anything."""
_CELL_M = 0.05
_SECTORS = 72
_MIN_SUPPORT_M2 = 0.04


@dataclass(frozen=True)
class Coverage:
    """What a recording saw.

    Attributes:
        n_keyframes: views.
        turn_rad: horizontal directions that were looked in, None without an up direction.
        language_share: share of the Gaussians that have language features, None without any.
        support_share: share of the supports' tops that was seen, None without supports.
    """

    n_keyframes: int
    turn_rad: float | None
    language_share: float | None
    support_share: float | None

    @classmethod
    def of(cls, scene: LanguageScene) -> Coverage:
        """Measure a scene."""
        geometry, confidence = scene.scene, scene.features.confidence
        return cls(
            n_keyframes=len(geometry.keyframes),
            turn_rad=_turn(geometry.keyframes, geometry.up_world),
            language_share=float((confidence > 0).mean()) if len(confidence) else None,
            support_share=_support_share(tuple(scene.objects), geometry.up_world),
        )

    @property
    def shortcomings(self) -> tuple[str, ...]:
        """Why the recording cannot tell what is not there; none where it can."""
        found = []
        if self.n_keyframes < MIN_KEYFRAMES:
            views = "1 view" if self.n_keyframes == 1 else f"{self.n_keyframes} views"
            found.append(f"the scene was made of {views}")
        if self.turn_rad is not None and self.turn_rad < MIN_TURN_RAD:
            degrees = np.rad2deg(self.turn_rad)
            found.append(f"the camera looked in {degrees:.0f} of 360 degrees only")
        if self.language_share is not None and self.language_share < MIN_LANGUAGE_SHARE:
            found.append(f"{self.language_share:.0%} of the surface was looked at for language")
        if self.support_share is not None and self.support_share < MIN_SUPPORT_SHARE:
            found.append(f"{self.support_share:.0%} of the tables' and shelves' tops was seen")
        return tuple(found)


def _turn(keyframes: Sequence[Keyframe], up_world: np.ndarray | None) -> float | None:
    """Union of the cameras' horizontal fields of view, radians; looking up or down by more than
    70 degrees, a camera's directions are not counted."""
    if up_world is None or not keyframes:
        return None
    up = np.asarray(up_world, float) / np.linalg.norm(up_world)
    east = np.cross(up, np.eye(3)[np.abs(up).argmin()])
    east /= np.linalg.norm(east)
    north = np.cross(up, east)
    seen = np.zeros(_SECTORS, bool)
    sectors = (np.arange(_SECTORS) + 0.5) * 2 * np.pi / _SECTORS
    for keyframe in keyframes:
        ahead = keyframe.T_world_cam[:3, 2]
        flat = np.array([ahead @ east, ahead @ north])
        if np.linalg.norm(flat) < 0.3:
            continue
        half = np.arctan(0.5 * keyframe.camera.width / keyframe.camera.K[0, 0])
        off = np.angle(np.exp(1j * (sectors - np.arctan2(flat[1], flat[0]))))
        seen |= np.abs(off) <= half
    # a camera that looks straight down sees all round
    return float(seen.mean() * 2 * np.pi) if seen.any() else None


def _support_share(objects: tuple[MapObject, ...], up_world: np.ndarray | None) -> float | None:
    """Share of the supports' footprints, in 5 cm cells, with observed surface or a known thing."""
    if up_world is None:
        return None
    layout = Layout.of(objects, up_world)
    seen = total = 0
    for row, item in enumerate(objects):
        if item.kind != "support" or not item.n_points:
            continue
        axes, sizes = layout.plan(np.array([row]))
        n = np.maximum((sizes[0] / _CELL_M).astype(int), 1)
        if sizes[0].prod() < _MIN_SUPPORT_M2:
            continue
        grid = np.zeros(n, bool)
        carried = [o.points for o in objects if o.support_id == item.id and o.n_points]
        for points in (item.points, *carried):
            local = (points - item.box.center) @ axes[0].T / sizes[0] + 0.5
            cells = np.floor(local * n).astype(int)
            inside = ((cells >= 0) & (cells < n)).all(axis=1)
            grid[tuple(cells[inside].T)] = True
        seen, total = seen + int(grid.sum()), total + grid.size
    return seen / total if total else None
