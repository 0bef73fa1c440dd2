"""Files and folders of pictures, written aside and renamed."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from grounding3d.errors import SceneError
from grounding3d.objects.folder import MANIFEST

INDEX = "renders.json"
"""Name of the file that lists a folder's pictures, and by which a folder is known as ours."""


def save_png(path: Path, pixels: np.ndarray) -> None:
    """Write [H,W,3] uint8, [H,W] uint8 or [H,W] uint16, aside and renamed."""
    with written_aside(path) as aside:
        Image.fromarray(pixels).save(aside, format="PNG")


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """Yield a path to write to, which becomes `path` if all goes well and else disappears.

    The path yielded has the same suffix, as some writers choose the format by it.

    Raises:
        SceneError: `path` is a folder, or its folder cannot be written to.
    """
    if path.is_dir():
        raise SceneError(f"{path} is a folder", expected="a file to write")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.stem}."))
    except OSError as error:
        raise SceneError(f"cannot write {path}", found=error.strerror) from error
    try:
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
    _check_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        yield aside
        text = json.dumps(index, allow_nan=False, indent=1)
        (aside / INDEX).write_text(text, encoding="utf-8")
        aside.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


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
