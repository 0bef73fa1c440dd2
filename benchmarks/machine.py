"""What the other benchmarks share: where they ran, how long a call takes, tables and files."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

_PACKAGES = ("grounding3d", "numpy", "torch", "gsplat")


def describe_machine(threads: int) -> dict[str, str]:
    """Processor, cores, load, threads in use and versions, for a report's head."""
    import grounding3d._core as core

    processor = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        processor = names[0] if names else processor
    versions = [f"Python {platform.python_version()}"]
    for package in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions.append(f"{package} {metadata.version(package)}")
    return {
        "processor": f"{processor}, {os.cpu_count()} cores",
        "system": platform.platform(terse=True),
        "load before": f"{os.getloadavg()[0]:.1f}",
        "threads": str(threads),
        "instruction sets": ", ".join(core.instruction_sets()),
        "versions": ", ".join(versions),
    }


def use_threads(count: int) -> None:
    """Let ours and torch use that many threads."""
    import grounding3d._core as core
    import torch

    core.set_threads(count)
    torch.set_num_threads(count)


def times_ms(
    call: Callable[[], object], *, seconds: float = 1.0, least: int = 5, warm: bool = True
) -> np.ndarray:
    """Durations of repeated calls, in milliseconds; `warm`: one more before, not counted."""
    if warm:
        call()
    times: list[float] = []
    until = time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < until:
        started = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - started))
    return np.array(times)


def markdown(rows: Sequence[Mapping[str, object]]) -> str:
    """A table with the first row's keys as its head; empty for no rows."""
    if not rows:
        return "(nothing measured)"
    lines = [_line(rows[0]), _line("---" for _ in rows[0])]
    return "\n".join(lines + [_line(_text(value) for value in row.values()) for row in rows])


def write_report(out: Path, name: str, text: str, record: Mapping[str, Any]) -> None:
    """Write OUT/name.md and OUT/name.json, and print the first."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    (out / f"{name}.json").write_text(json.dumps(record, indent=1, default=float) + "\n")
    print(text, flush=True)


def _line(cells: Iterable[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _text(value: object) -> str:
    if isinstance(value, float):
        return "-" if np.isnan(value) else f"{value:.4g}"
    return "-" if value is None else str(value)
