"""Small scenes and fused segments with known truth."""

from __future__ import annotations

import numpy as np

from grounding3d.features.base import EncoderIdentity
from grounding3d.fusion.base import FusedSegment
from grounding3d.fusion.gaussian_features import gaussian_features
from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import look_at, rotation_between, wxyz_from_matrix
from grounding3d.objects.base import LanguageScene
from grounding3d.objects.build import build_objects
from grounding3d.scene.base import Gaussians, Keyframe, Scene

CAMERA = Camera.from_focal(525, 525, 319.5, 239.5, 640, 480)
UP = np.array([0.0, 0, 1])
DIM = 8


def unit(n: int) -> np.ndarray:
    vector = np.random.default_rng(n).normal(size=DIM)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def surface(box: OBB, n: int, rng: np.random.Generator, hidden: float = 0.0) -> np.ndarray:
    """Points on the faces of an upright box but the lower one, nothing under `hidden` metres."""
    areas = np.array([box.size[1] * box.size[2]] * 2 + [box.size[0] * box.size[2]] * 2
                     + [box.size[0] * box.size[1]])  # fmt: skip
    face = rng.choice(5, n, p=areas / areas.sum())
    local = rng.uniform(-0.5, 0.5, (n, 3))
    for k, (axis, value) in enumerate([(0, -0.5), (0, 0.5), (1, -0.5), (1, 0.5), (2, 0.5)]):
        local[face == k, axis] = value
    local *= box.size
    local = local[local[:, 2] > -box.size[2] / 2 + hidden]
    return local @ box.R.T + box.center


def upright(x: float, y: float, z: float, size: tuple, yaw: float = 0.0) -> OBB:
    """Box whose lower face is at height z."""
    c, s = np.cos(yaw), np.sin(yaw)
    R = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    return OBB(np.array([x, y, z + size[2] / 2]), wxyz_from_matrix(R), np.array(size))


def segment(
    n: int,
    points: np.ndarray,
    kind: str = "object",
    noise_m: float = 0.0015,
    embeddings: np.ndarray | None = None,
    keyframes: tuple[int, ...] = tuple(range(8)),
) -> FusedSegment:
    """What the fuser would make of noisy points."""
    rng = np.random.default_rng(n)
    points = points + rng.normal(size=points.shape) * noise_m
    if embeddings is None:
        noisy = unit(n) + 0.05 * rng.normal(size=(len(keyframes), DIM))
        embeddings = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
    v = len(embeddings)
    return FusedSegment(
        id=n,
        kind=kind,  # type: ignore[arg-type]
        points=points.astype(np.float32),
        counts=np.full(len(points), 5, np.int32),
        rgb=np.full((len(points), 3), 10 * n % 255, np.uint8),
        embeddings=np.asarray(embeddings, np.float32),
        view_quality=np.linspace(1, 0.5, v).astype(np.float32),
        view_keyframes=np.resize(np.array(keyframes, np.int32), v),
        keyframes=np.array(keyframes, np.int32),
    )


TABLE = upright(0, 0, 0.70, (1.2, 0.8, 0.04))
MUG = upright(0.2, 0.1, 0.74, (0.09, 0.09, 0.10), 0.4)
BOX = upright(-0.25, -0.1, 0.74, (0.24, 0.16, 0.12), 1.0)
BOOK = upright(-0.25, -0.1, 0.86, (0.15, 0.10, 0.02), 1.0)


def table_segments(seed: int = 0, hidden: float = 0.0) -> list[FusedSegment]:
    """A table with a mug and a box on it, and a book on the box."""
    rng = np.random.default_rng(seed)
    top = TABLE.center + (rng.uniform(-0.5, 0.5, (4000, 3)) * [1.2, 0.8, 0]) + [0, 0, 0.02]
    return [
        segment(1, top, "support"),
        segment(2, surface(MUG, 700, rng, hidden)),
        segment(3, surface(BOX, 2000, rng, hidden)),
        segment(4, surface(BOOK, 500, rng)),
    ]


def turned(item: FusedSegment, R: np.ndarray) -> FusedSegment:
    """The segment in a world that was turned by R."""
    return FusedSegment(**{**item.__dict__, "points": (item.points @ R.T).astype(np.float32)})


def make_scene(
    points: np.ndarray | None = None, up: np.ndarray | None = UP, R: np.ndarray | None = None
) -> Scene:
    """Keyframes on a ring about the table; Gaussians at `points`."""
    R = np.eye(3) if R is None else R
    points = np.zeros((0, 3)) if points is None else points
    n, rng = len(points), np.random.default_rng(1)
    quaternions = rng.normal(size=(n, 4))
    quaternions /= np.maximum(np.linalg.norm(quaternions, axis=1, keepdims=True), 1e-9)
    gaussians = Gaussians(
        points.astype(np.float32), quaternions.astype(np.float32),
        rng.uniform(0.002, 0.01, (n, 3)).astype(np.float32),
        rng.uniform(0.1, 0.9, n).astype(np.float32),
        rng.normal(size=(n, 3)).astype(np.float32), np.zeros((n, 0, 3), np.float32),
    )  # fmt: skip
    keyframes = []
    for k, a in enumerate(np.linspace(0, 5.5, 8)):
        pose = look_at(np.array([np.cos(a), np.sin(a), 1.4]), np.array([0, 0, 0.75]), UP)
        pose[:3] = R @ pose[:3]
        keyframes.append(Keyframe(k, CAMERA, pose, 100.0 + k))
    return Scene(
        gaussians, np.arange(n, dtype=np.int32) % 8, tuple(keyframes), "map", up, "capture"
    )


def language_scene(uuid: str = "first", seed: int = 0) -> LanguageScene:
    """A complete small scene."""
    fused = table_segments(seed)
    scene = make_scene(np.concatenate([s.points for s in fused])[::7])
    objects = build_objects(fused, scene)
    encoder = EncoderIdentity(
        spec="test-v1", dim=DIM, preprocess={"size": 80, "mean": [0.5, 0.5, 0.5]},
        tokenizer="letters/16", centre=unit(99), logit_scale=10.0, logit_bias=-0.5,
        canonical_phrases=("object", "things"), probes=np.stack([unit(n) for n in range(8)]),
    )  # fmt: skip
    return LanguageScene(
        uuid=uuid, scene=scene, features=gaussian_features(scene, objects), objects=objects,
        encoder=encoder, static_transforms={"base": np.eye(4)}, config={"backend": "points"},
        capture={"format": "test", "warnings": []},
    )  # fmt: skip


TILTED = rotation_between(UP, np.array([0.003, -0.89, -0.457]))
