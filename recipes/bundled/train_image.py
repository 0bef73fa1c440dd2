"""Teach the image tower: python -m recipes.bundled.train_image --data DIR... --work DIR."""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import logging
import math
import pickle
import re
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from recipes.bundled import data as crops_of
from recipes.bundled import model as build
from recipes.bundled.augment import as_seen, augmented
from recipes.bundled.space import GENERIC_AXIS, Space, axis

_log = logging.getLogger("train_image")
SCALE = 18.0
_MADE = re.compile(r"_[0-9a-f]{6}$")  # how generators name what they make


class Aim:
    """The loss: near the target, and nearer to it than to other nouns and other captions."""

    PARTS = ("anchor", "noun", "caption")

    def __init__(self, space: Space) -> None:
        rows = np.concatenate([space.nouns, axis(GENERIC_AXIS)[None]])
        self.bank = torch.from_numpy(rows).float()

    def __call__(self, found: Tensor, target: Tensor, plain: Tensor) -> dict[str, Tensor]:
        """Args: found, target, plain (target without colours), all unit [B, D]."""
        return {
            "anchor": 3 * (1 - (found * target).sum(dim=1)).mean(),
            "noun": 0.5 * soft_cross_entropy(found @ self.bank.T, plain @ self.bank.T),
            "caption": 0.5 * soft_cross_entropy(found @ target.T, target @ target.T),
        }


def soft_cross_entropy(found: Tensor, ideal: Tensor) -> Tensor:
    """Cross entropy against what a perfect embedding would give: near-synonyms are no negatives."""
    wanted = (SCALE * ideal).softmax(dim=1)
    return -(wanted * (SCALE * found).log_softmax(dim=1)).sum(dim=1).mean()


class Drawer:
    """Draws training batches; folders that are still being written are read again now and then.

    Args:
        rendered: Folders of `render`, drawn heavily spoilt.
        seen: Folders of `pipeline_crops`, drawn nearly as they are.
        share: Of a batch comes from ``seen``.
    """

    RENEW = 150  # batches until the folders are read again
    ENOUGH = 5000  # of fewer seen crops a batch takes fewer

    def __init__(self, rendered: list[Path], seen: list[Path], space: Space, share: float) -> None:
        self.space, self.folders, self.drawn = space, (rendered, seen), 0
        self.share = share if seen else 0.0
        self.kinds = [self._read(folders) for folders in self.folders]

    def _read(self, folders: list[Path]) -> tuple[crops_of.Crops, np.ndarray] | None:
        if not folders:
            return None
        data = crops_of.load(folders, self.space)
        weight = importance(data)
        return data, np.cumsum(weight / weight.sum())

    def __len__(self) -> int:
        return sum(len(kind[0]) for kind in self.kinds if kind)

    def draw(self, size: int, side: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Images [B, 3, side, side], targets [B, D], targets without colours [B, D]."""
        self.drawn += 1
        if self.drawn % self.RENEW == 0:
            self.kinds[1] = self._read(self.folders[1])
        ready = min(len(self.kinds[1][0]) / self.ENOUGH, 1.0) if self.kinds[1] else 0.0
        seen = round(size * self.share * ready)
        parts = []
        for kind, n, spoil in zip(
            self.kinds, (size - seen, seen), (augmented, as_seen), strict=True
        ):
            if kind is None or n == 0:
                continue
            data, cumulative = kind
            index = np.searchsorted(cumulative, rng.random(n)).clip(max=len(data) - 1)
            images, grey = spoil(data.take(index), side, rng)
            target, plain = (torch.from_numpy(t[index]) for t in (data.target, data.plain))
            target[grey] = plain[grey]  # a grey picture shows no colour
            parts.append((images, target, plain))
        images, target, plain = (torch.cat(p) for p in zip(*parts, strict=True))
        return images, target, plain


def batches(drawer: Drawer, size: int, sides: Sequence[int], seed: int, queue: Queue) -> None:
    """Queue augmented batches for ever, of the sides in turn."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    for side in itertools.cycle(sides):
        queue.put(drawer.draw(size, side, rng))


def importance(data: crops_of.Crops) -> np.ndarray:
    """How often each crop is drawn: rare categories and generated objects more, others less.

    Instances are what a category is learnt from, and the generators have more of them than a mesh
    folder; odd colours and hidden objects come less often.
    """
    names, counts = np.unique([r["category"] for r in data.records], return_counts=True)
    share = dict(zip(names, counts, strict=True))
    weight = np.array([share[r["category"]] ** -0.6 for r in data.records])
    odd = np.array([r.get("captions") == [] for r in data.records])
    # a mask of the program's (it has a share) is often cut off by the image's border, and is asked
    hidden = np.array([r["seen"] < (0.08 if "share" in r else 0.65) for r in data.records])
    made = np.array([bool(_MADE.search(r.get("name", ""))) for r in data.records])
    return weight * np.where(odd, 0.4, 1.0) * np.where(hidden, 0.4, 1.0) * np.where(made, 1.6, 1.0)


def rate_at(progress: float, warm: float = 0.06) -> float:
    """Share of the peak rate: a quick rise, then half a cosine down to a hundredth."""
    if progress < warm:
        return 0.05 + 0.95 * progress / warm
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min((progress - warm) / (1 - warm), 1.0)))


def train(tower, drawer: Drawer, space: Space, args) -> None:
    """AdamW, one cycle over the given minutes, an average of the weights, saved now and then."""
    aim = Aim(space)
    tower = tower.to(memory_format=torch.channels_last).train()
    average = copy.deepcopy(tower).eval()
    optimiser = torch.optim.AdamW(tower.parameters(), lr=args.rate, weight_decay=0.03)
    queue: Queue = Queue(maxsize=3)
    sides = [args.side] * 3 + [args.side - 8, args.side, args.side + 8]
    work = (drawer, args.batch, sides, args.seed, queue)
    threading.Thread(target=batches, args=work, daemon=True).start()
    workers = ThreadPoolExecutor(args.threads)

    def learn(_: int) -> list[float]:
        images, target, plain = queue.get()
        found = functional.normalize(tower(images.to(memory_format=torch.channels_last)), dim=1)
        parts = aim(found, target, plain)
        (sum(parts.values()) / args.threads).backward()
        return [p.item() for p in parts.values()]

    start, seen, step = time.time(), [], 0
    while (progress := (time.time() - start) / (60 * args.minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = args.rate * rate_at(progress)
        optimiser.zero_grad()
        seen += workers.map(learn, range(args.threads))  # their gradients add up
        torch.nn.utils.clip_grad_norm_(tower.parameters(), 5.0)
        optimiser.step()
        step += 1
        follow(average, tower, min(0.998, step / (step + 19)))
        if step % 100 == 0:
            means = ", ".join(
                f"{k} {v:.3f}" for k, v in zip(Aim.PARTS, np.mean(seen[-100:], 0), strict=True)
            )
            _log.info("step %d, %.0f %%: %s, %d crops", step, 100 * progress, means, len(drawer))
            torch.save(average.state_dict(), args.work / "image.pt")
    torch.save(average.state_dict(), args.work / "image.pt")
    _log.info("%d steps of %d crops", step, args.batch * args.threads)


@torch.no_grad()
def follow(average, tower, decay: float) -> None:
    """Exponential average of weights and of batch statistics."""
    for a, b in zip(average.state_dict().values(), tower.state_dict().values(), strict=True):
        if a.is_floating_point():
            a.lerp_(b, 1 - decay)
        else:
            a.copy_(b)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of `render`")
    parser.add_argument("--seen", type=Path, nargs="*", default=[], help="of `pipeline_crops`")
    parser.add_argument("--share", type=float, default=0.5, help="of a batch is from --seen")
    parser.add_argument(
        "--work", type=Path, required=True, help="folder with space.pkl of train_text"
    )
    parser.add_argument("--minutes", type=float, default=60, help="wall time")
    parser.add_argument("--batch", type=int, default=40, help="crops of a thread's share of a step")
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", type=Path, help="image tower weights to go on from")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)  # a thread works on a batch of its own
    torch.manual_seed(args.seed)
    with (args.work / "space.pkl").open("rb") as file:
        space = pickle.load(file)
    config = json.loads((args.work / "architecture.json").read_text())
    tower = build.create(config).visual
    if args.resume:
        tower.load_state_dict(torch.load(args.resume, weights_only=True))
    drawer = Drawer(args.data, args.seen, space, args.share)
    _log.info("%d crops, %d parameters", len(drawer), sum(p.numel() for p in tower.parameters()))
    train(tower, drawer, space, args)


if __name__ == "__main__":
    main()
