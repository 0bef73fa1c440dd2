"""The program `grounding3d`, also as `python -m grounding3d`.

Ctrl-C ends it in one line at any time, while it still loads its parts too.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

_AGAIN_S = 0.05
_EXIT_INTERRUPTED = 1


def main() -> int:
    """Run the command line; returns its exit code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        from grounding3d.interfaces.cli import main as run_command

        return run_command()
    except KeyboardInterrupt:
        print("grounding3d: stopped before it began", file=sys.stderr)
        return _EXIT_INTERRUPTED
    finally:
        # CPython dies of SIGINT at its end if one ever came inside eval() or exec() of a text, as
        # of annotations, caught or not; running another text makes it forget
        exec("")


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, but not inside an import: that comes again when it is over.

    Extension modules that are interrupted while they load end the process (libtorch aborts).
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            again = threading.Timer(_AGAIN_S, os.kill, (os.getpid(), number))
            again.daemon = True
            again.start()
            return
        frame = frame.f_back
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
