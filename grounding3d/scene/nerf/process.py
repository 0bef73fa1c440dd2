"""The job in nerfstudio's environment: started, listened to, stopped.

It says one JSON object a line on stdout: {"stage", "done", "total", "text"} while it works, at the
end {"result": path} or {"error", "hint", "kind"}. SIGTERM makes it save a checkpoint and end.
"""

from __future__ import annotations

import fcntl
import json
import queue
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from grounding3d import errors
from grounding3d.errors import Cancelled, GroundingError, SceneError, TrainingError
from grounding3d.scene.base import Cancel, Progress

LOG, LOCK = "log.txt", "lock"
_POLL_S = 0.2
_LOCKED_S = 60.0  # a job whose build was killed ends by itself
_STOP_S = 120.0  # for the checkpoint, after SIGTERM
_TAIL = 2000  # bytes of the log that are looked at for a reason


def run_job(
    python: Path,
    arguments: Sequence[str],
    folder: Path,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    module: str = "grounding3d.nerf.job",
) -> str:
    """Run the job to its end.

    Args:
        python: interpreter of nerfstudio's environment.
        arguments: of the job.
        folder: where it runs, and where its log goes.
        progress: is told how far it is; a stage's first word names it, such as "training".
        cancel: stops it in good order when set.
        module: what is run; the job's.

    Returns:
        The path it names as its result.

    Raises:
        Cancelled: `cancel` was set, or it was stopped from elsewhere.
        TrainingError: it failed, or ended without a word; other errors of ours as it names them.
        SceneError: another one is running in the folder.
    """
    log = folder / LOG
    with log.open("a", encoding="utf-8") as stderr, _locked(folder) as lock:
        process = subprocess.Popen(
            [str(python), "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=folder,
            text=True,
            start_new_session=True,  # Ctrl-C is ours to pass on, once
            pass_fds=(lock,),  # it keeps the lock if we are killed
        )
        assert process.stdout is not None
        try:
            last = _listen(process, _lines(process.stdout), progress, cancel)
            process.wait()
        finally:
            _stop(process)
            process.stdout.close()
    if "result" in last:
        return str(last["result"])
    raise _error(last, process.returncode, log)


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Let no other job run in a folder; the file descriptor that holds the lock."""
    with (folder / LOCK).open("w") as file:
        until = time.monotonic() + _LOCKED_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() > until:
                    raise SceneError(
                        f"another build is training in {folder}", hint="Wait for it, or stop it."
                    ) from error
                time.sleep(_POLL_S)
        yield file.fileno()


def _listen(
    process: subprocess.Popen[str],
    lines: queue.Queue[str | None],
    progress: Progress | None,
    cancel: Cancel | None,
) -> dict[str, Any]:
    """Pass progress on until the job says its last; what that was."""
    last: dict[str, Any] = {}
    stopping = False
    while True:
        if cancel is not None and cancel.is_set() and not stopping:
            process.terminate()
            stopping = True
        try:
            line = lines.get(timeout=_STOP_S if stopping else _POLL_S)
        except queue.Empty:
            if stopping:  # it does not come to an end
                process.kill()
                return {"error": "stopped", "kind": "Cancelled"}
            continue
        if line is None:
            return {"error": "stopped", "kind": "Cancelled", **last} if stopping else last
        said = _parsed(line)
        if "stage" in said:
            _report(said, progress)
        elif said:
            last = said


def _lines(stream: IO[str]) -> queue.Queue[str | None]:
    """The stream's lines as they come, None at its end."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        try:
            for line in stream:
                lines.put(line)
        except ValueError:  # closed meanwhile
            pass
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return lines


def _parsed(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _report(said: dict[str, Any], progress: Progress | None) -> None:
    if progress is None:
        return
    text = f"{said['stage']} {said.get('text', '')}".strip()
    progress(text, int(said.get("done", 0)), said.get("total"))


def _stop(process: subprocess.Popen[str]) -> None:
    """End a job that still runs: an error or Ctrl-C came between."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _error(last: dict[str, Any], code: int, log: Path) -> GroundingError:
    """The typed error of a job that has no result."""
    if last.get("kind") == "Cancelled":
        return Cancelled(
            "the training of the NeRF was stopped", hint="The same command goes on from there."
        )
    if "error" not in last:
        killed = f"signal {-code}" + (", out of memory?" if code == -9 else "")
        return TrainingError(
            "the NeRF's job ended without a word",
            found=killed if code < 0 else f"exit code {code}" + _tail(log),
            hint=f"What it said is in {log}.",
        )
    summary = str(last["error"]).rstrip(".")
    kind = getattr(errors, str(last.get("kind")), None)
    if isinstance(kind, type) and issubclass(kind, GroundingError):
        return kind(summary, hint=last.get("hint") or None)
    return TrainingError(f"the NeRF's job failed: {summary}", hint=f"What it said is in {log}.")


def _tail(log: Path) -> str:
    """The last line of a log, after a comma."""
    try:
        lines = log.read_bytes()[-_TAIL:].decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return f", {lines[-1].strip()}" if lines else ""
