"""What the job has rendered: views with depth, colour and language, and its report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from grounding3d.checks import check_shape
from grounding3d.errors import ArrayError, TrainingError
from grounding3d.geometry.camera import Camera

SCHEMA = 1
_EDGE = 0.05  # a larger step between neighbours is an edge, share of depth


@dataclass(frozen=True, eq=False)
class DrawnView:
    """One view as the NeRF shows it.

    Attributes:
        number: of the frame in the spool, or of the view that was asked for.
        rgb: [h,w,3] uint8.
        depth_m: [h,w] float32 z in metres, 0 = no surface, or not sure.
        alpha: [h,w] float32 in [0, 1].
        K: [3,3] of this size, pixel centres at integers; None where the asker knows.
        vectors, cells, weight, cell_px: language, see `RenderedView`; empty without.
    """

    number: int
    rgb: np.ndarray
    depth_m: np.ndarray
    alpha: np.ndarray
    K: np.ndarray | None
    vectors: np.ndarray
    cells: np.ndarray
    weight: np.ndarray
    cell_px: int

    @property
    def camera(self) -> Camera:
        """The pinhole camera of this size."""
        assert self.K is not None, "views of a request carry no K"
        height, width = self.depth_m.shape
        return Camera(self.K, width, height)


def read_view(path: Path) -> DrawnView:
    """Read one view.

    Raises:
        TrainingError: the file is missing, damaged or not a view.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
        return _view(int(path.stem), arrays)
    except (OSError, SafetensorError, KeyError, ValueError, ArrayError) as error:
        raise TrainingError(
            f"{path} is no view of a NeRF",
            found=f"{type(error).__name__}: {error}",
            hint="Remove its folder to start over.",
        ) from error


def read_views(folder: Path) -> Iterator[DrawnView]:
    """The views of a folder in the order of their numbers, one in memory at a time."""
    for path in sorted(folder.glob("*.safetensors")):
        yield read_view(path)


def read_facts(path: Path) -> dict[str, Any]:
    """A JSON object that the job wrote.

    Raises:
        TrainingError: it is missing or no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"the NeRF's {path.name} cannot be read", found=str(error)) from error
    if not isinstance(value, dict):
        raise TrainingError(f"{path} holds no JSON object")
    return value


def _view(number: int, arrays: dict[str, np.ndarray]) -> DrawnView:
    depth_m = arrays["depth_m"].astype(np.float32)
    shape = depth_m.shape
    check_shape(depth_m, (None, None), "depth_m")
    check_shape(arrays["rgb"], (*shape, 3), "rgb")
    check_shape(arrays["alpha"], shape, "alpha")
    vectors = arrays.get("vectors", np.zeros((0, 0))).astype(np.float32)
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    cells = arrays.get("cells", np.zeros((0, 0), np.int32)).astype(np.int32)
    weight = arrays.get("weight", np.zeros(cells.shape)).astype(np.float32)
    return DrawnView(
        number=number,
        rgb=arrays["rgb"].astype(np.uint8),
        depth_m=np.where(np.isfinite(depth_m) & (depth_m > 0), depth_m, np.float32(0)),
        alpha=arrays["alpha"].astype(np.float32),
        K=arrays["K"].astype(np.float64) if "K" in arrays else None,
        vectors=vectors / np.maximum(length, 1e-6),
        cells=cells,
        weight=weight,
        cell_px=int(arrays["cell_px"].ravel()[0]) if "cell_px" in arrays else 1,
    )


def resampled_depth(depth_m: np.ndarray, K: np.ndarray, camera: Camera) -> np.ndarray:
    """Depth [H,W] of a full image from that of a smaller one of the same view.

    Interpolated in inverse depth, which is exact on planes; the nearest sample's across edges and
    beside what is unknown.

    Args:
        depth_m: [h,w] metres, 0 = unknown.
        K: [3,3] of the small image, pixel centres at integers.
        camera: of the full image.
    """
    h, w = depth_m.shape
    u = (np.arange(camera.width) - camera.cx) / camera.fx * K[0, 0] + K[0, 2]
    v = (np.arange(camera.height) - camera.cy) / camera.fy * K[1, 1] + K[1, 2]
    u, v = np.clip(u, 0, w - 1), np.clip(v, 0, h - 1)
    nearest = depth_m[np.ix_(np.rint(v).astype(int), np.rint(u).astype(int))]
    u0, v0 = np.minimum(u.astype(int), max(w - 2, 0)), np.minimum(v.astype(int), max(h - 2, 0))
    u1, v1 = np.minimum(u0 + 1, w - 1), np.minimum(v0 + 1, h - 1)
    s, t = (u - u0)[None], (v - v0)[:, None]
    corners = [depth_m[np.ix_(rows, columns)] for rows in (v0, v1) for columns in (u0, u1)]
    low, high = np.minimum.reduce(corners), np.maximum.reduce(corners)
    smooth = (low > 0) & (high - low < _EDGE * high)
    inverse = [1 / np.where(c > 0, c, 1) for c in corners]
    mixed = (1 - t) * ((1 - s) * inverse[0] + s * inverse[1])
    mixed += t * ((1 - s) * inverse[2] + s * inverse[3])
    return np.where(smooth, 1 / mixed, nearest).astype(np.float32)
