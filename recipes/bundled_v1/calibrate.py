"""Fit the score table: python -m recipes.bundled_v1.calibrate --work DIR --seeds 700000 700030.

Simulates table tops with seeds that no test or benchmark uses, builds each with the ordinary
pipeline, asks its questions, and fits `grounding3d/query/tables/NAME.json`. What is in the work
folder already (captures, samples) is used again.
"""

from __future__ import annotations

import argparse
import json
import logging
from hashlib import sha256
from pathlib import Path

import numpy as np

from grounding3d.features.encoders import load_encoder
from grounding3d.features.identity import identify
from grounding3d.query.calibration import FOLDER, fit_calibration
from grounding3d.query.evidence import FEATURES
from grounding3d.query.parse import parse
from grounding3d.query.quality import Quality, quality
from grounding3d.query.samples import Sample, collect_samples
from recipes.bundled_v1.model import ARTEFACTS, NAME

_log = logging.getLogger("calibrate")
FOLDS = 5


def record(folder: Path, seed: int, meshes: Path | None, frames: int) -> None:
    """Simulate one capture, unless it is there."""
    from grounding3d.capture.simulator.record import record_tabletop
    from grounding3d.capture.simulator.tabletop import TabletopConfig

    if (folder / "ground_truth.json").is_file():
        return
    held_out = tuple(Path(__file__).with_name("held_out.txt").read_text().split())
    config = TabletopConfig(pack=meshes, n_frames=frames, held_out=held_out)
    record_tabletop(folder, seed, config, format="folder")


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
    """The samples of one capture, built with the ordinary configuration."""
    from grounding3d.capture import open_capture
    from grounding3d.live.config import Config
    from grounding3d.live.mapping import build_scene

    encoder = load_encoder(spec)
    config = Config(encoder=spec)
    scene = build_scene(open_capture(folder, config.capture), config, encoder)
    truth = read_truth(folder)
    truth["queries"] += vain_captions(truth, others, seed)
    return collect_samples(scene, truth, encoder)


def read_truth(folder: Path) -> dict:
    """What is really there."""
    return json.loads((folder / "ground_truth.json").read_text())


def save(path: Path, samples: list[Sample]) -> None:
    """One .npz a scene."""
    np.savez(
        path,
        evidence=np.concatenate([s.evidence for s in samples]),
        wanted=np.concatenate([s.wanted for s in samples]),
        sizes=[len(s.wanted) for s in samples],
        text=[s.text for s in samples],
        features=list(FEATURES),
    )


def load(path: Path) -> list[Sample]:
    """What `save` wrote."""
    with np.load(path, allow_pickle=False) as file:
        ends = np.cumsum(file["sizes"])[:-1]
        blocks = np.split(file["evidence"], ends), np.split(file["wanted"], ends)
        return [Sample(e, w, str(t)) for e, w, t in zip(*blocks, file["text"], strict=True)]


def cross_validated(scenes: list[list[Sample]], identity) -> Quality:
    """Decisions on scenes that the table was not fitted on."""
    decided = []
    for fold in range(min(FOLDS, len(scenes))):
        kept = [s for i, scene in enumerate(scenes) if i % FOLDS != fold for s in scene]
        left = [s for i, scene in enumerate(scenes) if i % FOLDS == fold for s in scene]
        decided.append(quality(fit_calibration(kept, identity, name="fold"), left))
    return sum(decided[1:], decided[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="captures and samples")
    parser.add_argument("--seeds", type=int, nargs=2, default=(700000, 700030))
    parser.add_argument("--meshes", type=Path, help="mesh pack; default: parametric objects")
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--encoder", default="bundled-v1")
    parser.add_argument("--name", default="bundled-v1-tabletop-1", help="id of the table")
    parser.add_argument("--out", type=Path, default=FOLDER)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    seeds = list(range(*args.seeds))
    folders = {seed: args.work / f"seed-{seed}" for seed in seeds}
    for seed, folder in folders.items():
        record(folder, seed, args.meshes, args.frames)
        _log.info("seed %d is recorded", seed)
    truths = {seed: read_truth(folder) for seed, folder in folders.items()}
    for seed, folder in folders.items():
        path = args.work / f"seed-{seed}.npz"
        if not path.is_file():
            others = [truth for other, truth in truths.items() if other != seed]
            save(path, build(folder, args.encoder, others, seed))
        _log.info("seed %d is built", seed)
    scenes = [load(args.work / f"seed-{seed}.npz") for seed in seeds]
    identity = identify(load_encoder(args.encoder))
    held = cross_validated(scenes, identity)
    provenance = {
        "made_by": "recipes.bundled_v1.calibrate",
        "simulated_seeds": list(args.seeds),
        "objects": "mesh pack" if args.meshes else "parametric",
        "frames": args.frames,
        "weights_sha256": sha256((ARTEFACTS / f"{NAME}.safetensors").read_bytes()).hexdigest(),
        "n_queries": sum(len(scene) for scene in scenes),
        "cross_validated": held.as_dict(),
    }
    everything = [sample for scene in scenes for sample in scene]
    table = fit_calibration(everything, identity, name=args.name, provenance=provenance)
    args.out.mkdir(parents=True, exist_ok=True)
    table.save(args.out / f"{args.name}.json")
    _log.info("%s", json.dumps(provenance["cross_validated"]))


if __name__ == "__main__":
    main()
