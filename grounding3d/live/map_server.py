"""One map that is asked, and, where wanted, mapped on: what the node does, without ROS."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import numpy as np

from grounding3d.errors import SceneError
from grounding3d.features.base import Encoder
from grounding3d.live.config import Config
from grounding3d.live.responder import ErrorCode, Question, Reply, Responder
from grounding3d.live.transforms import LiveTransforms
from grounding3d.live.worker import MappingStats, MappingWorker
from grounding3d.objects.base import LanguageScene
from grounding3d.objects.store import load_scene, save_scene

_log = logging.getLogger(__name__)


class MapServer:
    """Serves a scene from disk, or the newest state of a map that grows.

    Args:
        config: of every stage.
        encoder: answers questions; only its text side is used here.
        transforms: live transforms for answers in other frames.
        is_live: map in a process of its own; frames go to `worker`.
        up_world: direction against gravity of a live map.
        top_k, frame_id, viewpoint_frame: where a question does not say.
    """

    def __init__(
        self,
        config: Config,
        encoder: Encoder,
        transforms: LiveTransforms,
        *,
        is_live: bool = False,
        up_world: np.ndarray | None = None,
        top_k: int = 3,
        frame_id: str = "",
        viewpoint_frame: str = "",
    ) -> None:
        self.transforms = transforms
        self._responder = Responder(
            encoder, transforms, top_k=top_k, frame_id=frame_id, viewpoint_frame=viewpoint_frame
        )
        self._change = threading.Lock()
        self.worker: MappingWorker | None = None
        if is_live:
            self.worker = MappingWorker(config, up_world=up_world)
            self.worker.start()

    @property
    def scene(self) -> LanguageScene | None:
        """The scene that questions are answered with."""
        return self._responder.scene

    @property
    def encoder(self) -> Encoder:
        return self._responder.encoder

    def ask(self, question: Question) -> Reply:
        """Answer a question over the newest scene."""
        return self._responder.ask(question)

    def refuse(self, question: Question, error: ErrorCode, reason: str) -> Reply:
        """The answer to a question that is not even looked at."""
        return self._responder.refuse(question, error, reason)

    def to_frame(
        self, frame_id: str, stamp_s: float | None, scene: LanguageScene
    ) -> tuple[np.ndarray | None, float | None]:
        """As `Responder.to_frame`."""
        return self._responder.to_frame(frame_id, stamp_s, scene)

    def refresh(self) -> bool:
        """Take over the mapper's newest scene; whether there was a new one."""
        with self._change:
            latest = self.worker.latest() if self.worker is not None else self.scene
            if latest is self.scene:
                return False
            self._responder.serve(latest)
            return True

    def load(self, folder: str | Path) -> LanguageScene:
        """Replace the map by a saved one; on an error the one that was there stays.

        Raises:
            SceneError: no scene, or damaged.
            EncoderError: it was built with another encoder.
        """
        with self._change:
            scene = load_scene(folder)
            self._responder.serve(scene)  # refuses another encoder before anything is replaced
            if self.worker is not None:
                self.worker.load(folder)
                self._responder.serve(self.worker.latest())
        return scene

    def save(self, folder: str | Path) -> LanguageScene:
        """Write the map as it is now.

        Raises:
            SceneError: there is none, or the folder cannot be written.
        """
        if self.worker is not None:
            self.worker.save(folder)
            self.refresh()
        elif self.scene is not None:
            save_scene(folder, self.scene)
        if self.scene is None:
            raise SceneError("there is no map to save")
        return self.scene

    def reset(self) -> None:
        """Forget the map; a live one begins anew."""
        with self._change:
            if self.worker is not None:
                self.worker.reset()
            self._responder.serve(None)

    def stats(self) -> MappingStats | None:
        """How mapping goes, None where nothing is mapped."""
        return self.worker.stats() if self.worker is not None else None

    def close(self) -> None:
        """End mapping; questions can still be asked."""
        if self.worker is not None:
            self.worker.close()
