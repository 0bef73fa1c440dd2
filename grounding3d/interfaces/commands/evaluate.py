"""`grounding3d eval`: answers against ground truth, in metres."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from grounding3d.capture.simulator.record import TRUTH_NAME
from grounding3d.errors import ConfigError
from grounding3d.interfaces.options import Overrides, read_config

if TYPE_CHECKING:
    from grounding3d.live.config import Config
    from grounding3d.query.engine import QueryEngine


@dataclass
class Evaluate:
    """Compare answers with ground truth over one or more captures or scenes."""

    paths: Positional[tuple[Path, ...]]
    """Captures with a ground_truth.json in them, or scene folders (then --ground-truth)."""
    ground_truth: Path | None = None
    """Ground truth of the only path, where it does not lie in it."""
    config: Path | None = None
    """YAML preset, see configs/."""
    encoder: str | None = None
    """Encoder SPEC."""
    json: bool = False
    """Print one JSON object."""
    set: Overrides = ()
    """Override any configuration field; may be given several times."""

    def run(self) -> int:
        """Build what is not built, ask every query, print the board."""
        from grounding3d.query.evaluation import evaluate, merge_reports

        if not self.paths:
            raise ConfigError("eval needs at least one capture or scene")
        if self.ground_truth is not None and len(self.paths) > 1:
            raise ConfigError("--ground-truth goes with one path", found=f"{len(self.paths)}")
        config = read_config(self.config, self.set, {"encoder": self.encoder})
        reports = []
        for path in self.paths:
            truth = read_truth(self.ground_truth or path / TRUTH_NAME)
            reports.append(evaluate(_engine(path, config), truth))
        report = merge_reports(reports)
        print(json.dumps(report.as_dict(), allow_nan=False) if self.json else report.markdown())
        return 0


def read_truth(path: Path) -> dict:
    """Ground truth of a capture.

    Raises:
        ConfigError: no such file, or not our schema.
    """
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read the ground truth {path}",
            found=error.strerror,
            hint="`grounding3d simulate` writes captures with ground truth.",
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON", found=str(error)) from error
    if not isinstance(truth, dict) or truth.get("schema") != 1:
        raise ConfigError(f"{path} is no ground truth of ours", expected='"schema": 1')
    return truth


def _engine(path: Path, config: Config) -> QueryEngine:
    """The query engine of a scene folder, or of a scene built in memory from a capture."""
    from grounding3d.capture import open_capture
    from grounding3d.features.encoders import load_encoder
    from grounding3d.interfaces.commands.query import open_engine
    from grounding3d.interfaces.progress import show_progress
    from grounding3d.live.mapping import build_scene
    from grounding3d.objects.store import is_scene_folder
    from grounding3d.query.engine import QueryEngine

    if is_scene_folder(path):
        return open_engine(path)
    encoder = load_encoder(config.encoder, device=config.device)
    with show_progress() as progress:
        scene = build_scene(open_capture(path, config.capture), config, encoder, progress=progress)
    return QueryEngine(scene, encoder)
