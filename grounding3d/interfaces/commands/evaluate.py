"""`grounding3d eval`: answers against ground truth, in metres."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from grounding3d.capture.simulator.record import TRUTH_NAME
from grounding3d.interfaces.options import Overrides, read_config
from grounding3d.query.truth import read_truth

if TYPE_CHECKING:
    from grounding3d.query.evaluation import EvalReport

__all__ = ["TRUTH_NAME", "Evaluate", "read_truth", "write_board"]


@dataclass
class Evaluate:
    """Compare answers with ground truth over a suite of captures or scenes.

    Thresholds are those frozen in the encoder's calibration table; nothing is fitted here.
    """

    paths: Positional[tuple[Path, ...]]
    """Captures, scene folders, or folders of such, with a ground_truth.json in or beside each."""
    ground_truth: Path | None = None
    """Ground truth of the only path; or a folder with NAME.json or NAME/ground_truth.json."""
    cache: Path | None = None
    """Folder that keeps the scenes that were built: what is there is not built again."""
    out: Path | None = None
    """Folder to write board.md, board.json and board.svg to; without it the board is printed."""
    calibration: Path | None = None
    """Table made by `calibrate`; by default the user's own or the packaged one of the encoder."""
    config: Path | None = None
    """YAML preset, see configs/."""
    encoder: str | None = None
    """Encoder SPEC."""
    json: bool = False
    """Print one JSON object."""
    set: Overrides = ()
    """Override any configuration field; may be given several times."""

    def run(self) -> int:
        """Build what is not built, ask every query, print or write the board."""
        from grounding3d.interfaces.progress import show_progress
        from grounding3d.interfaces.suites import SceneSource, find_cases
        from grounding3d.query.evaluation import Suite, run_suite

        suite = Suite("eval", find_cases(self.paths, self.ground_truth))
        config = read_config(self.config, self.set, {"encoder": self.encoder})
        with show_progress() as progress:
            source = SceneSource(
                config,
                cache=self.cache,
                encoder=self.encoder,
                calibration=self.calibration,
                progress=progress,
            )
            try:
                report = run_suite(
                    suite,
                    source.engine,
                    lambda case, _, done: progress(f"scenes {case.name}", done, len(suite.cases)),
                )
            except KeyboardInterrupt:
                if self.cache is not None:
                    print(f"The scenes built so far are kept in {self.cache}.", file=sys.stderr)
                raise
        if self.out is not None:
            write_board(self.out, report)
        if self.json:
            print(json.dumps(report.as_dict(), allow_nan=False))
        else:
            print(report.markdown() if self.out is None else f"{self.out}: board.md, .json, .svg")
        return 0


def write_board(folder: Path, report: EvalReport) -> None:
    """Write board.md, board.json (with every outcome) and board.svg, each aside and renamed."""
    from grounding3d.objects.folder import write_atomic

    content = {**report.as_dict(), "outcomes": report.outcomes_dict()}
    texts = {
        "board.md": report.markdown() + "\n",
        "board.json": json.dumps(content, indent=1, allow_nan=False) + "\n",
        "board.svg": report.svg(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_atomic(folder / name, partial(Path.write_text, data=text, encoding="utf-8"))
