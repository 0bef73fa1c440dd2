"""Answers on simulated table tops of unseen seeds, against exact ground truth.

    python benchmarks/tabletop.py --meshes PACK --seeds 15 --first-seed 1000 -o out/tabletop

Records each seed once (kept under OUT/captures), builds it, asks every query, prints the board and
writes OUT/tabletop.json. Calibration used other seeds: see `grounding3d/query/tables/`.
"""

from __future__ import annotations

import json
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from grounding3d.capture import open_capture
from grounding3d.capture.simulator.record import TRUTH_NAME, record_tabletop
from grounding3d.capture.simulator.tabletop import TabletopConfig
from grounding3d.features.encoders import load_encoder
from grounding3d.interfaces.commands.evaluate import read_truth
from grounding3d.live.config import Config
from grounding3d.live.mapping import build_scene
from grounding3d.objects.store import load_scene, save_scene
from grounding3d.query.engine import QueryEngine
from grounding3d.query.evaluation import evaluate, merge_reports
from grounding3d.scene.config import SceneConfig


@dataclass
class Options:
    """What to run."""

    out: Annotated[Path, tyro.conf.arg(aliases=("-o",))] = Path("out/tabletop")
    """Folder for captures, scenes and figures."""
    meshes: Path | None = None
    """Mesh pack to draw objects from; None: the parametric generators."""
    held_out: Path = Path("recipes/bundled_v1/held_out.txt")
    """Names of the pack's instances that the bundled encoder never saw, reported apart."""
    seeds: int = 15
    first_seed: int = 1000
    frames: int = 60
    objects: int = 8
    backend: str = "points"
    """Scene backend; training splats takes longer."""
    rebuild: bool = False
    """Build the scenes again even where they exist."""


def main(options: Options) -> None:
    """Run and print."""
    encoder = load_encoder("bundled-v1")
    mapping = Config(scene=SceneConfig(backend=options.backend))
    held_out = tuple(options.held_out.read_text().split())
    reports, build_s = [], []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        capture = options.out / "captures" / f"seed{seed}"
        if not capture.exists():
            config = TabletopConfig(
                n_objects=options.objects,
                n_frames=options.frames,
                pack=options.meshes,
                held_out=held_out,
            )
            record_tabletop(capture, seed, config, format="folder")
        folder = options.out / "scenes" / f"seed{seed}"
        if options.rebuild or not folder.exists():
            started = time.perf_counter()
            scene = build_scene(open_capture(capture), mapping, encoder)
            build_s.append(time.perf_counter() - started)
            save_scene(folder, scene)
        engine = QueryEngine(load_scene(folder), encoder)
        reports.append(evaluate(engine, read_truth(capture / TRUTH_NAME)))
        right = sum(outcome.success for outcome in reports[-1].outcomes)
        print(f"seed {seed}: {right} of {len(reports[-1].outcomes)} queries right", flush=True)
    board = merge_reports(reports)
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(board.markdown())
    if build_s:
        print(f"build {sum(build_s) / len(build_s):.1f} s a scene, peak memory {peak_gb:.2f} GB")
    figures = {**board.as_dict(), "build_s": build_s, "peak_memory_gb": peak_gb}
    (options.out / "tabletop.json").write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main(tyro.cli(Options))
