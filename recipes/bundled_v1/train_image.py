"""Teach the image tower: python -m recipes.bundled_v1.train_image --data DIR... --work DIR."""

from __future__ import annotations

import argparse
import copy
import json
import logging
import pickle
import re
import threading
import time
from pathlib import Path
from queue import Queue

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from recipes.bundled_v1 import data as crops_of
from recipes.bundled_v1 import model as build
from recipes.bundled_v1.augment import augmented
from recipes.bundled_v1.space import GENERIC_AXIS, Space, axis

_log = logging.getLogger("train_image")
SCALE = 18.0
_MADE = re.compile(r"_[0-9a-f]{6}$")  # how generators name what they make


class Aim:
    """The loss: near the target, and nearer to it than to other nouns and other captions."""

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


def batches(data: crops_of.Crops, size: int, sides: list[int], seed: int, queue: Queue) -> None:
    """Queue an augmented batch for each entry of ``sides``; rare categories come more often."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    weight = importance(data)
    cumulative = np.cumsum(weight / weight.sum())
    for side in sides:
        index = np.searchsorted(cumulative, rng.random(size)).clip(max=len(data) - 1)
        images, grey = augmented(data.take(index), side, rng)
        target = torch.from_numpy(data.target[index])
        plain = torch.from_numpy(data.plain[index])
        target[grey] = plain[grey]  # a grey picture shows no colour
        queue.put((images, target, plain))


def importance(data: crops_of.Crops) -> np.ndarray:
    """How often each crop is drawn: rare categories and generated objects more, others less.

    Instances are what a category is learnt from, and the generators have more of them than a mesh
    folder; odd colours and hidden objects come less often.
    """
    names, counts = np.unique([r["category"] for r in data.records], return_counts=True)
    share = dict(zip(names, counts, strict=True))
    weight = np.array([share[r["category"]] ** -0.6 for r in data.records])
    odd = np.array([r.get("captions") == [] for r in data.records])
    hidden = np.array([r["seen"] < 0.65 for r in data.records])
    made = np.array([bool(_MADE.search(r.get("name", ""))) for r in data.records])
    return weight * np.where(odd, 0.4, 1.0) * np.where(hidden, 0.4, 1.0) * np.where(made, 1.6, 1.0)


def schedule(steps: int, final: int) -> list[int]:
    """Input sides: small pictures first (quick), the final size last; sizes vary throughout."""
    phases = [(0.8, (64, 64, 56, 64)), (0.2, (final, final, final - 8, final + 8))]
    sides: list[int] = []
    for share, choices in phases:
        sides += [choices[k % len(choices)] for k in range(int(share * steps))]
    return sides + [final] * (steps - len(sides))


def train(tower, data: crops_of.Crops, space: Space, args) -> None:
    """AdamW, one cycle, an average of the weights; writes image.pt every few hundred steps."""
    aim = Aim(space)
    tower = tower.to(memory_format=torch.channels_last).train()
    average = copy.deepcopy(tower).eval()
    optimiser = torch.optim.AdamW(tower.parameters(), lr=args.rate, weight_decay=0.03)
    steps = args.steps
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, args.rate, steps, pct_start=0.06)
    queue: Queue = Queue(maxsize=3)
    sides = schedule(steps, args.side)
    work = (data, args.batch, sides, args.seed, queue)
    threading.Thread(target=batches, args=work, daemon=True).start()
    start, seen = time.time(), []
    for step in range(steps):
        images, target, plain = queue.get()
        found = functional.normalize(tower(images.to(memory_format=torch.channels_last)), dim=1)
        parts = aim(found, target, plain)
        optimiser.zero_grad()
        sum(parts.values()).backward()
        torch.nn.utils.clip_grad_norm_(tower.parameters(), 5.0)
        optimiser.step()
        cycle.step()
        follow(average, tower, min(0.998, (step + 1) / (step + 20)))
        seen.append([p.item() for p in parts.values()])
        if step % 100 == 99 or step == steps - 1:
            means = ", ".join(
                f"{k} {v:.3f}" for k, v in zip(parts, np.mean(seen[-100:], 0), strict=True)
            )
            _log.info("step %d of %d: %s, %.0f s", step + 1, steps, means, time.time() - start)
            torch.save(average.state_dict(), args.work / "image.pt")


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
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="folders of rendered crops"
    )
    parser.add_argument(
        "--work", type=Path, required=True, help="folder with space.pkl of train_text"
    )
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", type=Path, help="image tower weights to go on from")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    with (args.work / "space.pkl").open("rb") as file:
        space = pickle.load(file)
    config = json.loads((args.work / "architecture.json").read_text())
    tower = build.create(config).visual
    if args.resume:
        tower.load_state_dict(torch.load(args.resume, weights_only=True))
    data = crops_of.load(args.data, space)
    _log.info("%d crops, %d parameters", len(data), sum(p.numel() for p in tower.parameters()))
    train(tower, data, space, args)


if __name__ == "__main__":
    main()
