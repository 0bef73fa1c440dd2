"""`grounding3d build`: a capture becomes a scene folder."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tyro.conf import Positional

from grounding3d.interfaces.options import Output, Overrides, read_config

if TYPE_CHECKING:
    from grounding3d.live.config import Config
    from grounding3d.objects.base import LanguageScene


@dataclass
class Build:
    """Turn a capture (bag, TUM, nerfstudio, 7-Scenes, folder) into a scene that can be asked."""

    capture: Positional[Path]
    """Recording: file or folder."""
    out: Output
    """Scene folder to write; an older scene there is replaced once the new one is complete."""
    config: Path | None = None
    """YAML preset, see configs/."""
    backend: str | None = None
    """Scene backend: points (surfels as fused) or splat (Gaussians trained from them)."""
    device: Literal["cpu", "cuda"] | None = None
    """Where torch runs."""
    encoder: str | None = None
    """bundled-v1, open_clip:ARCH/TAG, open_clip:ARCH@FILE, or an installed plug-in's name."""
    world_frame: str | None = None
    """Frame id of the answers' coordinates."""
    save_every: float | None = None
    """Seconds between snapshots saved to the scene folder, for `view --live` to show it grow."""
    set: Overrides = ()
    """Override any configuration field; may be given several times."""

    def run(self) -> int:
        """Build and save; prints what was made."""
        flags = {
            "scene.backend": self.backend,
            "device": self.device,
            "encoder": self.encoder,
            "capture.world_frame": self.world_frame,
        }
        config = read_config(self.config, self.set, flags)
        started = time.perf_counter()
        scene = build_and_save(self.capture, self.out, config, self.save_every)
        print(describe_build(scene, self.out, time.perf_counter() - started))
        return 0


def build_and_save(
    source: Path, out: Path, config: Config, save_every: float | None = None
) -> LanguageScene:
    """Build the scene of one capture and write it to `out`, with progress on stderr."""
    from dataclasses import replace

    from grounding3d.capture import open_capture
    from grounding3d.capture.base import CaptureDescription
    from grounding3d.features.encoders import load_encoder
    from grounding3d.interfaces.growing import GrowingScene
    from grounding3d.interfaces.progress import show_progress
    from grounding3d.live.mapping import build_scene
    from grounding3d.objects.store import check_output_folder, save_scene

    check_output_folder(out)
    capture = open_capture(source, config.capture)
    encoder = load_encoder(config.encoder, device=config.device)
    checkpoint = out.absolute().with_name(out.absolute().name + ".checkpoint.safetensors")
    watch = None if save_every is None else GrowingScene(out, save_every)
    with show_progress() as progress:
        scene = build_scene(
            capture, _saving_to(checkpoint, config), encoder, progress=progress, watch=watch
        )
    facts: CaptureDescription = capture.describe()
    scene = replace(
        scene,
        config=config.model_dump(mode="json"),
        capture={
            "format": facts.format,
            "source": str(source.resolve()),
            "details": facts.details,
            "warnings": list(facts.warnings),
        },
    )
    save_scene(out, scene)
    checkpoint.unlink(missing_ok=True)
    return scene


def _saving_to(checkpoint: Path, config: Config) -> Config:
    """The configuration with that checkpoint, unless it names one itself."""
    if config.scene.splat.checkpoint is not None:
        return config
    splat = config.scene.splat.model_copy(update={"checkpoint": str(checkpoint)})
    scene = config.scene.model_copy(update={"splat": splat})
    return config.model_copy(update={"scene": scene})


def describe_build(scene: LanguageScene, out: Path, seconds: float) -> str:
    """A few lines: what was made and where, how well it fits, and what to do with it."""
    geometry = scene.scene
    lines = [
        f"{out}: {len(scene.objects)} objects, {len(geometry.gaussians)} Gaussians from "
        f"{len(geometry.keyframes)} frames in {seconds:.1f} s; frame {geometry.world_frame!r}, "
        f"up {geometry.up_source}",
        *_fit(geometry.report or {}),
        f'Ask it: grounding3d query {out} "where is the mug"',
    ]
    return "\n".join(lines)


def _fit(report: dict[str, Any]) -> list[str]:
    """How training went, where there was one."""
    if not report:
        return []
    text = f"Trained {report['steps']} steps in {report['seconds']:.1f} s ({report['engine']})"
    after, before = report["held_out"], report["held_out_before"]
    if after and before:
        text += (
            f"; {report['frames_held_out']} held-out frames: PSNR {after['psnr_db']:.1f} dB "
            f"(surfels {before['psnr_db']:.1f}), SSIM {after['ssim']:.3f}"
        )
        if after["depth_l1_mm"] is not None and before["depth_l1_mm"] is not None:
            text += (
                f", depth error {after['depth_l1_mm']:.1f} mm (surfels "
                f"{before['depth_l1_mm']:.1f}), covered {100 * after['coverage']:.1f} %"
            )
    if report["frames_colour_only"]:
        text += f"; {report['frames_colour_only']} frames without depth taught colour only"
    return [text]
