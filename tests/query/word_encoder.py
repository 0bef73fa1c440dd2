"""An encoder whose texts mean what they say, word by word, and scenes of boxes it can be asked in.

Every word has a random direction of its own; a text's vector is the sum over its words, of which
the noun counts most. So "red mug" lies near "mug" and far from "cup", exactly and on any machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from grounding3d.features.base import CLIP_CANONICAL_PHRASES
from grounding3d.features.identity import identify
from grounding3d.fusion.base import GaussianFeatures
from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import look_at
from grounding3d.objects.base import LanguageScene, MapObject, ObjectMap
from grounding3d.query.noun_phrases import head_index
from grounding3d.scene.base import Gaussians, Keyframe, Scene

UP = np.array([0.0, 0.0, 1.0])
RGB = {
    "red": (200, 30, 35), "blue": (40, 90, 190), "green": (60, 150, 60), "white": (240, 240, 240),
    "black": (25, 25, 25), "yellow": (240, 215, 50), "brown": (120, 75, 40),
}  # fmt: skip


class WordEncoder:
    """Text side only."""

    spec, dim, logit_scale, logit_bias = "words", 256, 20.0, 0.0
    canonical_phrases, centre = CLIP_CANONICAL_PHRASES, None

    def encode_text(self, phrases: Sequence[str]) -> np.ndarray:
        vectors = np.array([self._sum(phrase.split()) for phrase in phrases])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def encode_image(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        raise NotImplementedError

    def dense(self, image: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _sum(self, words: list[str]) -> np.ndarray:
        head = head_index(words)
        return sum(_direction(word) * (1.0 if i == head else 0.35) for i, word in enumerate(words))


def _direction(word: str) -> np.ndarray:
    seed = int.from_bytes(sha256(word.encode()).digest()[:8], "little")
    return np.random.default_rng(seed).normal(size=WordEncoder.dim) / np.sqrt(WordEncoder.dim)


def thing(
    number: int,
    name: str,
    center: Sequence[float],
    size: Sequence[float] = (0.1, 0.1, 0.1),
    *,
    support: int | None = None,
    yaw: float = 0.0,
) -> MapObject:
    """An object called by its last word, coloured by the others: "red mug"."""
    rng = np.random.default_rng(number)
    *adjectives, noun = name.split()
    embedding = WordEncoder().encode_text([noun])[0]
    embedding = embedding + rng.normal(0, 0.01, WordEncoder.dim).astype(np.float32)
    embedding /= np.linalg.norm(embedding)
    wxyz = np.array([np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)])
    box = OBB(np.array(center, float), wxyz, np.array(size, float))
    points = (rng.uniform(-0.5, 0.5, (400, 3)) * box.size) @ box.R.T + box.center
    colours = [RGB[word] for word in adjectives] or [(128, 128, 128)]
    rgb = np.array([colours[i % len(colours)] for i in range(400)], float)
    shaded = np.clip(rgb * rng.uniform(0.75, 1.0, (400, 1)), 0, 255)
    return MapObject(
        id=number, kind="support" if noun in ("table", "shelf", "floor") else "object", box=box,
        covariance=1e-4 * np.eye(3), embedding=embedding, view_embeddings=embedding[None],
        label=noun, points=points.astype(np.float32), rgb=shaded.astype(np.uint8), n_views=4,
        support_id=support, anchor=0, stamp_s=None,
    )  # fmt: skip


def scene_of(
    *objects: MapObject,
    up: np.ndarray | None = UP,
    eye: Sequence[float] = (0, -2, 1.5),
    n_keyframes: int = 8,
    gaussians: Gaussians | None = None,
    features: GaussianFeatures | None = None,
) -> LanguageScene:
    """A scene seen by cameras around its middle, the last one at `eye`."""
    shapes: list[tuple[int, ...]] = [(0, 3), (0, 4), (0, 3), (0,), (0, 3), (0, 0, 3)]
    empty = Gaussians(*(np.zeros(shape, np.float32) for shape in shapes))
    none = GaussianFeatures(
        np.zeros((0, WordEncoder.dim), np.float16), np.zeros((0, 1), np.uint16),
        np.zeros((0, 1), np.float16), np.zeros(0, np.float16),
    )  # fmt: skip
    camera = Camera(np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), 640, 480)
    middle = np.zeros(3)
    eyes = [
        np.array([2 * np.sin(a), -2 * np.cos(a), 1.5])
        for a in np.linspace(0, 2 * np.pi, n_keyframes)[:-1]
    ]
    poses = [look_at(e, middle, UP) for e in [*eyes, np.array(eye, float)]]
    keyframes = tuple(Keyframe(i, camera, pose, None) for i, pose in enumerate(poses))
    gaussians = empty if gaussians is None else gaussians
    anchor = np.zeros(len(gaussians), np.int32)
    return LanguageScene(
        uuid="0f0f",
        scene=Scene(gaussians, anchor, keyframes, "map", up),
        features=none if features is None else features,
        objects=ObjectMap(tuple(objects)),
        encoder=identify(WordEncoder()),
    )
