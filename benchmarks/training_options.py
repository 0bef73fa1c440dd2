"""What `splat_training.py` can be told, and its quick variant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro


@dataclass
class Options:
    """What to run."""

    out: Annotated[Path, tyro.conf.arg(aliases=("-o",))] = Path("out/splat_training")
    """Folder for the figures."""
    parts: str = "a,b,c,d"
    """Parts to run, separated by commas."""
    quick: bool = False
    """Few steps, small counts, short trainings."""
    threads: int = 2
    """Threads of everything that is timed, OpenSplat too."""
    capture: Path = Path("scenes/tabletop")
    """Recording of parts a and b."""
    hold_out: int = 5
    """Every n-th frame of it is held out."""
    opensplat: Path | None = None
    """OpenSplat's program."""
    iterations: int = 200
    """Steps of part a."""
    points: tuple[int, ...] = (20_000, 50_000)
    """Points of part a."""
    sparse_seconds: float = 60.0
    """Length of the sparse start's schedule in part b."""
    dense_seconds: float = 10.0
    """Length of the RGB-D start's."""
    kitchen: Path = Path("../shared/data/kitchen")
    """7-Scenes' RedKitchen for part c; skipped where it is missing."""
    kitchen_config: Path = Path("configs/kitchen.yaml")
    """How it is read."""
    kitchen_seconds: tuple[float, ...] = (10.0, 60.0, 300.0)
    """Trainings of part c."""
    memory_frames: int = 300
    """Frames of part d."""
    memory_capture: Path | None = None
    """A recording for part d; None: simulated frames are recorded first, which takes minutes."""
    memory_voxel_m: float = 0.006
    """Voxels of part d; they decide how many Gaussians there are."""
    memory_iterations: int = 300
    """Steps of part d."""


def shortened(options: Options) -> Options:
    """The quick variant."""
    return replace(
        options,
        iterations=40,
        points=(20_000,),
        sparse_seconds=8.0,
        dense_seconds=4.0,
        kitchen_seconds=(3.0, 6.0),
        memory_frames=40,
        memory_iterations=40,
    )
