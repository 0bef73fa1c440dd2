"""Reader of Microsoft 7-Scenes recordings.

`frame-NNNNNN.color.{png,jpg}`, `.depth.png` (uint16 mm, 0 and 65535 unknown) and `.pose.txt`
(camera to world, OpenCV axes), in the folder itself or in `seq-XX` folders. Colour and depth are
not registered: the published focal length of 585 and the poses are the depth camera's. The colour
camera is not published and must be given, else colour is used as if it were registered.
Format: Shotton et al., "Scene Coordinate Regression Forests", CVPR 2013.

Other collections of this layout name their depth camera: 3DMatch in `camera-intrinsics.txt` (3x3),
beside the frames or one folder up, BundleFusion in `info.txt` (`m_calibrationDepthIntrinsic`, 4x4).
What stands there comes before 585.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from grounding3d.capture.base import CaptureConfig, check_nonempty
from grounding3d.capture.files import image_size, read_numbers, text_lines
from grounding3d.capture.indexed import FileFacts, FrameEntry, ImageFileCapture
from grounding3d.capture.lenses import Lens
from grounding3d.errors import CaptureError

_log = logging.getLogger(__name__)

DEPTH_UNIT_M = 0.001
UNKNOWN_STEP = 65535
DEPTH_INTRINSICS = (585.0, 585.0, 320.0, 240.0)
UNREGISTERED = (
    "colour is used as if registered to depth, about 24 pixels off; give the colour camera with "
    "capture.color_intrinsics and capture.color_from_depth_xyz_m"
)


class SevenScenesFormat:
    """Entry of the table of capture formats."""

    @staticmethod
    def recognises(path: Path) -> bool:
        return path.is_dir() and any(
            next(path.glob(pattern), None) is not None
            for pattern in ("frame-*.pose.txt", "seq-*/frame-*.pose.txt")
        )

    @staticmethod
    def open(path: Path, config: CaptureConfig) -> ImageFileCapture:
        """Open a folder of frames or of sequences.

        Raises:
            CaptureError: frames without depth or colour, images of another size, wrong poses.
        """
        poses = sorted(path.glob("frame-*.pose.txt")) or sorted(path.glob("seq-*/frame-*.pose.txt"))
        check_nonempty(path, len(poses), "frame-*.pose.txt")
        paired = [pose for pose in poses if all(_images(pose))]
        if not paired:
            raise CaptureError(
                f"no frame of {path} is complete",
                expected="frame-NNNNNN.color.png or .jpg, .depth.png and .pose.txt",
                found=f"{len(poses)} poses, the first without its colour or depth image",
                hint="Copy the whole recording.",
            )
        entries = [entry for pose in paired if (entry := _entry(pose)) is not None]
        if not entries:
            raise CaptureError(
                f"no frame of {path} has a pose",
                found=f"{len(paired)} poses of a camera that had lost its way",
            )
        warnings = [] if config.color_intrinsics is not None else [UNREGISTERED]
        if unpaired := len(poses) - len(paired):
            warnings.append(f"{unpaired} of {len(poses)} frames lack an image and are left out")
        if lost := len(paired) - len(entries):
            warnings.append(
                f"{lost} of {len(poses)} frames have no pose, tracking was lost, and are left out"
            )
        for text in warnings:
            _log.warning("%s: %s", path, text)
        named = config.depth_intrinsics or _named_intrinsics(entries[0].rgb.parent)
        if named is None:
            _check_size(entries)
        depth_lens = Lens(named or DEPTH_INTRINSICS)
        facts = FileFacts(
            format="7scenes",
            source=path,
            lens=depth_lens,
            depth_unit_m=DEPTH_UNIT_M,
            invalid_steps=(UNKNOWN_STEP,),
            depth_lens=depth_lens if config.color_intrinsics is not None else None,
            pose_is_depths=True,
            details={} if config.color_intrinsics else {"depth": "used as if registered"},
            warnings=tuple(warnings),
        )
        return ImageFileCapture(facts, entries, config)


def _named_intrinsics(folder: Path) -> tuple[float, float, float, float] | None:
    """fx, fy, cx, cy of the depth camera as a file beside the frames says; None without one."""
    plain = [place / "camera-intrinsics.txt" for place in (folder, folder.parent)]
    file = next((file for file in (*plain, folder / "info.txt") if file.is_file()), None)
    if file is None:
        return None
    if file.name == "info.txt":
        told = dict(line.split("=", 1) for _, line in text_lines(file) if "=" in line)
        fields = {name.strip(): value.split() for name, value in told.items()}
        K = _matrix(file, fields.get("m_calibrationDepthIntrinsic", []), 4)
    else:
        K = _matrix(file, read_numbers(file).ravel().tolist(), 3)
    return float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2])


def _matrix(file: Path, numbers: Sequence[str | float], size: int) -> np.ndarray:
    try:
        return np.array(numbers, dtype=np.float64).reshape(size, size)
    except ValueError:
        raise CaptureError(
            f"{file} holds no intrinsics of the depth camera",
            expected=f"a {size}x{size} matrix",
            found=f"{len(numbers)} numbers",
            hint="Give them: --set capture.depth_intrinsics='[fx, fy, cx, cy]'.",
        ) from None


def _images(pose: Path) -> tuple[Path | None, Path | None]:
    """Colour and depth image of a pose file, None where one is missing."""
    stem = pose.name[: -len(".pose.txt")]
    colors = [pose.with_name(f"{stem}.color.{ending}") for ending in ("png", "jpg")]
    depth = pose.with_name(f"{stem}.depth.png")
    rgb = next((color for color in colors if color.is_file()), None)
    return rgb, depth if depth.is_file() else None


def _entry(pose: Path) -> FrameEntry | None:
    """The frame of a pose file that has its images, None where tracking was lost."""
    T_world_depth = read_numbers(pose, columns=4)
    if T_world_depth.shape != (4, 4):
        raise CaptureError(
            f"{pose} holds no pose", expected="a 4x4 matrix", found=str(T_world_depth.shape)
        )
    # trackers that are lost write NaN or infinities, or one number, 0 or -1, everywhere
    if not np.isfinite(T_world_depth).all() or np.ptp(T_world_depth) == 0:
        return None
    rgb, depth = _images(pose)
    assert rgb is not None, "only poses with both images come here"
    return FrameEntry(rgb, depth, T_world_depth)


def _check_size(entries: list[FrameEntry]) -> None:
    """Refuse depth of another camera than the Kinect, by the first image that can be read."""
    for entry in entries:
        assert entry.depth is not None, "frames of this format are those with depth"
        try:
            size = image_size(entry.depth)
        except CaptureError:
            continue  # reading it will tell
        if size == (640, 480):
            return
        raise CaptureError(
            f"{entry.depth} is not of the Kinect's size, for which the intrinsics hold",
            expected="640x480 pixels",
            found=f"{size[0]}x{size[1]}",
            hint="Give the depth camera: --set capture.depth_intrinsics='[fx, fy, cx, cy]'.",
        )
