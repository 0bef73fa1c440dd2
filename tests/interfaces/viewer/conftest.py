"""A small scene whose objects, Gaussians and vectors are known exactly."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from grounding3d.features.base import Encoder
from grounding3d.features.encoders import BUNDLED, load_encoder
from grounding3d.features.identity import identify
from grounding3d.fusion.gaussian_features import gaussian_features
from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import look_at, rotation_between, wxyz_from_matrix
from grounding3d.interfaces.viewer.model import ViewModel, make_model
from grounding3d.objects.base import LanguageScene, MapObject, ObjectMap
from grounding3d.scene.base import SH_C0, Gaussians, Keyframe, Scene

UP = np.array([0.0, 0.0, 1.0])
THINGS = {
    "table": ((-0.6, -0.4, 0.65), (0.6, 0.4, 0.70), (150, 110, 60)),
    "mug": ((-0.30, -0.10, 0.70), (-0.20, 0.00, 0.80), (200, 40, 30)),
    "book": ((0.05, -0.15, 0.70), (0.25, 0.00, 0.74), (40, 160, 60)),
    "bowl": ((0.20, 0.15, 0.70), (0.38, 0.33, 0.78), (40, 60, 190)),
}
"""Noun: lower corner, upper corner, colour."""


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def bundled() -> Encoder:
    """The bundled encoder: texts mean something."""
    return load_encoder(BUNDLED)


@pytest.fixture(scope="session")
def scene(bundled: Encoder) -> LanguageScene:
    """A table with a mug, a book and a bowl, 4,000 Gaussians on their surfaces."""
    return make_scene(bundled)


@pytest.fixture(scope="session")
def model(scene: LanguageScene, bundled: Encoder) -> ViewModel:
    """The scene ready to be drawn and asked."""
    return make_model(scene, bundled)


def box_of(noun: str) -> OBB:
    """The true box of a thing."""
    low, high, _ = THINGS[noun]
    return OBB.from_aabb(np.array(low), np.array(high))


def make_scene(encoder: Encoder, per_thing: int = 1000, **names: str) -> LanguageScene:
    """The scene with so many Gaussians a thing; `mug="x"` gives the mug another label."""
    rng = np.random.default_rng(0)
    objects, clouds = [], []
    for number, (noun, (_, _, colour)) in enumerate(THINGS.items(), 1):
        points, normals = _surface(box_of(noun), per_thing, rng)
        x, y, z = box_of(noun).size
        spread = 0.6 * np.sqrt(2 * (x * y + y * z + z * x) / per_thing)
        rgb = np.tile(np.array(colour), (per_thing, 1))
        clouds.append((points, normals, rgb, np.full(per_thing, spread)))
        objects.append(_object(number, noun, names.get(noun, noun), points, encoder, rng))
    points, normals, rgb, spread = (np.concatenate(parts) for parts in zip(*clouds))
    n = len(points)
    camera = Camera.from_focal(500, 500, 319.5, 239.5, 640, 480)
    eyes = ([0.0, -1.2, 1.6], [0.5, -1.1, 1.6], [-0.5, -1.1, 1.6])
    keyframes = tuple(
        Keyframe(i, camera, look_at(np.array(eye), np.array([0, 0, 0.7]), UP), 10.0 + i)
        for i, eye in enumerate(eyes)
    )
    axes, side = np.unique(normals, axis=0, return_inverse=True)
    turns = np.array([wxyz_from_matrix(rotation_between(UP, axis)) for axis in axes])
    turns = turns[side.reshape(-1)]
    gaussians = Gaussians(
        points.astype(np.float32),
        turns.astype(np.float32),
        np.column_stack([spread, spread, np.full(n, 0.001)]).astype(np.float32),
        np.full(n, 0.95, np.float32),
        ((rgb / 255 - 0.5) / SH_C0).astype(np.float32),
        np.zeros((n, 0, 3), np.float32),
    )
    geometry = Scene(gaussians, np.zeros(n, np.int32), keyframes, "map", UP, "capture")
    return LanguageScene(
        uuid="5ce4e",
        scene=geometry,
        features=gaussian_features(geometry, objects),
        objects=ObjectMap(tuple(objects)),
        encoder=identify(encoder),
    )


def without(scene: LanguageScene, object_id: int) -> LanguageScene:
    """The scene after an object has been taken away."""
    left = tuple(item for item in scene.objects if item.id != object_id)
    return replace(scene, objects=ObjectMap(left), features=gaussian_features(scene.scene, left))


def _surface(box: OBB, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points [n,3] spread over a box's six sides, and their outward normals."""
    x, y, z = box.size
    areas = np.repeat([y * z, x * z, x * y], 2)
    side = rng.choice(6, count, p=areas / areas.sum())
    local = rng.uniform(-0.5, 0.5, (count, 3))
    normals = np.zeros((count, 3))
    sign = np.where(side % 2, 1.0, -1.0)
    local[np.arange(count), side // 2] = 0.5 * sign
    normals[np.arange(count), side // 2] = sign
    return box.center + local * box.size, normals


def _object(
    number: int,
    noun: str,
    label: str,
    points: np.ndarray,
    encoder: Encoder,
    rng: np.random.Generator,
) -> MapObject:
    text = encoder.encode_text([noun])[0]
    views = text + rng.normal(0, 0.05 / np.sqrt(len(text)), (4, len(text)))
    views = (views / np.linalg.norm(views, axis=1, keepdims=True)).astype(np.float32)
    mean = views.mean(axis=0)
    return MapObject(
        id=number,
        kind="support" if noun == "table" else "object",
        box=box_of(noun),
        covariance=np.diag([1e-4, 1e-4, 1e-4]),
        embedding=(mean / np.linalg.norm(mean)).astype(np.float32),
        view_embeddings=views,
        label=label,
        points=points.astype(np.float32),
        rgb=np.zeros((len(points), 3), np.uint8),
        n_views=4,
        support_id=None if noun == "table" else 1,
        anchor=0,
        stamp_s=12.0,
    )
