"""What the language field keeps of a view: a code and a weight for each cell, and a small depth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.errors import ArrayError
from grounding3d.features.base import FeatureCells
from grounding3d.fusion.base import NO_CODE
from grounding3d.scene.surfels import axial_sigma

DEPTH_STEP_PX = 4
DEPTH_OFFSET_PX = 1.5  # where in its block a sample is taken to lie
DEPTH_UNIT_M = 0.00025
DEPTH_JUMP = 0.05  # a larger step between samples is an edge, share of depth

_PICKS = ((1, 1), (2, 2), (1, 2), (2, 1), (0, 0), (3, 3))  # (row, column) in a block, tried in turn
_TURN_M = 0.5  # a turn by one radian counts as a way of this many metres


@dataclass(frozen=True, eq=False)
class StoredView:
    """The language of one keyframe: 3 bytes a cell and 2 a depth sample.

    At 640x480 with cells of 8 pixels these are 53 kB.

    Attributes:
        keyframe: index of the scene's keyframe.
        codes: [h,w] uint16 codes of the field's codebook, `NO_CODE` = none.
        weight: [h,w] uint8, trust in the cell, 255 = 1.
        depth: [h',w'] uint16 depth samples in `DEPTH_UNIT_M`, one each `DEPTH_STEP_PX` pixels,
            0 = unknown.
        T_world_cam: [4,4] pose when it was taken; only to spread the views.
    """

    keyframe: int
    codes: np.ndarray
    weight: np.ndarray
    depth: np.ndarray
    T_world_cam: np.ndarray

    @property
    def n_bytes(self) -> int:
        """Memory of its arrays."""
        return self.codes.nbytes + self.weight.nbytes + self.depth.nbytes


def cells_of_size(cells: FeatureCells, cell_px: int, height: int, width: int) -> FeatureCells:
    """The same cells on a grid of another cell size; each takes what lies at its middle.

    Raises:
        ArrayError: the cells are not a grid over an image of that size.
    """
    h, w = cells.index.shape
    for n, size, name in ((h, height, "rows"), (w, width, "columns")):
        if not size // cells.cell_px <= n <= -(-size // cells.cell_px):
            raise ArrayError(
                f"the {name} of the feature cells do not fit the image",
                expected=f"{-(-size // cells.cell_px)} of {cells.cell_px} pixels",
                found=str(n),
            )
    rows, columns = -(-height // cell_px), -(-width // cell_px)
    if cells.cell_px == cell_px and (h, w) == (rows, columns):
        return cells
    v = np.minimum((np.arange(rows) * cell_px + cell_px // 2) // cells.cell_px, h - 1)
    u = np.minimum((np.arange(columns) * cell_px + cell_px // 2) // cells.cell_px, w - 1)
    at = np.ix_(v, u)
    return replace(cells, index=cells.index[at], weight=cells.weight[at], cell_px=cell_px)


def small_depth(depth_m: np.ndarray) -> np.ndarray:
    """[ceil(H/4), ceil(W/4)] uint16 samples of a depth image, see `StoredView`."""
    h, w = (-(-n // DEPTH_STEP_PX) * DEPTH_STEP_PX for n in depth_m.shape)
    padded = np.pad(depth_m, ((0, h - depth_m.shape[0]), (0, w - depth_m.shape[1])), mode="edge")
    found = np.zeros((h // DEPTH_STEP_PX, w // DEPTH_STEP_PX), np.float32)
    for row, column in _PICKS:
        sample = padded[row::DEPTH_STEP_PX, column::DEPTH_STEP_PX]
        found = np.where(found > 0, found, sample)
    units = np.rint(np.nan_to_num(found, nan=0, posinf=0, neginf=0) / DEPTH_UNIT_M)
    return np.where((units > 0) & (units < 0xFFFF), units, 0).astype(np.uint16)


def cell_depth(view: StoredView, cell_px: int) -> np.ndarray:
    """[h,w] uint16 the middle of each cell's depth samples, in `DEPTH_UNIT_M`, 0 = unknown.

    Cells that hold one sample or less have no middle: it may lie in the neighbour's.
    """
    h, w = view.codes.shape
    if cell_px <= DEPTH_STEP_PX:
        return np.zeros((h, w), np.uint16)
    n = cell_px // DEPTH_STEP_PX
    padding = ((0, h * n - view.depth.shape[0]), (0, w * n - view.depth.shape[1]))
    blocks = np.pad(view.depth, padding).reshape(h, n, w, n).swapaxes(1, 2).reshape(h, w, n * n)
    ordered = np.sort(blocks, axis=2)  # the unknown first
    unknown = (blocks == 0).sum(axis=2)
    middle = np.minimum((unknown + n * n) // 2, n * n - 1)
    return np.take_along_axis(ordered, middle[..., None], axis=2)[..., 0]


def stored_view(
    frame: RGBDFrame, keyframe: int, cells: FeatureCells, codes: np.ndarray
) -> StoredView:
    """What is kept of a frame.

    Args:
        frame: posed frame.
        keyframe: index of the keyframe.
        cells: grid of the field's cell size.
        codes: [n] uint16 code of each of the cells' vectors, `NO_CODE` for those that have none.
    """
    table = np.append(codes, np.uint16(NO_CODE))
    weight = np.nan_to_num(np.clip(cells.weight, 0, 1), nan=0)
    levels = np.rint(255 * weight).astype(np.uint8)
    by_cell = table[np.where(levels > 0, cells.index, -1)]
    return StoredView(
        keyframe,
        by_cell,
        np.where(by_cell == NO_CODE, 0, levels).astype(np.uint8),
        small_depth(frame.depth_m),
        frame.T_world_cam.copy(),
    )


def depth_agreement(
    depth: np.ndarray, uv: np.ndarray, z: np.ndarray, sigma_floor_m: float, unknown: float
) -> np.ndarray:
    """How well depths fit a small depth image, in [0, 1]: exp(-(z - D)^2 / 2 sigma^2).

    D is the nearest to z of the four samples around the pixel, and of their interpolation where
    they lie on one surface: on an edge, either side is right.

    Args:
        depth: [h,w] uint16 of a `StoredView`.
        uv: [n,2] pixels; those outside the image are moved to its border.
        z: [n] metres.
        sigma_floor_m: added to the sensor's noise as an independent error.
        unknown: agreement where none of the four was measured.
    """
    h, w = depth.shape
    at = np.clip((uv - DEPTH_OFFSET_PX) / DEPTH_STEP_PX, 0, [w - 1, h - 1]).astype(np.float32)
    x0, y0 = at.astype(int).T
    x1, y1 = np.minimum(x0 + 1, w - 1), np.minimum(y0 + 1, h - 1)
    corners = np.stack([depth[y0, x0], depth[y0, x1], depth[y1, x0], depth[y1, x1]], axis=1)
    samples = corners * np.float32(DEPTH_UNIT_M)
    gap = np.where(samples > 0, np.abs(samples - z[:, None]), np.inf).min(axis=1)
    fx, fy = at[:, 0] - x0, at[:, 1] - y0
    weights = np.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], axis=1)
    low, high = samples.min(axis=1), samples.max(axis=1)
    is_flat = (low > 0) & (high - low <= DEPTH_JUMP * low)
    between = np.abs((samples * weights).sum(axis=1) - z)
    gap = np.where(is_flat, np.minimum(gap, between), gap)
    variance = np.square(axial_sigma(z)) + sigma_floor_m**2
    return np.where(high > 0, np.exp(-0.5 * np.square(gap) / variance), unknown)


def separations(pose: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[n] metres from one pose [4,4] to others [n,4,4], a turn counted as a way."""
    way = np.linalg.norm(others[:, :3, 3] - pose[:3, 3], axis=1)
    cosine = (np.einsum("ij,nij->n", pose[:3, :3], others[:, :3, :3]) - 1) / 2
    return np.asarray(way + _TURN_M * np.arccos(np.clip(cosine, -1, 1)))


def spread(poses: np.ndarray, count: int) -> np.ndarray:
    """Indices, ascending, of `count` of the poses [n,4,4], far from each other.

    Farthest-point sampling that starts with the last one.
    """
    if len(poses) <= count:
        return np.arange(len(poses))
    chosen = [len(poses) - 1]
    gap = separations(poses[-1], poses)
    while len(chosen) < count:
        chosen.append(int(gap.argmax()))
        gap = np.minimum(gap, separations(poses[chosen[-1]], poses))
    return np.sort(chosen)


def pack_views(views: list[StoredView]) -> dict[str, np.ndarray]:
    """Views as plain arrays; those of unequal size lie end to end, with their shapes."""
    return {
        "keyframe": np.array([v.keyframe for v in views], np.int64),
        "grid": np.array([v.codes.shape for v in views], np.int64).reshape(-1, 2),
        "depth_grid": np.array([v.depth.shape for v in views], np.int64).reshape(-1, 2),
        "pose": np.array([v.T_world_cam for v in views], np.float64).reshape(-1, 4, 4),
        "codes": _end_to_end([v.codes for v in views], np.uint16),
        "weight": _end_to_end([v.weight for v in views], np.uint8),
        "depth": _end_to_end([v.depth for v in views], np.uint16),
    }


def unpack_views(state: dict[str, np.ndarray]) -> list[StoredView]:
    """The inverse of `pack_views`.

    Raises:
        ArrayError: a part is missing, or the parts do not fit together.
    """
    try:
        grids, depth_grids = state["grid"].tolist(), state["depth_grid"].tolist()
        parts: list[Any] = [
            state["keyframe"].tolist(),
            _apart(state["codes"], grids),
            _apart(state["weight"], grids),
            _apart(state["depth"], depth_grids),
            list(state["pose"]),
        ]
        return [StoredView(*view) for view in zip(*parts, strict=True)]
    except (KeyError, ValueError) as error:
        raise ArrayError("not the state of a language field", found=str(error)) from error


def _end_to_end(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *(part.ravel() for part in parts)])


def _apart(flat: np.ndarray, shapes: list[list[int]]) -> list[np.ndarray]:
    ends = np.cumsum([h * w for h, w in shapes], dtype=np.int64)
    if len(flat) != (ends[-1] if len(ends) else 0):
        raise ValueError("arrays of another length than their shapes say")
    parts = np.split(flat, ends[:-1]) if len(ends) else []
    return [part.reshape(shape).copy() for part, shape in zip(parts, shapes, strict=True)]
