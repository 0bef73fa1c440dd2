"""Files of a scene folder: hashed names, atomic writes, checks on the way in."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from grounding3d.errors import SceneError

MANIFEST = "manifest.json"
FORMAT = "grounding3d-scene"
FORMAT_VERSION = 1

_HASH_DIGITS = 16
_SEAL = "sha256"
_SMALL_FILE = 4 << 20  # hashes of files up to this size, bytes, are always checked
SUBFOLDER = "nerf"
"""Where files lie whose role begins with this name."""

_OURS = re.compile(r"(nerf/)?([a-z_]+-[0-9a-f]{16}\.(ply|safetensors|json)|\.writing-[^/]*)")
_CHUNK = 1 << 20


def is_scene_folder(folder: str | Path) -> bool:
    """Whether a path is a folder with a manifest of ours, of any version."""
    try:
        content = json.loads((Path(folder) / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT


def check_output_folder(folder: str | Path) -> None:
    """Refuse to write a scene where something else is.

    Raises:
        SceneError: the path is a file, or a folder that is not empty and holds no scene of ours,
            or nothing can be written there.
    """
    folder = Path(folder)
    if folder.is_dir():
        foreign = [name for name in _names(folder) if not _OURS.fullmatch(name)]
        if foreign and not is_scene_folder(folder):
            raise SceneError(
                f"{folder} is not empty and holds no scene",
                found=", ".join(sorted(foreign)[:3]),
                hint="Choose a new folder for -o; nothing was changed.",
            )
    elif folder.exists():
        raise SceneError(f"{folder} is a file", expected="a folder", hint="Choose another -o.")
    _check_writable(folder)


def _check_writable(folder: Path) -> None:
    """Make a file where the scene, or the first new folder above it, would be: told before hours
    of work, not after."""
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    try:
        # without a name where the system can: an interrupt cannot leave it behind
        with TemporaryFile(prefix=".writing-", dir=there):
            pass
    except OSError as error:
        raise SceneError(
            f"cannot write the scene {folder}",
            found=f"{error.strerror or error}: {there}",
            hint="Choose another -o; nothing was changed.",
        ) from error


def write_hashed(
    folder: Path, role: str, suffix: str, write: Callable[[Path], object]
) -> dict[str, Any]:
    """Write a file under a name made of its role and the hash of its content.

    Returns:
        Its manifest entry: name, bytes, sha256.
    """
    inside = f"{SUBFOLDER}/" if role.startswith(SUBFOLDER) else ""
    aside = folder / f"{inside}.writing-{role}{suffix}"
    aside.parent.mkdir(exist_ok=True)
    try:
        write(aside)
        digest = sha256(aside)
        name = f"{inside}{role}-{digest[:_HASH_DIGITS]}{suffix}"
        _flush(aside)
        size = aside.stat().st_size
        os.replace(aside, folder / name)
        if inside:
            _flush(aside.parent)
    finally:
        aside.unlink(missing_ok=True)
    return {"name": name, "bytes": size, "sha256": digest}


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside `path`, then swap it in; both survive a power cut."""
    aside = path.with_name(f".writing-{path.name}")
    try:
        write(aside)
        _flush(aside)
        _flush(path.parent)  # the data files' names first
        os.replace(aside, path)
        _flush(path.parent)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def writing_alone(folder: Path) -> Iterator[None]:
    """Wait until no other process writes this scene; readers never wait."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with the hash of its own content."""
    return {**manifest, _SEAL: _seal(manifest)}


def _seal(manifest: dict[str, Any]) -> str:
    content = {key: value for key, value in manifest.items() if key != _SEAL}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def collect_garbage(folder: Path) -> None:
    """Remove files of ours that the folder's manifest does not name."""
    if not folder.is_dir():
        return
    try:
        entries = read_manifest(folder)["files"].values() if (folder / MANIFEST).exists() else ()
    except SceneError:  # a manifest we cannot read may still need its files
        return
    named = {entry["name"] for entry in entries}
    for name in _names(folder):
        if _OURS.fullmatch(name) and name not in named:
            (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # not there, or not empty
        (folder / SUBFOLDER).rmdir()


def _names(folder: Path) -> list[str]:
    """Names of what lies in a scene folder; for those in the subfolder with its name before."""
    names = [path.name for path in folder.iterdir() if path.name != SUBFOLDER]
    inside = folder / SUBFOLDER
    if inside.is_dir():
        return [*names, *(f"{SUBFOLDER}/{path.name}" for path in inside.iterdir())]
    return [*names, SUBFOLDER] if inside.exists() else names


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a scene folder.

    Raises:
        SceneError: no folder, no manifest, not ours, of a newer format, or damaged.
    """
    if not folder.is_dir():
        raise SceneError(
            f"{folder} is no scene folder",
            found="a file" if folder.exists() else "nothing",
            hint="`grounding3d build CAPTURE -o FOLDER` makes one.",
        )
    path = folder / MANIFEST
    if not path.exists():
        half = any(_OURS.fullmatch(name) for name in _names(folder))
        raise SceneError(
            f"{folder} is {'a half-written scene' if half else 'no scene folder'}",
            expected=MANIFEST,
            hint="Run `grounding3d build` again." if half else "Name the folder given to -o.",
        )
    content = read_json(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise SceneError(f"{path} is not the manifest of a scene", hint="Name a scene folder.")
    version = content.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise SceneError(
            f"{folder} was written by a newer grounding3d",
            expected=f"format version {FORMAT_VERSION}",
            found=str(version),
            hint="Upgrade grounding3d, or build the scene again.",
        )
    if content.get(_SEAL, seal := _seal(content)) != seal:  # scenes of before have none
        raise SceneError(
            f"{path} is damaged",
            expected=f"the content that was written, {_SEAL} {str(content[_SEAL])[:12]}...",
            found="other content",
            hint=f"Build the scene again; if it was edited on purpose, remove its {_SEAL!r}.",
        )
    _check_entries(folder, content.get("files"))
    return content


def stored_path(folder: Path, entry: dict[str, Any], verify: bool) -> Path:
    """A data file's path, after its size (and hash, if small or asked for) has been checked."""
    path = folder / entry["name"]
    size = path.stat().st_size if path.is_file() else None
    if size is None or size != entry["bytes"]:
        raise _damaged(path, f"{entry['bytes']} bytes", "nothing" if size is None else f"{size}")
    if (verify or size <= _SMALL_FILE) and sha256(path) != entry["sha256"]:
        raise _damaged(path, f"sha256 {entry['sha256'][:12]}...", "other content")
    return path


def read_json(path: Path) -> Any:
    """Strict JSON of a file."""
    try:
        return json.loads(path.read_bytes(), parse_constant=_no_constant)
    except (OSError, ValueError) as error:
        raise _damaged(path, "JSON", str(error)) from error


def tensors_writer(arrays: dict[str, np.ndarray]) -> Callable[[Path], None]:
    """What writes arrays as safetensors."""

    def write(path: Path) -> None:
        from safetensors.numpy import save

        path.write_bytes(save({k: np.asarray(v, order="C") for k, v in arrays.items()}))

    return write


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Arrays of a safetensors file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise _damaged(path, "safetensors", str(error)) from error


def sha256(path: Path) -> str:
    """Hash of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _check_entries(folder: Path, entries: Any) -> None:
    """Names from a manifest become paths, so they must be plain names of ours."""
    good = isinstance(entries, dict) and all(
        isinstance(e, dict)
        and isinstance(e.get("name"), str)
        and _OURS.fullmatch(e["name"])
        and isinstance(e.get("bytes"), int)
        and isinstance(e.get("sha256"), str)
        for e in entries.values()
    )
    if not good:
        raise _damaged(folder / MANIFEST, "a list of files", "something else")


def _flush(path: Path) -> None:
    """Wait until a file's content, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _damaged(path: Path, expected: str, found: str) -> SceneError:
    return SceneError(
        f"{path} is damaged", expected=expected, found=found, hint="Build the scene again."
    )
