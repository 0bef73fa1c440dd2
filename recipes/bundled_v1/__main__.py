"""The whole recipe: python -m recipes.bundled_v1 --clip-text DIR [--meshes DIR] --work DIR."""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from pathlib import Path

from recipes.bundled_v1 import model as build

_log = logging.getLogger("bundled_v1")


def steps(args: argparse.Namespace) -> list[list[str]]:
    """Module and arguments of each step, in order."""
    work, data = args.work, args.work / "data"
    meshes = ["--meshes", str(args.meshes)] if args.meshes else []
    sets = {"made": ["--pack-share", "0.1", "--seed", "11"]}
    checks = {"new_from_generators": ["--plain", "--views", "5", "--seed", "9903"]}
    if args.meshes:
        sets["meshes"] = [*meshes, "--no-generators", "--seed", "1"]
        sets["made"] += meshes
        plain = [*meshes, "--no-generators", "--plain", "--views", "5"]
        checks["trained_instances"] = [*plain, "--seed", "901"]
        checks["held_out_instances"] = [*plain, "--seed", "902", "--held-out"]
    render = [
        ["render", "--out", str(data / name), "--count", str(args.crops), *more]
        for name, more in sets.items()
    ]
    render += [
        ["render", "--out", str(data / name), "--count", "1600", *more]
        for name, more in checks.items()
    ]
    source = ["--clip-text", str(args.clip_text), *meshes]
    threads = ["--threads", str(args.threads)]
    text = ["train_text", *source, "--work", str(work), "--steps", str(args.text_steps), *threads]
    seen = [str(data / name) for name in sets]
    image = ["train_image", "--data", *seen, "--work", str(work), *threads]
    image += ["--steps", str(args.image_steps)]
    figures = str(work / "figures.json")
    export = ["export", "--work", str(work), "--out", str(args.out)]
    unseen = [str(data / name) for name in checks]
    evaluate = ["evaluate", "--data", *unseen, "--work", str(work), "--artefacts", str(args.out)]
    evaluate += ["--out", figures]
    return [*render, text, image, export, evaluate, [*export, "--figures", figures]]


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
    parser.add_argument("--image-steps", type=int, default=6000)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for module, *rest in steps(args):
        _log.info("%s %s", module, " ".join(rest))
        subprocess.run([sys.executable, "-m", f"recipes.bundled_v1.{module}", *rest], check=True)


if __name__ == "__main__":
    main()
