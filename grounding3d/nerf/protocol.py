"""How a job speaks: one JSON object a line on stdout; everything else goes to stderr."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from grounding3d.errors import Cancelled, GroundingError

_EVERY_S = 0.5


class Line:
    """The channel to whoever started the job.

    Args:
        out: where lines are written.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last: tuple[str, float] = "", 0.0
        self.is_stopped = False

    def send(self, **values: Any) -> None:
        """Write one line."""
        self._out.write(json.dumps(values, allow_nan=False) + "\n")
        self._out.flush()

    def progress(self, stage: str, done: int, total: int, text: str = "") -> None:
        """Tell how far a stage is, at most twice a second.

        Raises:
            Cancelled: the job was asked to stop.
        """
        if self.is_stopped:
            raise Cancelled("stopped", hint="The same command goes on from here.")
        now = time.monotonic()
        if done < total and self._last[0] == stage and now - self._last[1] < _EVERY_S:
            return
        self._last = stage, now
        self.send(stage=stage, done=done, total=total, text=text)

    def stop(self, *_: Any) -> None:
        """Signal handler: the next progress raises; a second signal interrupts at once."""
        if self.is_stopped:
            raise KeyboardInterrupt
        self.is_stopped = True


@contextmanager
def private_stdout() -> Iterator[TextIO]:
    """The real stdout, while whatever else is printed goes to stderr."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout.flush()
    os.dup2(2, 1)
    try:
        yield own
    finally:
        own.close()


def speak(work: Callable[[Line], str]) -> int:
    """Run a job and report how it ended.

    Args:
        work: gets the channel, returns the path of its result.

    Returns:
        The exit code: 0 done, 2 wrong input, 1 anything else.
    """
    with private_stdout() as out:
        line = Line(out)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, line.stop)
        try:
            line.send(result=work(line))
        except BrokenPipeError:  # whoever listened has gone
            return 1
        except (Cancelled, KeyboardInterrupt):
            return _failed(line, "stopped", "The same command goes on from here.", "Cancelled", 1)
        except GroundingError as error:
            kind = type(error).__name__
            text = str(error) if error.hint is None else str(error)[: -len(error.hint) - 2]
            return _failed(line, text, error.hint, kind, error.exit_code)
        except Exception as error:  # told to the parent, which has nothing else to go by
            import traceback

            traceback.print_exc()
            kind, text = type(error).__name__, str(error).strip() or repr(error)
            hint = "The end of the log beside the job says where."
            return _failed(line, f"{kind}: {text}", hint, kind, 1)
    return 0


def _failed(line: Line, error: str, hint: str | None, kind: str, code: int) -> int:
    try:
        line.send(error=error, hint=hint or "", kind=kind)
    except (BrokenPipeError, ValueError):
        return 1
    return code
