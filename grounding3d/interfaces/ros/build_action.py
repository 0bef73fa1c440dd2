"""The action that builds a scene from a recording, while questions are answered."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from grounding3d.errors import ConfigError, GroundingError
from grounding3d.live.config import Config, load_config
from grounding3d.live.map_server import MapServer
from grounding3d.live.messages.types import MessageTypes
from grounding3d.live.responder import ErrorCode

ACTION = "grounding3d_msgs/action/BuildScene"
_CODES = {
    "CaptureError": ErrorCode.CAPTURE_ERROR,
    "TransformError": ErrorCode.CAPTURE_ERROR,
    "EncoderError": ErrorCode.ENCODER_ERROR,
    "SceneError": ErrorCode.WRITE_ERROR,
    "ConfigError": ErrorCode.CONFIG_ERROR,
    "Cancelled": ErrorCode.CANCELLED,
}
_PATIENCE_S = 10.0  # with a build that was told to stop


@dataclass(frozen=True, eq=False)
class BuildTarget:
    """What a build is for.

    Attributes:
        server: gets the scene when it is wanted.
        config: of a goal that names none.
        changed: called when the map was replaced.
    """

    server: MapServer
    config: Config
    changed: Callable[[], None]


class BuildAction:
    """Serves `~/build_scene` where grounding3d_msgs is there; one build at a time.

    It lives as long as its node and refuses goals while it has no target: an executor that looks at
    an action server while another thread destroys it ends with an error.

    Args:
        node: whose action it is.
        types: its message classes.
    """

    def __init__(self, node: Node, types: MessageTypes) -> None:
        self._node, self._kind = node, types.find(ACTION)
        self._target: BuildTarget | None = None
        self._busy = threading.Lock()
        self._job: subprocess.Popen[str] | None = None
        self._stage = ("", 0.0)  # what is being done, and since when
        if self._kind is not None:
            ActionServer(
                node,
                self._kind,
                "~/build_scene",
                self._execute,
                callback_group=ReentrantCallbackGroup(),
                goal_callback=self._accept,
                cancel_callback=lambda handle: CancelResponse.ACCEPT,
            )

    def attach(self, target: BuildTarget) -> None:
        """Take goals from now on."""
        self._target = target

    def detach(self) -> None:
        """Stop a build that runs, and take no more goals."""
        self._target = None
        if self._job is not None:
            self._job.terminate()

    def _accept(self, goal: Any) -> GoalResponse:
        return GoalResponse.REJECT if self._target is None else GoalResponse.ACCEPT

    def _execute(self, handle: Any) -> Any:
        result = self._kind.Result(scene_path=handle.request.scene_path)
        started, target = time.monotonic(), self._target
        if target is None:  # taken away since the goal was accepted
            return _fail(handle, result, ErrorCode.NOT_ACTIVE, "the node is not configured")
        if not self._busy.acquire(blocking=False):
            return _fail(handle, result, ErrorCode.BUSY, "another build is running")
        try:
            record = self._run(handle, target.config)
            if handle.is_cancel_requested:
                handle.canceled()
                result.error_code = int(ErrorCode.CANCELLED)
                result.error_msg = "the build was cancelled; what was there before is unchanged"
                return result
            if "error" in record:
                code = _CODES.get(record.get("kind", ""), ErrorCode.UNKNOWN)
                return _fail(handle, result, code, record["error"])
            for name, value in record.items():
                setattr(result, name, value)
            result.duration_s = time.monotonic() - started
            if handle.request.load:
                target.server.load(handle.request.scene_path)
                target.changed()
            handle.succeed()
            return result
        except ConfigError as error:
            return _fail(handle, result, ErrorCode.CONFIG_ERROR, str(error))
        except GroundingError as error:
            return _fail(handle, result, ErrorCode.UNKNOWN, str(error))
        finally:
            self._busy.release()

    def _run(self, handle: Any, config: Config) -> dict[str, Any]:
        """Run the job; its last words."""
        goal = handle.request
        if goal.config or goal.overrides:
            config = load_config(Path(goal.config) if goal.config else None, goal.overrides)
        values = json.dumps(config.model_dump(mode="json"))
        command = [sys.executable, "-m", "grounding3d.interfaces.build_job"]
        self._job = subprocess.Popen(
            [*command, goal.capture, goal.scene_path, values], stdout=subprocess.PIPE, text=True
        )
        last: dict[str, Any] = {}
        try:
            for last in self._lines(self._job, handle):
                if "stage" in last:
                    handle.publish_feedback(self._feedback(last))
        finally:
            self._job.terminate()
            code = self._job.wait()
            self._job = None
        if "stage" in last or not last:
            last = {"error": f"the build ended with code {code}"}
        return last

    def _lines(self, job: subprocess.Popen[str], handle: Any) -> Iterator[dict[str, Any]]:
        """What the job says, until it ends or is cancelled."""
        watch = threading.Event()

        def stop_when_cancelled() -> None:
            while not watch.wait(0.1):
                if handle.is_cancel_requested:
                    job.terminate()
                    if not watch.wait(_PATIENCE_S):
                        job.kill()
                    return

        threading.Thread(target=stop_when_cancelled, daemon=True).start()
        assert job.stdout is not None
        try:
            for line in job.stdout:
                yield json.loads(line)
        finally:
            watch.set()

    def _feedback(self, record: dict[str, Any]) -> Any:
        now = time.monotonic()
        if record["stage"] != self._stage[0]:
            self._stage = record["stage"], now
        done, total = record["done"], record["total"]
        spent_s = now - self._stage[1]
        eta_s = spent_s * (total - done) / done if total and done and spent_s > 0 else -1.0
        return self._kind.Feedback(
            stage=record["stage"], done=done, total=total, eta_s=float(eta_s)
        )


def _fail(handle: Any, result: Any, code: ErrorCode, text: str) -> Any:
    handle.abort()
    result.error_code, result.error_msg = int(code), text
    return result
