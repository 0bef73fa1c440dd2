"""Running sums of codes over Gaussians: the compiled core's, and the same in numpy."""

from __future__ import annotations

import numpy as np

from grounding3d.errors import MissingDependencyError
from grounding3d.fusion.base import NO_CODE
from grounding3d.fusion.field_config import FieldConfig
from grounding3d.fusion.field_views import (
    DEPTH_JUMP,
    DEPTH_OFFSET_PX,
    DEPTH_STEP_PX,
    DEPTH_UNIT_M,
    StoredView,
    cell_depth,
    depth_agreement,
)
from grounding3d.geometry.transforms import invert_pose
from grounding3d.scene.base import Gaussians, Keyframe
from grounding3d.scene.rasterizers import make_rasterizer
from grounding3d.scene.rasterizers.base import Rasterizer
from grounding3d.scene.rasterizers.core import contiguous, core_view, load_core
from grounding3d.scene.surfels import axial_sigma

_LEAST_AGREEMENT = 1e-3
_HALF_PIXELS = 4  # a view near by has more pixels, but no more say
_PART = 8192  # Gaussians whose pairs of slots are compared at a time


class CodeSums:
    """For each Gaussian, sums of weights by code: sum w F of the lift, kept sparse.

    Each has `slots` codes; what comes when all are taken joins the code most alike, so that the
    error of a Gaussian's summed feature is at most sqrt(2 - 2 cos) of the weight that joined.

    Attributes:
        codes: [N,slots] uint16, filled from the front, `NO_CODE` = free.
        weights: [N,slots] float32.
        seen: [N] float32 sum over views of the share of the Gaussian's pixels that agree.
        alike: [U,U] uint8 cosines between the codes' vectors, 0 = -1 and 255 = 1.
    """

    def __init__(self, count: int, vectors: np.ndarray, slots: int) -> None:
        """Empty sums of `count` Gaussians over codes with unit vectors [U,D]."""
        self.codes = np.full((count, slots), NO_CODE, np.uint16)
        self.weights = np.zeros((count, slots), np.float32)
        self.seen = np.zeros(count, np.float32)
        self.alike = np.rint(127.5 * (1 + np.clip(vectors @ vectors.T, -1, 1))).astype(np.uint8)

    def add(self, row: np.ndarray, code: np.ndarray, weight: np.ndarray) -> None:
        """Add weights to Gaussians' codes, code by code in ascending order.

        Args:
            row, code, weight: [n] each; a pair of row and code may come several times.
        """
        key = row.astype(np.int64) << 16 | code
        key, inverse = np.unique(key, return_inverse=True)
        total = np.zeros(len(key), np.float32)
        np.add.at(total, inverse, weight)
        row, code = key >> 16, (key & 0xFFFF).astype(np.uint16)
        rank = np.arange(len(row)) - np.searchsorted(row, row)
        for turn in range(rank.max(initial=-1) + 1):
            now = rank == turn  # no Gaussian twice
            self._add_once(row[now], code[now], total[now])

    def _add_once(self, row: np.ndarray, code: np.ndarray, weight: np.ndarray) -> None:
        codes = self.codes[row]
        same, free = codes == code[:, None], codes == NO_CODE
        # the most alike matters only where no slot is free
        alike = self.alike[code[:, None], np.where(free, 0, codes)].argmax(axis=1)
        slot = np.where(
            same.any(axis=1),
            same.argmax(axis=1),
            np.where(free.any(axis=1), free.argmax(axis=1), alike),
        )
        is_new = codes[np.arange(len(row)), slot] == NO_CODE
        self.codes[row[is_new], slot[is_new]] = code[is_new]
        self.weights[row, slot] += weight

    def favour_majority(self, least_cosine: float, factor: float) -> np.ndarray:
        """Weaken what disagrees with most of a Gaussian's weight.

        The centre is the code that the most weight is alike to; codes less alike to it than
        `least_cosine` are multiplied by `factor`.

        Returns:
            [N] float32 share of the weight that is alike to the centre, 0 where there is none.
        """
        least = int(np.ceil(127.5 * (1 + least_cosine)))
        try:
            core = load_core()
        except MissingDependencyError:
            return self._favour_majority(least, factor)
        share: np.ndarray = core.favour_majority(
            self.codes, self.weights, self.alike, least, factor
        )
        return share

    def _favour_majority(self, least: int, factor: float) -> np.ndarray:
        share = np.zeros(len(self.codes), np.float32)
        for start in range(0, len(share), _PART):
            part = slice(start, start + _PART)
            codes, weights = self.codes[part], self.weights[part]
            used = codes != NO_CODE
            at = np.where(used, codes, 0)
            sides = self.alike[at[:, :, None], at[:, None, :]] >= least if at.size else None
            if sides is None:
                continue
            support = np.where(used, (sides * weights[:, None, :]).sum(axis=2), -1)
            centre = support.argmax(axis=1)
            rows = np.arange(len(codes))
            total = weights.sum(axis=1)
            share[part] = np.divide(
                support[rows, centre], total, out=np.zeros_like(total), where=total > 0
            )
            weights *= np.where(sides[rows, centre] | ~used, 1, factor)
        return share


class CoreLifter:
    """Adds views with the compiled core; the result does not depend on the number of threads."""

    def __init__(self, config: FieldConfig) -> None:
        self._config = config
        self._raster = load_core().Raster("")
        self._how = [
            float(x)
            for x in (
                DEPTH_STEP_PX, DEPTH_OFFSET_PX, DEPTH_UNIT_M, config.sigma_floor_m, DEPTH_JUMP,
                config.unknown_depth_agreement,
            )
        ]  # fmt: skip

    def add(
        self, sums: CodeSums, gaussians: Gaussians, keyframe: Keyframe, view: StoredView
    ) -> None:
        """Add one view whose codes are rows of the sums' vectors."""
        g = gaussians
        self._raster.lift(
            contiguous(g.means, g.wxyz, g.scales, g.opacities, g.sh0, g.shN),
            core_view(keyframe.camera, keyframe.T_world_cam, (0.0, 0.0, 0.0), 0),
            view.codes,
            view.weight * np.float32(1 / 255),
            self._config.cell_px,
            cell_depth(view, self._config.cell_px),
            view.depth,
            self._how,
            sums.codes,
            sums.weights,
            sums.seen,
            sums.alike,
        )


class RasterLifter:
    """The same with any rasteriser, in numpy."""

    def __init__(self, config: FieldConfig, rasterizer: Rasterizer) -> None:
        self._config = config
        self._rasterizer = rasterizer

    def add(
        self, sums: CodeSums, gaussians: Gaussians, keyframe: Keyframe, view: StoredView
    ) -> None:
        """Add one view whose codes are rows of the sums' vectors."""
        found = self._rasterizer.contributions(
            gaussians, keyframe.camera, keyframe.T_world_cam, cell_px=16
        )
        total = np.bincount(found.gaussian, found.weight, len(gaussians))
        T = invert_pose(keyframe.T_world_cam)
        uv, z = keyframe.camera.project(gaussians.means @ T[:3, :3].T + T[:3, 3])
        rows = np.flatnonzero((total > 0) & keyframe.camera.contains(uv))
        if not len(rows):
            return
        uv, z = uv[rows], z[rows].astype(np.float32)
        u, v = np.floor(uv + 0.5).astype(int).T // self._config.cell_px
        trust = view.weight[v, u] * np.float32(1 / 255)
        agreement = self._agreement(keyframe, view, uv, z)
        keep = (view.codes[v, u] != NO_CODE) & (trust > 0) & (agreement >= _LEAST_AGREEMENT)
        share = np.where(keep, agreement * trust, 0).astype(np.float32)
        sums.seen[rows] += share
        say = total[rows] / (total[rows] + _HALF_PIXELS)
        weight = (say * share).astype(np.float32)
        sums.add(rows[keep], view.codes[v, u][keep], weight[keep])

    def _agreement(
        self, keyframe: Keyframe, view: StoredView, uv: np.ndarray, z: np.ndarray
    ) -> np.ndarray:
        c = self._config
        own = depth_agreement(view.depth, uv, z, c.sigma_floor_m, c.unknown_depth_agreement)
        u, v = np.floor(uv + 0.5).astype(int).T // c.cell_px
        middle = cell_depth(view, c.cell_px)[v, u] * DEPTH_UNIT_M
        variance = np.square(axial_sigma(z)) + np.square(0.5 * c.cell_px / keyframe.camera.fx * z)
        of_cell = np.exp(-0.5 * np.square(z - middle) / variance)
        return np.asarray(own * np.where(middle > 0, of_cell, 1))


def make_lifter(config: FieldConfig) -> CoreLifter | RasterLifter:
    """The fast one where the compiled core is installed, else the slow one."""
    try:
        return CoreLifter(config)
    except MissingDependencyError:
        return RasterLifter(config, make_rasterizer("reference"))
