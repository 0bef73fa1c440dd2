"""Puts objects on the table: footprints with a free gap, then physics until they rest.

Everything is in the table frame: +Z up, origin on the floor below the table's centre, metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.spawn import hull_points
from grounding3d.capture.simulator.tabletop import TabletopConfig, is_round
from grounding3d.extras import require
from grounding3d.geometry.transforms import make_pose, transform_points

_STEP_S = 1 / 240
_SETTLE_STEPS = 600
_TRIES = 60
_EDGE_M = 0.025  # objects keep this far from the table's edge
# What something may stand on: flat, stiff tops.
_FLAT_TOPS = frozenset(
    {"book", "notebook", "food box", "shoe box", "cardboard box", "brick", "cube", "foam brick"}
)
_STACKED_EXTENT_M = 0.22
# What may lie on its side without looking odd.
MAY_LIE = frozenset(
    {"mug", "cup", "bottle", "can", "jar", "carton", "food box", "teddy bear", "candle", "cube"}
    | {"vase", "flashlight", "gift box", "tissue box", "plant pot", "shoe", "traffic cone"}
)


@dataclass(frozen=True)
class PlacedObject:
    """An object at rest.

    Attributes:
        model: What it is.
        T_table_object: Pose [4, 4] of the model's frame in the table frame.
        support: Index of the object it stands on, None for the table.
        on_floor: Whether it stands on the floor instead.
        inside: Whether it lies in its support, not on it.
    """

    model: ObjectModel
    T_table_object: np.ndarray
    support: int | None
    on_floor: bool = False
    inside: bool = False

    @property
    def vertices(self) -> np.ndarray:
        """[V, 3] vertices in the table frame, float64."""
        return transform_points(self.T_table_object, self.model.vertices.astype(np.float64))


def footprint(vertices: np.ndarray) -> np.ndarray:
    """Counter-clockwise convex outline [n, 2] of vertices seen from above."""
    xy = np.asarray(vertices, float)[:, :2]
    return xy[ConvexHull(xy).vertices]


def polygon_gap(a: np.ndarray, b: np.ndarray) -> float:
    """Distance of two convex outlines in metres; 0 if they touch or overlap."""
    for first, second in ((a, b), (b, a)):
        edge = np.roll(first, -1, axis=0) - first
        normal = np.stack([edge[:, 1], -edge[:, 0]], axis=1)
        outside = ((second[:, None] - first[None]) * normal[None]).sum(axis=2)
        if (outside > 0).all(axis=0).any():
            break
    else:
        return 0.0
    return float(min(_corner_distance(a, b), _corner_distance(b, a)))


def _corner_distance(corners: np.ndarray, outline: np.ndarray) -> float:
    edge = np.roll(outline, -1, axis=0) - outline
    to = corners[:, None] - outline[None]
    along = np.clip((to * edge).sum(2) / np.maximum((edge**2).sum(1), 1e-18), 0, 1)
    return float(np.linalg.norm(to - along[..., None] * edge, axis=2).min())


def within_table(outline: np.ndarray, table: ObjectModel) -> bool:
    """Whether an outline lies on the table top, clear of its edge."""
    half = np.array(table.size_m[:2]) / 2 - _EDGE_M
    if is_round(table):
        return bool((((outline / half) ** 2).sum(axis=1) <= 1).all())
    return bool((np.abs(outline) <= half).all())


class Settler:
    """A physics world with the table's top as its ground; objects come one by one and freeze."""

    def __init__(self, table_top_m: float) -> None:
        self._bullet = require("pybullet", purpose="The simulator")
        self._client = self._bullet.connect(self._bullet.DIRECT)
        self._bullet.setGravity(0, 0, -9.81, physicsClientId=self._client)
        ground = self._bullet.createCollisionShape(
            self._bullet.GEOM_PLANE, physicsClientId=self._client
        )
        plane = self._bullet.createMultiBody(
            0, ground, -1, [0, 0, table_top_m], physicsClientId=self._client
        )
        self._rough(plane)

    def close(self) -> None:
        """Release the physics world."""
        self._bullet.disconnect(self._client)

    def _rough(self, body: int) -> None:
        self._bullet.changeDynamics(
            body,
            -1,
            lateralFriction=0.9,
            rollingFriction=0.003,
            spinningFriction=0.003,
            restitution=0.0,
            linearDamping=0.05,
            angularDamping=0.2,
            physicsClientId=self._client,
        )

    def settle(self, model: ObjectModel, T_start: np.ndarray) -> np.ndarray | None:
        """Let one object fall from a pose and keep it as an obstacle.

        Returns:
            Its pose at rest, or None (and the object is gone) if it does not come to rest.
        """
        bullet, client = self._bullet, self._client
        hull = hull_points(model.vertices)
        centre = ConvexHull(hull.astype(float)).points.mean(axis=0)
        shape = bullet.createCollisionShape(
            bullet.GEOM_MESH, vertices=(hull - centre).tolist(), physicsClientId=client
        )
        start = T_start[:3, :3] @ centre + T_start[:3, 3]
        body = bullet.createMultiBody(
            0.3,
            shape,
            -1,
            start.tolist(),
            Rotation.from_matrix(T_start[:3, :3]).as_quat().tolist(),
            physicsClientId=client,
        )
        self._rough(body)
        if not self._rest(body):
            bullet.removeBody(body, physicsClientId=client)
            return None
        position, xyzw = bullet.getBasePositionAndOrientation(body, physicsClientId=client)
        bullet.changeDynamics(body, -1, mass=0, physicsClientId=client)
        self.last_body = body
        R = Rotation.from_quat(xyzw).as_matrix()
        return make_pose(R, np.array(position) - R @ centre)

    def forget_last(self) -> None:
        """Take the object that settled last out again."""
        self._bullet.removeBody(self.last_body, physicsClientId=self._client)

    def _rest(self, body: int) -> bool:
        quiet = 0
        for _ in range(_SETTLE_STEPS):
            self._bullet.stepSimulation(physicsClientId=self._client)
            linear, angular = self._bullet.getBaseVelocity(body, physicsClientId=self._client)
            still = np.linalg.norm(linear) < 0.004 and np.linalg.norm(angular) < 0.03
            quiet = quiet + 1 if still else 0
            if quiet >= 20:
                return True
        return False


def place_all(
    rng: np.random.Generator,
    config: TabletopConfig,
    table: ObjectModel,
    models: list[ObjectModel],
) -> list[PlacedObject]:
    """Put ``config.n_objects`` of the models on the table, the larger first.

    Models beyond that number are spare: they take the place of those that find no free spot.
    """
    placed: list[PlacedObject] = []
    settler = Settler(table.size_m[2])
    first, spare = models[: config.n_objects], models[config.n_objects :]
    try:
        for model in [*sorted(first, key=lambda m: -m.size_m[0] * m.size_m[1]), *spare]:
            if len(placed) == config.n_objects:
                break
            for _ in range(_TRIES):
                candidate = _try_spot(rng, config, table, model, placed, settler)
                if candidate is not None:
                    placed.append(candidate)
                    break
    finally:
        settler.close()
    return placed


def _try_spot(
    rng: np.random.Generator,
    config: TabletopConfig,
    table: ObjectModel,
    model: ObjectModel,
    placed: list[PlacedObject],
    settler: Settler,
) -> PlacedObject | None:
    support = _pick_support(rng, config, model, placed)
    R = Rotation.from_euler("z", rng.uniform(-np.pi, np.pi)).as_matrix()
    if model.category in MAY_LIE and support is None and rng.random() < config.p_lying:
        R = R @ Rotation.from_euler("x", rng.choice([-90, 90]), degrees=True).as_matrix()
    half = np.array(table.size_m[:2]) / 2
    xy = rng.uniform(-half, half) if support is None else _top_centre(placed[support])
    ground = table.size_m[2] if support is None else placed[support].vertices[:, 2].max()
    turned = model.vertices @ R.T
    start = make_pose(R, np.array([*xy, ground + 0.003 - turned[:, 2].min()]))
    others = [p for k, p in enumerate(placed) if k != support]
    if not _is_free(model, start, table, others, config.min_gap_m):
        return None
    rest = settler.settle(model, start)
    if rest is None:
        return None
    resting = PlacedObject(model, touch_down(model, rest, ground), support)
    tilted = np.degrees(np.arccos(np.clip(rest[:3, 2] @ R[:, 2], -1, 1)))
    lifted = abs(resting.T_table_object[2, 3] - rest[2, 3])
    fallen_off = support is not None and tilted > 5
    free = _is_free(model, resting.T_table_object, table, others, config.min_gap_m)
    if not free or lifted > 0.004 or fallen_off:
        settler.forget_last()
        return None
    return resting


def _pick_support(
    rng: np.random.Generator,
    config: TabletopConfig,
    model: ObjectModel,
    placed: list[PlacedObject],
) -> int | None:
    if rng.random() >= config.p_stacked or max(model.size_m) > _STACKED_EXTENT_M:
        return None
    options = [
        k
        for k, p in enumerate(placed)
        if p.model.category in _FLAT_TOPS
        and p.support is None
        and all(q.support != k for q in placed)
        and p.T_table_object[2, 2] > 0.99
        and min(p.model.size_m[:2]) > 0.9 * max(model.size_m[:2])
    ]
    return int(rng.choice(options)) if options else None


def _top_centre(support: PlacedObject) -> np.ndarray:
    low, high = support.vertices.min(axis=0), support.vertices.max(axis=0)
    return ((low + high) / 2)[:2]


def _is_free(
    model: ObjectModel,
    T: np.ndarray,
    table: ObjectModel,
    others: list[PlacedObject],
    gap_m: float,
) -> bool:
    outline = footprint(transform_points(T, model.vertices.astype(float)))
    if not within_table(outline, table):
        return False
    return all(polygon_gap(outline, footprint(p.vertices)) >= gap_m for p in others)


def touch_down(model: ObjectModel, T: np.ndarray, ground_m: float) -> np.ndarray:
    """The pose moved along z so that the lowest vertex touches: takes out the contact margin."""
    lowest = transform_points(T, model.vertices.astype(float))[:, 2].min()
    T = T.copy()
    T[2, 3] += ground_m - lowest
    return T
