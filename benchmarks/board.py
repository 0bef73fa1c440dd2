"""The board: answers on simulated scenes of unseen seeds, against exact ground truth.

    python benchmarks/board.py --meshes PACK --seeds 30 --first-seed 1000 -o out/board
    python benchmarks/board.py --meshes PACK --sets pack kinds rooms -o out/board

Records each seed once (kept under OUT/captures), builds it (kept under OUT/scenes), asks every
question and writes board.md, board.json and board.svg of each set of scenes to OUT. Same functions
as `grounding3d eval`. Calibration used other seeds: see `grounding3d/query/tables/`.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import tyro

from grounding3d.capture.simulator.config import SimulationConfig
from grounding3d.capture.simulator.queries.base import Kind
from grounding3d.capture.simulator.record import TRUTH_NAME, record_tabletop
from grounding3d.capture.simulator.tabletop import TabletopConfig
from grounding3d.interfaces.commands.evaluate import write_board
from grounding3d.interfaces.suites import SceneSource
from grounding3d.live.config import Config
from grounding3d.query.evaluation import Case, EvalReport, Suite, run_suite
from grounding3d.query.truth import read_truth
from grounding3d.scene.config import SceneConfig

Set = Literal["pack", "parametric", "kinds", "rooms"]


@dataclass
class Options:
    """What to run."""

    out: Annotated[Path, tyro.conf.arg(aliases=("-o",))] = Path("out/board")
    """Folder for captures, scenes and figures."""
    sets: tuple[Set, ...] = ("pack", "parametric", "kinds", "rooms")
    """pack: table tops with the mesh pack's objects; parametric: with generated ones; kinds: both
    mixed, twins and containers, every kind of question; rooms: furnished rooms."""
    meshes: Path | None = None
    """Mesh pack to draw objects from; None: no set "pack", parametric ones in the others."""
    held_out: Path = Path("recipes/bundled/held_out.txt")
    """Names of the pack's instances that the bundled encoder never saw, reported apart."""
    seeds: int = 15
    first_seed: int = 1000
    frames: int = 60
    """Frames of a table top; rooms have their own number."""
    objects: int = 8
    """Objects on a table."""
    backend: str = "points"
    """Scene backend; training splats takes longer."""
    encoder: str | None = None
    """Encoder SPEC; None: the default one."""
    calibration: Path | None = None
    """Table to decide by; None: the encoder's own."""
    rebuild: bool = False
    """Build the scenes again even where they exist."""
    record_only: bool = False
    """Record the captures and stop."""


def main(options: Options) -> None:
    """Run and print, one set of scenes after the other."""
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.sets:
        if name == "pack" and options.meshes is None:
            continue
        started = time.perf_counter()
        suite = recorded_suite(name, options)
        print(f"{name}: recorded in {time.perf_counter() - started:.0f} s", flush=True)
        if options.record_only:
            continue
        report, build_s = run_set(suite, options)
        write_board(options.out / name, report)
        peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        costs = {"build_s": build_s, "peak_memory_gb": peak_gb}
        (options.out / name / "costs.json").write_text(json.dumps(costs, indent=1))
        print(f"\n# {name}\n\n{report.markdown()}\n")
        if build_s:
            print(
                f"build {sum(build_s) / len(build_s):.1f} s a scene, peak memory {peak_gb:.2f} GB"
            )


def recorded_suite(name: Set, options: Options) -> Suite:
    """The captures of a set, recorded where they are missing."""
    record = recorder(name, options)
    cases = []
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        label = f"seed{seed}" if name == "pack" else f"{name}-seed{seed}"
        folder = options.out / "captures" / label
        if not (folder / TRUTH_NAME).is_file():
            record(folder, seed)
        cases.append(Case(label, folder, read_truth(folder / TRUTH_NAME)))
    return Suite(name, tuple(cases), note="simulated, Kinect-like noise")


def recorder(name: Set, options: Options) -> Callable[[Path, int], object]:
    """What records one seed of a set."""
    held_out = tuple(options.held_out.read_text().split())
    if name == "rooms":
        from grounding3d.capture.simulator.record import record_room
        from grounding3d.capture.simulator.room.config import RoomConfig

        room = RoomConfig(pack=options.meshes, held_out=held_out, question_kinds=get_args(Kind))
        return lambda folder, seed: record_room(folder, seed, room, format="folder")
    config = tabletop(name, options, held_out)
    return lambda folder, seed: record_tabletop(folder, seed, config, format="folder")


def tabletop(name: Set, options: Options, held_out: tuple[str, ...]) -> TabletopConfig:
    """The table tops of a set."""
    all_kinds = name == "kinds"
    asked = SimulationConfig().question_kinds
    return TabletopConfig(
        n_objects=options.objects,
        n_frames=options.frames,
        pack=None if name == "parametric" else options.meshes,
        p_generated=0.3 if all_kinds and options.meshes else 0.0,
        n_twins=2 if all_kinds else 0,
        n_inside=1 if all_kinds else 0,
        question_kinds=get_args(Kind) if all_kinds else asked,
        held_out=held_out,
    )


def run_set(suite: Suite, options: Options) -> tuple[EvalReport, list[float]]:
    """The set's board, and how long each scene took that had to be built."""
    config = Config(scene=SceneConfig(backend=options.backend))
    if options.encoder is not None:
        config = config.model_copy(update={"encoder": options.encoder})
    source = SceneSource(
        config,
        cache=options.out / "scenes",
        calibration=options.calibration,
        rebuild=options.rebuild,
    )

    def tell(case: Case, report: EvalReport, done: int) -> None:
        right = sum(outcome.success for outcome in report.outcomes)
        print(f"{case.name}: {right} of {len(report.outcomes)} questions right", flush=True)

    return run_suite(suite, source.engine, tell), source.build_s


if __name__ == "__main__":
    main(tyro.cli(Options))
