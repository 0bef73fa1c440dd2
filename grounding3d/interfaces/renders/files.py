"""Files and folders of pictures, written aside and renamed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from grounding3d.errors import SceneError
from grounding3d.objects.folder import MANIFEST

INDEX = "renders.json"
"""Name of the file that lists a folder's pictures, and by which a folder is known as ours."""
_MOST_LETTERS = 40  # of a name that a hidden one begins with, which may not be longer than a name


def save_png(path: Path, pixels: np.ndarray) -> None:
    """Write [H,W,3] uint8, [H,W] uint8 or [H,W] uint16, aside and renamed."""
    with written_aside(path) as aside:
        Image.fromarray(pixels).save(aside, format="PNG")


_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.ENAMETOOLONG)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name what was to be written where the disk refuses.

    Raises:
        SceneError: in place of the disk's own error.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise SceneError(
            f"cannot write {path}", found=error.strerror, hint="What was there is untouched."
        ) from error


def output_file(path: Path) -> Path:
    """The file that is to be written under a name: behind its links, which stay.

    Raises:
        SceneError: it is a folder, a device or a pipe, or where this program's own output goes.
    """
    if path.is_dir():
        raise SceneError(f"{path} is a folder", expected="a file to write", hint="Add a name.")
    if path.exists() and (not path.is_file() or _is_standard_stream(path)):
        raise SceneError(f"{path} is no ordinary file", hint="Choose another -o.")
    return Path(os.path.realpath(path))


def _is_standard_stream(path: Path) -> bool:
    """Whether a path is a name of stdin, stdout or stderr, such as /dev/stdout into a file."""
    file = path.stat()
    for number in range(3):
        with suppress(OSError):  # it may be closed
            if os.path.samestat(os.fstat(number), file):
                return True
    return False


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a path to write to, which becomes `path` if all goes well and else disappears.

    The path yielded has the same suffix, as some writers choose the format by it.

    Raises:
        SceneError: `path` is no file (see `output_file`), or its folder cannot be written to.
    """
    path = output_file(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.stem[:_MOST_LETTERS]}."))
    except OSError as error:
        raise SceneError(f"cannot write {path}", found=error.strerror) from error
    try:
        with writing(path):
            yield folder / path.name
            (folder / path.name).replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def picture_folder(folder: Path, index: dict[str, Any]) -> Iterator[Path]:
    """Yield an empty folder to fill, which becomes `folder` if all goes well.

    Args:
        folder: new, empty, or a folder of pictures made by this program, which is replaced.
        index: facts to store with the pictures as `INDEX`; may be filled while it is open.

    Raises:
        SceneError: the folder holds somebody's files.
    """
    folder = Path(os.path.realpath(folder))  # through a link, which stays
    _check_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name[:_MOST_LETTERS]}."))
    except OSError as error:
        raise SceneError(f"cannot write {folder}", found=error.strerror) from error
    try:
        with writing(folder):
            pictures = aside / "new"
            pictures.mkdir()
            yield pictures
            text = json.dumps(index, allow_nan=False, indent=1)
            (pictures / INDEX).write_text(text, encoding="utf-8")
            _swap_in(pictures, folder, aside / "old")
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _swap_in(pictures: Path, folder: Path, old: Path) -> None:
    """Give the new folder its name; what had it goes to `old`, and comes back if that fails."""
    if folder.exists():
        folder.rename(old)
    try:
        pictures.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        raise


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise SceneError(f"{folder} is a file", expected="a folder to write pictures to")
    if (folder / MANIFEST).exists():
        raise SceneError(
            f"{folder} is a scene", hint="Choose another -o: pictures do not go into a scene."
        )
    if any(folder.iterdir()) and not (folder / INDEX).is_file():
        raise SceneError(
            f"{folder} holds other files",
            expected="a new or empty folder, or one with pictures of this program",
            hint="Choose another -o.",
        )
