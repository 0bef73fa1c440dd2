"""The query engine: a question in, an answer in metres out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from grounding3d.errors import QueryError
from grounding3d.features.base import Encoder
from grounding3d.features.identity import check_same_encoder
from grounding3d.objects.base import LanguageScene, MapObject
from grounding3d.query.answer import (
    Answer,
    Candidate,
    ParsedQuery,
    ReasonCode,
    Status,
    transform_candidate,
)
from grounding3d.query.calibration import Calibration, find_calibration
from grounding3d.query.coverage import Coverage
from grounding3d.query.parse import NotAQuestion, parse
from grounding3d.query.resolver import Hit, Resolver
from grounding3d.query.viewpoints import viewpoint_of


class QueryEngine:
    """Answers questions about one scene; loading is expensive, asking is not.

    Args:
        scene: what is asked about.
        encoder: the one the scene was built with; only its text side is used.
        calibration: table that turns evidence into probabilities; "auto" takes the packaged one
            for this encoder, None decides by the scene's own null distribution.

    Raises:
        EncoderError: the scene was built with another encoder.
    """

    def __init__(
        self,
        scene: LanguageScene,
        encoder: Encoder,
        calibration: Calibration | Literal["auto"] | None = "auto",
    ) -> None:
        check_same_encoder(scene.encoder, encoder)
        self.scene = scene
        self.encoder = encoder
        self._labels = {item.id: item.label for item in scene.objects}
        if calibration == "auto":
            calibration = find_calibration(scene.encoder)
        self.calibration = calibration
        self._resolver = Resolver(scene, encoder, calibration) if len(scene.objects) else None
        self._surface_points: dict[int, np.ndarray] = {}
        stamps = [k.stamp_s for k in scene.scene.keyframes if k.stamp_s is not None]
        self._stamp = max(stamps) if stamps else None

    def prepare(self) -> None:
        """Measure now what the first question about a colour or of a lacking thing would."""
        if self._resolver is not None:
            self._resolver.prepare()

    def ask(
        self,
        text: str,
        *,
        top_k: int = 3,
        frame_id: str | None = None,
        viewpoint: Sequence[float] | np.ndarray | None = None,
    ) -> Answer:
        """Answer one question; a text that cannot be asked gives an answer "invalid".

        Args:
            text: the question, in plain English.
            top_k: how many candidates to list at most; a plural's answers are all listed.
            frame_id: frame of the coordinates, by default the scene's.
            viewpoint: [3] metres, world: where left, right, in front of and nearest are seen
                from; by default the camera of the last keyframe.

        Raises:
            QueryError: no static transform to `frame_id` is known, `top_k` is below 1, or the
                viewpoint is no place.
        """
        started = time.perf_counter()
        T_frame_world = self._transform(frame_id)
        if top_k < 1:
            raise QueryError("top_k must be at least 1", found=str(top_k))
        seen_from = viewpoint_of(self.scene.scene, viewpoint)
        frame = frame_id or self.scene.scene.world_frame
        try:
            parsed = parse(text)
        except NotAQuestion as error:
            return self._answer(text, "invalid", error.code, str(error), ParsedQuery(), frame)
        if self._resolver is None:
            reason = "the scene holds no objects"
            return self._answer(text, "not_found", "empty_scene", reason, parsed, frame)
        vectors = self._resolver.encode(parsed)
        encoded = time.perf_counter()
        found = self._resolver.resolve(parsed, vectors, seen_from, top_k)
        candidates = self._candidates(found.hits, T_frame_world)
        done = time.perf_counter()
        latency = {
            "text": 1e3 * (encoded - started),
            "search": 1e3 * (done - encoded),
            "total": 1e3 * (done - started),
        }
        status, code = found.status, found.reason_code
        return self._answer(text, status, code, found.reason, parsed, frame, latency, candidates)

    def ask_all(
        self, texts: Iterable[str], *, top_k: int = 3, frame_id: str | None = None
    ) -> list[Answer]:
        """Answers to several questions, in order."""
        return [self.ask(text, top_k=top_k, frame_id=frame_id) for text in texts]

    @property
    def coverage(self) -> Coverage:
        """How much of the place the recording saw."""
        return self._resolver.coverage if self._resolver else Coverage.of(self.scene)

    def _transform(self, frame_id: str | None) -> np.ndarray | None:
        world = self.scene.scene.world_frame
        if frame_id is None or frame_id == world:
            return None
        if frame_id not in self.scene.static_transforms:
            known = ", ".join([world, *sorted(self.scene.static_transforms)])
            raise QueryError(
                f"the scene has no static transform to frame {frame_id!r}",
                expected=f"one of {known}",
                hint="Frames that move with the robot cannot be asked for.",
            )
        return self.scene.static_transforms[frame_id]

    def _candidates(
        self, hits: Sequence[Hit], T_frame_world: np.ndarray | None
    ) -> tuple[Candidate, ...]:
        candidates = (self._candidate(hit) for hit in hits)
        if T_frame_world is None:
            return tuple(candidates)
        return tuple(transform_candidate(item, T_frame_world) for item in candidates)

    def _candidate(self, hit: Hit) -> Candidate:
        item, support = hit.item, None
        if item.support_id is not None and item.support_id in self._labels:
            support = {"id": item.support_id, "label": self._labels[item.support_id]}
        return Candidate(
            id=item.id,
            selected=hit.selected,
            label=item.label,
            score=hit.score,
            similarity=hit.similarity,
            relevancy=hit.relevancy,
            box=item.box,
            covariance=item.covariance,
            surface_point=self._surface_point(item),
            support=support,
            stamp=item.stamp_s,
            n_views=item.n_views,
            n_points=item.n_points,
        )

    def _surface_point(self, item: MapObject) -> np.ndarray:
        """The observed point nearest to the camera that the object is anchored to."""
        if item.id == 0:  # a place: found for this question only
            return self._nearest_to_camera(item)
        if item.id not in self._surface_points:
            self._surface_points[item.id] = self._nearest_to_camera(item)
        return self._surface_points[item.id]

    def _nearest_to_camera(self, item: MapObject) -> np.ndarray:
        keyframes = self.scene.scene.keyframes
        if not item.n_points or not keyframes:
            return item.position
        anchor = item.anchor if 0 <= item.anchor < len(keyframes) else -1
        camera = keyframes[anchor].T_world_cam[:3, 3]
        away = np.linalg.norm(item.points - camera, axis=1)
        return np.asarray(item.points[away.argmin()], float)

    def _answer(
        self,
        text: str,
        status: Status,
        code: ReasonCode,
        reason: str,
        parsed: ParsedQuery,
        frame: str,
        latency: dict[str, float] | None = None,
        candidates: tuple[Candidate, ...] = (),
    ) -> Answer:
        return Answer(
            query=_printable(text),
            status=status,
            reason_code=code,
            reason=reason,
            parsed=parsed,
            frame_id=frame,
            stamp=self._stamp,
            scene=self.scene.uuid,
            calibration=self.calibration.id if self.calibration else None,
            latency_ms=latency or {"text": 0.0, "search": 0.0, "total": 0.0},
            candidates=candidates,
        )


def _printable(text: str) -> str:
    """The question verbatim; lone surrogates, which UTF-8 cannot carry, are replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")
