"""Training saved to one safetensors file, written aside and renamed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np

from grounding3d.errors import SceneError
from grounding3d.scene.config import SceneConfig

_FORMAT = "grounding3d-splat-checkpoint"
_VERSION = "1"
# may differ between the run that saved and the run that goes on
_FREE = {"checkpoint", "checkpoint_every_s", "resume", "max_seconds", "engine"}


def identity(digest: bytes, config: SceneConfig, engine: str) -> dict[str, str]:
    """What a checkpoint belongs to: capture, configuration and engine."""
    settings = json.dumps(config.model_dump(mode="json", exclude={"splat": _FREE}), sort_keys=True)
    return {
        "capture": digest.hex(),
        "configuration": hashlib.blake2b(settings.encode(), digest_size=16).hexdigest(),
        "engine": engine,
    }


def save_checkpoint(path: Path, arrays: dict[str, np.ndarray], belongs_to: dict[str, str]) -> None:
    """Write a checkpoint; the one before is there until the new one is complete.

    Raises:
        SceneError: the file cannot be written.
    """
    from safetensors.numpy import save_file

    aside = path.with_name(f".writing-{path.name}")
    metadata = {"format": _FORMAT, "version": _VERSION, **belongs_to}
    try:
        save_file({k: np.asarray(v, order="C") for k, v in arrays.items()}, aside, metadata)
        os.replace(aside, path)
    except OSError as error:
        raise SceneError(
            f"cannot write the checkpoint {path}",
            found=error.strerror or str(error),
            hint="Set scene.splat.checkpoint to another file, or to null.",
        ) from error
    finally:
        aside.unlink(missing_ok=True)


def load_checkpoint(path: Path, belongs_to: dict[str, str]) -> dict[str, np.ndarray]:
    """Read a checkpoint.

    Raises:
        SceneError: no such file, not a checkpoint, of another version, or of another capture,
            configuration or engine; says which.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            _check(path, metadata, belongs_to)
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise SceneError(
            f"{path} is not a checkpoint", found=str(error), hint="Remove it to start over."
        ) from error


def _check(path: Path, metadata: dict[str, str], belongs_to: dict[str, str]) -> None:
    if metadata.get("format") != _FORMAT:
        raise SceneError(f"{path} is not a checkpoint of ours", hint="Remove it to start over.")
    if metadata.get("version") != _VERSION:
        raise SceneError(
            f"{path} is a checkpoint of another version",
            expected=_VERSION, found=metadata.get("version"), hint="Remove it to start over.",
        )  # fmt: skip
    for name, value in belongs_to.items():
        if metadata.get(name) != value:
            raise SceneError(
                f"{path} is a checkpoint of another {name}",
                expected=value, found=metadata.get(name),
                hint="Go on with what it was made from, or remove it to start over.",
            )  # fmt: skip
