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
from grounding3d.query.decision import Decision, NullRule
from grounding3d.query.descriptions import Describer, texts_of
from grounding3d.query.evidence import EvidenceIndex
from grounding3d.query.layout import Layout
from grounding3d.query.parse import NotAQuestion, describe, parse
from grounding3d.query.selection import Selector
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
        self._objects = tuple(scene.objects)
        self._labels = {item.id: item.label for item in self._objects}
        if calibration == "auto":
            calibration = find_calibration(scene.encoder)
        self.calibration = calibration
        self._selector = self._make_selector()
        self._coverage: Coverage | None = None
        self._surface_points: dict[int, np.ndarray] = {}
        stamps = [k.stamp_s for k in scene.scene.keyframes if k.stamp_s is not None]
        self._stamp = max(stamps) if stamps else None

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
        if self._selector is None:
            reason = "the scene holds no objects"
            return self._answer(text, "not_found", "empty_scene", reason, parsed, frame)
        vectors = self._encode(parsed)
        encoded = time.perf_counter()
        decision = self._selector.select(parsed, vectors, seen_from)
        code, reason = self._absent_or_unobserved(decision)
        candidates = self._candidates(decision, top_k, T_frame_world)
        done = time.perf_counter()
        latency = {
            "text": 1e3 * (encoded - started),
            "search": 1e3 * (done - encoded),
            "total": 1e3 * (done - started),
        }
        return self._answer(text, decision.status, code, reason, parsed, frame, latency, candidates)

    def ask_all(
        self, texts: Iterable[str], *, top_k: int = 3, frame_id: str | None = None
    ) -> list[Answer]:
        """Answers to several questions, in order."""
        return [self.ask(text, top_k=top_k, frame_id=frame_id) for text in texts]

    @property
    def coverage(self) -> Coverage:
        """How much of the place the recording saw; measured when first asked for."""
        if self._coverage is None:
            self._coverage = Coverage.of(self.scene)
        return self._coverage

    def _make_selector(self) -> Selector | None:
        if not self._objects:
            return None
        up = self.scene.scene.up_world
        index = EvidenceIndex(self.scene.objects, self.encoder, up)
        rule = self.calibration or NullRule(index.null_best())
        layout = Layout.of(self._objects, up)
        describer = Describer(index, rule, ~layout.is_support, float(self.encoder.logit_scale))
        labels = tuple(item.label for item in self._objects)
        return Selector(layout, describer, rule, labels)

    def _encode(self, parsed: ParsedQuery) -> dict[str, np.ndarray]:
        """Vectors of every text that the question needs."""
        anchors = [r[k] for r in parsed.relations for k in ("anchor", "other") if k in r]
        names = [describe(name).target for name in anchors if name != "camera"]
        texts = texts_of(parsed, names)
        return dict(zip(texts, self.encoder.encode_text(texts)))

    def _absent_or_unobserved(self, decision: Decision) -> tuple[ReasonCode, str]:
        """What was not found is absent only where the recording covers the place."""
        if decision.reason_code != "absent" or not self.coverage.shortcomings:
            return decision.reason_code, decision.reason
        why = "; ".join(self.coverage.shortcomings)
        return "unobserved", f"{decision.reason}; it may be where nothing was seen: {why}"

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
        self, decision: Decision, top_k: int, T_frame_world: np.ndarray | None
    ) -> tuple[Candidate, ...]:
        n_listed = max(top_k, decision.n_selected)
        found = []
        for place, row in enumerate(decision.order[:n_listed]):
            candidate = self._candidate(
                self._objects[row],
                selected=place < decision.n_selected,
                score=float(decision.score[row]),
                similarity=float(decision.similarity[row]),
                relevancy=float(decision.relevancy[row]),
            )
            if T_frame_world is not None:
                candidate = transform_candidate(candidate, T_frame_world)
            found.append(candidate)
        return tuple(found)

    def _candidate(
        self, item: MapObject, *, selected: bool, score: float, similarity: float, relevancy: float
    ) -> Candidate:
        support = None
        if item.support_id is not None and item.support_id in self._labels:
            support = {"id": item.support_id, "label": self._labels[item.support_id]}
        return Candidate(
            id=item.id,
            selected=selected,
            label=item.label,
            score=score,
            similarity=similarity,
            relevancy=relevancy,
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
