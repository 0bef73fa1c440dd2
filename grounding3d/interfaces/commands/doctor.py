"""`grounding3d doctor`: are the poses, units and axes of a capture consistent?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from grounding3d.interfaces.options import Overrides, read_config

_NO_LIMITS = ("capture.min_depth_m=0", "capture.max_depth_m=1e6")


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

        # a wrong unit moves depth out of the usual limits, so none are set unless asked for
        config = read_config(self.config, (*_NO_LIMITS, *self.set), {})
        print(diagnose(open_capture(self.capture, config.capture)))
        return 0
