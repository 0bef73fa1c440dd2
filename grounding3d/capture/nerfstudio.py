"""Reader of nerfstudio's transforms.json, with depth images or, where that is wanted, without.

Its relatives of instant-ngp, NeRFCapture and Blender's synthetic scenes are read too: `depth_path`
for `depth_file_path`, `integer_depth_scale` for the unit, `camera_angle_x` for the focal length.

Poses are camera to world with OpenGL axes. `applied_transform` and `applied_scale` say how they
were moved away from the recorded world and are undone. Intrinsics are global or per frame, with
pixel centres at +0.5. Whatever a pinhole camera is called, its distortion is what the coefficients
say. Depth is uint16 in millimetres unless `depth_unit_scale_factor` says
otherwise. There are no stamps. Reference: nerfstudio's page "Data conventions".
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from grounding3d.capture.base import CaptureConfig
from grounding3d.capture.files import image_size, natural_key, read_depth_steps, read_json
from grounding3d.capture.indexed import FileFacts, FrameEntry, ImageFileCapture
from grounding3d.capture.lenses import Lens
from grounding3d.errors import CaptureError
from grounding3d.geometry.frames import opencv_from_opengl, pixel_center_from_corner

_log = logging.getLogger(__name__)

DEPTH_UNIT_M = 0.001
_PERSPECTIVE = ("plumb_bob", ("k1", "k2", "p1", "p2", "k3"))
_RATIONAL = ("rational_polynomial", ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"))
_FISHEYE = ("equidistant", ("k1", "k2", "k3", "k4"))
_MODELS = {
    "OPENCV": _PERSPECTIVE,
    "FULL_OPENCV": _RATIONAL,
    "PINHOLE": _PERSPECTIVE,
    "SIMPLE_PINHOLE": _PERSPECTIVE,
    "SIMPLE_RADIAL": _PERSPECTIVE,
    "RADIAL": _PERSPECTIVE,
    "OPENCV_FISHEYE": _FISHEYE,
    "SIMPLE_RADIAL_FISHEYE": _FISHEYE,
    "RADIAL_FISHEYE": _FISHEYE,
}
_COEFFICIENTS = ("p1", "p2", "k1", "k2", "k3", "k4", "k5", "k6")
_DEPTH_KEYS = ("depth_file_path", "depth_path")
_UNIT_KEYS = ("depth_unit_scale_factor", "integer_depth_scale")
_ENDINGS = (".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG")


class NerfstudioFormat:
    """Entry of the table of capture formats."""

    @staticmethod
    def recognises(path: Path) -> bool:
        return (path / "transforms.json").is_file() or path.name == "transforms.json"

    @staticmethod
    def open(path: Path, config: CaptureConfig) -> ImageFileCapture:
        """Open a folder, or its transforms.json.

        Raises:
            CaptureError: no depth where it is required, no intrinsics, an unsupported camera, or
                no images.
        """
        file = path if path.is_file() else path / "transforms.json"
        meta = read_json(file)
        frames = [_resolved(file, frame) for frame in _listed_frames(file, meta)]
        present = [f for f in frames if _has_images(file, f)]
        if not present:
            raise CaptureError(
                f"none of the {len(frames)} frames of {file} has its images",
                found=f"no {_missing(file, frames[0])}",
                hint="Copy the whole recording.",
            )
        warnings = []
        if missing := len(frames) - len(present):
            warnings.append(f"the images of {missing} of {len(frames)} frames are missing")
            _log.warning("%s: %s; these frames are left out", file, warnings[0])
        T_json_world, scale = _applied(file, meta)
        entries = [_entry(file, meta, frame, T_json_world, scale, config) for frame in present]
        facts = FileFacts(
            format="nerfstudio",
            source=file,
            lens=None,
            depth_unit_m=_depth_unit(meta, entries, config),
            same_view=True,
            details={"applied scale": f"{scale:g}", "camera model": _model_name(meta, {})},
            warnings=tuple(warnings),
        )
        return ImageFileCapture(facts, entries, config)


def _has_images(file: Path, frame: dict[str, Any]) -> bool:
    """Whether the images that a frame names are there."""
    return _missing(file, frame) is None


def _missing(file: Path, frame: dict[str, Any]) -> Path | None:
    """The first image of a frame that is not there."""
    names = frame["file_path"], frame.get("depth_file_path")
    paths = [file.parent / name for name in names if isinstance(name, str)]
    return next((path for path in paths if not path.is_file()), None)


def _resolved(file: Path, frame: dict[str, Any]) -> dict[str, Any]:
    """The frame with its images' names as they are on the disk, and depth under the usual key.

    Windows' programs write backslashes and endings in another case, Blender's exporters no ending,
    and some converters whole paths, of which the end still holds on another machine.
    """
    depth = next((frame[key] for key in _DEPTH_KEYS if isinstance(frame.get(key), str)), None)
    found = {**frame, "depth_file_path": depth}
    for key in ("file_path", "depth_file_path"):
        name = found[key]
        if isinstance(name, str) and not (file.parent / name).is_file():
            there = (n for n in _other_names(name) if (file.parent / n).is_file())
            found[key] = next(there, name)
    return found


def _other_names(name: str) -> Iterator[str]:
    """What a file may be called that is not there under its name, the likeliest first."""
    parts = name.replace("\\", "/").split("/")
    is_whole = parts[0] == "" or parts[0].endswith(":")
    for first in range(len(parts) if is_whole else 1):
        plain = "/".join(parts[first:])
        stem, dot, ending = plain.rpartition(".")
        yield from (plain, stem + dot + ending.lower(), stem + dot + ending.upper())
        yield from (plain + ending for ending in _ENDINGS)


def _listed_frames(file: Path, meta: dict[str, Any]) -> list[dict[str, Any]]:
    """Frames of the file in the natural order of their images' names."""
    frames = meta.get("frames")
    if not isinstance(frames, list) or not frames:
        raise CaptureError(f"{file} lists no frames", hint="Check that the conversion finished.")
    for index, frame in enumerate(frames):
        if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str):
            raise CaptureError(f"frame {index} of {file} has no file_path")
    return sorted(frames, key=lambda frame: natural_key(frame["file_path"]))


def _applied(file: Path, meta: dict[str, Any]) -> tuple[np.ndarray, float]:
    """Transform [4,4] and scale that were applied to the recorded poses."""
    T_json_world = np.eye(4)
    if "applied_transform" in meta:
        rows = _numbers(file, meta, "applied_transform")
        if rows.shape not in ((3, 4), (4, 4)) or abs(np.linalg.det(rows[:3, :3])) < 1e-9:
            raise CaptureError(f"applied_transform of {file} is no transform", found=str(rows))
        T_json_world[:3] = rows[:3]
    scale = float(_numbers(file, meta, "applied_scale")) if "applied_scale" in meta else 1.0
    if scale <= 0:
        raise CaptureError(f"applied_scale of {file} is not positive", found=str(scale))
    return T_json_world, scale


def _entry(
    file: Path,
    meta: dict[str, Any],
    frame: dict[str, Any],
    T_json_world: np.ndarray,
    scale: float,
    config: CaptureConfig,
) -> FrameEntry:
    T_json_glcam = _numbers(file, frame, "transform_matrix")
    if T_json_glcam.shape not in ((4, 4), (3, 4)):
        raise CaptureError(
            f"the pose of {frame['file_path']} is no 4x4 matrix", found=str(T_json_glcam.shape)
        )
    T_json_glcam = np.vstack([T_json_glcam[:3], [0, 0, 0, 1]])
    T_json_glcam[:3, 3] /= scale
    T_world_cam = opencv_from_opengl(np.linalg.inv(T_json_world) @ T_json_glcam)
    rgb, depth = file.parent / frame["file_path"], frame.get("depth_file_path")
    return FrameEntry(
        rgb,
        file.parent / depth if isinstance(depth, str) else None,
        T_world_cam,
        lens=_lens(file, {**meta, **frame}, rgb, config),
    )


def _lens(file: Path, values: dict[str, Any], rgb: Path, config: CaptureConfig) -> Lens:
    """Intrinsics and distortion of one frame, whose own keys win over the global ones."""
    model, keys = _MODELS[_model_name(values, values)]
    coefficients = tuple(float(_numbers(file, values, k)) if k in values else 0.0 for k in keys)
    if ignored := [key for key in _COEFFICIENTS if key not in keys and values.get(key)]:
        raise CaptureError(
            f"{file} has lens coefficients that are not supported",
            expected="no others than " + ", ".join(keys),
            found=", ".join(ignored),
            hint="Undistort the images first.",
        )
    intrinsics = config.color_intrinsics or _intrinsics(file, values, rgb)
    return Lens(intrinsics, model, coefficients, _size(file, values))


def _model_name(meta: dict[str, Any], frame: dict[str, Any]) -> str:
    name = str(frame.get("camera_model", meta.get("camera_model", "OPENCV")))
    if name not in _MODELS:
        raise CaptureError(
            f"camera model {name} is not supported",
            expected="one of " + ", ".join(_MODELS),
            hint="Undistort the images first.",
        )
    return name


def _size(file: Path, values: dict[str, Any]) -> tuple[int, int] | None:
    if not ("w" in values and "h" in values):
        return None
    return int(_numbers(file, values, "w")), int(_numbers(file, values, "h"))


def _of_angle(file: Path, values: dict[str, Any], rgb: Path) -> dict[str, Any]:
    """The values with a focal length from the field of view, and the middle where nothing says."""
    width, height = _size(file, values) or image_size(rgb)
    angle = float(_numbers(file, values, "camera_angle_x"))
    if not 0 < angle < math.pi:
        raise CaptureError(f"camera_angle_x of {file} is no field of view", found=f"{angle:g}")
    middle = {"cx": width / 2, "cy": height / 2}
    return {**middle, **values, "fl_x": 0.5 * width / math.tan(0.5 * angle)}


def _intrinsics(file: Path, values: dict[str, Any], rgb: Path) -> tuple[float, float, float, float]:
    if "fl_x" not in values and "camera_angle_x" in values:
        values = _of_angle(file, values, rgb)
    missing = [key for key in ("fl_x", "cx", "cy") if key not in values]
    if missing:
        raise CaptureError(
            f"{file} has no intrinsics",
            expected="fl_x, fl_y, cx, cy for the file or each frame",
            found="no " + ", ".join(missing),
            hint="Give them: --set capture.color_intrinsics='[fx, fy, cx, cy]'.",
        )
    fx, cx, cy = (float(_numbers(file, values, key)) for key in ("fl_x", "cx", "cy"))
    fy = float(_numbers(file, values, "fl_y")) if "fl_y" in values else fx
    return fx, fy, pixel_center_from_corner(cx), pixel_center_from_corner(cy)


def _depth_unit(meta: dict[str, Any], entries: list[FrameEntry], config: CaptureConfig) -> float:
    """Metres of one step; arrays of floats have no usual unit and need one to be given."""
    depths = [entry.depth for entry in entries if entry.depth is not None]
    if config.depth_unit_m is not None or not depths:
        return config.depth_unit_m or DEPTH_UNIT_M
    for key in _UNIT_KEYS:
        if key in meta:
            factor = float(_numbers(depths[0], meta, key))
            if not (math.isfinite(factor) and factor > 0):
                raise CaptureError(f"{key} is not positive", found=str(factor))
            return factor
    readable = next((each for each in depths if _is_readable(each)), None)
    if readable is not None and read_depth_steps(readable).dtype.kind == "f":
        raise CaptureError(
            f"the unit of {readable} is not known",
            expected="depth_unit_scale_factor in transforms.json",
            hint="Give it: --set capture.depth_unit_m=1 (metres) or 0.001 (millimetres).",
        )
    return DEPTH_UNIT_M


def _is_readable(depth: Path) -> bool:
    try:
        read_depth_steps(depth)
    except CaptureError:
        return False
    return True


def _numbers(file: Path, values: dict[str, Any], key: str) -> np.ndarray:
    try:
        array = np.array(values[key], dtype=np.float64)
    except KeyError:
        raise CaptureError(f"{file} has a frame without {key}") from None
    except (TypeError, ValueError) as error:
        raise CaptureError(f"{key} of {file} is wrong", found=str(error)) from error
    if not np.isfinite(array).all():
        raise CaptureError(f"{key} of {file} is not finite", found=str(array.tolist()))
    return array
