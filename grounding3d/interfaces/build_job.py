"""A build in a process of its own, that tells its progress in JSON lines.

    python -m grounding3d.interfaces.build_job CAPTURE OUT CONFIG_JSON

Each line on stdout is {"stage", "done", "total"}, the last one {"scene": ...} or {"error": ...}.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from grounding3d.errors import GroundingError

_TELL_EVERY_S = 0.2


def main(capture: str, out: str, config: str) -> int:
    """Build and save; the exit code is the command line's."""
    told = 0.0

    def tell(stage: str, done: int, total: int | None) -> None:
        nonlocal told
        if time.monotonic() - told > _TELL_EVERY_S or done == total:
            told = time.monotonic()
            _say({"stage": stage, "done": done, "total": total or 0})

    try:
        _say(_build(Path(capture), Path(out), json.loads(config), tell))
    except GroundingError as error:
        _say({"error": str(error), "kind": type(error).__name__})
        return error.exit_code
    return 0


def _build(capture: Path, out: Path, values: dict[str, Any], progress: Any) -> dict[str, Any]:
    from grounding3d.capture import open_capture
    from grounding3d.features.encoders import load_encoder
    from grounding3d.live.config import Config
    from grounding3d.live.mapping import build_scene
    from grounding3d.objects.store import check_output_folder, save_scene

    config = Config.model_validate(values)
    check_output_folder(out)
    source = open_capture(capture, config.capture)
    encoder = load_encoder(config.encoder, device=config.device)
    scene = build_scene(source, config, encoder, progress=progress)
    facts = source.describe()
    described = {
        "format": facts.format,
        "source": str(capture),
        "details": facts.details,
        "warnings": list(facts.warnings),
    }
    save_scene(out, replace(scene, capture=described))
    return {
        "scene": scene.uuid,
        "n_frames": source.length or 0,
        "n_used": len(scene.scene.keyframes),
        "n_gaussians": len(scene.scene.gaussians),
        "n_objects": len(scene.objects),
    }


def _say(record: dict[str, Any]) -> None:
    print(json.dumps(record), flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
