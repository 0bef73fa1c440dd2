"""Reader of TUM RGB-D recordings.

`rgb.txt` and `depth.txt` (stamp file), `groundtruth.txt` (stamp tx ty tz qx qy qz qw: pose of the
colour camera's optical frame in the world), depth in steps of 1/5000 m, registered to colour.
Intrinsics stand in `calibration.txt` (`fx fy cx cy`, then optionally the coefficients of a lens in
OpenCV's order: four or five of Brown-Conrady, eight of its rational form) or are given. Stamps are
seconds; integers too large for that are milli-, micro- or nanoseconds. In place of the two lists
`associations.txt` may name pairs (stamp and file of one, stamp and file of the other). Format:
Sturm et al., "A Benchmark for the Evaluation of RGB-D SLAM Systems", IROS 2012.

ICL-NUIM's recordings of this layout stamp everything with the frame's number and have a trajectory
`*.gt.freiburg` in the renderer's left-handed world: it is mirrored at the plane y = 0, so that up
is -y. Format: Handa et al., "A Benchmark for RGB-D Visual Odometry", ICRA 2014.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from grounding3d.capture.base import CaptureConfig, check_nonempty
from grounding3d.capture.files import read_numbers, text_lines
from grounding3d.capture.indexed import FileFacts, FrameEntry, ImageFileCapture
from grounding3d.capture.lenses import Lens
from grounding3d.errors import CaptureError
from grounding3d.geometry.frames import wxyz_from_xyzw
from grounding3d.geometry.transforms import interpolate_pose, pose_from_quaternion

_log = logging.getLogger(__name__)

DEPTH_UNIT_M = 1 / 5000
_LARGEST_POSE_GAP_S = 1.0  # motion capture drops out; a longer gap is not bridged
_LENSES = {4: "none", 8: "plumb_bob", 9: "plumb_bob", 12: "rational_polynomial"}
_LATEST_S = 1e11  # the year 5138: stamps beyond are of a finer unit
_PUBLISHED = (
    "fr1: 517.3 516.5 318.6 255.3, fr2: 520.9 521.0 325.1 249.7, fr3: 535.4 539.2 320.1 247.6, "
    "ICL-NUIM: 481.2 480.0 319.5 239.5"
)
_ASSOCIATIONS = ("associations.txt", "associated.txt", "associate.txt")
_MIRROR = np.diag([1.0, -1.0, 1.0, 1.0])


class TumFormat:
    """Entry of the table of capture formats."""

    @staticmethod
    def recognises(path: Path) -> bool:
        has_lists = (path / "rgb.txt").is_file() and (path / "depth.txt").is_file()
        return has_lists or _associations_file(path) is not None

    @staticmethod
    def open(path: Path, config: CaptureConfig) -> ImageFileCapture:
        """Open a recording's folder.

        Raises:
            CaptureError: lists, intrinsics or the trajectory are missing, or nothing matches.
        """
        color, depth = _image_lists(path)
        pairs = associate(color.stamps_s, depth.stamps_s, config.sync_tolerance_s)
        if not len(pairs):
            gap = np.abs(color.stamps_s[:, None] - depth.stamps_s[None]).min()
            raise CaptureError(
                f"no colour and depth image of {path} belong together",
                expected=f"stamps within {config.sync_tolerance_s:g} s",
                found=f"{gap:.3f} s at best",
                hint="Widen it with --set capture.sync_tolerance_s=...",
            )
        trajectory = _trajectory(path)
        entries, missing = [], 0
        for i, j in pairs:
            if not (color.files[i].is_file() and depth.files[j].is_file()):
                missing += 1
                continue
            T_world_cam = trajectory.pose_at(depth.stamps_s[j])
            if T_world_cam is not None:
                stamps = float(color.stamps_s[i]), float(depth.stamps_s[j])
                entries.append(FrameEntry(color.files[i], depth.files[j], T_world_cam, *stamps))
        if missing == len(pairs):
            raise CaptureError(
                f"no image that {path} lists is there",
                found=f"no {color.files[pairs[0][0]]}, or not its depth",
                hint="Copy the whole recording.",
            )
        if not entries:
            raise CaptureError(
                f"the trajectory of {path} covers no depth image",
                expected=f"poses between {depth.stamps_s[0]:.3f} and {depth.stamps_s[-1]:.3f} s",
                found=f"{trajectory.stamps_s[0]:.3f} to {trajectory.stamps_s[-1]:.3f} s",
            )
        warnings = _losses(len(pairs), missing, len(entries), trajectory.lost)
        for text in warnings:
            _log.warning("%s: %s; they are left out", path, text)
        details = {
            "colour images": str(len(color.files)),
            "depth images": str(len(depth.files)),
            "poses": str(len(trajectory.stamps_s)),
        }
        facts = FileFacts(
            "tum", path, _lens(path, config), DEPTH_UNIT_M, details=details, warnings=warnings
        )
        return ImageFileCapture(facts, entries, config)


def _associations_file(path: Path) -> Path | None:
    return next((path / name for name in _ASSOCIATIONS if (path / name).is_file()), None)


def _trajectory(path: Path) -> Trajectory:
    """The trajectory of a recording, ICL-NUIM's mirrored."""
    usual, rendered = path / "groundtruth.txt", list(path.glob("*.gt.freiburg"))
    if usual.is_file() or len(rendered) != 1:
        return Trajectory.read(usual)
    found = Trajectory.read(rendered[0])
    return replace(found, poses=_MIRROR @ found.poses @ _MIRROR)


def _losses(pairs: int, missing: int, used: int, lost: int) -> tuple[str, ...]:
    """What could not be used, for people."""
    unposed = pairs - missing - used
    losses = (
        (missing, f"the images of {missing} of {pairs} frames are missing"),
        (unposed, f"{unposed} of {pairs} frames have no pose"),
        (lost, f"{lost} lines of the trajectory hold no pose, the tracker was lost"),
    )
    return tuple(text for count, text in losses if count)


@dataclass(frozen=True, eq=False)
class _ImageList:
    stamps_s: np.ndarray  # [n] rising
    files: list[Path]


def _image_lists(path: Path) -> tuple[_ImageList, _ImageList]:
    """Colour and depth images, of the two lists, or else of the pairs."""
    file = _associations_file(path)
    if (path / "rgb.txt").is_file() or file is None:
        return _read_list(path / "rgb.txt"), _read_list(path / "depth.txt")
    sides: dict[bool, list[tuple[float, Path]]] = {True: [], False: []}  # is depth
    for number, line in text_lines(file):
        words = line.split()
        try:
            pair = {"depth" in words[i + 1]: (float(words[i]), path / words[i + 1]) for i in (0, 2)}
        except (ValueError, IndexError):
            pair = {}
        if len(pair) != 2:
            raise CaptureError(
                f"line {number} of {file} is wrong",
                expected="stamp and file of a colour and of a depth image",
                found=line,
            )
        for is_depth, image in pair.items():
            sides[is_depth].append(image)
    check_nonempty(file, len(sides[True]), "images")
    return _image_list(sides[False]), _image_list(sides[True])


def _read_list(file: Path) -> _ImageList:
    rows = []
    for number, line in text_lines(file):
        parts = line.split(maxsplit=1)
        try:
            rows.append((float(parts[0]), file.parent / parts[1]))
        except (ValueError, IndexError):
            raise CaptureError(
                f"line {number} of {file} is wrong", expected="stamp and file", found=line
            ) from None
    check_nonempty(file, len(rows), "images")
    return _image_list(rows)


def _image_list(rows: list[tuple[float, Path]]) -> _ImageList:
    rows.sort(key=lambda row: row[0])
    return _ImageList(_seconds(np.array([row[0] for row in rows])), [row[1] for row in rows])


def _seconds(stamps: np.ndarray) -> np.ndarray:
    """Stamps [n] in seconds, which are taken for milli-, micro- or nanoseconds if they must be."""
    latest = np.abs(stamps).max(initial=0.0)
    unit_s = next((unit for unit in (1.0, 1e-3, 1e-6) if latest * unit < _LATEST_S), 1e-9)
    return stamps * unit_s


def associate(color_s: np.ndarray, depth_s: np.ndarray, tolerance_s: float) -> np.ndarray:
    """One-to-one pairs [n,2] of indices (colour, depth), the closest first, in depth order.

    Args:
        color_s, depth_s: rising stamps in seconds.
        tolerance_s: largest gap of a pair.
    """
    candidates = []
    for j, stamp in enumerate(depth_s):
        low = np.searchsorted(color_s, stamp - tolerance_s, "left")
        high = np.searchsorted(color_s, stamp + tolerance_s, "right")
        candidates += [(abs(color_s[i] - stamp), i, j) for i in range(low, high)]
    taken_color: set[int] = set()
    taken_depth: set[int] = set()
    pairs = []
    for _, i, j in sorted(candidates):
        if i not in taken_color and j not in taken_depth:
            taken_color.add(i)
            taken_depth.add(j)
            pairs.append((j, i))
    return np.array([(i, j) for j, i in sorted(pairs)], dtype=int).reshape(-1, 2)


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Poses [n,4,4] at rising stamps [n] in seconds; `lost` lines of the file held none."""

    stamps_s: np.ndarray
    poses: np.ndarray
    lost: int = 0

    @classmethod
    def read(cls, file: Path) -> Trajectory:
        """Read `stamp tx ty tz qx qy qz qw` lines; quaternions must be about unit.

        Lines of NaN or infinities or a quaternion of zeros, as trackers that are lost write, are
        left out.
        """
        check_nonempty(file, len(text_lines(file)), "poses")
        table = read_numbers(file, columns=8)
        norms = np.linalg.norm(table[:, 4:], axis=1)
        lost = ~np.isfinite(table).all(axis=1) | (norms == 0)
        check_nonempty(file, int((~lost).sum()), "poses but of a tracker that was lost")
        table, norms = table[~lost], norms[~lost]
        wrong = np.abs(norms - 1) > 0.01
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise CaptureError(
                f"the pose at {table[row, 0]:.6f} of {file} is no pose",
                expected="a quaternion of norm 1",
                found=f"tx ty tz qx qy qz qw = {table[row, 1:].tolist()}",
                hint="If the tracker was lost there, remove the line.",
            )
        stamps_s, first = np.unique(_seconds(table[:, 0]), return_index=True)
        table = table[first]
        quaternions = wxyz_from_xyzw(table[:, 4:])
        poses = [pose_from_quaternion(q, t) for q, t in zip(quaternions, table[:, 1:4])]
        return cls(stamps_s, np.stack(poses), int(lost.sum()))

    def pose_at(self, stamp_s: float) -> np.ndarray | None:
        """Interpolated pose, None outside the trajectory or in a long gap of it."""
        after = int(np.searchsorted(self.stamps_s, stamp_s, "left"))
        if after < len(self.stamps_s) and self.stamps_s[after] == stamp_s:
            return self.poses[after]
        if after in (0, len(self.stamps_s)):
            return None
        start, end = self.stamps_s[after - 1 : after + 1]
        if end - start > _LARGEST_POSE_GAP_S:
            return None
        fraction = float((stamp_s - start) / (end - start))
        return interpolate_pose(self.poses[after - 1], self.poses[after], fraction)


def _lens(path: Path, config: CaptureConfig) -> Lens:
    file = path / "calibration.txt"
    if not file.is_file():
        if config.color_intrinsics is not None:
            return Lens(config.color_intrinsics)
        raise CaptureError(
            f"the intrinsics of {path} are not known",
            expected="fx fy cx cy in calibration.txt",
            hint="Write that file, or --set capture.color_intrinsics='[fx, fy, cx, cy]' "
            f"(published: {_PUBLISHED}).",
        )
    values = read_numbers(file).ravel().tolist()
    if len(values) not in _LENSES or not np.isfinite(values).all() or values[0] <= 0:
        raise CaptureError(
            f"{file} holds no intrinsics",
            expected="fx fy cx cy in pixels, then none, four, five or eight lens coefficients",
            found=f"{len(values)} numbers: {values[:4]}",
        )
    fx, fy, cx, cy = values[:4]
    return Lens((fx, fy, cx, cy), _LENSES[len(values)], tuple(values[4:]))
