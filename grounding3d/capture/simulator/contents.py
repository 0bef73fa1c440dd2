"""Puts small things into open containers: lowered until height fields touch."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from grounding3d.capture.simulator.choice import fits, loaded, pack_records
from grounding3d.capture.simulator.config import SimulationConfig
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.objects import GENERATORS
from grounding3d.capture.simulator.placement import PlacedObject
from grounding3d.geometry.transforms import make_pose, transform_points

# Containers whose mouth is open, and what people keep in them.
CONTAINERS = ("storage box", "basket", "bowl", "tray")
_CONTENTS = ("apple", "orange", "lemon", "pear", "banana", "tomato", "ball", "sponge", "cube")
_CONTENTS_IN_PACKS = frozenset({*_CONTENTS, "can", "foam brick", "computer mouse", "food box"})
_CELL_M = 0.004
_CLEARANCE_M = 0.001  # what the cells may hide
_SAMPLES = 60_000
_TRIES = 30


def with_container(
    rng: np.random.Generator, config: SimulationConfig, models: list[ObjectModel]
) -> list[ObjectModel]:
    """The choice of a scene with a container at its front, if things go into one."""
    wanted = models[: config.n_objects]
    if not config.n_inside or any(m.category in CONTAINERS for m in wanted):
        return models
    for _ in range(_TRIES):
        container = _draw(rng, config, frozenset(CONTAINERS))
        if container is not None and fits(container.size_m, config):
            return [container, *models[:-1]]
    return models


def fill_containers(
    rng: np.random.Generator, config: SimulationConfig, objects: list[PlacedObject]
) -> list[PlacedObject]:
    """Up to ``config.n_inside`` small objects that lie in the containers among ``objects``."""
    inside: list[PlacedObject] = []
    taken: set[int] = {p.support for p in objects if p.support is not None}
    for k in rng.permutation(len(objects)):
        container = objects[k]
        upright = container.T_table_object[2, 2] > 0.999
        if len(inside) == config.n_inside:
            break
        if k in taken or not upright or container.model.category not in CONTAINERS:
            continue
        present = {p.model.category for p in [*objects, *inside]}
        for _ in range(_TRIES):
            model = _draw(rng, config, _CONTENTS_IN_PACKS - present)
            pose = None if model is None else lower_into(rng, model, container)
            if model is not None and pose is not None:
                inside.append(PlacedObject(model, pose, int(k), container.on_floor, inside=True))
                break
    return inside


def lower_into(
    rng: np.random.Generator, model: ObjectModel, container: PlacedObject
) -> np.ndarray | None:
    """Pose of a model that touches the container's floor from above, None where it does not fit."""
    hull = container.vertices
    low, high = hull.min(axis=0), hull.max(axis=0)
    room = (high - low)[:2] * 0.72
    yaw = Rotation.from_euler("z", rng.uniform(-np.pi, np.pi)).as_matrix()
    points = surface(model) @ yaw.T
    span = np.ptp(points[:, :2], axis=0)
    if (span > room).any():
        return None
    slack = (room - span) / 2 * 0.6
    at = (low + high)[:2] / 2 + rng.uniform(-slack, slack)
    walls = transform_points(container.T_table_object, surface(container.model))
    origin = low[:2] - _CELL_M
    field = top_field(walls, origin)
    i, j = np.clip(_cells(points[:, :2] + at, origin), 0, np.array(field.shape) - 1).T
    z = float((field[i, j] - points[:, 2]).max()) + _CLEARANCE_M
    depth = high[2] - low[2]
    sunk = high[2] - z
    if not np.isfinite(z) or sunk < 0.3 * depth or model.size_m[2] > 2.5 * depth + 0.03:
        return None
    return make_pose(yaw, np.array([*at, z]))


def top_field(points: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """[n, m] the highest z of points [k, 3] in each cell of a grid from ``origin``; -inf: none."""
    cells = _cells(points[:, :2], origin)
    field = np.full(cells.max(axis=0) + 1, -np.inf)
    np.maximum.at(field, tuple(cells.T), points[:, 2])
    return field


def _cells(xy: np.ndarray, origin: np.ndarray) -> np.ndarray:
    return np.floor((xy - origin) / _CELL_M).astype(int)


def surface(model: ObjectModel, count: int = _SAMPLES) -> np.ndarray:
    """Points [n, 3] spread over a model's surface, its vertices among them; always the same."""
    rng = np.random.default_rng(0)
    a, b, c = (model.vertices[model.faces[:, k]].astype(float) for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    face = rng.choice(len(area), count, p=area / area.sum())
    u, v = rng.random((2, count))
    flip = u + v > 1
    u[flip], v[flip] = 1 - u[flip], 1 - v[flip]
    spread = a[face] + u[:, None] * (b - a)[face] + v[:, None] * (c - a)[face]
    return np.concatenate([spread, model.vertices.astype(float)])


def _draw(
    rng: np.random.Generator, config: SimulationConfig, kinds: frozenset[str]
) -> ObjectModel | None:
    """One object of the pack or of the generators, None if there is none of the kinds."""
    names = sorted(r["name"] for r in pack_records(config) if r["category"] in kinds)
    made = sorted(kinds & GENERATORS.keys()) if not config.pack or config.p_generated > 0 else []
    if names and not (made and rng.random() < config.p_generated):
        return loaded(config, [str(rng.choice(names))])[0]
    return GENERATORS[str(rng.choice(made))](rng) if made else None
