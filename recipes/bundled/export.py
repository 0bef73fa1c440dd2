"""Write the artefacts: python -m recipes.bundled.export --work DIR [--figures FILE]."""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

import torch
from safetensors.torch import save_file

from recipes.bundled import model as build
from recipes.bundled.augment import FILL, MARGIN, MEAN, STD

_log = logging.getLogger("export")
CANONICAL = ("object", "things", "stuff", "texture")


def configuration(work: Path, side: int) -> dict:
    """The architecture file: what open_clip reads, and what the encoder needs beside it."""
    return {
        **json.loads((work / "architecture.json").read_text()),
        "preprocess_cfg": {
            "size": side,
            "mode": "RGB",
            "mean": list(MEAN),
            "std": list(STD),
            "interpolation": "bilinear",
            "resize_mode": "squash",
            "fill_color": FILL[0],
        },
        "centre": None,
        "canonical_phrases": list(CANONICAL),
        "crop_margin": MARGIN,
    }


def half(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Floating point weights in half precision, contiguous, for safetensors."""
    return {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in state.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="space, text.pt, image.pt, merges")
    parser.add_argument("--out", type=Path, default=build.ARTEFACTS)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--provenance", type=Path, help="JSON of seeds, data and settings to keep")
    parser.add_argument("--figures", type=Path, help="JSON that evaluate wrote")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args.out.mkdir(parents=True, exist_ok=True)
    state = {"logit_scale": torch.tensor(10.0).log()}
    state |= {f"visual.{k}": v for k, v in torch.load(args.work / "image.pt").items()}
    state |= {f"text.{k}": v for k, v in torch.load(args.work / "text.pt").items()}
    save_file(half(state), args.out / f"{build.NAME}.safetensors")
    merges = f"{build.NAME}_merges.txt.gz"
    (args.out / merges).write_bytes((args.work / merges).read_bytes())
    build.save_json(args.out / f"{build.NAME}.json", configuration(args.work, args.side))
    held_out = Path(__file__).with_name("held_out.txt").read_text().split()
    provenance = {"name": build.SPEC, "held_out": held_out}
    for path in (args.provenance, args.figures):
        if path and path.exists():
            provenance[path.stem] = json.loads(path.read_text())
    build.save_json(args.out / f"{build.NAME}_provenance.json", provenance)
    for path in args.out.iterdir():
        path.chmod(0o644)  # safetensors makes its file private
    total = sum(f.stat().st_size for f in args.out.iterdir() if f.is_file())
    _log.info("wrote %s, %.1f MB in all", args.out, total / 1e6)


if __name__ == "__main__":
    main()
