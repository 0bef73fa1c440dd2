"""A mapper in a process of its own, so that queries are answered all the while.

A 640x480 frame is 2.15 MB (3 bytes of colour and 4 of depth a pixel), copied once into a block of
shared memory that lives until the process has worked on it; at most one more than the process has
threads are on their way. A scene comes back the same way, 70 bytes a Gaussian, and is not copied
again (see `parcels`).
"""

from __future__ import annotations

import itertools
import logging
import subprocess
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import Self

from grounding3d.capture.base import RGBDFrame
from grounding3d.errors import GroundingError, SceneError
from grounding3d.live.config import Config
from grounding3d.live.parcels import ParcelSocket
from grounding3d.live.worker_messages import (
    Done,
    Failed,
    FrameDone,
    FrameParts,
    Order,
    Ready,
    Setup,
    Snapshot,
)
from grounding3d.live.worker_process import describe_exit, spawn
from grounding3d.live.worker_stats import FrameTally, MappingStats, mean_ms
from grounding3d.objects.base import LanguageScene
from grounding3d.objects.store import load_scene, save_scene

_log = logging.getLogger(__name__)

_CLOSE_S = 5.0
_START_S = 300.0  # to load torch and the encoder; a busy machine takes a minute


@dataclass(eq=False)
class _Link:
    """One run of the process."""

    process: subprocess.Popen[bytes]
    end: ParcelSocket
    room: int  # for frames: those being worked on, and one already there when one is done
    submitted: deque[float] = field(default_factory=deque)  # of the frames on their way
    is_ready: bool = False
    is_open: bool = True
    error: str | None = None
    answers: dict[int, Done] = field(default_factory=dict)


class MappingWorker:
    """Runs a `Mapper` in another process; all calls are safe from any thread.

    A process that crashed is reported by `stats()`, its last scene stays, and `start()` starts
    another one, whose map is empty. Frames must not be written to after they were submitted.

    Args:
        config: of every stage; `config.live` is about this class.
        up_world: direction against gravity where the source knows it.
        static_transforms: frame id -> [4,4] `T_frame_world` of frames fixed to the world.

    Example:
        >>> with MappingWorker(Config()) as worker:        # doctest: +SKIP
        ...     worker.submit(frame)
        ...     scene = worker.request_snapshot()
    """

    def __init__(
        self,
        config: Config,
        *,
        up_world: np.ndarray | None = None,
        static_transforms: dict[str, np.ndarray] | None = None,
    ) -> None:
        self.config = config
        self._setup = Setup(
            config=config.model_dump(mode="json"),
            up_world=up_world,
            static_transforms=dict(static_transforms or {}),
            log_level=logging.getLogger("grounding3d").getEffectiveLevel(),
        )
        self._changed = threading.Condition()  # guards everything below
        self._link: _Link | None = None
        self._queue: deque[tuple[RGBDFrame, float]] = deque()
        self._counts = FrameTally()
        self._epoch = 0
        self._orders = itertools.count(1)
        self._next_id = 1
        self._latest: LanguageScene | None = None
        self._latest_at = self._latest_took = 0.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the process, if none runs; returns at once. `is_ready` says when it is there."""
        with self._changed:
            if self._link is not None and self._link.is_open:
                return
            end, theirs = ParcelSocket.pair()
            threads = self.config.live.threads
            link = self._link = _Link(spawn(theirs, threads), end, room=threads + 1)
            end.send(self._setup)
            if self._next_id > 1 or self._epoch:
                end.send(Order("reset", 0, self._epoch, next_id=self._next_id))
        for run in (self._send_frames, self._receive):
            threading.Thread(
                target=run, args=(link,), name=f"map-{run.__name__}", daemon=True
            ).start()

    def is_ready(self) -> bool:
        """Whether the process runs and has loaded its encoder."""
        with self._changed:
            return self._link is not None and self._link.is_open and self._link.is_ready

    @property
    def process_id(self) -> int | None:
        """Of the process that was started last, None before."""
        return self._link.process.pid if self._link is not None else None

    def wait_until_ready(self, timeout_s: float = 60.0) -> None:
        """Wait for `is_ready`.

        Raises:
            GroundingError: not within that time, or the process ended; says why.
        """
        with self._changed:
            link = self._running("wait for")
            self._changed.wait_for(lambda: link.is_ready or not link.is_open, timeout_s)
            if not (link.is_ready and link.is_open):
                raise GroundingError(
                    "the mapping process is not ready", found=link.error or f"{timeout_s:g} s over"
                )

    def submit(self, frame: RGBDFrame) -> bool:
        """Queue a frame; never blocks. When the queue is full, its oldest frame is dropped.

        Returns:
            Whether it was queued; it is not while no process runs.
        """
        with self._changed:
            counts = self._counts
            counts.received += 1
            if self._link is None or not self._link.is_open:
                counts.refuse("the mapping process does not run")
                return False
            if len(self._queue) >= self.config.live.queue_size:
                self._queue.popleft()
                counts.dropped += 1
                counts.settled += 1
            self._queue.append((frame, time.monotonic()))
            self._changed.notify_all()
            return True

    def latest(self) -> LanguageScene | None:
        """The newest scene, immutable; None before the first. Never blocks."""
        return self._latest

    def stats(self) -> MappingStats:
        """How it is doing."""
        with self._changed:
            counts, link, latest = self._counts, self._link, self._latest
            age_s = time.monotonic() - self._latest_at
            return MappingStats(
                received=counts.received,
                queued=len(self._queue),
                used=counts.used,
                skipped=Counter(counts.skipped),
                dropped=counts.dropped,
                n_objects=len(latest.objects) if latest else 0,
                n_gaussians=len(latest.scene.gaussians) if latest else 0,
                snapshot_age_s=age_s if latest else None,
                snapshot_s=self._latest_took if latest else None,
                frame_ms=mean_ms(counts.seconds),
                latency_ms=mean_ms(counts.latencies),
                shared_bytes=counts.shared_bytes,
                ready=link is not None and link.is_open and link.is_ready,
                alive=link is not None and link.is_open,
                error=link.error if link else None,
            )

    def request_snapshot(self, timeout_s: float = 30.0) -> LanguageScene:
        """A scene with every frame that was submitted before, and was not dropped.

        Raises:
            SceneError: not one frame was used.
            GroundingError: not within that time, or the process ended.
        """
        self._order("snapshot", timeout_s)
        latest = self._latest
        if latest is None:  # the scene comes before the word that it was sent
            raise GroundingError("the map was reset meanwhile")
        return latest

    def load(self, scene_dir: str | Path, timeout_s: float = 60.0) -> None:
        """Replace the map by a saved one.

        Its scene is the latest at once. Mapping goes on from it if it was saved by `save`; else
        frames are refused until a `reset`.

        Raises:
            SceneError: not a scene; the map is as it was.
            GroundingError: the process did not answer in that time.
        """
        scene = load_scene(scene_dir)
        with self._changed:
            self._next_id = max(self._next_id, scene.objects.next_id)
            self._begin_epoch(scene)
            runs = self._link is not None and self._link.is_open
        if runs:
            try:
                self._order("load", timeout_s, path=str(Path(scene_dir).resolve()))
            except SceneError as error:
                _log.warning("%s", error)

    def save(self, path: str | Path, timeout_s: float = 60.0) -> None:
        """Write the map, as of now, to a scene folder; with what is needed to go on mapping.

        Without a running process the latest scene is written, which can be asked but not mapped
        on.

        Raises:
            SceneError: there is no map yet, or the folder cannot be written.
            GroundingError: the process did not answer in that time.
        """
        with self._changed:
            runs = self._link is not None and self._link.is_open
        if runs:
            self._order("save", timeout_s, path=str(Path(path).absolute()))
        elif self._latest is not None:
            save_scene(path, self._latest)
        else:
            raise SceneError("there is no map yet")

    def reset(self) -> None:
        """Forget the map and the frames that wait; ids of objects are not given again."""
        with self._changed:
            self._begin_epoch(None)
            link = self._link
            order = Order("reset", 0, self._epoch, next_id=self._next_id)
        if link is not None and link.is_open:
            link.end.send(order)

    def close(self) -> None:
        """End the process; the latest scene stays. May be called again, and `start` after it."""
        with self._changed:
            link = self._link
            if link is None:
                return
            link.is_open = False
            self._changed.notify_all()
        link.end.close()
        try:
            link.process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            link.process.kill()
            link.process.wait()

    def _begin_epoch(self, scene: LanguageScene | None) -> None:
        self._epoch += 1
        self._counts.refuse("the map was replaced", len(self._queue))
        self._queue.clear()
        self._latest, self._latest_at, self._latest_took = scene, time.monotonic(), 0.0

    def _running(self, purpose: str) -> _Link:
        link = self._link
        if link is None or not link.is_open:
            raise GroundingError(
                f"no mapping process runs to {purpose}",
                found=link.error if link else None,
                hint="Call start().",
            )
        return link

    def _order(self, kind: str, timeout_s: float, path: str = "") -> None:
        """Have the process do something after all frames that have been submitted so far.

        The time begins to run when the process is ready.
        """
        with self._changed:
            link, before = self._running(kind), self._counts.received
            self._wait(link, lambda: link.is_ready, time.monotonic() + _START_S, kind)
            until = time.monotonic() + timeout_s
            self._wait(link, lambda: self._counts.settled >= before, until, kind)
            order = Order(kind, next(self._orders), self._epoch, path, self._next_id)
        with suppress(OSError):  # the receiver will have noticed
            link.end.send(order)
        with self._changed:
            self._wait(link, lambda: order.number in link.answers, until, kind)
            error = link.answers.pop(order.number).error
        if error is not None:
            raise SceneError(error)

    def _wait(self, link: _Link, is_done: Callable[[], bool], until: float, kind: str) -> None:
        """Wait for a condition while the process runs."""
        self._changed.wait_for(lambda: is_done() or not link.is_open, until - time.monotonic())
        if not is_done():
            raise GroundingError(
                f"the mapping process did not {kind}", found=link.error or "no answer in time"
            )

    def _send_frames(self, link: _Link) -> None:
        """Hand over frames, the oldest first, whenever the process has room."""
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: not link.is_open or (link.room > 0 and self._queue and link.is_ready)
                )
                if not link.is_open:
                    return
                frame, submitted = self._queue.popleft()
                link.room -= 1
                link.submitted.append(submitted)
                epoch = self._epoch
            try:
                shared = link.end.send(FrameParts.of(frame, epoch))
            except OSError as error:
                _log.debug("a frame was not sent: %s", error)
                return
            with self._changed:
                self._counts.settled += 1
                self._counts.shared_bytes = shared
                self._changed.notify_all()

    def _receive(self, link: _Link) -> None:
        """Take in what the process says, until it ends."""
        while True:
            try:
                message = link.end.recv()
            except EOFError:
                break
            scene = message.scene() if isinstance(message, Snapshot) else None
            with self._changed:
                if scene is not None:
                    self._take_scene(message, scene)
                else:
                    self._note(link, message)
                self._changed.notify_all()
        code = link.process.wait()
        with self._changed:
            if link.is_open:
                link.error = link.error or describe_exit(code)
                _log.error("mapping stopped: %s", link.error)
            link.is_open = False
            self._counts.refuse("the mapping process ended", len(self._queue))
            self._queue.clear()
            self._changed.notify_all()
        link.end.close()

    def _take_scene(self, message: Snapshot, scene: LanguageScene) -> None:
        if message.epoch == self._epoch:
            self._next_id = max(self._next_id, scene.objects.next_id)
            self._latest_at, self._latest_took = time.monotonic(), message.seconds
            self._latest = scene

    def _note(self, link: _Link, message: Any) -> None:
        if isinstance(message, Ready):
            link.is_ready = True
        elif isinstance(message, Failed):
            link.error = message.error
        elif isinstance(message, Done):
            if message.number:
                link.answers[message.number] = message
        elif isinstance(message, FrameDone):
            link.room += 1
            self._counts.note(message, link.submitted.popleft())
