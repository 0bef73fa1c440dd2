"""The mapping process: frames and orders in, reports and scenes out.

It runs in an interpreter of its own, started by `MappingWorker`, and ends when its socket does.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from grounding3d.capture.base import RGBDFrame
from grounding3d.errors import GroundingError, SceneError
from grounding3d.features.base import Encoder
from grounding3d.geometry.camera import Camera
from grounding3d.live.config import Config
from grounding3d.live.parcels import ParcelSocket
from grounding3d.live.throttle import Throttle
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

_log = logging.getLogger(__name__)

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
)  # fmt: skip

_COMMAND = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from grounding3d.live.worker_process import main; main(int(sys.argv[2]))"
)


def spawn(theirs: socket.socket, n_threads: int) -> subprocess.Popen[bytes]:
    """A fresh interpreter, out of reach of the terminal's Ctrl-C, that inherits one socket."""
    paths = json.dumps([path or os.getcwd() for path in sys.path])
    of_libraries = dict.fromkeys(_THREAD_VARIABLES, str(_library_threads(n_threads)))
    environment = {**os.environ, **of_libraries}
    with theirs:
        return subprocess.Popen(
            [sys.executable, "-c", _COMMAND, paths, str(theirs.fileno())],
            env=environment,
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=2,  # ours may carry results
            start_new_session=True,
        )


def _library_threads(n_threads: int) -> int:
    """How many of the process's threads each call of a library may use.

    One frame is segmented, another one is mapped meanwhile; the rest is for the encoder.
    """
    return max(1, n_threads - 2)


def describe_exit(code: int) -> str:
    """Why the process ended, from its exit code."""
    if code < 0:
        return f"the mapping process was killed by {signal.Signals(-code).name}"
    return f"the mapping process ended with code {code}"


def main(descriptor: int) -> NoReturn:
    """Run until the socket closes."""
    end = ParcelSocket(socket.socket(fileno=descriptor))
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(end, inbox), daemon=True).start()
    try:
        MappingLoop(end, inbox).run()
    except (BrokenPipeError, ConnectionResetError):  # noticed here before `_listen` did
        os._exit(0)
    except BaseException as error:
        traceback.print_exc()
        end.send(Failed(f"{type(error).__name__}: {error}"))
        os._exit(1)
    os._exit(0)


def _listen(end: ParcelSocket, inbox: queue.SimpleQueue[Any]) -> NoReturn:
    """Hand messages on; without a parent nobody needs this process, whatever it is doing."""
    while True:
        try:
            inbox.put(end.recv())
        except EOFError:
            os._exit(0)


@dataclass(eq=False)
class _Added:
    """A frame that was mapped, or was not for a reason; `began` by the performance counter."""

    reason: str = ""
    used: bool = False
    began: float = 0.0
    is_looked_at: bool = False


class MappingLoop:
    """Adds frames as they come; hands out scenes now and then; refines while nothing comes.

    Args:
        end: where reports and scenes go.
        inbox: the setup, then frames and orders.
    """

    def __init__(self, end: ParcelSocket, inbox: queue.SimpleQueue[Any]) -> None:
        self._end, self._inbox = end, inbox
        setup: Setup = inbox.get()
        logging.basicConfig(level=setup.log_level)
        for handler in logging.getLogger().handlers:
            handler.addFilter(Throttle())
        self.config = Config.model_validate(setup.config)
        os.nice(self.config.live.nice)
        self._setup = setup
        self._epoch = 0
        self._encoder = self._load_encoder()
        self._mapper = self._new_mapper()
        self._mapper.warm_up()
        self._camera: Camera | None = None
        self._unreported: deque[_Added] = deque()  # the first of them is being looked at
        self._is_closed = ""  # why no frame can be taken
        self._is_dirty = False
        self._may_refine = False
        self._snapshot_s = 0.0
        self._next_snapshot = 0.0

    def run(self) -> NoReturn:
        """Work until the process is ended from outside."""
        self._end.send(Ready())
        while True:
            message = self._next()
            if isinstance(message, FrameParts):
                self._add(message)
            elif isinstance(message, Order):
                self._take_in(0)
                self._end.send(Done(message.number, self._obey(message)))
            self._take_in(self.config.live.threads)
            if self._is_dirty and time.monotonic() >= self._next_snapshot:
                self._send_snapshot()

    def _next(self) -> Any:
        """The next message; None when a frame was looked at, a scene is due, geometry refined."""
        try:
            return self._inbox.get_nowait()
        except queue.Empty:
            pass
        if self._may_refine and not self._mapper.looking:
            self._may_refine = self._mapper.refine(self.config.live.refine_s)
            self._is_dirty |= self._may_refine
            return None
        wait_s = None
        if self._is_dirty:
            wait_s = max(0.0, self._next_snapshot - time.monotonic())
        try:
            return self._inbox.get(timeout=wait_s)
        except queue.Empty:
            return None

    def _add(self, parts: FrameParts) -> None:
        """Map a frame, and report it once it has been looked at, if it is."""
        if parts.epoch != self._epoch or self._is_closed:
            self._report(_Added(self._is_closed or "the map was reset"))
            return
        self._take_in(self.config.live.threads - 1)  # this thread works, too
        added = _Added(began=time.perf_counter())
        looking = self._mapper.looking
        try:
            frame: RGBDFrame = parts.frame(self._camera)
            self._camera = frame.camera
            report = self._mapper.add(frame)
            added.used, added.reason = report.used, report.reason
        except GroundingError as error:
            added.reason = str(error)
        self._is_dirty |= added.used
        self._may_refine |= added.used
        if self._mapper.looking > looking or self._unreported:
            added.is_looked_at = self._mapper.looking > looking
            self._unreported.append(added)
        else:
            self._report(added)

    def _take_in(self, at_most: int) -> None:
        """Take in what frames show that were looked at, until at most so many are left."""
        while self._mapper.looking:
            reason = ""
            try:
                if not self._mapper.take_in(wait=self._mapper.looking > at_most):
                    return
            except GroundingError as error:
                reason = str(error)
            self._is_dirty = self._may_refine = True
            first = self._unreported.popleft()
            first.used, first.reason = not reason, reason
            self._report(first)
            while self._unreported and not self._unreported[0].is_looked_at:
                self._report(self._unreported.popleft())

    def _report(self, added: _Added) -> None:
        took = time.perf_counter() - added.began if added.began else 0.0
        self._end.send(FrameDone(added.used, added.reason, took))

    def _obey(self, order: Order) -> str | None:
        """Carry an order out; the reason if it cannot be."""
        try:
            if order.kind == "reset":
                self._reset(order)
            elif order.kind == "load":
                self._load(order)
            elif order.kind == "save":
                self._save(order)
            else:
                self._check_used()
                self._send_snapshot()
        except GroundingError as error:
            return str(error)
        return None

    def _reset(self, order: Order) -> None:
        self._epoch, self._is_closed = order.epoch, ""
        self._mapper = self._new_mapper(order.next_id)
        self._is_dirty = self._may_refine = False

    def _load(self, order: Order) -> None:
        from grounding3d.objects.store import load_scene, load_state

        self._reset(order)
        self._is_closed = "the loaded scene cannot be mapped on"
        scene, state = load_scene(order.path), load_state(order.path)
        if state is None:
            raise SceneError(
                f"{order.path} was saved without the mapper's memory",
                hint="Questions about it are answered; reset to map anew.",
            )
        self._mapper.restore(scene, state)
        self._is_closed = ""

    def _save(self, order: Order) -> None:
        from grounding3d.objects.store import save_scene

        self._check_used()
        scene = self._send_snapshot()
        save_scene(Path(order.path), scene, state=self._mapper.state())

    def _check_used(self) -> None:
        if self._is_closed or not self._mapper.counts.used:
            raise SceneError(
                "there is no map yet", found=self._is_closed or "not one frame could be used"
            )

    def _send_snapshot(self) -> Any:
        live, started = self.config.live, time.monotonic()
        scene = self._mapper.snapshot()
        took = time.monotonic() - started
        self._end.send(Snapshot.of(scene, self._epoch, took))
        done = time.monotonic()
        pause_s = (done - started) * (1 / live.snapshot_share - 1)
        self._next_snapshot = max(started + live.snapshot_period_s, done + pause_s)
        self._is_dirty = False
        return scene

    def _load_encoder(self) -> Encoder:
        import torch

        from grounding3d.features.encoders import load_encoder

        torch.set_num_threads(_library_threads(self.config.live.threads))
        return load_encoder(self.config.encoder, self.config.device)

    def _new_mapper(self, next_id: int = 1) -> Any:
        from grounding3d.live.mapping import Mapper

        setup = self._setup
        return Mapper(
            self.config,
            self._encoder,
            up_world=setup.up_world,
            static_transforms=setup.static_transforms,
            next_id=next_id,
            threads=self.config.live.threads,
            on_look=lambda: self._inbox.put(None),  # wakes `_next`
        )
