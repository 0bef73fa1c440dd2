"""Fit `CovarianceModel`: python -m recipes.covariance --scenes DIR... [--check DIR...] -o fit.json.

Each DIR holds scenes of one kind, table tops or rooms, in folders NAME/scene (written by
`grounding3d build`) and NAME/ground_truth.json. Every scene's objects are matched with the truth
one to one: an object counts for a thing if `showing` says so, nothing else shows the thing, it
shows nothing else, and the world-aligned boxes overlap by at least `--min-iou`. Everything else is
a mistake of association, counted and left out.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path
from typing import Any

from grounding3d.objects.covariance import CovarianceModel
from recipes.covariance.fit import coverage, fit
from recipes.covariance.match import Match, matches

_log = logging.getLogger("covariance")


def read(folder: Path, min_iou: float) -> tuple[list[Match], int]:
    """Matches of all scenes of a folder, and the number of things that had none."""
    found, missed = [], 0
    for path in sorted(p for p in folder.iterdir() if (p / "scene" / "manifest.json").is_file()):
        own, left_out = matches(path / "scene", path / "ground_truth.json", min_iou)
        found += own
        missed += left_out
        _log.info("%s: %d things, %d left out", path.name, len(own), left_out)
    return found, missed


def _coverages(
    kinds: dict[str, tuple[list[Match], int]], model: CovarianceModel, pose_sigma_m: float
) -> dict[str, Any]:
    return {
        name: {"left_out": missed} | (coverage(found, model, pose_sigma_m) if found else {})
        for name, (found, missed) in kinds.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=Path, nargs="+", required=True, help="to fit, by kind")
    parser.add_argument("--check", type=Path, nargs="*", default=[], help="reported, never fitted")
    parser.add_argument("--min-iou", type=float, default=0.4)
    parser.add_argument("--pose-sigma", type=float, default=0.003, help="metres")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).with_name("fit.json"))
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    fitted = {folder.name: read(folder, args.min_iou) for folder in args.scenes}
    checked = {folder.name: read(folder, args.min_iou) for folder in args.check}
    model = fit([found for found, _ in fitted.values()], args.pose_sigma)
    report = {
        "made_by": "recipes.covariance",
        "model": vars(model),
        "pose_sigma_m": args.pose_sigma,
        "min_iou": args.min_iou,
        "fitted": _coverages(fitted, model, args.pose_sigma),
        "checked": _coverages(checked, model, args.pose_sigma),
        "in_use": {"model": vars(CovarianceModel())}
        | _coverages(fitted, CovarianceModel(), args.pose_sigma),
    }
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    _log.info("%s", json.dumps(report))


if __name__ == "__main__":
    main()
