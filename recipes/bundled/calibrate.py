"""Fit the score table: python -m recipes.bundled.calibrate --work DIR --rooms 2500 2508.

Simulates table tops and rooms with seeds that no test or benchmark uses (objects of the mesh pack,
parametric ones and both, one of a kind and several), builds each with the ordinary pipeline, asks
its questions, and fits `grounding3d/query/tables/NAME.json`. What is in the work folder already
(captures, samples) is used again. `grounding3d calibrate` does the same for anybody's captures.
"""

from __future__ import annotations

import argparse
import json
import logging
from hashlib import sha256
from pathlib import Path
from typing import get_args

import numpy as np

from grounding3d.features.encoders import load_encoder
from grounding3d.features.identity import identify
from grounding3d.live.config import load_config
from grounding3d.query.calibration import FOLDER
from grounding3d.query.fitting import check_samples, fit_calibration, validation
from grounding3d.query.parse import parse
from grounding3d.query.samples import Sample, collect_samples, load_samples, save_samples
from grounding3d.query.truth import read_truth
from recipes.bundled.model import SPEC

_log = logging.getLogger("calibrate")
TRUTH = "ground_truth.json"


def record_table(folder: Path, seed: int, meshes: Path | None, frames: int) -> None:
    """Simulate a table top, unless it is there."""
    from grounding3d.capture.simulator.queries.base import Kind
    from grounding3d.capture.simulator.record import record_tabletop
    from grounding3d.capture.simulator.tabletop import TabletopConfig

    if (folder / TRUTH).is_file():
        return
    config = TabletopConfig(
        pack=None if seed % 4 == 0 else meshes,
        p_generated=0.5 if seed % 4 == 2 else 0.0,
        n_twins=seed % 3 % 2,
        n_frames=frames,
        held_out=_held_out(),
        question_kinds=get_args(Kind),
    )
    record_tabletop(folder, seed, config, format="folder")


def record_walk(folder: Path, seed: int, meshes: Path | None, frames: int) -> None:
    """Simulate a room, unless it is there."""
    from grounding3d.capture.simulator.record import record_room
    from grounding3d.capture.simulator.room.config import RoomConfig

    if (folder / TRUTH).is_file():
        return
    config = RoomConfig(pack=meshes, n_frames=frames, held_out=_held_out())
    record_room(folder, seed, config, format="folder")


def _held_out() -> tuple[str, ...]:
    return tuple(Path(__file__).with_name("held_out.txt").read_text().split())


def vain_captions(truth: dict, others: list[dict], seed: int, count: int = 6) -> list[dict]:
    """Questions for coloured things of other scenes that resemble nothing in this one.

    Without them a table would learn that whatever has the colour is what was asked for.
    """
    from grounding3d.capture.simulator.confusable import confusable

    present = {item["category"] for item in truth["objects"]}
    pool = {
        caption
        for other in others
        for item in other["objects"]
        for caption in item["captions"]
        if parse(caption).attributes and not any(confusable(item["category"], p) for p in present)
    }
    chosen = np.random.default_rng(seed).permutation(sorted(pool))[:count]
    return [{"text": str(text), "kind": "absent", "targets": []} for text in chosen]


def build(folder: Path, spec: str, others: list[dict], seed: int) -> list[Sample]:
    """The samples of one capture, built with the ordinary configuration and untrained surfels."""
    from grounding3d.capture import open_capture
    from grounding3d.live.mapping import build_scene

    encoder = load_encoder(spec)
    config = load_config(None, [f"encoder={spec}", "scene.backend=points"])
    scene = build_scene(open_capture(folder, config.capture), config, encoder)
    truth = read_truth(folder / TRUTH)
    truth["queries"] += vain_captions(truth, others, seed)
    return collect_samples(scene, truth, encoder, name=folder.name)


def weights_hash(spec: str) -> str:
    """Of a bundled encoder's weights file; empty for others."""
    from grounding3d.features import bundled_encoder

    path = bundled_encoder.FOLDER / f"{spec.replace('-', '_')}.safetensors"
    return sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def prepare(args: argparse.Namespace) -> list[Sample]:
    """Samples of every table top and room; what is missing is recorded and built."""
    scenes = [("seed", n, record_table, args.frames) for n in range(*args.seeds)]
    scenes += [("room", n, record_walk, args.room_frames) for n in range(*args.rooms)]
    truths = {}
    for kind, number, record, frames in scenes:
        folder = args.work / f"{kind}-{number}"
        record(folder, number, args.meshes, frames)
        truths[folder.name] = read_truth(folder / TRUTH)
        _log.info("%s is recorded", folder.name)
    samples = []
    for kind, number, *_ in scenes:
        folder = args.work / f"{kind}-{number}"
        path = args.work / f"{folder.name}.{args.encoder}.npz"
        if not path.is_file():
            others = [t for name, t in truths.items() if name != folder.name]
            save_samples(path, build(folder, args.encoder, others, number))
        samples += load_samples(path)
        _log.info("%s is built", folder.name)
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="captures and samples")
    parser.add_argument("--seeds", type=int, nargs=2, default=(700000, 700040))
    parser.add_argument("--rooms", type=int, nargs=2, default=(0, 0), help="seeds of rooms")
    parser.add_argument("--meshes", type=Path, help="mesh pack; default: parametric objects only")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--room-frames", type=int, default=90)
    parser.add_argument("--encoder", default=SPEC)
    parser.add_argument("--name", help="id of the table; default: ENCODER-1")
    parser.add_argument("--out", type=Path, default=FOLDER)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    samples = prepare(args)
    check_samples(samples)
    identity = identify(load_encoder(args.encoder))
    name = args.name or f"{args.encoder}-1"
    provenance = {
        "made_by": "recipes.bundled.calibrate",
        "simulated_seeds": list(args.seeds),
        "simulated_rooms": list(args.rooms),
        "objects": "mesh pack and parametric" if args.meshes else "parametric",
        "frames": [args.frames, args.room_frames],
        "weights_sha256": weights_hash(args.encoder),
        "n_queries": len(samples),
        "cross_validated": validation(samples, identity),
    }
    table = fit_calibration(samples, identity, name=name, provenance=provenance)
    args.out.mkdir(parents=True, exist_ok=True)
    table.save(args.out / f"{name}.json")
    _log.info("%s", json.dumps(provenance["cross_validated"]))


if __name__ == "__main__":
    main()
