"""The table of capture formats, and how a path finds its reader."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Protocol

from grounding3d.capture.base import Capture, CaptureConfig
from grounding3d.errors import CaptureError
from grounding3d.registry import Registry


class CaptureFormat(Protocol):
    """A reader of one recording format; the entries of `FORMATS`."""

    @staticmethod
    def recognises(path: Path) -> bool:
        """Whether the files at `path` look like this format; cheap, never raises."""
        ...

    @staticmethod
    def open(path: Path, config: CaptureConfig) -> Capture:
        """Open a recording; raises CaptureError where it cannot be read."""
        ...


FORMATS = Registry(
    "capture format",
    {
        "folder": "grounding3d.capture.folder:FolderFormat",
        "ros2": "grounding3d.capture.ros2_bag:Ros2BagFormat",
        "ros1": "grounding3d.capture.ros2_bag:Ros1BagFormat",
        "nerfstudio": "grounding3d.capture.nerfstudio:NerfstudioFormat",
        "tum": "grounding3d.capture.tum:TumFormat",
        "7scenes": "grounding3d.capture.seven_scenes:SevenScenesFormat",
        "scannet": "grounding3d.capture.scannet:ScannetFormat",
        "replica": "grounding3d.capture.replica:ReplicaFormat",
        "redwood": "grounding3d.capture.redwood:RedwoodFormat",
    },
    group="grounding3d.captures",
)


def open_capture(path: str | Path, config: CaptureConfig | None = None) -> Capture:
    """Open a recording of any known format.

    Args:
        path: file or folder.
        config: overrides; `config.format` skips recognition.

    Raises:
        CaptureError: nothing there, no format fits, or the recording lacks something.
    """
    path, config = Path(path), config or CaptureConfig()
    if not path.exists():
        raise CaptureError(f"{path} does not exist", hint="Give a recorded file or folder.")
    if config.format is not None:
        return FORMATS.load(config.format).open(path, config)
    for _, reader in FORMATS:
        if reader.recognises(path):
            return reader.open(path, config)
    raise CaptureError(
        f"{path} is no recording of a known format",
        expected="one of " + ", ".join(FORMATS.names()),
        found=_listing(path),
        hint=_next_step(path),
    )


_ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar"}
_DRIVERS = "Play it through its camera's ROS driver and record a bag of that, with poses."
_FOREIGN = {
    ".sens": "Export it with ScanNet's SensReader (colour, depth, poses and intrinsics).",
    ".svo": _DRIVERS,
    ".svo2": _DRIVERS,
    ".mkv": _DRIVERS,
    ".oni": _DRIVERS,
}
_OWN = (
    "Write it as a folder of images with capture.json (README, own folder), or name the format "
    "with --set capture.format=NAME."
)
_MOST_LOOKED_INTO = 50


def _next_step(path: Path) -> str:
    """What to do about a path that no reader takes."""
    if nearby := _nearby(path):
        return f"Did you mean {nearby}?"
    suffix = path.suffix.lower()
    if path.is_file() and suffix in _ARCHIVES:
        return "Unpack it first."
    return _FOREIGN.get(suffix, _OWN) if path.is_file() else _OWN


def _nearby(path: Path) -> Path | None:
    """A recording just inside or just around a path."""
    inside = sorted(path.iterdir())[:_MOST_LOOKED_INTO] if path.is_dir() else []
    for other in (*inside, *path.resolve().parents[:2]):
        with suppress(OSError):  # somebody else's folder
            if any(reader.recognises(other) for _, reader in FORMATS):
                return other
    return None


def _listing(path: Path) -> str:
    if path.is_file():
        return f"a file of {path.stat().st_size} bytes ending in {path.suffix or 'nothing'}"
    names = sorted(entry.name for entry in path.iterdir())
    return (
        f"a folder with {', '.join(names[:6])}{', ...' if len(names) > 6 else ''}"
        if names
        else "an empty folder"
    )
