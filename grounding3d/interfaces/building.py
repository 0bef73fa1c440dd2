"""From a recording to a scene folder, for the command line, the demo and the ROS node alike."""

from __future__ import annotations

import logging
import shlex
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grounding3d.capture import open_capture
from grounding3d.capture.base import Capture
from grounding3d.capture.consistency import suspicion
from grounding3d.errors import Cancelled
from grounding3d.features.base import Encoder
from grounding3d.features.encoders import load_encoder
from grounding3d.interfaces.growing import GrowingScene
from grounding3d.interfaces.progress import show_progress
from grounding3d.interfaces.training_text import training_text
from grounding3d.live.config import Config
from grounding3d.live.mapping import build_scene
from grounding3d.objects.base import LanguageScene
from grounding3d.objects.store import check_output_folder, save_scene, stored_nerf
from grounding3d.scene.backends import needs_depth
from grounding3d.scene.base import Cancel, Progress
from grounding3d.scene.nerf.work import WorkFolder

_log = logging.getLogger(__name__)


def build_and_save(
    source: Path,
    out: Path,
    config: Config,
    *,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    save_every_s: float | None = None,
    encoder: Encoder | None = None,
) -> LanguageScene:
    """Build the scene of one capture and write it to a folder.

    Training saves itself beside the folder now and then; a build that was stopped or killed goes
    on from there when it is started again.

    Args:
        source: recording, file or folder.
        out: scene folder; what is there is replaced when the new scene is complete.
        config: all stages' sections.
        progress: is told how far it is; None: bars on stderr.
        cancel: stops the build when set.
        save_every_s: seconds between snapshots saved to `out` on the way; None: none.
        encoder: the one that `config` names, where it is loaded already.

    Raises:
        Cancelled: `cancel` was set; the folder holds what it held before, or the last snapshot.
        CaptureError: the recording cannot be read, or no frame of it can be used.
        EncoderError: the encoder cannot be loaded.
        SceneError: the folder is not ours or cannot be written.
    """
    check_output_folder(out)
    config = as_backend_needs(config)
    capture = open_capture(source, config.capture)
    if doubt := suspicion(capture):
        _log.warning("%s: %s; `grounding3d doctor` tells more", source, doubt)
    folder = _SceneFolder(out, source, capture, config)
    watch = None if save_every_s is None else GrowingScene(folder.save, save_every_s)
    encoder = encoder or load_encoder(config.encoder, device=config.device)
    with show_progress() if progress is None else nullcontext(progress) as report:
        scene = build_scene(
            capture,
            folder.saving_training(),
            encoder,
            progress=report,
            cancel=cancel,
            watch=watch,
        )
    if cancel is not None and cancel.is_set():
        raise Cancelled("the build was stopped")
    scene = folder.save(scene)
    folder.forget_training()
    return scene


def as_backend_needs(config: Config) -> Config:
    """The configuration with a capture read as the backend needs it, unless it says how itself."""
    if config.capture.depth is not None or needs_depth(config.scene.backend):
        return config
    capture = config.capture.model_copy(update={"depth": "optional"})
    return config.model_copy(update={"capture": capture})


_TRAINING = (
    ("splat", "checkpoint", ".checkpoint.safetensors"),
    ("nerf", "work", ".checkpoint.nerf"),
)
"""For each backend that trains: its section, the field that says where to, the name's ending."""


@dataclass(frozen=True, eq=False)
class _SceneFolder:
    """Where a build is saved, with what is told of its origin."""

    out: Path
    source: Path
    capture: Capture
    config: Config

    def saving_training(self) -> Config:
        """The configuration with training saved beside the folder, unless it names a place."""
        scene = self.config.scene
        for section, field, ending in _TRAINING:
            values = getattr(scene, section)
            if getattr(values, field) is None:
                values = values.model_copy(update={field: str(self._beside(ending))})
                scene = scene.model_copy(update={section: values})
        return self.config.model_copy(update={"scene": scene})

    def forget_training(self) -> None:
        """Remove what was saved beside the folder."""
        for _, _, ending in _TRAINING:
            path = self._beside(ending)
            if path.is_dir():
                WorkFolder(path).remove()
            else:
                path.unlink(missing_ok=True)

    def _beside(self, ending: str) -> Path:
        out = self.out.absolute()
        return out.with_name(out.name + ending)

    def save(self, scene: LanguageScene) -> LanguageScene:
        """Write a scene with its origin; returns it as it was written."""
        described = replace(
            scene, config=self.config.model_dump(mode="json"), capture=self._origin()
        )
        save_scene(self.out, described)
        geometry = replace(described.scene, nerf=stored_nerf(self.out))
        return replace(described, scene=geometry)

    def _origin(self) -> dict[str, Any]:
        facts = self.capture.describe()
        return {
            "format": facts.format,
            "source": str(self.source.resolve()),
            "details": facts.details,
            "warnings": list(facts.warnings),
        }


def describe_build(scene: LanguageScene, out: Path, seconds: float) -> str:
    """A few lines: what was made and where, how well it fits, and what to do with it."""
    geometry = scene.scene
    warnings = (
        *scene.capture.get("warnings", ()),
        *(geometry.report or {}).get("warnings", ()),
    )
    lines = [
        f"{out}: {len(scene.objects)} objects, {len(geometry.gaussians)} Gaussians from "
        f"{len(geometry.keyframes)} frames in {seconds:.1f} s; frame {geometry.world_frame!r}, "
        f"up {geometry.up_source}",
        training_text(geometry.report),
        *(f"Note: {warning}" for warning in warnings),
        _next_step(scene, out),
    ]
    return "\n".join(line for line in lines if line)


def _next_step(scene: LanguageScene, out: Path) -> str:
    """What to do with a scene; where there is nothing to ask for, what to look at."""
    folder, views = shlex.quote(str(out)), shlex.quote(f"{out}-views")
    if any(item.kind == "object" for item in scene.objects):
        return f'Ask it: grounding3d query {folder} "where is the mug"'
    found = "Only what things stand on was found" if scene.objects else "Nothing was found"
    recording = shlex.quote(scene.capture.get("source", "RECORDING"))
    return (
        f"{found}: no frame shows a thing that stands clear of its surroundings.\n"
        f"See what was mapped: grounding3d render {folder} --what views -o {views}\n"
        f"Check units and poses: grounding3d doctor {recording}"
    )
