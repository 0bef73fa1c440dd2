"""Reading and writing of images and small files, shared by the file-based formats."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from grounding3d.errors import CaptureError

_INTEGER_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "I", "L", "1")
_FLOAT_MODE = "F"
_FOREIGN = (".exr", ".npz", ".pfm", ".hdr", ".raw", ".bin")


def read_rgb(path: Path) -> np.ndarray:
    """Colour image [H,W,3] uint8; grey images become colour, transparency is dropped.

    Of 16-bit grey the upper byte is taken.

    Raises:
        CaptureError: missing, truncated or no image.
    """
    image = _open(path)
    if image.mode.startswith("I"):  # the conversion of Pillow clips at 255
        grey = (np.array(image).clip(0, 65535) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1)
    return np.array(image.convert("RGB"))


def read_depth_steps(path: Path) -> np.ndarray:
    """Depth [H,W] as stored: integer steps or the floats of an image, or the array of a .npy file.

    Raises:
        CaptureError: missing, truncated, not a single channel of numbers, or of 8 bits: those are
            pictures of depth for people, and no depth.
    """
    if path.suffix.lower() == ".npy":
        steps = _load_npy(path)
    else:
        image = _open(path, verify=True)
        if image.mode not in (*_INTEGER_MODES, _FLOAT_MODE):
            raise _no_depth_image(path, f"an image of mode {image.mode}")
        steps = np.array(image)
        if steps.dtype.itemsize == 1 and steps.any():
            raise _no_depth_image(path, "8 bits, as pictures of depth for people have")
    if steps.ndim == 3 and steps.shape[2] == 1:
        steps = steps[..., 0]
    if steps.ndim != 2:
        raise CaptureError(f"{path} is no depth image", expected="[H, W]", found=str(steps.shape))
    return steps


def _no_depth_image(path: Path, found: str) -> CaptureError:
    return CaptureError(
        f"{path} is no depth image",
        expected="one channel of 16-bit integers or of floats",
        found=found,
        hint="Export depth as a 16-bit png or as .npy.",
    )


def depth_from_steps(steps: np.ndarray, unit_m: float, invalid: tuple[int, ...] = ()) -> np.ndarray:
    """float32 metres from stored steps; 0, NaN, infinities and `invalid` steps become 0."""
    depth_m = (steps * float(unit_m)).astype(np.float32)
    known = np.isfinite(depth_m) & (depth_m > 0)
    for value in invalid:
        known &= steps != value
    return np.where(known, depth_m, np.float32(0))


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) from the file's header."""
    if path.suffix.lower() == ".npy":
        height, width = _load_npy(path, mmap_mode="r").shape[:2]
        return width, height
    return _open(path, load=False).size


def _open(path: Path, load: bool = True, verify: bool = False) -> Image.Image:
    """An image; `verify` checks the sums of a png, whose damaged pixels may still decode."""
    if path.suffix.lower() in _FOREIGN:
        raise CaptureError(
            f"{path} is of a kind that is not read",
            expected="png, jpg, tiff or another image that Pillow reads; for depth .npy too",
            found=path.suffix,
            hint="Convert it, floats to .npy.",
        )
    try:
        if verify:
            with Image.open(path) as image:
                image.verify()
        with Image.open(path) as image:
            if load:
                image.load()
            return image
    except FileNotFoundError:
        raise CaptureError(f"{path} is missing", hint="Copy the whole recording.") from None
    except Exception as error:  # a foreign parser on foreign bytes fails in many ways
        raise CaptureError(
            f"{path} cannot be read as an image", found=str(error), hint="Copy the file again."
        ) from error


def _load_npy(path: Path, mmap_mode: Any = None) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except FileNotFoundError:
        raise CaptureError(f"{path} is missing", hint="Copy the whole recording.") from None
    except (OSError, ValueError, EOFError) as error:
        raise CaptureError(f"{path} cannot be read as an array", found=str(error)) from error
    if array.ndim not in (2, 3) or array.dtype.kind not in "uif":
        raise CaptureError(f"{path} holds no numbers [H, W]", found=f"{array.dtype} {array.shape}")
    return array


def read_numbers(path: Path, columns: int | None = None) -> np.ndarray:
    """Table [rows, columns] of numbers from a text file; `#` starts a comment.

    Raises:
        CaptureError: missing, no numbers, or rows of other lengths than `columns`.
    """
    rows = [line.replace(",", " ").split() for _, line in text_lines(path)]
    try:
        table = np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise CaptureError(f"{path} is no table of numbers", found=str(error)) from error
    if table.ndim != 2 or (columns is not None and table.shape[1] != columns):
        raise CaptureError(
            f"{path} is no table of numbers",
            expected=f"rows of {columns} numbers" if columns else "rows of equal length",
            found=f"{len(rows)} rows, the first of {len(rows[0]) if rows else 0}",
        )
    return table


def text_lines(path: Path) -> list[tuple[int, str]]:
    """Line numbers and stripped texts of what is neither empty nor a comment."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise CaptureError(f"{path} is missing", hint="Copy the whole recording.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CaptureError(f"{path} cannot be read as text", found=str(error)) from error
    numbered = ((i, line.split("#")[0].strip()) for i, line in enumerate(lines, start=1))
    return [(i, line) for i, line in numbered if line]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise CaptureError(f"{path} is missing", hint="Copy the whole recording.") from None
    except (OSError, ValueError) as error:
        raise CaptureError(f"{path} is no valid JSON", found=str(error)) from error
    if not isinstance(value, dict):
        raise CaptureError(f"{path} holds no JSON object", found=type(value).__name__)
    return value


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key under which frame_10 comes after frame_2."""
    parts = re.split(r"(\d+)", name)
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]


def write_rgb(path: Path, rgb: np.ndarray, quality: int = 95) -> None:
    """Write uint8 [H,W,3]; the name's ending chooses png or jpg (`quality`)."""
    Image.fromarray(rgb).save(path, quality=quality, compress_level=3)


def write_depth(path: Path, depth_m: np.ndarray, unit_m: float) -> None:
    """Write metres [H,W] as a 16-bit png of `unit_m` steps; what does not fit becomes 0."""
    steps = np.rint(np.asarray(depth_m, np.float64) / unit_m)
    steps = np.where(np.isfinite(steps) & (steps > 0) & (steps < 65535), steps, 0)
    Image.fromarray(steps.astype(np.uint16)).save(path, compress_level=3)


@contextmanager
def replacing_folder(
    path: Path, is_ours: Callable[[Path], bool] = lambda folder: False
) -> Iterator[Path]:
    """Give a folder to write into, which becomes `path` only when the block ends well.

    Whatever was at `path` stays until then; an error or Ctrl-C leaves it untouched.

    Args:
        path: folder to create; may exist if it is empty or `is_ours` says so.
        is_ours: whether a folder that is not empty may be replaced.

    Raises:
        CaptureError: `path` holds something else, or the disk refuses.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise CaptureError(f"{path} is a file", hint="Name a new folder.")
    if path.is_dir() and any(path.iterdir()) and not is_ours(path):
        raise CaptureError(
            f"{path} holds something else",
            expected="a new or empty folder, or a recording of this format",
            hint="Name another folder; nothing was written.",
        )
    aside = path.parent / f".{path.name}.writing-{os.getpid()}"
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        yield aside
        _swap_in(aside, path)
    except OSError as error:
        raise CaptureError(
            f"{path} cannot be written", found=str(error), hint="What was there is untouched."
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _swap_in(aside: Path, path: Path) -> None:
    if not path.exists():
        os.replace(aside, path)
        return
    old = path.parent / f".{path.name}.old-{os.getpid()}"
    os.replace(path, old)
    try:
        os.replace(aside, path)
    except BaseException:
        os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)
