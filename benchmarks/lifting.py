"""The language field: how fast it lifts, what compression costs, and what each weight brings.

    python benchmarks/lifting.py --captures CAPTURE... --scenes SCENE... --out out/lifting

Prints tables and writes OUT/lifting.md and .json.

- Speed: Gaussians on a surface in view of one camera of 640x480, 512-D features in cells of 8
  pixels. "quantise" is the codebook's work on the vectors of one frame (those of some 20 masks, or
  of a tower's 24 x 24 patches), "lift" adds one view to the sums; frames/s counts both.
- Scenes: for each pair of a capture with ground truth and the scene built from it, masks' features
  are lifted in several ways from the same cells. "right" is the share of Gaussians inside exactly
  one true box whose nearest noun, among those of the scene's objects, is that object's (the mean
  over objects); "found" the share of nouns whose best 100 Gaussians' median lies in the right box.
- Compression: the object (of the true ones) that a noun fits best, for the nouns of the household
  list, with and without codes.

Times are medians; the reference in the same run is one forward pass of the same view.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import grounding3d._core as core
import numpy as np
import tyro
from machine import describe_machine, markdown, times_ms, write_report
from painted import (
    EXACT,
    Painted,
    dense_features,
    every_cell,
    exact_features,
    projected_centre,
    unweighted,
)
from rasterizer import synthetic

from grounding3d.features.vocabulary import label_vocabulary
from grounding3d.fusion.code_sums import CodeSums, CoreLifter
from grounding3d.fusion.codebook import Codebook
from grounding3d.fusion.field_config import FieldConfig
from grounding3d.fusion.field_views import DEPTH_UNIT_M, StoredView
from grounding3d.fusion.gaussian_features import gaussian_features
from grounding3d.scene.base import Keyframe
from grounding3d.scene.rasterizers.cpu import CpuRasterizer

MARGIN_M = 0.005  # of a true box's foot, where it stands on something


@dataclass
class Options:
    """What to measure."""

    out: Annotated[Path, tyro.conf.arg(aliases=("-o",))] = Path("out/lifting")
    """Folder for the figures."""
    captures: tuple[Path, ...] = ()
    """Recordings with ground_truth.json."""
    scenes: tuple[Path, ...] = ()
    """Scene folders built from them, in the same order."""
    counts: tuple[int, ...] = (50_000, 200_000)
    """Gaussians in view for the speed."""
    threads: int = 2
    """Threads of the compiled core."""
    seconds: float = 2.0
    """Time spent on each figure of speed."""
    stride: int = 1
    """Use every n-th keyframe of the recordings."""


def speed_row(count: int, seconds: float) -> dict[str, Any]:
    """Times of one synthetic scene."""
    case = synthetic("surface", count)
    gaussians, camera, pose = case.parameters.activated(), case.camera, case.T_world_cam
    keyframe, rng = Keyframe(0, camera, pose, None), np.random.default_rng(0)
    things = _unit(rng.normal(size=(60, 512)))
    views = [_block_view(i) for i in range(20)]
    vectors = _unit(things[np.arange(60 * 20) % 60] + 0.5 * _unit(rng.normal(size=(1200, 512))))
    sums, lifter = CodeSums(count, vectors, FieldConfig().slots), CoreLifter(FieldConfig())
    turn = iter(range(10**9))

    def lift() -> None:
        lifter.add(sums, gaussians, keyframe, views[next(turn) % 20])

    book = Codebook()
    book.add(vectors)
    patches = _unit(things[rng.integers(0, 60, 576)] + 0.1 * _unit(rng.normal(size=(576, 512))))
    raster = CpuRasterizer()
    forward, contributions, lifted, few, many = (
        float(np.median(times_ms(call, seconds=seconds)))
        for call in (
            partial(raster.render, gaussians, camera, pose),
            partial(raster.contributions, gaussians, camera, pose),
            lift,
            partial(book.add, vectors[:20]),
            partial(book.add, patches),
        )
    )
    return {
        "Gaussians": count,
        "forward ms": forward,
        "contributions ms": contributions,
        "lift ms": lifted,
        "quantise 20 ms": few,
        "quantise 576 ms": many,
        "frames/s, masks": 1e3 / (lifted + few),
        "frames/s, patches": 1e3 / (lifted + many),
        "lift / forward": lifted / forward,
    }


def _block_view(number: int) -> StoredView:
    """60 things a view, each with a vector of its own in every view."""
    row, column = np.mgrid[:60, :80]
    codes = (60 * number + row // 10 * 10 + column // 8).astype(np.uint16)
    u, v = np.meshgrid(np.arange(160) * 4 + 1.5, np.arange(120) * 4 + 1.5)
    depth = 2 + 0.3 * np.sin(u / 70) * np.cos(v / 60)
    full = np.full(codes.shape, 255, np.uint8)
    return StoredView(0, codes, full, np.rint(depth / DEPTH_UNIT_M).astype(np.uint16), np.eye(4))


def scene_rows(painted: Painted) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Every variant's quality on one scene, and what compression changed."""
    scene, dim = painted.scene.scene, painted.encoder.dim
    started = time.perf_counter()
    field = painted.field()
    add_s = time.perf_counter() - started
    features, times = None, {}
    for views in (24, None):
        started = time.perf_counter()
        features = field.lift(scene, max_views=views)
        times[f"lift {views or len(field)} views s"] = time.perf_counter() - started
    started = time.perf_counter()
    nearest = gaussian_features(scene, painted.scene.objects)
    times["objects' codes s"] = time.perf_counter() - started
    no_depth = EXACT.model_copy(update={"sigma_floor_m": 1e3, "unknown_depth_agreement": 1.0})
    mean = {"minority_weight": 1.0}
    exact = exact_features(painted)
    lifted = dense_features(features, dim)
    variants = {
        "ours, codes": lifted,
        "ours, uncompressed": exact,
        "without majority": exact_features(painted, EXACT.model_copy(update=mean)),
        "without depth": exact_features(painted, no_depth),
        "without both": exact_features(painted, no_depth.model_copy(update=mean)),
        "every cell": exact_features(painted, accumulate=every_cell),
        "unweighted": exact_features(painted, accumulate=unweighted),
        "projected centre": exact_features(painted, accumulate=projected_centre),
        "objects' codes": dense_features(nearest, dim),
    }
    rows = [{"variant": name, **quality(painted, f)} for name, f in variants.items()]
    seen = exact.any(axis=1) & lifted.any(axis=1)
    cosine = (exact[seen] * lifted[seen]).sum(axis=1)
    compression = {
        "Gaussians": len(scene.gaussians),
        "vectors": len(np.concatenate([c.vectors for _, _, c in painted.views])),
        "view codes": len(field._book),
        "codes": len(features.codebook),
        "kB a view": field.n_bytes / max(len(field), 1) / 1e3,
        "add ms a view": 1e3 * add_s / max(len(field), 1),
        "median cosine": float(np.median(cosine)),
        "1 % cosine": float(np.quantile(cosine, 0.01)),
        "same top-1": same_winner(painted, exact, lifted),
        **times,
    }
    return rows, compression


def quality(painted: Painted, features: np.ndarray) -> dict[str, float]:
    """Shares of Gaussians named right and of nouns found."""
    means = painted.scene.scene.gaussians.means
    objects = [o for o in painted.truth.values() if o.seen]
    inside = members(painted)
    nouns = sorted({o.category for o in objects})
    scores = features @ painted.encoder.encode_text(nouns).T
    scores[~features.any(axis=1)] = -2
    best = np.where(features.any(axis=1), scores.argmax(axis=1), -1)
    right = [
        float((best[rows] == nouns.index(o.category)).mean())
        for o, rows in zip(objects, inside, strict=True)
        if len(rows) and o.category != "table"
    ]
    found = []
    for column, noun in enumerate(nouns):
        boxes = [o for o in objects if o.category == noun]
        if noun != "table":
            place = np.median(means[np.argsort(-scores[:, column], kind="stable")[:100]], axis=0)
            found.append(any(bool(o.contains(place)) for o in boxes))
    return {
        "right": float(np.mean(right)),
        "found": float(np.mean(found)),
        "seen": float(features.any(axis=1).mean()),
    }


def members(painted: Painted) -> list[np.ndarray]:
    """For each seen true object, the Gaussians in its box alone, above its foot."""
    means = painted.scene.scene.gaussians.means
    objects = [o for o in painted.truth.values() if o.seen]
    inside = np.stack([o.contains(means, 0.0) for o in objects])
    things = np.array([o.category != "table" for o in objects])
    alone = inside[things].sum(axis=0) == 1
    foot = np.stack([means[:, 2] < o.minimum[2] + MARGIN_M for o in objects])
    return [
        np.flatnonzero(mine & (alone & ~low if is_thing else ~inside[things].any(axis=0)))
        for mine, low, is_thing in zip(inside, foot, things, strict=True)
    ]


def same_winner(painted: Painted, a: np.ndarray, b: np.ndarray) -> float:
    """Share of household nouns that fit the same true object best with both features."""
    words = label_vocabulary(painted.encoder).vectors
    groups = [rows for rows in members(painted) if len(rows)]
    winners = [
        np.stack([(f[rows] @ words.T).mean(axis=0) for rows in groups]).argmax(axis=0)
        for f in (a, b)
    ]
    return float((winners[0] == winners[1]).mean())


def _unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _mean_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(row["variant"] for row in rows))
    return [
        {
            "variant": name,
            **{
                key: float(np.mean([r[key] for r in rows if r["variant"] == name]))
                for key in ("right", "found", "seen")
            },
        }
        for name in names
    ]


def main(options: Options) -> None:
    """Measure, print and write."""
    core.set_threads(options.threads)
    head = describe_machine(options.threads)
    parts: dict[str, list[dict[str, Any]]] = {
        "Speed": [speed_row(count, options.seconds) for count in options.counts]
    }
    rows: list[dict[str, Any]] = []
    compression = []
    for capture, scene in zip(options.captures, options.scenes, strict=True):
        painted = Painted.read(capture, scene, options.stride)
        found, changed = scene_rows(painted)
        rows += [{"scene": scene.name, **row} for row in found]
        compression.append({"scene": scene.name, **changed})
    if rows:
        parts |= {
            "Weights, mean over the scenes": _mean_rows(rows),
            "Compression and times": compression,
            "Every scene": rows,
        }
    text = "# Lifting\n\n" + "\n".join(f"- {k}: {v}" for k, v in head.items())
    text += "".join(f"\n\n## {title}\n\n{markdown(part)}" for title, part in parts.items())
    write_report(options.out, "lifting", text, {"machine": head, **parts})


if __name__ == "__main__":
    main(tyro.cli(Options))
