"""`grounding3d doctor`: are the poses, units and axes of a capture consistent?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from grounding3d.interfaces.options import Overrides, read_config


@dataclass
class Doctor:
    """Check a capture: do overlapping views agree in metres? If not, find out what would fit."""

    capture: Positional[Path]
    """Recording: file or folder."""
    config: Path | None = None
    """YAML preset, see configs/."""
    set: Overrides = ()
    """Override any configuration field; may be given several times."""

    def run(self) -> int:
        """Print the finding."""
        from grounding3d.capture import open_capture
        from grounding3d.capture.consistency import diagnose

        config = read_config(self.config, self.set, {})
        print(diagnose(open_capture(self.capture, config.capture)))
        return 0
