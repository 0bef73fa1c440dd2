"""Crops as the program makes them: python -m recipes.bundled.pipeline_crops --seeds A B ...

Simulated table tops and rooms go through the sensor's noise and the geometric masks; a mask that
mostly covers one true object becomes a crop with that object's noun, captions and colours. So the
towers learn from ragged outlines, bleeding colours, neighbours in the way and few pixels, too.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from grounding3d.capture.base import RGBDFrame
from grounding3d.capture.simulator.capture import SimulatedCapture
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.renderer import Rendering
from grounding3d.capture.simulator.room.config import RoomConfig
from grounding3d.capture.simulator.room.world import simulate_room
from grounding3d.capture.simulator.tabletop import TabletopConfig
from grounding3d.capture.simulator.vary import vary
from grounding3d.capture.simulator.world import SimulatedWorld, simulate_tabletop
from grounding3d.features.base import Mask
from grounding3d.features.geometric_masks import GeometricMasks
from grounding3d.geometry.transforms import invert_pose, transform_points
from recipes.bundled import attributes
from recipes.bundled.augment import FILL
from recipes.bundled.stage import CROP, MARGIN

_log = logging.getLogger("pipeline_crops")
HELD_OUT = Path(__file__).with_name("held_out.txt")
PURITY = 0.6  # of a mask's pixels show its object
SMALLEST_SHARE = 0.25  # of the object's visible pixels lie in the mask
GROUPS = 100  # numbers a scene may use for its objects
WALK = 90  # frames of a walk through a room, of which some are taken


@dataclass(frozen=True)
class Choice:
    """What the scenes are made of.

    Attributes:
        meshes: Mesh pack folder; None: generators alone.
        p_generated: Share of generated objects beside the pack.
        p_room: Share of rooms among the scenes.
        p_vary: Share of the pack's objects that come in other proportions and tints.
        held_out: Only the held-out objects instead of all others.
        frames: Views of a scene.
    """

    meshes: Path | None = None
    p_generated: float = 0.5
    p_room: float = 0.25
    p_vary: float = 0.6
    held_out: bool = False
    frames: int = 8


class Watched(SimulatedCapture):
    """Keeps which body every pixel of the last frame shows."""

    body: np.ndarray

    def perfect(self, index: int, shadows: bool | None = None) -> Rendering:
        image = super().perfect(index, shadows)
        self.body = image.body
        return image


def make_world(choice: Choice, seed: int) -> SimulatedWorld:
    """The table top or room of a seed."""
    rng = np.random.default_rng([seed, 91])
    names = tuple(HELD_OUT.read_text().split())
    if rng.random() < choice.p_room and not choice.held_out:
        config = RoomConfig(
            pack=choice.meshes,
            exclude=names,
            n_frames=WALK,
            shadows=bool(rng.random() < 0.5),
        )
        world = simulate_room(config, seed)
    else:
        config = TabletopConfig(
            pack=choice.meshes,
            n_objects=int(rng.integers(6, 11)),
            p_generated=0.0 if choice.held_out else choice.p_generated,
            only=names if choice.held_out else None,
            exclude=() if choice.held_out else names,
            n_frames=choice.frames,
            shadows=bool(rng.random() < 0.7),
            max_bulky=2,
        )
        world = simulate_tabletop(config, seed)
    if not choice.held_out:
        bears = {placed.support for placed in world.objects}
        for k, placed in enumerate(world.objects):
            upright = placed.T_table_object[2, 2] > 0.99
            alone = placed.support is None and k not in bears
            if upright and alone and rng.random() < choice.p_vary:
                world.objects[k] = replace(placed, model=vary(placed.model, rng))
    return world


def cut(rgb: np.ndarray, mask: Mask) -> np.ndarray:
    """A square crop round a mask, uint8 [CROP, CROP, 4], as the trainer stores them: the mask in
    the last channel, twice the margin that the program gives, flat colour beyond the image.
    """
    h, w = mask.bits.shape
    side = max(round(max(h, w) * (1 + 2 * MARGIN)), 2)
    top, left = round(mask.v0 + (h - side) / 2), round(mask.u0 + (w - side) / 2)
    crop = np.zeros((side, side, 4), np.uint8)
    crop[..., :3] = FILL
    rows, columns = rgb.shape[:2]
    v0, v1, u0, u1 = max(top, 0), min(top + side, rows), max(left, 0), min(left + side, columns)
    crop[v0 - top : v1 - top, u0 - left : u1 - left, :3] = rgb[v0:v1, u0:u1]
    inside = crop[mask.v0 - top : mask.v0 - top + h, mask.u0 - left : mask.u0 - left + w, 3]
    inside[mask.bits] = 255
    size = (CROP, CROP)
    picture = Image.fromarray(np.ascontiguousarray(crop[..., :3]))
    shape = Image.fromarray(np.ascontiguousarray(crop[..., 3]))
    parts = [np.asarray(p.resize(size, Image.Resampling.BILINEAR)) for p in (picture, shape)]
    return np.dstack(parts)


def shown_by(mask: Mask, body: np.ndarray) -> tuple[int, float, float]:
    """The body most of a mask's pixels show, its share of them, and the mask's share of it."""
    inside = body[mask.window][mask.bits]
    ids, counts = np.unique(inside, return_counts=True)
    best = int(counts.argmax())
    whole = max(int((body == ids[best]).sum()), 1)
    return int(ids[best]), counts[best] / inside.size, counts[best] / whole


def full_extent_px(vertices: np.ndarray, frame: RGBDFrame) -> float:
    """Area of the image rectangle of an object's vertices [V, 3], world, hidden or not, px^2."""
    T_cam_world = invert_pose(frame.T_world_cam)
    points = transform_points(T_cam_world, vertices)
    points = points[points[:, 2] > 0.05]
    if len(points) < len(vertices) / 2:
        return np.inf
    u, v = (points[:, :2] / points[:, 2:]).T * frame.camera.K[[0, 1], [0, 1]][:, None]
    return float(np.ptp(u) * np.ptp(v))


def crops_of(
    world: SimulatedWorld, views: int, group: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, dict]]:
    """(crop, record) of every mask that shows one thing, over some evenly spread frames."""
    models = [world.table, *(placed.model for placed in world.objects)]
    shows = [attributes.appearance(m, rng) for m in models]
    shapes = [world.table.vertices, *(p.vertices for p in world.objects)]
    points = [transform_points(world.T_world_table, s.astype(float)) for s in shapes]
    is_room = isinstance(world.config, RoomConfig)
    source, capture = GeometricMasks(), Watched(world)
    start = rng.uniform(0, 1)
    for k in range(views):
        frame = capture[int((k + start) * len(capture) / views)]
        for mask in source.masks(frame, world.up_world):
            body, purity, share = shown_by(mask, capture.body)
            if purity < PURITY or (body > 0 and share < SMALLEST_SHARE):
                continue
            record = {"seen": 1.0, "share": round(float(share), 3), "pixels": int(mask.bits.sum())}
            if body > 0 or (body == 0 and is_room):
                seen = mask.bits.size / max(full_extent_px(points[body], frame), 1.0)
                record["seen"] = round(min(seen, 1.0), 3)
            if body > 0 or (body == 0 and (is_room or mask.kind == "support")):
                record |= described(models[body], shows[body], group + body)
            else:  # a wall has no masks; what is left are slivers
                is_floor = body < 0 and mask.kind == "support"
                record |= {"category": "floor" if is_floor else "background", "group": -1}
            yield cut(frame.rgb, mask), record


def described(model: ObjectModel, shows: dict[str, float], group: int) -> dict:
    """The part of a crop's record that says what it shows."""
    return {
        "category": model.category,
        "group": group,
        "name": model.name,
        "captions": list(model.captions),
        "shows": shows,
    }


def write(out: Path, choice: Choice, seeds: range, count: int, minutes: float) -> int:
    """images.npy [count, CROP, CROP, 4] and meta.jsonl, a line a crop; ends when either the seeds,
    the room for crops or the time is used up. Returns the number of crops.
    """
    out.mkdir(parents=True, exist_ok=True)
    images = np.lib.format.open_memmap(
        out / "images.npy", mode="w+", dtype=np.uint8, shape=(count, CROP, CROP, 4)
    )
    n, start = 0, time.time()
    with (out / "meta.jsonl").open("w") as meta:
        for number, seed in enumerate(seeds):
            if n == count or time.time() - start > minutes * 60:
                break
            rng = np.random.default_rng([seed, 92])
            with make_world(choice, seed) as world:
                for crop, record in crops_of(world, choice.frames, number * GROUPS, rng):
                    if n == count:
                        break
                    images[n] = crop
                    meta.write(json.dumps(record | {"seed": seed}) + "\n")
                    n += 1
            meta.flush()
            if number % 20 == 19:
                _log.info("seed %d: %d crops, %.1f/s", seed, n, n / (time.time() - start))
    return n


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--meshes", type=Path, help="mesh pack; without it: generators alone")
    parser.add_argument("--seeds", type=int, nargs=2, required=True)
    parser.add_argument("--count", type=int, default=40000, help="most crops")
    parser.add_argument("--minutes", type=float, default=1e6)
    parser.add_argument("--p-generated", type=float, default=0.5)
    parser.add_argument("--p-room", type=float, default=0.25)
    parser.add_argument("--plain", action="store_true", help="objects as they are: for evaluation")
    parser.add_argument("--held-out", action="store_true", help="only the held-out objects")
    parser.add_argument("--frames", type=int, default=8)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    choice = Choice(
        args.meshes,
        args.p_generated,
        args.p_room,
        0.0 if args.plain else 0.6,
        args.held_out,
        args.frames,
    )
    n = write(args.out, choice, range(*args.seeds), args.count, args.minutes)
    _log.info("%d crops", n)


if __name__ == "__main__":
    main()
