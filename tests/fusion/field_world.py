"""The table scene with language painted on it from the truth, and surfels to lift it on."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import FeatureCells
from grounding3d.scene.base import Scene
from grounding3d.scene.points import PointsBuilder
from tests.factories import make_capture, table_scene

DIM = 32
NAMES = [box.name for box in table_scene()]
VECTORS = np.linalg.qr(np.random.default_rng(7).normal(size=(DIM, DIM)))[0][: len(NAMES)]


def thing_at(points: np.ndarray, reach_m: float = 0.004) -> np.ndarray:
    """[...] index of the solid box that holds each point [...,3], later boxes first; -1 = none."""
    found = np.full(points.shape[:-1], -1)
    for index, item in enumerate(table_scene()):
        local = (points - item.box.center) @ item.box.R
        found[(np.abs(local) <= item.box.size / 2 + reach_m).all(axis=-1)] = index
    return found


def true_cells(frame: RGBDFrame, noise: float = 0.0, seed: int = 0, px: int = 8) -> FeatureCells:
    """Each cell says what lies under its middle pixel; each box's vector varies by view."""
    points = frame.camera.backproject(frame.depth_m) @ frame.T_world_cam[:3, :3].T
    things = thing_at(points + frame.T_world_cam[:3, 3])
    things[frame.depth_m == 0] = -1
    index = things[px // 2 :: px, px // 2 :: px].astype(np.int32)
    rng = np.random.default_rng([seed, frame.frame_index])
    vectors = VECTORS + noise * rng.normal(size=VECTORS.shape) / DIM**0.5
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return FeatureCells(
        vectors.astype(np.float32), index, np.where(index < 0, 0, 1).astype(np.float32), px
    )


@lru_cache(maxsize=1)
def frames() -> tuple[RGBDFrame, ...]:
    """Six views of the table."""
    return tuple(make_capture(6))


@lru_cache(maxsize=1)
def surfels() -> Scene:
    """What the points backend makes of them."""
    builder = PointsBuilder()
    for frame in frames():
        assert builder.add(frame).used
    return builder.finish()
