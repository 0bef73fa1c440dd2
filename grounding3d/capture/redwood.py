"""Reader of Redwood recordings, and of what Open3D's reconstruction system works on.

`color` (or `rgb`, `image`) and `depth` folders of numbered images, uint16 mm, registered, and a
trajectory `.log`: for each frame a line of three integers, the first its position among the images,
and the 4x4 matrix from camera to world with OpenCV axes. Intrinsics are those of a JSON file of
Open3D's (`intrinsic_matrix`, column by column) in the folder or one up, or are given.
Format: Choi et al., "Robust Reconstruction of Indoor Scenes", CVPR 2015, and redwood-data.org.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from grounding3d.capture.base import CaptureConfig
from grounding3d.capture.files import read_json, text_lines
from grounding3d.capture.indexed import FileFacts, ImageFileCapture
from grounding3d.capture.lenses import Lens
from grounding3d.capture.numbered import (
    given_lens,
    matrix_intrinsics,
    numbered_images,
    open_numbered,
    pose_matrix,
)
from grounding3d.errors import CaptureError

DEPTH_UNIT_M = 0.001
_COLORS = ("color", "rgb", "image")
_PUBLISHED = "525 525 319.5 239.5"


class RedwoodFormat:
    """Entry of the table of capture formats."""

    @staticmethod
    def recognises(path: Path) -> bool:
        has_images = (path / "depth").is_dir() and any((path / name).is_dir() for name in _COLORS)
        return has_images and _trajectory_file(path) is not None

    @staticmethod
    def open(path: Path, config: CaptureConfig) -> ImageFileCapture:
        """Open a recording's folder.

        Raises:
            CaptureError: no images, trajectory or intrinsics, or none that belong together.
        """
        file = _trajectory_file(path)
        if file is None:
            raise CaptureError(f"{path} has no trajectory", expected="trajectory.log")
        folder = next((path / name for name in _COLORS if (path / name).is_dir()), path / "color")
        colors, depths = numbered_images(folder), numbered_images(path / "depth")
        numbers = sorted(colors.keys() | depths.keys())
        poses = _by_number(path, _read_log(file), numbers)
        lens = _lens(path) or given_lens(
            config, path, "a JSON file with intrinsic_matrix in it or one up", _PUBLISHED
        )
        facts = FileFacts(
            "redwood", path, lens, DEPTH_UNIT_M, details={"trajectory": str(file.name)}
        )
        return open_numbered(facts, colors, depths, poses, config)


def _trajectory_file(path: Path) -> Path | None:
    """`trajectory.log`, or the only `.log`; None without."""
    usual = path / "trajectory.log", path / "scene" / "trajectory.log"
    named = next((file for file in usual if file.is_file()), None)
    logs = list(path.glob("*.log"))
    return named or (logs[0] if len(logs) == 1 else None)


def _by_number(
    path: Path, places: dict[int, np.ndarray | None], numbers: list[int]
) -> dict[int, np.ndarray | None]:
    """Poses by the number in their images' names, from those by their place among all images.

    Images may be lacking; they are numbered from 0, or from 1, or all of them are there.
    """
    if not places or not numbers:
        return places
    last = max(places)
    if len(numbers) == last + 1:
        return {numbers[place]: pose for place, pose in places.items()}
    first = min(numbers[0], 1)
    if numbers[0] > 1 or (first == 1 and last + 1 > numbers[-1]):
        raise CaptureError(
            f"the images and the trajectory of {path} do not fit",
            expected=f"{last + 1} images, as many as have poses",
            found=f"{len(numbers)}, numbered {numbers[0]} to {numbers[-1]}",
            hint="Copy the whole recording.",
        )
    return {place + first: pose for place, pose in places.items()}


def _read_log(file: Path) -> dict[int, np.ndarray | None]:
    """Position among the images -> pose [4,4], None where tracking was lost."""
    lines = text_lines(file)
    poses: dict[int, np.ndarray | None] = {}
    for start in range(0, len(lines), 5):
        number, head = lines[start]
        try:
            place = int(head.split()[0])
            values = [
                float(value) for _, row in lines[start + 1 : start + 5] for value in row.split()
            ]
        except ValueError:
            raise CaptureError(
                f"line {number} of {file} begins no pose",
                expected="three integers, then four rows of four numbers",
                found=head,
            ) from None
        if place < 0 or place in poses:
            raise CaptureError(
                f"line {number} of {file} is wrong", expected="another image", found=head
            )
        poses[place] = pose_matrix(values, f"what follows line {number} of {file}")
    return poses


def _lens(path: Path) -> Lens | None:
    """The lens of Open3D's file of intrinsics, None without one."""
    folder = path.resolve()
    for file in sorted(folder.glob("*.json")) + sorted(folder.parent.glob("*.json")):
        try:
            record = read_json(file)
        except CaptureError:  # some other file
            continue
        if "intrinsic_matrix" not in record:
            continue
        try:
            K = np.array(record["intrinsic_matrix"], dtype=np.float64).reshape(3, 3).T
            size = int(record["width"]), int(record["height"])
        except (KeyError, TypeError, ValueError) as error:
            raise CaptureError(
                f"{file} does not describe a camera",
                expected="width, height and an intrinsic_matrix of 9 numbers",
                found=f"{type(error).__name__}: {error}",
            ) from error
        return Lens(matrix_intrinsics(K), size=size)
    return None
