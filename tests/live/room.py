"""An analytic room as RGB-D frames: floor, walls, a table on legs, a box on it, a column."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import EncoderIdentity
from grounding3d.fusion.gaussian_features import gaussian_features
from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import look_at, make_pose, rotation_between
from grounding3d.objects.base import LanguageScene, MapObject, ObjectMap
from grounding3d.scene.base import Scene
from grounding3d.scene.config import SceneConfig
from grounding3d.scene.points import PointsBuilder
from grounding3d.scene.surfels import axial_sigma
from tests.factories import UP, ColouredBox, aabb, render

CAMERA = Camera.from_focal(85, 85, 59.5, 44.5, 120, 90)
TILTED_UP = np.array([0.003, -0.89, -0.457]) / np.linalg.norm([0.003, -0.89, -0.457])
R_TILTED = rotation_between(UP, TILTED_UP)

FLOOR = ColouredBox(aabb([-2.5, -2.5, -0.1], [2.5, 2.5, 0.0]), (0.5, 0.5, 0.45), "floor")
WALLS = [
    ColouredBox(aabb([-2.6, 2.5, 0], [2.6, 2.6, 2.2]), (0.7, 0.7, 0.75), "north wall"),
    ColouredBox(aabb([-2.6, -2.6, 0], [2.6, -2.5, 2.2]), (0.7, 0.7, 0.75), "south wall"),
    ColouredBox(aabb([-2.6, -2.5, 0], [-2.5, 2.5, 2.2]), (0.7, 0.7, 0.75), "west wall"),
    ColouredBox(aabb([2.5, -2.5, 0], [2.6, 2.5, 2.2]), (0.7, 0.7, 0.75), "east wall"),
]
LAMP = ColouredBox(aabb([-0.6, -0.5, 1.3], [0.0, 0.0, 1.7]), (0.9, 0.9, 0.6), "lamp")
TARGET = ColouredBox(aabb([-0.15, 0.85, 0.72], [0.05, 1.0, 0.92]), (0.8, 0.15, 0.1), "target")
COLUMN = ColouredBox(aabb([-0.2, 0.2, 0.0], [0.1, 0.5, 1.9]), (0.3, 0.3, 0.7), "column")
# across the whole room, one side of it cannot be reached from the other
BARRIER = ColouredBox(aabb([-2.5, -1.0, 0.0], [2.5, -0.9, 0.5]), (0.4, 0.6, 0.4), "barrier")

PLACES = ((-1.5, -0.3), (1.5, 0.0), (1.6, 1.7), (-1.6, 1.7), (0.2, -1.8))


def table() -> list[ColouredBox]:
    """A top at 0.72 m, 1.2 x 0.6 m in plan, on four legs of 6 cm."""
    brown = (0.6, 0.4, 0.25)
    legs = [
        ColouredBox(aabb([x, y, 0], [x + 0.06, y + 0.06, 0.68]), brown, "leg")
        for x in (-0.7, 0.44)
        for y in (0.7, 1.24)
    ]
    return [ColouredBox(aabb([-0.7, 0.7, 0.68], [0.5, 1.3, 0.72]), brown, "table"), *legs]


def furnished(*more: ColouredBox) -> list[ColouredBox]:
    """The room with its table and what stands on it, and more."""
    return [FLOOR, *WALLS, LAMP, *table(), TARGET, *more]


def walk(places: Sequence[tuple[float, float]] = PLACES) -> list[np.ndarray]:
    """Camera poses of somebody who stands at some places and looks around and down."""
    poses = []
    for k, (x, y) in enumerate(places):
        for n, yaw in enumerate(np.arange(7) * 2 * np.pi / 7 + 0.2 * k):
            eye = np.array([x, y, 1.4])
            ahead = np.array([np.cos(yaw), np.sin(yaw), -1.1 if n % 2 else -0.45])
            poses.append(look_at(eye, eye + ahead, UP))
    return poses


def above_table() -> list[np.ndarray]:
    """Poses over the table, looking down at it."""
    eyes = [np.array([x, 0.95 + dy, 1.7]) for x in (-0.4, -0.1, 0.2) for dy in (-0.25, 0.2)]
    return [look_at(eye, np.array([eye[0], 1.0, 0.72]), UP) for eye in eyes]


def frames(
    boxes: Sequence[ColouredBox],
    poses: Sequence[np.ndarray],
    R_world: np.ndarray | None = None,
    camera: Camera = CAMERA,
) -> list[RGBDFrame]:
    """Noisy frames of a room; with `R_world` in a world turned by it."""
    noise = np.random.default_rng(0)
    turn = make_pose(np.eye(3) if R_world is None else R_world, np.zeros(3))
    made = []
    for index, pose in enumerate(poses):
        rgb, depth = render(boxes, camera, pose)
        depth = np.where(depth > 0, depth + axial_sigma(depth) * noise.normal(size=depth.shape), 0)
        made.append(
            RGBDFrame(
                rgb, depth.astype(np.float32), camera, turn @ pose, index, stamp_s=float(index)
            )
        )
    return made


def build(
    boxes: Sequence[ColouredBox],
    poses: Sequence[np.ndarray],
    up_world: np.ndarray | None = UP,
    R_world: np.ndarray | None = None,
) -> Scene:
    """The room as the points backend maps it."""
    builder = PointsBuilder(SceneConfig(voxel_size_m=0.025, max_depth_m=6.0, min_views=1))
    for frame in frames(boxes, poses, R_world):
        builder.add(frame)
    scene = builder.finish()
    return Scene(
        scene.gaussians, scene.anchor, scene.keyframes, "map", up_world,
        "unknown" if up_world is None else "capture",
    )  # fmt: skip


def as_language(scene: Scene, objects: Sequence[MapObject] = ()) -> LanguageScene:
    """A scene with these objects and no language."""
    object_map = ObjectMap(tuple(objects))
    encoder = EncoderIdentity(
        spec="test-v1", dim=8, preprocess={}, tokenizer="", centre=None, logit_scale=10.0,
        logit_bias=0.0, canonical_phrases=("object",), probes=np.zeros((8, 8)),
    )  # fmt: skip
    return LanguageScene("room", scene, gaussian_features(scene, object_map), object_map, encoder)


@lru_cache(maxsize=4)
def room(kind: str = "open") -> LanguageScene:
    """Built once for all tests: open, column, barrier or tilted."""
    boxes = furnished(*{"column": [COLUMN], "barrier": [BARRIER]}.get(kind, []))
    if kind == "tilted":
        return as_language(build(boxes, walk(), TILTED_UP, R_TILTED))
    return as_language(build(boxes, walk()))


def distance_to(xy: np.ndarray, boxes: Sequence[ColouredBox], robot_height_m: float) -> float:
    """Least distance in plan from a point [2] to the true obstacles, metres."""
    distances = []
    for item in boxes:
        low, high = item.box.aabb()
        if high[2] > 0.05 and low[2] < robot_height_m:
            beyond = np.maximum(np.maximum(low[:2] - xy, xy - high[:2]), 0)
            distances.append(float(np.linalg.norm(beyond)))
    return min(distances)


def turned_box(box: OBB, R_world: np.ndarray) -> OBB:
    """A box in a turned world."""
    return box.transformed(make_pose(R_world, np.zeros(3)))
