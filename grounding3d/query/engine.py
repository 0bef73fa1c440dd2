"""The query engine: a question in, an answer in metres out."""

from __future__ import annotations

import time
from collections.abc import Iterable
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
from grounding3d.query.decision import Decision, NullRule, decide
from grounding3d.query.evidence import Evidence, EvidenceIndex, encode_query
from grounding3d.query.parse import NotAQuestion, parse


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
        self._index = self._make_index()
        if calibration == "auto":
            calibration = find_calibration(scene.encoder)
        self.calibration = calibration
        self._rule = calibration or (NullRule(self._index.null_best()) if self._index else None)
        stamps = [k.stamp_s for k in scene.scene.keyframes if k.stamp_s is not None]
        self._stamp = max(stamps) if stamps else None

    def ask(self, text: str, *, top_k: int = 3, frame_id: str | None = None) -> Answer:
        """Answer one question; a text that cannot be asked gives an answer "invalid".

        Args:
            text: the question, in plain English.
            top_k: how many candidates to list at most; a plural's answers are all listed.
            frame_id: frame of the coordinates, by default the scene's.

        Raises:
            QueryError: no static transform to `frame_id` is known, or `top_k` is below 1.
        """
        started = time.perf_counter()
        T_frame_world = self._transform(frame_id)
        if top_k < 1:
            raise QueryError("top_k must be at least 1", found=str(top_k))
        frame = frame_id or self.scene.scene.world_frame
        try:
            parsed = parse(text)
        except NotAQuestion as error:
            return self._answer(text, "invalid", error.code, str(error), ParsedQuery(), frame)
        if self._index is None or self._rule is None:
            reason = "the scene holds no objects"
            return self._answer(text, "not_found", "empty_scene", reason, parsed, frame)
        query, noun = encode_query(parsed, self.encoder)
        encoded = time.perf_counter()
        evidence = self._index.evidence(query, noun)
        decision = decide(evidence, parsed.plural, self._rule)
        candidates = self._candidates(evidence, decision, top_k, T_frame_world)
        done = time.perf_counter()
        latency = {
            "text": 1e3 * (encoded - started),
            "search": 1e3 * (done - encoded),
            "total": 1e3 * (done - started),
        }
        reason = decision.reason + _unused(parsed)
        return self._answer(
            text, decision.status, decision.reason_code, reason, parsed, frame, latency, candidates
        )

    def _make_index(self) -> EvidenceIndex | None:
        if not self._objects:
            return None
        return EvidenceIndex(self.scene.objects, self.encoder, self.scene.scene.up_world)

    def ask_all(
        self, texts: Iterable[str], *, top_k: int = 3, frame_id: str | None = None
    ) -> list[Answer]:
        """Answers to several questions, in order."""
        return [self.ask(text, top_k=top_k, frame_id=frame_id) for text in texts]

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
        self, evidence: Evidence, decision: Decision, top_k: int, T_frame_world: np.ndarray | None
    ) -> tuple[Candidate, ...]:
        n_listed = max(top_k, decision.n_selected)
        found = []
        for place, row in enumerate(decision.order[:n_listed]):
            candidate = self._candidate(
                self._objects[row],
                selected=place < decision.n_selected,
                score=float(decision.score[row]),
                similarity=float(evidence.similarity[row]),
                relevancy=float(evidence.relevancy[row]),
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


def _unused(parsed: ParsedQuery) -> str:
    if not parsed.relations:
        return ""
    names = ", ".join(f"{r['relation']} {r['anchor']}" for r in parsed.relations)
    return f"; the relation ({names}) was understood but not used"


def _printable(text: str) -> str:
    """The question verbatim; lone surrogates, which UTF-8 cannot carry, are replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")
