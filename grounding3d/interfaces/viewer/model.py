"""What all browsers share of one version of the scene: arrays ready to draw, and the engine."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from grounding3d.errors import GroundingError
from grounding3d.features.base import Encoder
from grounding3d.fusion.base import NO_CODE
from grounding3d.geometry.transforms import matrix_from_wxyz
from grounding3d.objects.base import LanguageScene
from grounding3d.query.answer import Answer
from grounding3d.query.engine import QueryEngine
from grounding3d.query.evidence import encode_query
from grounding3d.query.gaussian_relevancy import GaussianRelevancy

_log = logging.getLogger(__name__)

_CHUNK = 200_000  # Gaussians whose rotation matrices are held at once
_UPPER = ([0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2])  # the upper triangle, as splat viewers store it


@dataclass(frozen=True, eq=False)
class Painting:
    """One question, its answer, and what to paint for it.

    Attributes:
        answer: of the query engine.
        query: [D] unit vector of what was asked for, None where nothing could be asked.
        source: gives the Gaussians' relevancy for it.
    """

    answer: Answer
    query: np.ndarray | None
    source: GaussianRelevancy

    def relevancy(self, rows: np.ndarray | None = None) -> np.ndarray:
        """[n] float32 relevancy of the Gaussians `rows`, of all if None."""
        if self.query is None:
            return np.zeros(len(self.source.seen if rows is None else rows), np.float32)
        return self.source.of(self.query, rows)


@dataclass(frozen=True, eq=False)
class ViewModel:
    """An immutable scene with everything that is drawn of it.

    Attributes:
        scene: the scene.
        engine: answers questions, None where the encoder cannot be had.
        no_engine: why there is no engine.
        relevancy: of every Gaussian for a vector, None without an engine.
        means: [N,3] float32 metres, world.
        covariance: [N,6] float32 upper triangles, m^2.
        normals: [N,3] float32 towards the camera that each Gaussian was anchored to.
        rgb: [N,3] uint8.
        alpha: [N] uint8.
        area: [N] float32 opacity times the size of the disc, m^2: how much each contributes.
    """

    scene: LanguageScene
    engine: QueryEngine | None
    no_engine: str
    relevancy: GaussianRelevancy | None
    means: np.ndarray
    covariance: np.ndarray
    normals: np.ndarray
    rgb: np.ndarray
    alpha: np.ndarray
    area: np.ndarray

    def __len__(self) -> int:
        return len(self.means)

    def ask(self, text: str, top_k: int = 5) -> Painting | None:
        """Answer a question and prepare to paint it; None without an engine."""
        if self.engine is None or self.relevancy is None:
            return None
        answer = self.engine.ask(text, top_k=top_k)
        query = None
        if answer.parsed.target:
            query, _ = encode_query(answer.parsed, self.engine.encoder)
        return Painting(answer, query, self.relevancy)

    @cached_property
    def thing(self) -> np.ndarray:
        """[N] int32 row of the codebook that each Gaussian belongs to most, -1 for none."""
        features = self.scene.features
        if not features.codes.shape[1]:
            return np.full(len(self), -1, np.int32)
        best = features.weights.argmax(axis=1)
        code = np.take_along_axis(features.codes, best[:, None], axis=1)[:, 0].astype(np.int32)
        return np.where(code == NO_CODE, -1, code)

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Corners [3], [3] that hold nearly all Gaussians; a cube of 1 m for an empty scene."""
        if not len(self):
            return np.full(3, -0.5), np.full(3, 0.5)
        low, high = np.percentile(self.means, [0.1, 99.9], axis=0).astype(float)
        return low - 0.02, high + 0.02

    @cached_property
    def up(self) -> np.ndarray:
        """[3] where up is drawn: against gravity, or, where that is unknown, the cameras' up."""
        geometry = self.scene.scene
        if geometry.up_world is not None:
            return np.asarray(geometry.up_world, float)
        total = -sum((k.T_world_cam[:3, 1] for k in geometry.keyframes), np.zeros(3))
        length = float(np.linalg.norm(total))
        return total / length if length > 1e-6 else np.array([0.0, 0.0, 1.0])


def make_model(scene: LanguageScene, encoder: Encoder | None, no_encoder: str = "") -> ViewModel:
    """Prepare a scene for drawing and asking.

    Args:
        scene: what to show.
        encoder: the one it was built with; without it the scene can be looked at, not asked.
        no_encoder: why there is none, for people.
    """
    engine, relevancy = None, None
    if encoder is not None:
        try:
            engine = QueryEngine(scene, encoder)
            relevancy = GaussianRelevancy.for_encoder(scene.features, encoder)
        except GroundingError as error:
            _log.warning("the scene cannot be asked: %s", error)
            engine, no_encoder = None, str(error)
    gaussians = scene.scene.gaussians
    covariance, normals = _shapes(scene)
    scales = np.sort(gaussians.scales, axis=1)
    return ViewModel(
        scene=scene,
        engine=engine,
        no_engine=no_encoder,
        relevancy=relevancy,
        means=np.ascontiguousarray(gaussians.means, np.float32),
        covariance=covariance,
        normals=normals,
        rgb=np.rint(255 * gaussians.rgb).astype(np.uint8),
        alpha=np.rint(255 * np.clip(gaussians.opacities, 0, 1)).astype(np.uint8),
        area=(gaussians.opacities * scales[:, 1] * scales[:, 2]).astype(np.float32),
    )


def _shapes(scene: LanguageScene) -> tuple[np.ndarray, np.ndarray]:
    """Covariances [N,6] and normals [N,3] that look at the anchoring camera."""
    gaussians, keyframes = scene.scene.gaussians, scene.scene.keyframes
    n = len(gaussians)
    covariance, normals = np.zeros((n, 6), np.float32), np.zeros((n, 3), np.float32)
    for start in range(0, n, _CHUNK):
        rows = slice(start, start + _CHUNK)
        R = matrix_from_wxyz(gaussians.wxyz[rows]).astype(np.float32)
        axes = R * gaussians.scales[rows, None, :]
        covariance[rows] = np.einsum("nij,nkj->nik", axes, axes)[:, _UPPER[0], _UPPER[1]]
        thinnest = gaussians.scales[rows].argmin(axis=1)
        normals[rows] = np.take_along_axis(R, thinnest[:, None, None], axis=2)[:, :, 0]
    if keyframes and n:
        eyes = np.array([k.T_world_cam[:3, 3] for k in keyframes], np.float32)
        anchor = np.clip(scene.scene.anchor, 0, len(keyframes) - 1)
        away = np.einsum("ni,ni->n", normals, gaussians.means - eyes[anchor]) > 0
        normals[away] *= -1
    return covariance, normals
