"""Questions as they arrive from outside, answered over the newest scene in the frame asked for.

The ROS node and the replay of bags both answer through this, so that they say the same.
"""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np

from grounding3d.errors import GroundingError, TransformError
from grounding3d.features.base import Encoder
from grounding3d.geometry.transforms import invert_pose
from grounding3d.live.reframe import transform_answer
from grounding3d.live.transforms import LiveTransforms
from grounding3d.objects.base import LanguageScene
from grounding3d.query.answer import Answer, ParsedQuery, ReasonCode, Status
from grounding3d.query.engine import QueryEngine

_log = logging.getLogger(__name__)

MOST_CANDIDATES = 100
_ECHO_CHARACTERS = 2000  # of a question far too long to be asked


class ErrorCode(IntEnum):
    """Why something could not be done, as in grounding3d_msgs; "not found" is an answer."""

    NONE = 0
    UNKNOWN = 1
    INVALID_QUERY = 2
    NO_SCENE = 3
    NOT_ACTIVE = 4
    TF_ERROR = 5
    BUSY = 6
    SCENE_ERROR = 10
    ENCODER_ERROR = 11
    WRITE_ERROR = 12
    CAPTURE_ERROR = 13
    CONFIG_ERROR = 14
    CANCELLED = 15
    OBJECT_NOT_FOUND = 20
    UP_UNKNOWN = 21
    NO_FLOOR = 22
    NO_FREE_POSE = 23


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        text: in plain words.
        top_k: candidates wanted, 0 for the default.
        frame_id: frame of the coordinates, "" for the scene's own.
        stamp_s: time at which that frame is looked up, None for the latest.
        id: chosen by the asker; comes back with the answer.
        viewpoint_frame: frame from whose origin "left of" and "nearest" are judged, "" for the
            default.
    """

    text: str
    top_k: int = 0
    frame_id: str = ""
    stamp_s: float | None = None
    id: str = ""
    viewpoint_frame: str = ""


@dataclass(frozen=True, eq=False)
class Reply:
    """An answer on its way out.

    Attributes:
        question: what was asked.
        answer: in the frame that was asked for.
        in_world: the same in the scene's own frame, for what is drawn on the map.
        holds_s: time at which the coordinates hold in their frame: when a moving frame was looked
            up, else when the scene was last observed; None without stamps.
        error_code, error_msg: why the question could not be answered at all.
    """

    question: Question
    answer: Answer
    in_world: Answer
    holds_s: float | None
    error_code: ErrorCode = ErrorCode.NONE
    error_msg: str = ""


def question_from_text(text: str) -> Question:
    """A question from a plain string, or from a JSON object with the fields of `Question`.

    The JSON form lets a client of standard messages choose frame, id and number of candidates:
    `{"text": "where is the mug", "frame_id": "base_link", "id": "7"}`. Whatever is no such object
    is a question in plain words.
    """
    if not text.lstrip().startswith("{") or len(text) > _ECHO_CHARACTERS:
        return Question(text)
    try:
        value = json.loads(text)
        return Question(
            text=_typed(value["text"], str),
            top_k=_typed(value.get("top_k", 0), int),
            frame_id=_typed(value.get("frame_id", ""), str),
            stamp_s=_number(value.get("stamp_s")),
            id=_typed(value.get("id", ""), str),
            viewpoint_frame=_typed(value.get("viewpoint_frame", ""), str),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return Question(text)


class Responder:
    """Answers questions; scene and transforms may change while it does.

    Args:
        encoder: the one the scenes are built with.
        transforms: live transforms, None where there are none.
        top_k: candidates listed where a question does not say.
        frame_id: frame of answers where a question does not say, "" for the scene's own.
        viewpoint_frame: likewise, from where "left of" is judged, "" for the last camera.
    """

    def __init__(
        self,
        encoder: Encoder,
        transforms: LiveTransforms | None = None,
        *,
        top_k: int = 3,
        frame_id: str = "",
        viewpoint_frame: str = "",
    ) -> None:
        self.encoder = encoder
        self.transforms = transforms
        self._top_k, self._frame_id, self._viewpoint_frame = top_k, frame_id, viewpoint_frame
        self._engine: QueryEngine | None = None
        self._swap = threading.Lock()

    @property
    def scene(self) -> LanguageScene | None:
        """The scene that is being asked."""
        engine = self._engine
        return engine.scene if engine is not None else None

    def serve(self, scene: LanguageScene | None) -> None:
        """Answer from this scene from now on; None: there is none any more.

        Raises:
            EncoderError: it was built with another encoder; the scene that was there stays.
        """
        engine = QueryEngine(scene, self.encoder) if scene is not None else None
        if engine is not None:
            engine.prepare()  # while questions are still answered from the scene before
        with self._swap:
            self._engine = engine

    def ask(self, question: Question) -> Reply:
        """Answer; whatever cannot be asked gives an answer with the status "invalid"."""
        engine = self._engine
        question = replace(question, frame_id=question.frame_id or self._frame_id)
        if engine is None:
            reason = "no scene is loaded and nothing has been mapped yet"
            return _refusal(question, None, "empty_scene", reason, ErrorCode.NO_SCENE)
        top_k = min(question.top_k if question.top_k > 0 else self._top_k, MOST_CANDIDATES)
        try:
            viewpoint = self._viewpoint(question, engine.scene)
            answer = engine.ask(question.text, top_k=top_k, viewpoint=viewpoint)
            T, looked_up_s = self.to_frame(question.frame_id, question.stamp_s, engine.scene)
        except TransformError as error:
            return _refusal(question, engine, "not_understood", str(error), ErrorCode.TF_ERROR)
        except GroundingError as error:
            return _refusal(question, engine, "not_understood", str(error), ErrorCode.INVALID_QUERY)
        except Exception as error:  # a question must never end the node
            _log.exception("the question %.80r failed", question.text)
            reason = f"{type(error).__name__}: {error}"
            return _refusal(question, engine, "not_understood", reason, ErrorCode.UNKNOWN)
        moved = answer if T is None else transform_answer(answer, T, question.frame_id)
        holds_s = answer.stamp if looked_up_s is None else looked_up_s
        if answer.status == "invalid":
            return Reply(
                question, moved, answer, holds_s, ErrorCode.INVALID_QUERY, str(answer.reason)
            )
        return Reply(question, moved, answer, holds_s)

    def _viewpoint(self, question: Question, scene: LanguageScene) -> np.ndarray | None:
        """Origin [3] of the viewpoint's frame in the world, None for the scene's last camera."""
        frame = question.viewpoint_frame or self._viewpoint_frame
        if not frame:
            return None
        T_frame_world, _ = self.to_frame(frame, question.stamp_s, scene)
        return np.zeros(3) if T_frame_world is None else invert_pose(T_frame_world)[:3, 3]

    def refuse(self, question: Question, error: ErrorCode, reason: str) -> Reply:
        """The answer to a question that is not even looked at."""
        return _refusal(question, self._engine, "not_understood", reason, error)

    def to_frame(
        self, frame_id: str, stamp_s: float | None, scene: LanguageScene
    ) -> tuple[np.ndarray | None, float | None]:
        """T_frame_world [4,4] (None for the scene's own frame), and when it was looked up.

        The time is None where the two frames do not move against each other.

        Raises:
            TransformError: neither tf nor the scene links the two frames at that time.
        """
        world = scene.scene.world_frame
        if frame_id in ("", world):
            return None, None
        try:
            if self.transforms is None:
                raise TransformError(f"no transform from {world!r} to {frame_id!r} is known")
            return self.transforms.lookup(frame_id, world, stamp_s)
        except TransformError:
            if frame_id in scene.static_transforms:
                return scene.static_transforms[frame_id], None
            raise


def _refusal(
    question: Question,
    engine: QueryEngine | None,
    code: ReasonCode,
    reason: str,
    error: ErrorCode,
) -> Reply:
    """The complete answer to a question that could not be asked."""
    status: Status = "not_found" if error == ErrorCode.NO_SCENE else "invalid"
    text = question.text[:_ECHO_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
    answer = Answer(
        query=text,
        status=status,
        reason_code=code,
        reason=reason,
        parsed=ParsedQuery(),
        frame_id=engine.scene.scene.world_frame if engine else question.frame_id or "map",
        stamp=None,
        scene=engine.scene.uuid if engine else "",
        calibration=None,
        latency_ms={"text": 0.0, "search": 0.0, "total": 0.0},
    )
    return Reply(question, answer, answer, None, error, reason)


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{value!r} is no {kind.__name__}")
    return value


def _number(value: Any) -> float | None:
    if value is None:
        return None
    number = float(value)
    if not np.isfinite(number):
        raise ValueError("not finite")
    return number
