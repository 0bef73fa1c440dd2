"""Masks of simulated frames against exact instance masks.

    python benchmarks/masks.py --seeds 20 --first-seed 5000 --pack MESHES -o out/masks

Each truth instance of enough visible pixels is matched with the object mask of the largest
intersection over union. Prints a table by height of the object and writes OUT/masks.json;
`--pictures` adds the frames with their masks.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from PIL import Image

from grounding3d.capture.base import RGBDFrame
from grounding3d.capture.simulator.capture import SimulatedCapture
from grounding3d.capture.simulator.tabletop import TabletopConfig
from grounding3d.features.base import Mask
from grounding3d.features.masks import MaskConfig, make_mask_source

HEIGHTS_M = (0.0, 0.02, 0.06, 0.15, 10.0)


@dataclass
class Options:
    """What to measure."""

    out: Annotated[Path, tyro.conf.arg(aliases=("-o",))] = Path("out/masks")
    """Folder for the figures."""
    seeds: int = 20
    """Number of worlds."""
    first_seed: int = 5000
    """Seed of the first world."""
    frames: tuple[int, ...] = (5, 25, 45)
    """Frames of each recording."""
    pack: Path | None = None
    """Mesh pack folder; parametric objects without one."""
    min_pixels: int = 60
    """Instances with fewer visible pixels are not asked for."""
    use_up: bool = True
    """Tell the mask source the direction of gravity."""
    pictures: bool = False
    """Write the frames with their masks."""
    masks: MaskConfig = field(default_factory=MaskConfig)
    """The mask source."""


@dataclass(frozen=True)
class Instance:
    """How one truth instance of one frame came out."""

    name: str
    height_m: float
    pixels: int
    iou: float
    parts: int
    """Object masks that lie mostly on it."""
    shared: int
    """Other instances that its mask covers by a third or more."""


@dataclass
class Tally:
    """What was counted over all frames."""

    instances: list[Instance] = field(default_factory=list)
    table_iou: list[float] = field(default_factory=list)
    strays: int = 0
    """Object masks that lie mostly on no object."""
    cpu_s: list[float] = field(default_factory=list)


def compare(masks: list[Mask], truth: np.ndarray, tally: Tally, models: dict, options: Options):
    """Count one frame: truth ids [H,W], 0 the table, 1.. objects, -1 others."""
    n = 2 + max(models)
    overlap = np.stack(
        [np.bincount(truth[m.window][m.bits] + 1, minlength=n)[:n] for m in masks] or [np.zeros(n)]
    ).astype(int)
    pixels = np.bincount(truth.ravel() + 1, minlength=n)
    areas = overlap.sum(axis=1)
    ious = overlap / np.maximum(areas[:, None] + pixels[None] - overlap, 1)
    is_object = np.array([m.kind == "object" for m in masks] or [False])
    tally.table_iou.append(float(ious[~is_object, 1].max(initial=0)))
    tally.strays += int((is_object & (overlap[:, 2:].sum(axis=1) < 0.5 * areas)).sum())
    visible = [i for i in models if pixels[i + 1] >= options.min_pixels]
    for i in visible:
        column = np.where(is_object, ious[:, i + 1], 0)
        best = int(column.argmax())
        tally.instances.append(
            Instance(
                models[i].name,
                float(models[i].size_m[2]),
                int(pixels[i + 1]),
                float(column[best]),
                int((is_object & (overlap[:, i + 1] > 0.5 * areas)).sum()),
                sum(overlap[best, j + 1] > pixels[j + 1] / 3 for j in visible if j != i),
            )
        )


def table(tally: Tally, frames: int) -> str:
    """The figures as Markdown."""
    rows = ["| height | n | IoU > 0.5 | IoU > 0.75 | mean IoU | cut | merged |", "|" + "---|" * 7]
    bands = [(HEIGHTS_M[0], HEIGHTS_M[-1]), *pairwise(HEIGHTS_M)]
    for low, high in bands:
        band = [i for i in tally.instances if low <= i.height_m < high]
        if not band:
            continue
        iou = np.array([i.iou for i in band])
        cut = np.mean([i.parts > 1 for i in band])
        merged = np.mean([i.shared > 0 for i in band])
        rows.append(
            f"| {low:g}-{high:g} m | {len(band)} | {(iou > 0.5).mean():.3f} | "
            f"{(iou > 0.75).mean():.3f} | {iou.mean():.3f} | {cut:.3f} | {merged:.3f} |"
        )
    cpu = np.array(tally.cpu_s) * 1e3
    rows.append(
        f"\ntable IoU {np.mean(tally.table_iou):.3f}, stray masks {tally.strays / frames:.2f} a "
        f"frame, CPU {np.median(cpu):.0f} ms a frame (largest {cpu.max():.0f})"
    )
    return "\n".join(rows)


def picture(frame: RGBDFrame, masks: list[Mask]) -> Image.Image:
    """Image and masks side by side; supports are tinted blue."""
    colors = np.random.default_rng(5).integers(40, 255, (len(masks), 3))
    drawn = frame.rgb * 0.5
    for mask, color in zip(masks, colors):
        drawn[mask.window][mask.bits] += (0, 0, 70) if mask.kind == "support" else 0.5 * color
    both = np.hstack([frame.rgb, np.clip(drawn, 0, 255).astype(np.uint8)])
    return Image.fromarray(both)


def main(options: Options) -> None:
    """Measure, print and write."""
    options.out.mkdir(parents=True, exist_ok=True)
    source, tally, frames = make_mask_source(options.masks), Tally(), 0
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        config = TabletopConfig(pack=options.pack, p_generated=0.3 if options.pack else 0.0)
        capture = SimulatedCapture.from_seed(seed, config)
        models = dict(enumerate((placed.model for placed in capture.world.objects), start=1))
        for index in options.frames:
            frame = capture[index]
            started = time.process_time()
            masks = source.masks(frame, capture.up_world if options.use_up else None)
            tally.cpu_s.append(time.process_time() - started)
            compare(masks, capture.perfect(index).body, tally, models, options)
            frames += 1
            if options.pictures:
                picture(frame, masks).save(options.out / f"seed{seed}_frame{index}.png")
        capture.close()
    print(table(tally, frames))
    instances = [vars(instance) for instance in tally.instances]
    record = {"instances": instances, "table_iou": tally.table_iou, "cpu_s": tally.cpu_s}
    (options.out / "masks.json").write_text(json.dumps(record, indent=1, default=float))


if __name__ == "__main__":
    main(tyro.cli(Options))
