"""Teach the text tower: python -m recipes.bundled.train_text --clip-text DIR --work DIR."""

from __future__ import annotations

import argparse
import json
import logging
import pickle
import time
from pathlib import Path

import numpy as np

from recipes.bundled import model as build
from recipes.bundled.phrases import PhraseMaker
from recipes.bundled.space import Space, build_space
from recipes.bundled.vocabulary import build_concepts

_log = logging.getLogger("train_text")
MERGES = 3000


def pack_captions(meshes: Path | None, held_out: set[str]) -> list[tuple[str, str]]:
    """(caption, category) of a mesh folder, without the held-out objects."""
    if meshes is None:
        return []
    records = json.loads((meshes / "manifest.json").read_text())
    kept = [r for r in records if r["name"] not in held_out]
    return [(caption, r["category"]) for r in kept for caption in r["captions"]]


def generator_captions(count: int, seed: int) -> list[tuple[str, str]]:
    """(caption, category) of a few objects of each generator, where the simulator has them."""
    try:
        from grounding3d.capture.simulator.objects import GENERATORS
    except ImportError:
        return []
    rng = np.random.default_rng(seed)
    return [
        (caption, name)
        for name, make in sorted(GENERATORS.items())
        for _ in range(count)
        for caption in make(rng).captions
    ]


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip-text", type=Path, required=True)
    parser.add_argument("--meshes", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=384)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--extra", nargs="*", default=[], help="more categories by name")
    parser.add_argument("--resume", type=Path, help="text tower weights to go on from")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    build.prepare_torchvision()
    from recipes.bundled import tokenizer as bpe

    args.work.mkdir(parents=True, exist_ok=True)
    held_out = set(Path(__file__).with_name("held_out.txt").read_text().split())
    captions = pack_captions(args.meshes, held_out) + generator_captions(8, args.seed)
    extra = sorted({k for _, k in captions} | set(args.extra))
    saved = args.work / "space.pkl"
    if args.resume:
        space = pickle.loads(saved.read_bytes())  # the towers keep the space they were taught
    else:
        space = build_space(build_concepts(args.clip_text, extra))
        saved.write_bytes(pickle.dumps(space))
    maker = PhraseMaker(space, captions)
    merges_path = args.work / f"{build.NAME}_merges.txt.gz"
    if not merges_path.exists():
        bpe.write_merges(merges_path, bpe.learn_merges(maker.word_counts(), MERGES))
    tokenizer = build.tokenizer(args.work)
    config = build.architecture(tokenizer.vocab_size)
    build.save_json(args.work / "architecture.json", config)
    tower = build.create(config).text
    if args.resume:
        tower.load_state_dict(torch.load(args.resume, weights_only=True))
    train(tower, tokenizer, maker, space, args)


def train(tower, tokenizer, maker: PhraseMaker, space: Space, args) -> None:
    """Distillation: cosine to the target, and InfoNCE over all nouns for what lies close."""
    import torch
    from torch.nn import functional

    rng = np.random.default_rng(args.seed)
    optimiser = torch.optim.AdamW(
        tower.parameters(), lr=args.rate, weight_decay=0.01, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, args.rate, args.steps, pct_start=0.06)
    average: dict[str, torch.Tensor] = {}
    start, losses, mask = time.time(), [], tower.attn_mask
    tower.train()
    for step in range(args.steps):
        drawn = [maker.draw(rng) for _ in range(args.batch)]
        tokens = tokenizer([d[0] for d in drawn])
        length = int((tokens > 0).sum(dim=1).max())
        if step % 4:  # mostly short phrases: half the time, three quarters of the words
            length = min(length, 11)
            short = (tokens > 0).sum(dim=1) <= length
            tokens, drawn = (
                tokens[short],
                [d for d, s in zip(drawn, short.tolist(), strict=True) if s],
            )
        tokens = tokens[:, :length]
        tower.attn_mask = mask[:length, :length]  # no time spent on padding
        target = torch.from_numpy(np.stack([d[1] for d in drawn])).float()
        found = functional.normalize(tower(tokens), dim=1)
        cosine = (found * target).sum(dim=1)
        logits = 20 * found @ target.T
        same = (target @ target.T > 0.995).float()
        contrast = -(logits.log_softmax(dim=1) * same).sum(dim=1) / same.sum(dim=1)
        loss = 4 * (1 - cosine).mean() + 0.2 * contrast.mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(1 - cosine.mean().item())
        with torch.no_grad():
            for name, value in tower.state_dict().items():
                if name in average and value.is_floating_point() and step > 100:
                    average[name].lerp_(value, 0.005)
                else:
                    average[name] = value.clone()
        if step % 50 == 49 or step == args.steps - 1:
            spent = time.time() - start
            _log.info("step %d 1-cos %.4f, %.0f s", step + 1, np.mean(losses[-50:]), spent)
            torch.save(average, args.work / "text.pt")


if __name__ == "__main__":
    main()
