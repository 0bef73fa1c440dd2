"""What recordings of numbered images with one pose matrix a frame share."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from grounding3d.capture.base import CaptureConfig, check_nonempty
from grounding3d.capture.indexed import FileFacts, FrameEntry, ImageFileCapture
from grounding3d.capture.lenses import Lens
from grounding3d.errors import CaptureError

_log = logging.getLogger(__name__)

_IMAGES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".pgm", ".ppm"}
Intrinsics = tuple[float, float, float, float]


def numbered_images(folder: Path, prefix: str = "") -> dict[int, Path]:
    """Images of a folder by the first number in their names, in rising order.

    Args:
        folder: may be missing.
        prefix: how the names begin.
    """
    found: dict[int, Path] = {}
    for file in sorted(folder.glob(f"{prefix}*")):
        number = re.search(r"\d+", file.stem.removeprefix(prefix))
        if number and file.suffix.lower() in _IMAGES:
            found.setdefault(int(number.group()), file)
    return dict(sorted(found.items()))


def pose_matrix(numbers: Sequence[float] | np.ndarray, name: str) -> np.ndarray | None:
    """A pose [4,4] of its 16 numbers, row by row; None where the tracker was lost.

    Trackers that are lost write NaN, infinities, or one number everywhere.

    Raises:
        CaptureError: another count of numbers.
    """
    values = np.asarray(numbers, dtype=np.float64).ravel()
    if values.size != 16:
        raise CaptureError(
            f"{name} is no pose", expected="a 4x4 matrix", found=f"{values.size} numbers"
        )
    is_lost = not np.isfinite(values).all() or np.ptp(values) == 0
    return None if is_lost else values.reshape(4, 4)


def open_numbered(
    facts: FileFacts,
    colors: Mapping[int, Path],
    depths: Mapping[int, Path],
    poses: Mapping[int, np.ndarray | None],
    config: CaptureConfig,
) -> ImageFileCapture:
    """A capture of the colour images that have a pose, with the depth of the same number.

    Raises:
        CaptureError: there is none.
    """
    check_nonempty(facts.source, len(colors), "colour images")
    check_nonempty(facts.source, len(poses), "poses")
    posed = {number: poses[number] for number in colors if number in poses}
    if not posed:
        raise CaptureError(
            f"no pose of {facts.source} belongs to an image",
            expected=f"poses of images {min(colors)} to {max(colors)}",
            found=f"of {min(poses)} to {max(poses)}",
            hint="Copy the whole recording.",
        )
    entries = [
        FrameEntry(colors[number], depths.get(number), T_world_cam)
        for number, T_world_cam in posed.items()
        if T_world_cam is not None
    ]
    check_nonempty(facts.source, len(entries), "poses but of a camera that had lost its way")
    warnings = []
    if unposed := len(colors) - len(posed):
        warnings.append(f"{unposed} of {len(colors)} images have no pose and are left out")
    if unseen := len(poses.keys() - colors.keys()):
        warnings.append(f"{unseen} of {len(poses)} poses have no colour image and are left out")
    if lost := len(posed) - len(entries):
        warnings.append(
            f"{lost} of {len(colors)} frames have no pose, tracking was lost, and are left out"
        )
    for text in warnings:
        _log.warning("%s: %s", facts.source, text)
    return ImageFileCapture(replace(facts, warnings=(*facts.warnings, *warnings)), entries, config)


def matrix_intrinsics(K: np.ndarray) -> Intrinsics:
    """fx, fy, cx, cy of a matrix of 3x3 or more."""
    return float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2])


def given_lens(config: CaptureConfig, source: Path, expected: str, published: str) -> Lens:
    """The lens that the user gives, where the recording does not say it.

    Raises:
        CaptureError: the user does not either; says what was looked for.
    """
    if config.color_intrinsics is not None:
        return Lens(config.color_intrinsics)
    raise CaptureError(
        f"the intrinsics of {source} are not known",
        expected=expected,
        hint="Copy that file too, or --set capture.color_intrinsics='[fx, fy, cx, cy]' "
        f"(published: {published}).",
    )
