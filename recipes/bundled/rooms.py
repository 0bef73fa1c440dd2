"""Furniture on a floor, with small things on and beside it, seen by a walking camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.objects import FURNITURE, GENERATORS
from grounding3d.capture.simulator.packs import load_pack, read_manifest
from grounding3d.capture.simulator.placement import PlacedObject
from grounding3d.capture.simulator.sensor import Exposure
from grounding3d.capture.simulator.tabletop import TabletopConfig, make_surface, tiled
from grounding3d.capture.simulator.vary import vary
from grounding3d.capture.simulator.world import SimulatedWorld, draw_camera, draw_light
from grounding3d.geometry.transforms import look_at, make_pose

LARGE_M = 0.45
ON_THE_FLOOR = frozenset(
    {"waste basket", "bucket", "basket", "ball", "shoe", "cardboard box", "storage box", "lamp"}
    | {"robot vacuum", "barrel", "traffic cone", "potted plant", "plant pot", "dumbbell"}
    | {"handbag", "pillow", "toy car", "teddy bear"}
)
TOPS = frozenset({"table", "desk", "coffee table", "cabinet", "night stand", "stool"})
_REACH = 4.0
_UP = np.array([0.0, 0.0, 1.0])


class Shop:
    """Draws furniture and small things from a pack and the generators."""

    def __init__(self, meshes: Path | None, exclude: tuple[str, ...], p_vary: float) -> None:
        records = [r for r in read_manifest(meshes) if r["name"] not in exclude] if meshes else []
        self.meshes, self.p_vary = meshes, p_vary
        self.large: dict[str, list[str]] = {}
        self.small: dict[str, list[str]] = {}
        for r in records:
            is_large = r["category"] in FURNITURE or max(r["size_m"]) > LARGE_M
            shelf = self.large if is_large else self.small
            shelf.setdefault(r["category"], []).append(r["name"])

    def furniture(self, rng: np.random.Generator) -> ObjectModel:
        """A piece of furniture or another large thing."""
        return self._draw(rng, self.large, {*FURNITURE, *self.large})

    def thing(self, rng: np.random.Generator, among: frozenset[str] | None = None) -> ObjectModel:
        """A small thing."""
        kinds = ({*GENERATORS} - FURNITURE) | {*self.small}
        return self._draw(rng, self.small, kinds & among if among else kinds)

    def _draw(
        self, rng: np.random.Generator, shelf: dict[str, list[str]], kinds: set[str]
    ) -> ObjectModel:
        kind = str(rng.choice(sorted(kinds)))
        names = shelf.get(kind, [])
        if names and (kind not in GENERATORS or rng.random() < 0.5):
            (model,) = load_pack(self.meshes, [str(rng.choice(names))])  # type: ignore[arg-type]
            return vary(model, rng) if rng.random() < self.p_vary else model
        return GENERATORS[kind](rng)


def simulate_room(
    seed: int, meshes: Path | None, exclude: tuple[str, ...], frames: int, p_vary: float
) -> SimulatedWorld:
    """The room of a seed; its floor is the world's table."""
    rng = np.random.default_rng([seed, 93])
    config = TabletopConfig(n_frames=frames, shadows=bool(rng.random() < 0.5))
    shop = Shop(meshes, exclude, p_vary)
    floor = make_surface(
        rng, "floor", tiled((-_REACH, -_REACH, 0), (2 * _REACH, 0, 0), (0, 2 * _REACH, 0), 10)
    )
    objects = arrange(rng, shop)
    walls = make_walls(rng)
    return SimulatedWorld(
        config=config,
        seed=seed,
        table=floor,
        room=walls,
        objects=objects,
        T_world_table=np.eye(4),
        camera=draw_camera(rng, config),
        T_world_cam=walk(rng, objects, frames),
        light=draw_light(rng, config.shadows),
        exposure=Exposure.draw(rng),
        background=rng.uniform(90, 230, 3).astype(np.uint8),
    )


def make_walls(rng: np.random.Generator) -> list[ObjectModel]:
    """None to two walls; the -y side stays open."""
    back = tiled((-_REACH, 1.9, 0), (2 * _REACH, 0, 0), (0, 0, 2.6), 6)
    left = tiled((-2.4, -_REACH, 0), (0, 2 * _REACH, 0), (0, 0, 2.6), 6)
    return [make_surface(rng, "wall", m) for m in (back, left)[: int(rng.integers(0, 3))]]


def arrange(rng: np.random.Generator, shop: Shop) -> list[PlacedObject]:
    """Furniture in two rows, things on its tops, things on the floor."""
    placed: list[PlacedObject] = []
    taken: list[tuple[np.ndarray, float]] = []

    def put(model: ObjectModel, at: np.ndarray, top: float, support: int | None) -> None:
        yaw = Rotation.from_euler("z", rng.uniform(-np.pi, np.pi)).as_matrix()
        placed.append(PlacedObject(model, make_pose(yaw, np.array([*at, top])), support))

    def put_on_floor(model: ObjectModel) -> None:
        radius = float(np.hypot(*model.size_m[:2])) / 2
        for _ in range(30):
            at = rng.uniform([-1.9, -1.4], [1.9, 1.6])
            if all(np.linalg.norm(at - o) > r + radius + 0.05 for o, r in taken):
                taken.append((at, radius))
                put(model, at, 0.0, None)
                return

    for _ in range(int(rng.integers(4, 7))):
        put_on_floor(shop.furniture(rng))
    for index, base in list(enumerate(placed)):
        if base.model.category in TOPS:
            side = 0.2 * np.array(base.model.size_m[:2])
            for sign in rng.choice([-1.0, 1.0], int(rng.integers(0, 3)), replace=False):
                at = base.T_table_object[:3, :3] @ [sign * side[0], rng.uniform(-1, 1) * side[1], 0]
                top = float(base.model.vertices[:, 2].max())
                put(shop.thing(rng), at[:2] + base.T_table_object[:2, 3], top, index)
    for _ in range(int(rng.integers(2, 5))):
        put_on_floor(shop.thing(rng, ON_THE_FLOOR))
    return placed


def walk(rng: np.random.Generator, objects: list[PlacedObject], frames: int) -> np.ndarray:
    """Camera poses [n, 4, 4], each towards one of the things, from the open side mostly."""
    poses = []
    for _ in range(frames):
        aim = objects[rng.integers(len(objects))]
        size = max(aim.model.size_m)
        target = aim.T_table_object[:3, 3] + [*rng.normal(0, 0.15, 2), 0.4 * aim.model.size_m[2]]
        azimuth = -np.pi / 2 + rng.normal(0, 0.8)
        distance = rng.uniform(0.8, 1.6) + size * rng.uniform(0.8, 1.3)
        eye = target + distance * np.array([np.cos(azimuth), np.sin(azimuth), 0])
        eye[2] = rng.uniform(0.7, 1.7)
        poses.append(look_at(eye, target, _UP))
    return np.stack(poses)
