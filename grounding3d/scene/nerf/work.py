"""The folder of a training under way: whose it is, whether it is complete, its removal."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding3d.errors import SceneError
from grounding3d.scene.base import NerfFiles

_IDENTITY = "identity.json"
_OURS = ("frames", "runs", "result", "settings.json", _IDENTITY, "log.txt", "lock")


@dataclass(frozen=True)
class WorkFolder:
    """`frames/` and `settings.json` for the job, `runs/` with its checkpoints, `result/`.

    Raises:
        SceneError: the path is a file, or a folder with something else in it.
    """

    path: Path

    def __post_init__(self) -> None:
        if self.path.is_dir():
            foreign = [p.name for p in self.path.iterdir() if not _is_ours(p.name)]
        else:
            foreign = [self.path.name] if self.path.exists() else []
        if foreign:
            raise SceneError(
                f"{self.path} holds something else than a NeRF's training",
                found=", ".join(sorted(foreign)[:3]),
                hint="Set scene.nerf.work to another folder; nothing was changed.",
            )

    @property
    def frames(self) -> Path:
        """nerfstudio data."""
        return self.path / "frames"

    @property
    def views(self) -> Path:
        """What was rendered."""
        return self.path / "result" / "views"

    @property
    def report(self) -> Path:
        """How it went; written last."""
        return self.path / "result" / "report.json"

    @property
    def is_complete(self) -> bool:
        """Whether the job has done its work."""
        return self.report.is_file()

    def files(self, owner: object = None) -> NerfFiles:
        """The trained NeRF."""
        result = self.path / "result"
        return NerfFiles(result / "nerf.safetensors", result / "nerf.json", owner)

    def prepare(self, settings: dict[str, Any], digest: bytes) -> bool:
        """Write the settings; whether what was trained here before can be gone on with.

        What was trained on other frames or with other settings is removed.
        """
        identity = {"frames": digest.hex(), "settings": settings}
        before = _read(self.path / _IDENTITY)
        if before != identity:
            self._forget_training()
        _write(self.path / "settings.json", settings)
        _write(self.path / _IDENTITY, identity)
        return before == identity

    def remove(self) -> None:
        """Take away all of it."""
        for path in self.path.iterdir() if self.path.is_dir() else ():
            if not _is_ours(path.name):
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()

    def _forget_training(self) -> None:
        for name in ("runs", "result"):
            shutil.rmtree(self.path / name, ignore_errors=True)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".writing-{path.name}")
    aside.write_text(json.dumps(value, indent=1, allow_nan=False), encoding="utf-8")
    os.replace(aside, path)


def _is_ours(name: str) -> bool:
    return name in _OURS or name.startswith((".writing-", ".result."))
