"""`grounding3d build`: a capture becomes a scene folder."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from grounding3d.interfaces.options import Output, Overrides, read_config


@dataclass
class Build:
    """Turn a capture (bag, TUM, nerfstudio, 7-Scenes, ScanNet, Replica, Redwood, folder) into a
    scene that can be asked."""

    capture: Positional[Path]
    """Recording: file or folder."""
    out: Output
    """Scene folder to write; an older scene there is replaced once the new one is complete."""
    config: Path | None = None
    """YAML preset, see configs/."""
    backend: str | None = None
    """Scene backend: points (surfels as fused), splat (Gaussians trained from them) or nerf (a NeRF
    trained in nerfstudio, see nerf-setup; takes recordings without depth too)."""
    device: Literal["cpu", "cuda"] | None = None
    """Where torch runs."""
    encoder: str | None = None
    """open_clip:ARCH/TAG, open_clip:ARCH@FILE, or an installed plug-in's name; default: the bundled
    one."""
    world_frame: str | None = None
    """Frame id of the answers' coordinates."""
    save_every: float | None = None
    """Seconds between snapshots saved to the scene folder, for `view --live` to show it grow; the
    first one replaces an older scene."""
    set: Overrides = ()
    """Override any configuration field; may be given several times."""

    def run(self) -> int:
        """Build and save; prints what was made."""
        from grounding3d.interfaces.building import build_and_save, describe_build

        flags = {
            "scene.backend": self.backend,
            "device": self.device,
            "encoder": self.encoder,
            "capture.world_frame": self.world_frame,
        }
        config = read_config(self.config, self.set, flags)
        started = time.perf_counter()
        scene = build_and_save(self.capture, self.out, config, save_every_s=self.save_every)
        print(describe_build(scene, self.out, time.perf_counter() - started))
        return 0
