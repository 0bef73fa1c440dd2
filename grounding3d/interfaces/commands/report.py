"""`grounding3d report`: one HTML file about a scene."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from grounding3d.errors import ConfigError
from grounding3d.interfaces.options import Output


@dataclass
class Report:
    """Write one HTML file about a scene: capture, coverage, quality, objects, answers.

    The file opens offline in any browser; it holds its pictures and runs no script.
    """

    scene: Positional[Path]
    """Scene folder made by `build`."""
    out: Output
    """.html file to write."""
    query: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A question to show with its answer; may be given several times."""
    capture: Path | None = None
    """The recording, where it is not any more where the scene was built from it."""
    rasterizer: str | None = None
    """cpu, cuda, surfels or reference; by default the quickest that does not need a GPU."""

    def run(self) -> int:
        """Measure, draw and write."""
        if self.out.suffix.lower() not in (".html", ".htm"):
            raise ConfigError("a report is one HTML file", expected="-o NAME.html")
        from grounding3d.interfaces.progress import show_progress
        from grounding3d.interfaces.renders.files import written_aside
        from grounding3d.interfaces.renders.recording import open_recording
        from grounding3d.interfaces.renders.view import ViewRenderer
        from grounding3d.interfaces.reports.build import ReportParts, build_report
        from grounding3d.objects.store import load_scene

        scene = load_scene(self.scene)
        engine = None
        if self.query:
            from grounding3d.features.encoders import load_encoder
            from grounding3d.query.engine import QueryEngine

            engine = QueryEngine(scene, load_encoder(scene.encoder.spec))
        parts = ReportParts(
            name=self.scene.resolve().name,
            scene=scene,
            renderer=ViewRenderer(scene.scene, self.rasterizer),
            recording=open_recording(scene, self.capture),
            engine=engine,
            queries=self.query,
        )
        with show_progress() as progress:
            html = build_report(parts, progress)
        with written_aside(self.out) as aside:
            aside.write_text(html, encoding="utf-8")
        print(f"{self.out}: {len(html) / 1e6:.1f} MB, {len(scene.objects)} objects")
        return 0
