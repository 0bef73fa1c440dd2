"""A build in a process of its own, that tells its progress in JSON lines.

    python -m grounding3d.interfaces.build_job CAPTURE OUT CONFIG_JSON

Each line on stdout is {"stage", "done", "total"}, the last one {"scene": ...} or {"error": ...}.
SIGTERM or SIGINT stops it in good order, a second one at once.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from grounding3d.errors import GroundingError

_TELL_EVERY_S = 0.2


def main(capture: str, out: str, config: str) -> int:
    """Build and save; the exit code is the command line's."""
    cancel, teller = _stopped_by_signals(), _Teller()
    try:
        _say(_build(Path(capture), Path(out), json.loads(config), teller, cancel))
    except GroundingError as error:
        _say({"error": str(error), "kind": type(error).__name__})
        return error.exit_code
    return 0


def _build(
    capture: Path, out: Path, values: dict[str, Any], teller: _Teller, cancel: threading.Event
) -> dict[str, Any]:
    from grounding3d.interfaces.building import build_and_save
    from grounding3d.live.config import Config

    config = Config.model_validate(values)
    scene = build_and_save(capture, out, config, progress=teller, cancel=cancel)
    return {
        "scene": scene.uuid,
        "n_frames": teller.n_frames,
        "n_used": len(scene.scene.keyframes),
        "n_gaussians": len(scene.scene.gaussians),
        "n_objects": len(scene.objects),
    }


class _Teller:
    """Progress as lines, a few a second.

    Attributes:
        n_frames: of the recording, as far as was told.
    """

    def __init__(self) -> None:
        self.n_frames = 0
        self._told = 0.0

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if stage == "frames":
            self.n_frames = total or done
        if time.monotonic() - self._told > _TELL_EVERY_S or done == total:
            self._told = time.monotonic()
            _say({"stage": stage, "done": done, "total": total or 0})


def _stopped_by_signals() -> threading.Event:
    """An event that the first signal sets."""
    event = threading.Event()

    def stop(number: int, frame: object) -> None:
        event.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return event


def _say(record: dict[str, Any]) -> None:
    print(json.dumps(record), flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
