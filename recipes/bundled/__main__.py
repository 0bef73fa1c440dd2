"""The whole recipe: python -m recipes.bundled --clip-text DIR [--meshes DIR] --work DIR."""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from pathlib import Path

from recipes.bundled import model as build

_log = logging.getLogger("recipe")


def steps(args: argparse.Namespace) -> list[list[str]]:
    """Module and arguments of each step, in order."""
    work, data = args.work, args.work / "data"
    meshes = ["--meshes", str(args.meshes)] if args.meshes else []
    sets = {"made": ["--pack-share", "0.1", "--seed", "11", *meshes]}
    checks = {"new_from_generators": ["--plain", "--views", "5", "--seed", "9903"]}
    tables = {"tables_of_generators": ["--p-generated", "1", "--p-room", "0"]}
    if args.meshes:
        sets["meshes"] = [*meshes, "--no-generators", "--seed", "1"]
        plain = [*meshes, "--no-generators", "--plain", "--views", "5"]
        checks["trained_instances"] = [*plain, "--seed", "901"]
        checks["held_out_instances"] = [*plain, "--seed", "902", "--held-out"]
        tables["tables_of_trained"] = ["--p-generated", "0", "--p-room", "0"]
        tables["tables_of_held_out"] = ["--held-out", "--p-room", "0"]
        tables["rooms"] = ["--p-room", "1"]
    render = [
        ["render", "--out", str(data / name), "--count", str(count), *more]
        for folders, count in ((sets, args.crops), (checks, 1600))
        for name, more in folders.items()
    ]
    seen = ["pipeline_crops", "--out", str(data / "seen"), *meshes, "--p-room", "0.6"]
    seen += ["--seeds", "720000", "730000"]
    render += [[*seen, "--count", str(args.seen_crops)]]
    for k, (name, more) in enumerate(tables.items()):
        first = 730000 + 1000 * k
        seeds = ["--seeds", str(first), str(first + args.check_scenes), "--plain"]
        render += [["pipeline_crops", "--out", str(data / name), *meshes, *seeds, *more]]
    source = ["--clip-text", str(args.clip_text), *meshes]
    text = ["train_text", *source, "--work", str(work), "--steps", str(args.text_steps)]
    image = ["train_image", "--data", *(str(data / name) for name in sets), "--work", str(work)]
    image += ["--seen", str(data / "seen"), "--minutes", str(args.image_minutes)]
    figures = str(work / "figures.json")
    export = ["export", "--work", str(work), "--out", str(args.out)]
    unseen = [str(data / name) for name in (*checks, *tables)]
    evaluate = ["evaluate", "--data", *unseen, "--work", str(work), "--artefacts", str(args.out)]
    evaluate += ["--out", figures]
    threads = ["--threads", str(args.threads)]
    return [
        *render,
        text + threads,
        image + threads,
        export,
        evaluate,
        [*export, "--figures", figures],
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--clip-text", type=Path, required=True, help="teacher vectors, see README.md"
    )
    parser.add_argument("--meshes", type=Path, help="mesh folder; without it: generators alone")
    parser.add_argument("--work", type=Path, required=True, help="scratch folder, about 8 GB")
    parser.add_argument("--out", type=Path, default=build.ARTEFACTS)
    parser.add_argument("--crops", type=int, default=60000, help="of each training set")
    parser.add_argument("--text-steps", type=int, default=3000)
    parser.add_argument("--image-minutes", type=float, default=180)
    parser.add_argument("--seen-crops", type=int, default=40000, help="made by the program's masks")
    parser.add_argument("--check-scenes", type=int, default=30, help="of each kind")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for module, *rest in steps(args):
        _log.info("%s %s", module, " ".join(rest))
        subprocess.run([sys.executable, "-m", f"recipes.bundled.{module}", *rest], check=True)


if __name__ == "__main__":
    main()
