"""Small scenes whose objects carry the text vectors of what they are, with noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tiny_clip import make_tiny_clip

from grounding3d.features.base import Encoder
from grounding3d.features.encoders import BUNDLED, load_encoder
from grounding3d.features.identity import identify
from grounding3d.fusion.base import GaussianFeatures
from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.camera import Camera
from grounding3d.objects.base import LanguageScene, MapObject, ObjectMap
from grounding3d.scene.base import Gaussians, Keyframe, Scene
from tests.query.word_encoder import WordEncoder

MakeScene = Callable[..., LanguageScene]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    """An encoder with random weights: texts differ, but mean nothing."""
    return load_encoder(make_tiny_clip(tmp_path_factory.mktemp("tiny"), "tiny-vit"))


@pytest.fixture(scope="session")
def words() -> Encoder:
    """An encoder whose texts mean what they say."""
    return WordEncoder()


@pytest.fixture(scope="session")
def bundled() -> Encoder:
    """The bundled encoder: texts mean something."""
    return load_encoder(BUNDLED)


def make_object(
    number: int, noun: str, encoder: Encoder, noise: float, rng: np.random.Generator
) -> MapObject:
    text = encoder.encode_text([noun])[0]
    views = text + rng.normal(0, noise / np.sqrt(len(text)), (4, len(text)))
    views = (views / np.linalg.norm(views, axis=1, keepdims=True)).astype(np.float32)
    mean = views.mean(axis=0)
    center = np.array([0.3 * number, 0.1, 0.05])
    points = center + rng.uniform(-0.05, 0.05, (50, 3))
    support = noun in ("table", "desk")
    return MapObject(
        id=number,
        kind="support" if support else "object",
        box=OBB.from_aabb(center - 0.05, center + 0.05),
        covariance=np.diag([1e-4, 2e-4, 3e-4]),
        embedding=(mean / np.linalg.norm(mean)).astype(np.float32),
        view_embeddings=views,
        label=noun,
        points=points.astype(np.float32),
        rgb=np.zeros((50, 3), np.uint8),
        n_views=4,
        support_id=None if support else 1,
        anchor=0,
        stamp_s=10.0 + number,
    )


@pytest.fixture
def make_scene() -> MakeScene:
    """`make_scene(encoder, ["table", "mug"], noise=0.1)`: object i is at x = 0.3 i metres."""

    def make(encoder: Encoder, nouns: list[str], noise: float = 0.05) -> LanguageScene:
        rng = np.random.default_rng(len(nouns))
        objects = tuple(make_object(i, n, encoder, noise, rng) for i, n in enumerate(nouns, 1))
        shapes: list[tuple[int, ...]] = [(0, 3), (0, 4), (0, 3), (0,), (0, 3), (0, 0, 3)]
        empty = Gaussians(*(np.zeros(shape, np.float32) for shape in shapes))
        camera = Camera(np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), 640, 480)
        T_world_cam = np.eye(4)
        T_world_cam[:3, 3] = (0, 0, 2)
        keyframe = Keyframe(0, camera, T_world_cam, 42.0)
        geometry = Scene(empty, np.zeros(0, np.int32), (keyframe,), "map", np.array([0, 0, 1.0]))
        features = GaussianFeatures(
            np.zeros((0, encoder.dim), np.float16), np.zeros((0, 1), np.uint16),
            np.zeros((0, 1), np.float16), np.zeros(0, np.float16),
        )  # fmt: skip
        T_base_map = np.eye(4)
        T_base_map[:3, 3] = (1, 2, 3)
        return LanguageScene(
            uuid="0f0f",
            scene=geometry,
            features=features,
            objects=ObjectMap(objects),
            encoder=identify(encoder),
            static_transforms={"base": T_base_map},
        )

    return make
