"""How fast Gaussians are trained, how good they get, and what memory it takes.

    python benchmarks/splat_training.py --out out/splat_training
    python benchmarks/splat_training.py --parts a --opensplat PATH/TO/opensplat
    python benchmarks/splat_training.py --parts b,d --quick

Prints tables and writes OUT/splat_training.md and .json. Frames that are held out are not seen by
the build at all. What each part measures is told in its module:

a. training_sparse.py: steps a second from a sparse start, beside the reference and OpenSplat;
b. training_starts.py: an RGB-D start against sparse ones;
c. training_kitchen.py: surfels and splats of the kitchen of 7-Scenes;
d. training_memory.py: peak memory.
"""

from __future__ import annotations

from typing import Any

import tyro
from machine import describe_machine, markdown, use_threads, write_report
from training_kitchen import kitchen_rows
from training_memory import memory_rows
from training_options import Options, shortened
from training_sparse import sparse_rows
from training_starts import start_rows


def main(options: Options) -> None:
    """Run the parts, print and write."""
    use_threads(options.threads)
    options = shortened(options) if options.quick else options
    head = {**describe_machine(options.threads), "recording": options.capture.name}
    parts = [part.strip() for part in options.parts.split(",")]
    found: dict[str, Any] = {}
    curves: dict[str, Any] = {}
    if "a" in parts:
        found["a. Sparse start as OpenSplat does it"] = sparse_rows(options)
    if "b" in parts:
        found["b. RGB-D start against sparse start"], curves["curves of b"] = start_rows(options)
    if "c" in parts and options.kitchen.is_dir():
        found["c. Kitchen"] = kitchen_rows(options)
    if "d" in parts:
        found["d. Memory"] = memory_rows(options)
    text = "# Splat training\n\n" + "\n".join(f"- {k}: {v}" for k, v in head.items())
    text += "".join(f"\n\n## {title}\n\n{markdown(rows)}" for title, rows in found.items())
    write_report(options.out, "splat_training", text, {"machine": head, **found, **curves})


if __name__ == "__main__":
    main(tyro.cli(Options))
