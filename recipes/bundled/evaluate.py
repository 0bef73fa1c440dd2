"""Measure the artefacts: python -m recipes.bundled.evaluate --data DIR... --out figures.json."""

from __future__ import annotations

import argparse
import json
import logging
import pickle
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch.nn import functional

from recipes.bundled import attributes
from recipes.bundled import data as crops_of
from recipes.bundled import model as build
from recipes.bundled.augment import as_asked
from recipes.bundled.space import Space

_log = logging.getLogger("evaluate")
VIEWS = 5


class Encoder:
    """The exported model, as the program uses it."""

    def __init__(self, folder: Path) -> None:
        self.config = json.loads((folder / f"{build.NAME}.json").read_text())
        self.model = build.create(self.config).eval()
        state = load_file(folder / f"{build.NAME}.safetensors")
        own = self.model.state_dict()
        self.model.load_state_dict({k: v.to(own[k].dtype) for k, v in state.items()})
        self.tokenizer = build.tokenizer(folder)
        self.side = self.config["preprocess_cfg"]["size"]

    @torch.no_grad()
    def text(self, phrases: list[str]) -> np.ndarray:
        """Unit vectors [n, D]."""
        return functional.normalize(self.model.encode_text(self.tokenizer(phrases)), dim=1).numpy()

    @torch.no_grad()
    def crops(self, crops: np.ndarray, side: int | None = None) -> np.ndarray:
        """Unit mean of the crop with its context and the masked crop, [n, D]."""
        total = 0.0
        for filled in (False, True):
            images = as_asked(crops, side or self.side, filled)
            total = total + functional.normalize(self.model.encode_image(images), dim=1)
        return functional.normalize(total, dim=1).numpy()


@dataclass
class Things:
    """Objects with their views: names of category, captions, single views, averaged views, and
    the number of the simulated scene each was seen in (-1: alone).
    """

    category: list[str]
    captions: list[list[str]]
    single: list[np.ndarray]
    mean: np.ndarray
    scene: list[int]


def unit(x: np.ndarray) -> np.ndarray:
    """Unit rows."""
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def gather(encoder: Encoder, data: crops_of.Crops, side: int | None = None) -> Things:
    """Embed every object of a data set from at most VIEWS sides."""
    fewest = 2 if any("seed" in record for record in data.records) else 3
    groups: dict[int, list[int]] = {}
    for i, record in enumerate(data.records):
        if record["group"] >= 0 and record["seen"] > 0.6:
            groups.setdefault(record["group"], []).append(i)
    chosen = [g[:VIEWS] for g in groups.values() if len(g) >= fewest]
    flat = np.array([i for g in chosen for i in g])
    vectors = np.concatenate(
        [encoder.crops(data.take(flat[k : k + 128]), side) for k in range(0, len(flat), 128)]
    )
    ends = np.cumsum([len(g) for g in chosen])
    single = np.split(vectors, ends[:-1])
    first = [data.records[g[0]] for g in chosen]
    mean = unit(np.stack([s.mean(axis=0) for s in single]))
    captions, scene = [r["captions"] for r in first], [r.get("seed", -1) for r in first]
    return Things([r["category"] for r in first], captions, single, mean, scene)


def naming(things: Things, names: list[str], text: np.ndarray) -> dict[str, float]:
    """Share of objects whose nearest category word is their own, of single views and of means."""
    number = {n: i for i, n in enumerate(names)}
    truth = np.array([number[c] for c in things.category])
    mean = (things.mean @ text.T).argmax(axis=1) == truth
    single = [
        ((s @ text.T).argmax(axis=1) == t).mean() for s, t in zip(things.single, truth, strict=True)
    ]
    return {
        "single_view": float(np.mean(single)),
        "mean_of_views": float(mean.mean()),
        "objects": len(truth),
    }


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Chance that a positive scores above a negative."""
    order = np.searchsorted(np.sort(negative), positive, side="left")
    ties = np.searchsorted(np.sort(negative), positive, side="right")
    return float((order + ties).mean() / 2 / len(negative))


def scenes(
    things: Things, encoder: Encoder, space: Space, count: int, seed: int
) -> dict[str, float]:
    """Found by noun, by caption, and absent nouns: in the simulated scenes where objects come from
    such, else on table tops of 8 objects of different categories.
    """
    rng = np.random.default_rng(seed)
    tables = together(things) or [scene_of(things, rng) for _ in range(count)]
    names = sorted(set(things.category))
    index = space.index()
    nouns = np.stack([space.nouns[index[n]] for n in names])
    related = nouns @ nouns.T > 0.3
    text = dict(zip(names, encoder.text([f"a {n}" for n in names]), strict=True))
    captions = sorted({c for cs in things.captions for c in cs})
    said = dict(zip(captions, encoder.text(captions), strict=True)) if captions else {}
    found, told, coloured, present, absent = [], [], [], [], []
    for members in tables:
        vectors = things.mean[members]
        here = [things.category[m] for m in members]
        for k, m in enumerate(members):
            scores = vectors @ text[here[k]]
            found.append(here[int(scores.argmax())] == here[k])
            present.append(scores.max())
            options = [c for c in things.captions[m] if not shared(c, k, members, things)]
            if options:
                caption = options[rng.integers(len(options))]
                hit = (vectors @ said[caption]).argmax() == k
                told.append(hit)
                if attributes.in_phrase(caption):
                    coloured.append(hit)
        taken = related[[names.index(h) for h in here]].any(axis=0)
        others = [n for n, t in zip(names, taken, strict=True) if not t]
        for n in rng.choice(others, min(8, len(others)), replace=False):
            absent.append((vectors @ text[str(n)]).max())
    present, absent = np.array(present), np.array(absent)
    threshold = np.quantile(absent, 0.8)
    return {
        "found_by_noun": float(np.mean(found)),
        "found_by_caption": float(np.mean(told)),
        "found_by_coloured_caption": float(np.mean(coloured)),
        "auroc_present_absent": auroc(present, absent),
        "threshold_80_absent_rejected": float(threshold),
        "present_kept_there": float((present > threshold).mean()),
        "present_median": float(np.median(present)),
        "absent_median": float(np.median(absent)),
    }


def together(things: Things) -> list[list[int]]:
    """The objects of each simulated scene."""
    numbers = sorted(set(things.scene) - {-1})
    return [[m for m, s in enumerate(things.scene) if s == number] for number in numbers]


def scene_of(things: Things, rng: np.random.Generator) -> list[int]:
    """Eight objects of different categories."""
    members: list[int] = []
    for m in rng.permutation(len(things.category)):
        if all(things.category[m] != things.category[o] for o in members):
            members.append(int(m))
        if len(members) == 8:
            break
    return members


def shared(caption: str, k: int, members: list[int], things: Things) -> bool:
    """Whether another member has the same caption."""
    return any(caption in things.captions[m] for j, m in enumerate(members) if j != k)


def speed(encoder: Encoder) -> dict[str, float]:
    """Images a second and milliseconds a text, with torch's current threads."""
    images = torch.randn(64, 3, encoder.side, encoder.side)
    with torch.no_grad():
        encoder.model.encode_image(images)
        start = time.perf_counter()
        for _ in range(4):
            encoder.model.encode_image(images)
        rate = 256 / (time.perf_counter() - start)
    encoder.text(["a mug"])
    start = time.perf_counter()
    for k in range(20):
        encoder.text([f"a red mug {k}"])
    return {"images_per_s": rate, "text_ms": (time.perf_counter() - start) / 20 * 1000}


def synonyms(encoder: Encoder, space: Space) -> float:
    """Share of household synonyms whose nearest noun is their own category."""
    household = [c for c in space.concepts if c.household]
    nouns = encoder.text([f"a {c.name}" for c in household])
    pairs = [(p, i) for i, c in enumerate(household) for p in c.phrases]
    near = encoder.text([f"the {p}" for p, _ in pairs]) @ nouns.T
    return float((near.argmax(axis=1) == np.array([i for _, i in pairs])).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="folders rendered with --plain"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder with space.pkl")
    parser.add_argument("--artefacts", type=Path, default=build.ARTEFACTS)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(args.threads)
    with (args.work / "space.pkl").open("rb") as file:
        space = pickle.load(file)
    encoder = Encoder(args.artefacts)
    names = [c.name for c in space.concepts if c.household]
    text = encoder.text([f"a {n}" for n in names])
    figures: dict = {"categories": len(names), "synonyms": synonyms(encoder, space)} | speed(
        encoder
    )
    for folder in args.data:
        things = gather(encoder, crops_of.load([folder], space))
        result = naming(things, names, text) | scenes(things, encoder, space, 300, 7)
        figures[folder.name] = result
        _log.info("%s %s", folder.name, json.dumps(result))
    if args.out:
        build.save_json(args.out, figures)
    _log.info("%s", json.dumps({k: v for k, v in figures.items() if not isinstance(v, dict)}))


if __name__ == "__main__":
    main()
