"""`grounding3d nerf-setup`: make the environment for `--backend nerf` and `ns-train`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path


@dataclass
class NerfSetup:
    """Install nerfstudio in an environment of its own, for `build --backend nerf` and `ns-train`.

    It sees this program's packages behind its own, so torch is the same, CPU or CUDA. Running it
    again does what is left to do.
    """

    path: Path | None = None
    """Folder of the environment; by default .venv-nerf in the checkout, else the user's own."""

    def run(self) -> int:
        """Make it; prints where it is and what can be run there."""
        from grounding3d.interfaces.nerf_setup import has_method, make_environment
        from grounding3d.interfaces.progress import show_progress
        from grounding3d.scene.nerf.environment import VARIABLE, default_folder, python_of

        folder = (self.path or default_folder()).absolute()
        started = time.perf_counter()
        with show_progress() as progress:
            is_new = make_environment(folder, progress)
        took = f"made in {time.perf_counter() - started:.0f} s" if is_new else "already there"
        print(f"{folder}: {took}")
        if not has_method(folder):
            print("ns-train does not know the method yet: install grounding3d again, then it does")
        else:
            print(f"Train by hand: {folder}/bin/ns-train grounding3d-nerf-small --data CAPTURE")
        if self.path is not None and folder != default_folder():
            print(f"Use it: export {VARIABLE}={python_of(folder)}")
        return 0
