"""Time of one answer on a loaded scene: with a remembered text, and with a new one.

    python benchmarks/query_latency.py SCENE

The reference in the same run is the text encoder alone on the same phrases.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tyro
from tyro.conf import Positional

from grounding3d.features.encoders import load_encoder
from grounding3d.features.vocabulary import read_nouns
from grounding3d.objects.store import load_scene
from grounding3d.query.engine import QueryEngine


def main(scene: Positional[Path], n: int = 300) -> None:
    """Print medians and 99th percentiles in milliseconds, as markdown and one JSON line."""
    loaded = load_scene(scene)
    encoder = load_encoder(loaded.encoder.spec)
    engine = QueryEngine(loaded, encoder)
    nouns = read_nouns("household")
    phrases = [f"where is the {nouns[i % len(nouns)]} number {i}" for i in range(n)]
    engine.ask("warm up")
    fresh = load_encoder(loaded.encoder.spec)
    fresh.encode_text(["warm up"])
    rows = {
        "text encoder alone": _times(lambda text: fresh.encode_text([text]), phrases),
        "answer, new text": _times(engine.ask, phrases),
        "answer, remembered text": _times(engine.ask, phrases),
    }
    print(f"{len(loaded.objects)} objects, {len(loaded.scene.gaussians)} Gaussians\n")
    print("| what | median ms | 99 % ms |\n| --- | --- | --- |")
    for name, times in rows.items():
        print(f"| {name} | {np.median(times):.2f} | {np.quantile(times, 0.99):.2f} |")
    print(json.dumps({name: float(np.median(times)) for name, times in rows.items()}))


def _times(ask: Callable[[str], object], phrases: Sequence[str]) -> np.ndarray:
    times = []
    for phrase in phrases:
        started = time.perf_counter()
        ask(phrase)
        times.append(1e3 * (time.perf_counter() - started))
    return np.array(times)


if __name__ == "__main__":
    tyro.cli(main)
