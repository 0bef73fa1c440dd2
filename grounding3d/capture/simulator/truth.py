"""Exact ground truth of a simulated recording, as ``ground_truth.json``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from grounding3d.capture.simulator.appearance import colour_shares
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.objects import GENERATORS
from grounding3d.capture.simulator.placement import PlacedObject, footprint
from grounding3d.capture.simulator.queries.base import Seen, Thing, TruthQuery
from grounding3d.capture.simulator.queries.make import make_queries, make_spatial_queries
from grounding3d.capture.simulator.renderer import Light, render
from grounding3d.capture.simulator.spawn import spawn
from grounding3d.capture.simulator.world import SimulatedWorld
from grounding3d.extras import require
from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.transforms import (
    invert_pose,
    make_pose,
    transform_points,
    wxyz_from_matrix,
)

TABLE_ID = 0
_PLAIN_LIGHT = Light(shadows=False)
_BY_NAME = frozenset({"plain", "caption", "absent"})
_SAME_PLACE_M = 0.08  # answers are the same from where the camera was within this of its last place
_VIEW_POINTS, _VIEW_M = 300, 3.5
_SEEN_PX = 60  # in a view, to count as a view
_ASKED_VIEWS, _ASKED_PX, _ASKED_FRACTION = 3, 250, 0.5  # to be worth a question


def ground_truth(world: SimulatedWorld, pixels: np.ndarray) -> dict[str, Any]:
    """The whole record.

    Args:
        world: What was recorded.
        pixels: int [n_frames, 1 + n_objects], pixels of the table and of each object per frame.

    Returns:
        A JSON-ready dictionary; boxes are in ``frame_id``.
    """
    table = PlacedObject(world.table, np.eye(4), None)
    everything = [table, *world.objects]
    records = [_record(world, k, placed, pixels[:, k]) for k, placed in enumerate(everything)]
    queries = _questions(world, everything, records)
    truth = {
        "schema": 1,
        "frame_id": world.config.world_frame,
        "up_world": world.up_world.tolist(),
        "seed": world.seed,
        "objects": records,
        "queries": [{**asdict(q), "targets": list(q.targets)} for q in queries],
    }
    if not set(world.config.question_kinds) <= _BY_NAME:
        truth["viewpoint"] = world.T_world_cam[-1][:3, 3].tolist()
    return truth


def _questions(
    world: SimulatedWorld, everything: list[PlacedObject], records: list[dict[str, Any]]
) -> list[TruthQuery]:
    kinds = world.config.question_kinds
    queries = make_queries(
        np.random.default_rng([world.seed, 5]),
        [
            Seen(r["id"], r["category"], tuple(r["captions"]), r["colour"])
            for r in records
            if _ask(world, r)
        ],
        [r["category"] for r in records],
        sorted(set(GENERATORS) | {p.model.category for p in everything}),
    )
    queries = [q for q in queries if q.kind in kinds]
    if set(kinds) <= _BY_NAME:
        return queries
    things = [_thing(world, placed, r) for placed, r in zip(everything, records, strict=True)]
    return queries + make_spatial_queries(
        world.seed, things, _last_viewpoints(world), kinds, world.config.questions_per_kind
    )


def _last_viewpoints(world: SimulatedWorld) -> np.ndarray:
    """[k, 3] the last camera centre, and earlier ones that a map may hold for the last."""
    centres = world.T_world_cam[::-1, :3, 3]
    moved = np.linalg.norm(centres - centres[0], axis=1) > _SAME_PLACE_M
    return centres[: int(moved.argmax()) if moved.any() else len(centres)]


def _thing(world: SimulatedWorld, placed: PlacedObject, record: dict[str, Any]) -> Thing:
    vertices = transform_points(world.T_world_table, placed.vertices)
    return Thing(
        record["id"],
        record["category"],
        tuple(record["captions"]),
        record["colour"],
        outline=footprint(vertices),
        bottom_m=float(vertices[:, 2].min()),
        top_m=float(vertices[:, 2].max()),
        size_m=placed.model.size_m,
        support=record["support"],
        inside=record.get("inside"),
        shares=colour_shares(placed.model),
        well_seen=_ask(world, record),
    )


def write_ground_truth(record: dict[str, Any], path: str | Path) -> None:
    """Write the record as strict JSON."""
    Path(path).write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")


def _ask(world: SimulatedWorld, record: dict[str, Any]) -> bool:
    least = world.config.least_in_view
    if least > 0 and _share_in_view(world, record["id"]) < least:
        return False
    return (
        record["n_views_visible"] >= _ASKED_VIEWS
        and record["max_visible_px"] >= _ASKED_PX
        and record["max_visible_fraction"] >= _ASKED_FRACTION
    )


def _share_in_view(world: SimulatedWorld, identifier: int) -> float:
    """Share of an object's vertices that lay within some image, whatever hid them."""
    model = world.table if identifier == TABLE_ID else world.objects[identifier - 1].model
    vertices = model.vertices[:: max(1, len(model.vertices) // _VIEW_POINTS)].astype(float)
    points = transform_points(object_pose(world, identifier), vertices)
    inside = np.zeros(len(points), bool)
    for T_world_cam in world.T_world_cam:
        uv, z = world.camera.project(transform_points(invert_pose(T_world_cam), points))
        inside |= (z > 0) & (z < _VIEW_M) & world.camera.contains(uv)
    return float(inside.mean())


def _record(
    world: SimulatedWorld, identifier: int, placed: PlacedObject, pixels: np.ndarray
) -> dict[str, Any]:
    T = world.T_world_table @ placed.T_table_object
    model = placed.model
    vertices = transform_points(T, model.vertices.astype(np.float64))
    record = {
        "id": identifier,
        "name": model.name,
        "category": model.category,
        "captions": list(model.captions),
        "colour": model.colour,
        "box": box_record(T, model),
        "aabb": _aabb(vertices),
        "n_views_visible": int((pixels >= _SEEN_PX).sum()),
        "max_visible_px": int(pixels.max(initial=0)),
        "max_visible_fraction": _visible_fraction(world, identifier, placed, pixels),
        "support": _support(identifier, placed),
        "held_out": model.name in world.config.held_out,
    }
    if placed.inside:
        record["inside"] = record["support"]
    if identifier == TABLE_ID:
        top = vertices[vertices[:, 2] > vertices[:, 2].max() - 0.005]
        record["top"] = {"height": float(top[:, 2].max()), "aabb": _aabb(top)}
    return record


def _support(identifier: int, placed: PlacedObject) -> int | str:
    if identifier == TABLE_ID:
        return "floor"
    if placed.on_floor and placed.support is None:
        return "floor"
    return "table" if placed.support is None else placed.support + 1


def box_record(T_world_object: np.ndarray, model: ObjectModel) -> dict[str, list[float]]:
    """The model's own box (its axes, not the world's) in the world."""
    size = np.asarray(model.size_m)
    centre = T_world_object @ [0.0, 0.0, size[2] / 2, 1.0]
    box = OBB(centre[:3], wxyz_from_matrix(T_world_object[:3, :3]), size)
    return {
        "center": box.center.tolist(),
        "wxyz": box.wxyz.tolist(),
        "size": box.size.tolist(),
    }


def _aabb(vertices: np.ndarray) -> dict[str, list[float]]:
    return {"min": vertices.min(axis=0).tolist(), "max": vertices.max(axis=0).tolist()}


def _visible_fraction(
    world: SimulatedWorld, identifier: int, placed: PlacedObject, pixels: np.ndarray
) -> float:
    """Share of the object's pixels that nothing hides, in the frame that shows most of it."""
    if pixels.max(initial=0) == 0:
        return 0.0
    bullet = require("pybullet", purpose="The simulator")
    client = bullet.connect(bullet.DIRECT)
    try:
        T = placed.T_table_object
        spawn(placed.model, T[:3, 3], wxyz_from_matrix(T[:3, :3]), client=client)
        frame = int(pixels.argmax())
        T_table_cam = invert_pose(world.T_world_table) @ world.T_world_cam[frame]
        alone = (render(client, world.camera, T_table_cam, _PLAIN_LIGHT).body >= 0).sum()
    finally:
        bullet.disconnect(client)
    return float(min(1.0, pixels[frame] / max(int(alone), 1)))


def object_pose(world: SimulatedWorld, identifier: int) -> np.ndarray:
    """Pose ``T_world_object`` [4, 4] of an object (1, 2, ...) or of the table (0)."""
    if identifier == TABLE_ID:
        return world.T_world_table @ make_pose(np.eye(3), np.zeros(3))
    return world.T_world_table @ world.objects[identifier - 1].T_table_object
