"""Reader of rendered Replica sequences, as they come with iMAP and NICE-SLAM.

`results/frameNNNNNN.jpg`, `results/depthNNNNNN.png` (uint16, registered), and `traj.txt`: one line
of 16 numbers a frame, the 4x4 matrix from camera to world with OpenCV axes. `cam_params.json`,
beside the sequence or in it, names the intrinsics and the steps of depth in a metre, which are
6553.5 as published. Format: Zhu et al., "NICE-SLAM", CVPR 2022, and its repository.
"""

from __future__ import annotations

from pathlib import Path

from grounding3d.capture.base import CaptureConfig
from grounding3d.capture.files import read_json, read_numbers
from grounding3d.capture.indexed import FileFacts, ImageFileCapture
from grounding3d.capture.lenses import Lens
from grounding3d.capture.numbered import given_lens, numbered_images, open_numbered, pose_matrix
from grounding3d.errors import CaptureError

DEPTH_UNIT_M = 1 / 6553.5
_PUBLISHED = "600 600 599.5 339.5"


class ReplicaFormat:
    """Entry of the table of capture formats."""

    @staticmethod
    def recognises(path: Path) -> bool:
        return (path / "traj.txt").is_file() and (path / "results").is_dir()

    @staticmethod
    def open(path: Path, config: CaptureConfig) -> ImageFileCapture:
        """Open a sequence.

        Raises:
            CaptureError: no images, poses or intrinsics, or none that belong together.
        """
        file = path / "traj.txt"
        rows = read_numbers(file, columns=16)
        poses = {i: pose_matrix(row, f"line {i + 1} of {file}") for i, row in enumerate(rows)}
        lens, unit_m = _camera(path, config)
        facts = FileFacts("replica", path, lens, unit_m)
        colors = numbered_images(path / "results", "frame")
        depths = numbered_images(path / "results", "depth")
        return open_numbered(facts, colors, depths, poses, config)


def _camera(path: Path, config: CaptureConfig) -> tuple[Lens, float]:
    """Lens, and metres of one step of depth."""
    folder = path.resolve()
    files = [place / "cam_params.json" for place in (folder, folder.parent)]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        expected = "cam_params.json in it or beside it"
        return given_lens(config, path, expected, _PUBLISHED), DEPTH_UNIT_M
    record = read_json(file)
    told = record.get("camera", record)
    try:
        fx, fy, cx, cy, scale = (float(told[name]) for name in ("fx", "fy", "cx", "cy", "scale"))
        size = int(told["w"]), int(told["h"])
        return Lens((fx, fy, cx, cy), size=size), 1 / scale
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise CaptureError(
            f"{file} does not describe a camera",
            expected="w, h, fx, fy, cx, cy and scale",
            found=f"{type(error).__name__}: {error}",
        ) from error
