"""One query over many Gaussians: codes against float32 vectors, in time and on disk.

    python benchmarks/search.py --scene SCENE --out out/search

Prints a table and writes OUT/search.md and .json. With `--scene` the codes are the scene's own,
repeated to the wanted number and its vectors turned into 512-D (which keeps every cosine); without,
4,096 random vectors and codes in random order, the worst case for the caches. "torch" is the
relevancy of the uncompressed [N,D] float32 with the same 4 canonical phrases in the same run; "same
answer" whether the best Gaussian by codes is within 0.001 of torch's best. Times are medians.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import grounding3d._core as core
import numpy as np
import torch
import tyro
from machine import describe_machine, markdown, times_ms, write_report

from grounding3d.features.relevancy import CLIP_RELEVANCY_SCALE
from grounding3d.fusion.base import NO_CODE, GaussianFeatures
from grounding3d.objects import records
from grounding3d.objects.folder import tensors_writer
from grounding3d.objects.store import load_scene
from grounding3d.query.gaussian_relevancy import GaussianRelevancy

PART = 100_000  # rows of the uncompressed features made at a time


@dataclass
class Options:
    """What to measure."""

    out: Annotated[Path, tyro.conf.arg(aliases=("-o",))] = Path("out/search")
    """Folder for the figures."""
    scene: Path | None = None
    """Scene folder whose lifted codes are used."""
    count: int = 1_000_000
    """Gaussians."""
    dim: int = 512
    """Dimension of the vectors."""
    slots: tuple[int, ...] = (1, 2, 4)
    """Numbers of codes a Gaussian, for the made-up codes."""
    threads: int = 2
    """Threads of both sides."""
    seconds: float = 3.0
    """Time spent on each figure."""


def made_up(count: int, dim: int, slots: int) -> GaussianFeatures:
    """Random codes with random weights over 4,096 random vectors."""
    rng = np.random.default_rng(slots)
    weights = -np.sort(-rng.dirichlet(np.ones(slots), count), axis=1)
    return GaussianFeatures(
        _unit(rng.normal(size=(4096, dim))).astype(np.float16),
        rng.integers(0, 4096, (count, slots)).astype(np.uint16),
        weights.astype(np.float16),
        rng.uniform(size=count).astype(np.float16),
    )


def repeated(features: GaussianFeatures, count: int, dim: int) -> GaussianFeatures:
    """A scene's codes for another number of Gaussians, its vectors in another space."""
    rows = np.arange(count) % len(features.codes)
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(dim, features.codebook.shape[1])))[0]
    book = _unit(features.codebook.astype(np.float32) @ turn.T.astype(np.float32))
    return GaussianFeatures(
        book.astype(np.float16),
        features.codes[rows],
        features.weights[rows],
        features.confidence[rows],
    )


def uncompressed(features: GaussianFeatures) -> torch.Tensor:
    """[N,D] float32 unit features."""
    book = features.codebook.astype(np.float32)
    out = np.zeros((len(features.codes), book.shape[1]), np.float32)
    book = np.vstack([book, np.zeros_like(book[:1])])
    for start in range(0, len(out), PART):
        part = slice(start, start + PART)
        rows = np.where(features.codes[part] == NO_CODE, len(book) - 1, features.codes[part])
        for slot in range(rows.shape[1]):
            weight = features.weights[part, slot].astype(np.float32)
            out[part] += weight[:, None] * book[rows[:, slot]]
        norm = np.linalg.norm(out[part], axis=1, keepdims=True)
        out[part] /= np.maximum(norm, 1e-9)
    return torch.from_numpy(out)


def torch_relevancy(vectors: torch.Tensor, phrases: torch.Tensor) -> torch.Tensor:
    """LERF's relevancy for the first phrase against the others."""
    cosines = vectors @ phrases.T
    rival = cosines[:, 1:].amax(dim=1)
    return torch.sigmoid(CLIP_RELEVANCY_SCALE * (cosines[:, 0] - rival))


def row(name: str, features: GaussianFeatures, seconds: float) -> dict[str, Any]:
    """Times and sizes of one kind of codes."""
    rng = np.random.default_rng(1)
    dim = features.codebook.shape[1]
    canonical = _unit(rng.normal(size=(4, dim)))
    query = _unit(rng.normal(size=(1, dim)) + 3 * features.codebook[:1])[0]
    source = GaussianRelevancy(features, canonical, CLIP_RELEVANCY_SCALE)
    ours = times_ms(partial(source.of, query), seconds=seconds, least=20)
    vectors = uncompressed(features)
    phrases = torch.from_numpy(np.vstack([query, canonical]))
    theirs = times_ms(partial(torch_relevancy, vectors, phrases), seconds=seconds)
    exact = torch_relevancy(vectors, phrases).numpy()
    found = source.of(query)
    return {
        "codes": name,
        "a Gaussian": features.codes.shape[1],
        "codebook": len(features.codebook),
        "ours ms": float(np.median(ours)),
        "fastest": float(ours.min()),
        "torch ms": float(np.median(theirs)),
        "fastest of torch": float(theirs.min()),
        "times": float(np.median(theirs) / np.median(ours)),
        "same answer": bool(exact[found.argmax()] > exact.max() - 1e-3),
        "largest difference": float(np.abs(exact - found)[source.seen].max()),
        "MB on disk": stored_bytes(features) / 1e6,
        "MB uncompressed": vectors.numel() * 4 / 1e6,
    }


def stored_bytes(features: GaussianFeatures) -> int:
    """Size of the file of a scene folder that holds the features and the anchors."""
    arrays = {name: getattr(features, name) for name in records.FEATURES}
    arrays["anchor"] = np.zeros(len(features.codes), np.int32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "features.safetensors"
        tensors_writer(arrays)(path)
        return path.stat().st_size


def object_row(count: int, dim: int, seconds: float) -> dict[str, Any]:
    """A query over the objects' own vectors."""
    rng = np.random.default_rng(2)
    objects, phrases = _unit(rng.normal(size=(count, dim))), _unit(rng.normal(size=(5, dim)))
    times = times_ms(lambda: objects @ phrases[0], seconds=seconds / 3, least=20)
    return {"objects": count, "ms": float(np.median(times)), "fastest": float(times.min())}


def _unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def main(options: Options) -> None:
    """Measure, print and write."""
    core.set_threads(options.threads)
    torch.set_num_threads(options.threads)
    head = describe_machine(options.threads)
    head["Gaussians"] = f"{options.count} x {options.dim}"
    rows = []
    if options.scene is not None:
        own = repeated(load_scene(options.scene).features, options.count, options.dim)
        rows.append(row(f"of {options.scene.name}", own, options.seconds))
    rows += [
        row("random", made_up(options.count, options.dim, slots), options.seconds)
        for slots in options.slots
    ]
    objects = [object_row(n, options.dim, options.seconds) for n in (100, 1000, 5000)]
    parts = {"Gaussians": rows, "Objects, cosine to a query": objects}
    text = "# Search\n\n" + "\n".join(f"- {k}: {v}" for k, v in head.items())
    text += "".join(f"\n\n## {title}\n\n{markdown(part)}" for title, part in parts.items())
    write_report(options.out, "search", text, {"machine": head, **parts})


if __name__ == "__main__":
    main(tyro.cli(Options))
