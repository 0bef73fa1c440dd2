"""Furniture of a simulated room. Every piece's back looks along its +y, towards a wall."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.choice import is_wanted
from grounding3d.capture.simulator.config import SimulationConfig
from grounding3d.capture.simulator.generators import furniture
from grounding3d.capture.simulator.generators.furniture import material
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.packs import is_own_work, load_pack, read_manifest
from grounding3d.capture.simulator.wording import describe

# How a pack's piece is turned about +z, degrees, so that its back looks along +y.
_PACK_TURN_DEG = {
    "chair_a": 90.0,
    "chair_green": 0.0,
    "chair_wood": 0.0,
    "stool_red": 0.0,
    "stool_wood": 0.0,
    "sofa_b": -90.0,
    "night_stand": 0.0,
    "wardrobe": 0.0,
    "refrigerator": 0.0,
}
_BOARD_M = 0.025
_LARGEST_BED_M = 1.6


@dataclass(frozen=True)
class Board:
    """A flat place of a piece of furniture: height, half width and depth, free height above."""

    height_m: float
    half_m: tuple[float, float]
    headroom_m: float = 1.0


@dataclass(frozen=True)
class Piece:
    """A piece of furniture and the places on it where things may stand."""

    model: ObjectModel
    boards: tuple[Board, ...] = ()


def make_shelf(rng: np.random.Generator) -> Piece:
    """Open shelf unit with empty boards at several heights."""
    b = Builder(rng)
    paint, colour, adjective = material(rng, 0.55)
    x, y, z = rng.uniform(0.8, 1.15), rng.uniform(0.3, 0.38), rng.uniform(1.1, 1.45)
    levels = np.linspace(rng.uniform(0.06, 0.2), z - _BOARD_M, int(rng.integers(3, 5)))
    for s in (-1, 1):
        b.box((_BOARD_M, y, z), paint, at=(s * (x - _BOARD_M) / 2, 0, 0))
    back = c.shade(paint.mean((0, 1)), 0.85)
    b.box((x, 0.01, z), back, at=(0, y / 2, 0))
    for level in levels:
        b.box((x - 2 * _BOARD_M, y, _BOARD_M), paint, at=(0, 0, level))
    nouns = ("shelf", "book shelf", "shelf unit", "bookcase")
    model = b.finish("shelf", describe(rng, nouns, colour, adjective), colour)
    heights = levels + _BOARD_M
    free = np.append(np.diff(levels) - _BOARD_M, 0.5)
    half = (x / 2 - _BOARD_M, y / 2 - 0.01)
    return Piece(
        model, tuple(Board(float(h), half, float(f)) for h, f in zip(heights, free, strict=True))
    )


def flat_top(model: ObjectModel, inset_m: float = 0.01) -> Piece:
    """A piece whose whole top is a place."""
    x, y, z = model.size_m
    return Piece(model, (Board(z, (x / 2 - inset_m, y / 2 - inset_m)),))


def make_seat(rng: np.random.Generator, config: SimulationConfig) -> Piece:
    """A sofa, an armchair or a bed."""
    if rng.random() < 0.3:
        for _ in range(10):
            bed = furniture.bed(rng)
            if bed.size_m[0] < _LARGEST_BED_M:
                return Piece(bed)
    if rng.random() < 0.2 and (model := _from_pack(rng, config, ("armchair",))):
        return Piece(model)
    return Piece(furniture.sofa(rng))


def make_chair(rng: np.random.Generator, config: SimulationConfig) -> Piece:
    """A chair or a stool for the table."""
    if rng.random() < 0.5 and (model := _from_pack(rng, config, ("chair", "stool"))):
        return Piece(model)
    return Piece(furniture.chair(rng) if rng.random() < 0.75 else furniture.stool(rng))


def make_storage(rng: np.random.Generator, config: SimulationConfig) -> Piece:
    """A cabinet, or a night stand, wardrobe or refrigerator of the pack."""
    others = ("night stand", "wardrobe", "refrigerator")
    if rng.random() < 0.45 and (model := _from_pack(rng, config, others)):
        return flat_top(model, 0.06) if model.size_m[2] < 1.0 else Piece(model)
    return flat_top(furniture.cabinet(rng), 0.03)


def _from_pack(
    rng: np.random.Generator, config: SimulationConfig, kinds: tuple[str, ...]
) -> ObjectModel | None:
    """A piece of the pack with its back along +y, None if there is none of the kinds."""
    if config.pack is None:
        return None
    names = [
        r["name"]
        for r in read_manifest(config.pack)
        if r["category"] in kinds
        and r["name"] in _PACK_TURN_DEG
        and (is_own_work(r) or not config.own_work_only)
        and is_wanted(r["name"], r["category"], config)
    ]
    if not names:
        return None
    (model,) = load_pack(config.pack, [str(rng.choice(sorted(names)))])
    return turned(model, _PACK_TURN_DEG[model.name])


def turned(model: ObjectModel, degrees: float) -> ObjectModel:
    """The model turned about +z, its origin at the bottom centre again."""
    R = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    vertices = model.vertices @ R.T
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    x, y, z = (float(d) for d in high - low)
    return replace(
        model,
        vertices=(vertices - [*(low + high)[:2] / 2, low[2]]).astype(np.float32),
        normals=(model.normals @ R.T).astype(np.float32),
        size_m=(x, y, z),
    )
