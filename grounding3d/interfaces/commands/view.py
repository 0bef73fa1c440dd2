"""`grounding3d view`: a scene in the browser."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tyro.conf import Positional

from grounding3d.interfaces.options import Overrides, read_config

if TYPE_CHECKING:
    from grounding3d.interfaces.viewer.app import Viewer


@dataclass
class View:
    """Look at a scene in the browser: ask it, click it, measure in it."""

    scene: Positional[Path]
    """Scene folder made by `build`."""
    port: int = 8080
    """TCP port; the next free one if it is taken."""
    host: str = "127.0.0.1"
    """Address to serve at; 0.0.0.0 lets other machines in, without a password."""
    live: bool = False
    """Follow the folder: show the scene anew whenever it is saved again."""
    capture: Path | None = None
    """The recording, for images in the cameras' frusta."""
    config: Path | None = None
    """YAML preset of the recording, see configs/."""
    set: Overrides = ()
    """Override any configuration field; may be given several times."""
    encoder: str | None = None
    """Encoder SPEC; by default the one the scene was built with."""

    def run(self) -> int:
        """Serve until interrupted."""
        from grounding3d.features.encoders import load_encoder
        from grounding3d.interfaces.viewer.app import Viewer, ViewerConfig
        from grounding3d.interfaces.viewer.source import FolderSource

        logging.getLogger("websockets").setLevel(logging.ERROR)  # browsers come and go
        served = ViewerConfig(self.host, self.port, self.live, title=self.scene.resolve().name)
        encoder = load_encoder(self.encoder) if self.encoder else None
        with Viewer(FolderSource(self.scene), served, encoder) as viewer:
            print(self._announce(viewer), flush=True)
            if self.capture is not None:
                self._show_images(viewer, self.capture)
            try:
                viewer.wait()
            except KeyboardInterrupt:
                print("stopped")
        return 0

    def _announce(self, viewer: Viewer) -> str:
        from grounding3d.interfaces.viewer.app import help_text

        lines = [f"Open {viewer.url} in a browser. Ctrl-C stops."]
        port = viewer.server.get_port()
        if self.port not in (0, port):
            lines.append(f"Port {self.port} is taken, so it is {port}.")
        return "\n".join([*lines, *help_text(viewer.url, self.host)[1:]])

    def _show_images(self, viewer: Viewer, path: Path) -> None:
        from grounding3d.capture import open_capture
        from grounding3d.interfaces.viewer.thumbnails import read_thumbnails

        capture = open_capture(path, read_config(self.config, self.set, {}).capture)
        viewer.show_images(read_thumbnails(capture, viewer.model.scene.scene.keyframes))
