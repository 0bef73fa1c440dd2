"""`grounding3d simulate`: record a simulated RGB-D camera, with ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from grounding3d.interfaces.options import Output


@dataclass
class Simulate:
    """Record a simulated RGB-D camera over a table top; writes ground_truth.json beside it."""

    out: Output
    """Capture to write."""
    seed: int = 0
    """Same seed, same recording."""
    frames: int = 60
    """Number of frames."""
    objects: int = 8
    """Objects on the table."""
    size: tuple[int, int] = (640, 480)
    """Image width and height, pixels."""
    meshes: Path | None = None
    """Mesh pack folder to draw objects from instead of the parametric ones."""
    format: str = "ros2"
    """Format to write."""

    def run(self) -> int:
        """Simulate, write, and say what was made."""
        from grounding3d.capture.simulator.record import record_tabletop
        from grounding3d.capture.simulator.tabletop import TabletopConfig
        from grounding3d.interfaces.progress import show_progress

        width, height = self.size
        config = TabletopConfig(
            n_objects=self.objects,
            n_frames=self.frames,
            pack=self.meshes,
            width=width,
            height=height,
        )
        with show_progress() as progress:
            truth = record_tabletop(
                self.out,
                self.seed,
                config,
                format=self.format,
                progress=lambda done, total: progress("frames", done, total),
            )
        names = ", ".join(item["name"] for item in truth["objects"])
        print(f"{self.out}: {self.frames} frames of {names}")
        return 0
