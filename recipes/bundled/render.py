"""Render training crops: python -m recipes.bundled.render --out DIR --count N [--meshes DIR]."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.packs import load_pack
from recipes.bundled import attributes
from recipes.bundled.instances import deformed, recoloured
from recipes.bundled.stage import CROP, SIDE, Crop, Stage, cut, random_light, surface

_log = logging.getLogger("render")
HELD_OUT = Path(__file__).with_name("held_out.txt")
POOL = 400
LYING = {  # now and then on their side
    "bottle",
    "cup",
    "mug",
    "can",
    "food box",
    "carton",
    "book",
    "pen",
    "vase",
    "notebook",
    "ball",
}


class Source:
    """Draws objects: a category first, then one of its instances or a new one of its generator."""

    def __init__(
        self, meshes: Path | None, only: str, generators: bool, pack_share: float = 0.3
    ) -> None:
        """Args: only is "train" (all but the held-out names) or "held_out"; pack_share says how
        often a category that has both a mesh and a generator is drawn from the meshes."""
        self.pack_share = pack_share
        self.pack: dict[str, list[ObjectModel]] = defaultdict(list)
        held_out = set(HELD_OUT.read_text().split())
        for instance in load_pack(meshes) if meshes else []:
            if (instance.name in held_out) == (only == "held_out"):
                self.pack[instance.category].append(instance)
        self.generators: dict[str, Callable] = {}
        if generators:
            objects = importlib.import_module("grounding3d.capture.simulator.objects")
            self.generators = dict(objects.GENERATORS)
        self.made: list[ObjectModel] = []  # the last products of the generators, to be varied again
        self.categories = sorted(set(self.pack) | set(self.generators))

    def draw(self, rng: np.random.Generator, vary: bool) -> ObjectModel:
        """A random object; ``vary`` also changes the shape and half the time the colours."""
        weights = np.array([1.0 + 0.25 * (len(self.pack[c]) > 2) for c in self.categories])
        category = str(rng.choice(self.categories, p=weights / weights.sum()))
        made = category in self.generators and (
            not self.pack[category] or rng.random() > self.pack_share
        )
        if made and vary and len(self.made) >= POOL and rng.random() < 0.5:
            shape = deformed(self.made[rng.integers(POOL)], rng, 0.7)
            return recoloured(shape, rng) if rng.random() < 0.3 else shape
        if made:
            shape = self.generators[category](rng)
            self.made = [*self.made[-POOL + 1 :], shape]
            return deformed(shape, rng, 0.4) if vary else shape
        shape = self.pack[category][rng.integers(len(self.pack[category]))]
        if not vary:
            return shape
        shape = deformed(shape, rng) if rng.random() < 0.8 else shape
        return recoloured(shape, rng) if rng.random() < 0.5 else shape


@dataclass
class Room:
    """Bodies of a room: its walls, the table top (None: objects stand on the floor), the height."""

    walls: list[int]
    slab: int | None
    height: float


def furnish(stage: Stage, rng: np.random.Generator) -> Room:
    """Floor (body 0), mostly walls, mostly a table."""
    stage.clear()
    stage.box([4, 4, 0.05], [0, 0, -0.05], surface(rng))
    walls = []
    if rng.random() < 0.6:
        walls = [
            stage.box([0.05, 4, 3], [-rng.uniform(1, 3), 0, 2], surface(rng)),
            stage.box([4, 0.05, 3], [0, rng.uniform(1, 3), 2], surface(rng)),
        ]
    if rng.random() < 0.3:
        return Room(walls, None, 0.0)
    return Room(walls, table(stage, rng, 0.75), 0.75)


def table(stage: Stage, rng: np.random.Generator, height: float) -> int:
    """A slab on four legs; returns the slab's body."""
    half = [rng.uniform(0.35, 0.8), rng.uniform(0.3, 0.6), rng.uniform(0.01, 0.03)]
    picture = surface(rng)
    for sx in (-1, 1):
        for sy in (-1, 1):
            leg = [sx * (half[0] - 0.04), sy * (half[1] - 0.04), (height - 2 * half[2]) / 2]
            stage.box([0.025, 0.025, leg[2]], leg, picture)
    return stage.box(half, [0, 0, height - half[2]], picture)


def populate(stage: Stage, source: Source, rng: np.random.Generator, height: float, vary: bool):
    """Three to five objects in a huddle: body -> (object, centre, radius)."""
    placed = {}
    spread = rng.uniform(0.12, 0.3)
    for k in range(rng.integers(3, 6)):
        shape = source.draw(rng, vary)
        size = np.ptp(shape.vertices, axis=0)
        # Furniture comes as large as a toy so that it fits beside a mug.
        scale = float(rng.uniform(0.16, 0.34) / size.max()) if size.max() > 0.4 else 1.0
        lying = shape.category in LYING and rng.random() < 0.15
        angle = 2 * np.pi * k / 4 + rng.normal(0, 0.4)
        at = np.array([spread * np.cos(angle), spread * np.sin(angle), height])
        body = stage.add(shape, at, rng.uniform(0, 2 * np.pi), scale, lying)
        centre = at + np.array([0, 0, scale * (size[1] if lying else size[2]) / 2])
        placed[body] = (shape, centre, scale * float(np.linalg.norm(size)) / 2)
    return placed


def views(stage: Stage, placed: dict, rng: np.random.Generator, per_object: int) -> list[Crop]:
    """Every object from ``per_object`` sides, with whoever else is well in sight there."""
    crops = []
    for _, centre, radius in placed.values():
        start, light = rng.uniform(0, 360), random_light(rng)
        for k in range(per_object):
            fov = rng.uniform(25, 50)
            distance = radius / np.sin(np.radians(fov / 2)) * rng.uniform(1.25, 1.9)
            yaw = start + 360 / per_object * k + rng.uniform(-25, 25)
            rgb, ids, seen = stage.look(centre, distance, yaw, rng.uniform(5, 70), fov, light)
            nothing = ids < 0
            if nothing.any():
                behind = Image.fromarray(surface(rng)).resize((SIDE, SIDE))
                rgb[nothing] = np.asarray(behind)[nothing]
            crops += [cut(rgb, ids == b, b, share) for b, share in seen.items() if share > 0.4]
    return crops


def surroundings(stage: Stage, rng: np.random.Generator, room: Room) -> list[tuple[Crop, str]]:
    """Crops of the table top and of pieces of floor, walls and table, with their category."""
    found = []
    for _ in range(2):
        target = [rng.normal(0, 0.2), rng.normal(0, 0.2), room.height]
        yaw, elevation, fov = rng.uniform(0, 360), rng.uniform(15, 60), rng.uniform(40, 60)
        rgb, ids, _ = stage.look(
            target, rng.uniform(0.7, 2.0), yaw, elevation, fov, random_light(rng)
        )
        if room.slab is not None and (ids == room.slab).sum() > 500:
            found.append((cut(rgb, ids == room.slab, room.slab, 1.0), "table"))
        pieces = [
            ([0], "floor" if rng.random() < 0.5 else "background"),
            (room.walls, "background"),
        ]
        if room.slab is not None and rng.random() < 0.5:
            pieces.append(([room.slab], "background"))
        for bodies, category in pieces:
            piece = np.isin(ids, bodies) & window_mask(rng)
            if piece.sum() > 250:
                found.append((cut(rgb, piece, -1, 1.0), category))
    return found


def window_mask(rng: np.random.Generator) -> np.ndarray:
    """A random rectangle or ellipse of the view, bool [SIDE, SIDE]."""
    v, u = np.mgrid[:SIDE, :SIDE]
    cy, cx = rng.uniform(0.2, 0.8, 2) * SIDE
    ry, rx = rng.uniform(0.08, 0.5, 2) * SIDE
    if rng.random() < 0.5:
        return (abs(v - cy) < ry) & (abs(u - cx) < rx)
    return ((v - cy) / ry) ** 2 + ((u - cx) / rx) ** 2 < 1


def render(source: Source, out: Path, count: int, seed: int, vary: bool, per_object: int) -> None:
    """Write images.npy [n, CROP, CROP, 4], meta.jsonl: a line a crop, ``group`` = an object."""
    rng = np.random.default_rng(seed)
    out.mkdir(parents=True, exist_ok=True)
    images = np.lib.format.open_memmap(
        out / "images.npy", mode="w+", dtype=np.uint8, shape=(count, CROP, CROP, 4)
    )
    stage, n, group, start = Stage(), 0, 0, time.time()
    with (out / "meta.jsonl").open("w") as meta:
        while n < count:
            room = furnish(stage, rng)
            placed = populate(stage, source, rng, room.height, vary)
            rows = []
            for crop in views(stage, placed, rng, per_object):
                shape = placed[crop.body][0]
                rows.append((crop, shape.category, shape, group + crop.body))
            rows += [(c, category, None, -1) for c, category in surroundings(stage, rng, room)]
            shows = {b: attributes.appearance(s, rng) for b, (s, _, _) in placed.items()}
            for crop, category, shape, key in rows[: count - n]:
                record = {"category": category, "group": key, "seen": round(crop.visible, 3)}
                if shape is not None:
                    record |= {"name": shape.name, "captions": shape.captions}
                    record["shows"] = shows[crop.body]
                images[n] = crop.image
                meta.write(json.dumps(record) + "\n")
                n += 1
            meta.flush()
            group += 100
            if group % 10000 == 0:
                _log.info("%d of %d crops, %.0f/s", n, count, n / (time.time() - start))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--meshes", type=Path, help="folder of meshes with a manifest.json")
    parser.add_argument("--no-generators", action="store_true")
    parser.add_argument("--only", nargs="+", help="only these categories")
    parser.add_argument("--pack-share", type=float, default=0.3)
    parser.add_argument("--count", type=int, default=60000)
    parser.add_argument("--views", type=int, default=5, help="views of each object")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="objects as they are: for evaluation")
    parser.add_argument("--held-out", action="store_true", help="only the held-out objects")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    only = "held_out" if args.held_out else "train"
    source = Source(args.meshes, only, not args.no_generators, args.pack_share)
    if args.only:
        source.categories = [c for c in source.categories if c in args.only]
    render(source, args.out, args.count, args.seed, not args.plain, args.views)


if __name__ == "__main__":
    main()
