"""What the keyframes saw of the space around things.

A face of a thing is known when the space beyond it was seen empty: then the thing ends there. That
a camera stood on the right side says little, because walls, shelves, neighbours and the image's
border hide most faces of a furnished room. So lines of sight are followed from just beyond each
face towards the cameras, through a grid of the observed surface (ray casting as in occupancy grids,
Elfes 1989, read backwards).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grounding3d.geometry.boxes import OBB
from grounding3d.scene.base import Scene

BEYOND_M = (0.01, 0.03, 0.1, 0.3)
"""Distances from a face at which empty space is looked for."""
_CELL_M = 0.02
_MAX_CELLS = 16_000_000
_OUTLIERS = 0.001  # share of the surface that may lie outside the grid, per side
_BORDER_M = 0.3
_SAMPLE = 20_000  # points from which the bounds of the grid are taken
_FEW = 2000  # points from which the extent of what was observed is taken
_TRIM = 0.02
_FOLLOWED_M = 0.6  # of a line of sight; what stands farther off hid the thing itself as well
_START_CELLS = 1.5  # the cell of a probe may hold the surface that it was put beside
_VIEWS = 6
_MAX_RANGE_M = 5.0
_RIM_PX = 2
_PROBES = 9  # on a face
_SEEN_PROBES = 3  # of them beside which empty space was seen, for the thing to end there
_CORE = 0.98  # share of a box that hides what is behind it
_TOGETHER = 16  # things at a time: few enough for the processor's caches


class Sight:
    """Lines of sight of one scene, for many things.

    Args:
        scene: its Gaussians are the observed surface; its keyframes looked at it.
    """

    def __init__(self, scene: Scene) -> None:
        means = np.asarray(scene.gaussians.means, np.float32).reshape(-1, 3)
        few = means[:: max(1, len(means) // _SAMPLE)] if len(means) else np.zeros((1, 3))
        low, high = np.quantile(few, [_OUTLIERS, 1 - _OUTLIERS], axis=0)
        extent = high - low + 2 * _BORDER_M
        self._cell = float(max(_CELL_M, np.cbrt(extent.prod() / _MAX_CELLS)))
        self._low = (low - _BORDER_M - self._cell).astype(np.float32)
        shape = np.ceil(extent / self._cell).astype(np.int32) + 2
        self._last = shape - 1
        occupied = np.zeros(shape, bool)
        self._occupied = occupied.reshape(-1)
        self._occupied[self._cells(means)] = True
        for side in (0, -1):  # what is outside falls on the outermost cells, which stay empty
            occupied[side], occupied[:, side], occupied[:, :, side] = False, False, False
        poses = np.array([k.T_world_cam for k in scene.keyframes], np.float32).reshape(-1, 4, 4)
        self._R, self._at = poses[:, :3, :3], poses[:, :3, 3]
        cameras = [k.camera for k in scene.keyframes]
        lens = [(c.fx, c.fy, c.cx, c.cy, c.width, c.height) for c in cameras]
        self._lens = np.array(lens, np.float32).reshape(-1, 6)

    def reach(
        self, boxes: Sequence[OBB], clouds: Sequence[np.ndarray], keyframes: Sequence[np.ndarray]
    ) -> np.ndarray:
        """[M,2,3] how far things may reach beyond the lower and upper face of each axis, metres.

        0 where the space beside the face was seen empty, infinite where nobody saw any. In between
        it is the nearest of `BEYOND_M` at which somebody did.

        Args:
            boxes: the things' boxes.
            clouds: [n,3] observed surface of each: what is looked at is the space beside that, not
                beside a part that was completed.
            keyframes: for each the rows of the keyframes that it was seen in.
        """
        parts = [np.zeros((0, 2, 3))]
        for start in range(0, len(boxes), _TOGETHER):
            some = slice(start, start + _TOGETHER)
            nearest = np.sort(self.first_empty(boxes[some], clouds[some], keyframes[some]), axis=3)
            parts.append(nearest[..., _SEEN_PROBES - 1])
        reach = np.concatenate(parts)
        return np.where(reach <= BEYOND_M[0], 0.0, reach)

    def first_empty(
        self, boxes: Sequence[OBB], clouds: Sequence[np.ndarray], keyframes: Sequence[np.ndarray]
    ) -> np.ndarray:
        """[M,2,3,9] for each of nine places on a face the distance at which space was seen empty.

        The arguments are those of `reach`.
        """
        things = _Boxes(boxes)
        base, outward = things.probes(clouds)
        views = np.full((len(boxes), _VIEWS), -1)
        for row, (box, seen) in enumerate(zip(boxes, keyframes, strict=True)):
            spread = self._spread(box.center, seen[seen < len(self._at)])
            views[row, : len(spread)] = spread
        thing = np.repeat(np.arange(len(boxes)), 6 * _PROBES)
        seen_at = np.full(len(base), np.inf)
        for distance in BEYOND_M:
            left = np.flatnonzero(np.isinf(seen_at))
            probes = base[left] + np.float32(distance) * outward[left]
            empty = self._seen_empty(probes, thing[left], views, things)
            seen_at[left[empty]] = distance
        return seen_at.reshape(-1, 2, 3, _PROBES)

    def drop(self, box: OBB, points: np.ndarray, limit_m: float) -> float:
        """How far the surface below an upright box is, metres; `limit_m` where there is none.

        Args:
            box: its third axis is up.
            points: [n,3] the thing's own surface, which does not count.
            limit_m: farthest that is looked for.
        """
        base, outward = _Boxes([box]).probes([points])
        below = slice(2 * _PROBES, 3 * _PROBES)
        down = np.arange(0.5, limit_m / self._cell, dtype=np.float32) * self._cell
        cells = self._cells(base[below, None] + down[:, None] * outward[below, None])
        met = self._occupied[cells] & ~np.isin(cells, self._cells(points))
        first = np.where(met.any(axis=1), down[met.argmax(axis=1)], limit_m)
        return float(np.median(first))

    def _cells(self, points: np.ndarray) -> np.ndarray:
        """Flat indices of the cells of points [...,3]."""
        flat = np.zeros(np.shape(points)[:-1], np.int32)
        for axis, (low, last) in enumerate(zip(self._low, self._last, strict=True)):
            scaled = (points[..., axis] - low) * np.float32(1 / self._cell)
            flat = flat * (last + 1) + np.clip(scaled, 0, last).astype(np.int32)
        return flat

    def _spread(self, center: np.ndarray, keyframes: np.ndarray) -> np.ndarray:
        """Up to `_VIEWS` of the keyframes, looking from directions far apart."""
        if len(keyframes) <= _VIEWS:
            return keyframes
        sight = self._at[keyframes] - center
        sight /= np.maximum(np.linalg.norm(sight, axis=1, keepdims=True), 1e-6)
        chosen = [0]
        nearest = sight @ sight[0]
        while len(chosen) < _VIEWS:
            chosen.append(int(nearest.argmin()))
            nearest = np.maximum(nearest, sight @ sight[chosen[-1]])
        return keyframes[chosen]

    def _seen_empty(
        self, probes: np.ndarray, thing: np.ndarray, views: np.ndarray, boxes: _Boxes
    ) -> np.ndarray:
        """[n] whether any keyframe looked through each of the points [n,3].

        Args:
            probes: the points.
            thing: [n] the thing that each belongs to.
            views: [M,v] keyframes that each thing is seen in, -1 = none.
            boxes: of the things; they hide what is behind them.
        """
        seen = np.zeros(len(probes), bool)
        row, view = np.repeat(np.arange(len(probes)), views.shape[1]), views[thing].ravel()
        row, view = row[view >= 0], view[view >= 0]
        visible = self._in_image(probes[row], view)
        row, view = row[visible], view[visible]
        ray = self._at[view] - probes[row]
        far = np.sqrt(np.einsum("ni,ni->n", ray, ray))[:, None]
        ray /= far
        open_ = ~boxes.hit(thing[row], probes[row], ray)
        row, ray, far = row[open_], ray[open_], far[open_]
        steps = np.arange(_START_CELLS, _FOLLOWED_M / self._cell, dtype=np.float32) * self._cell
        along = np.minimum(steps, far - self._cell)
        met = self._occupied[self._cells(probes[row, None] + along[..., None] * ray[:, None])]
        seen[row[~met.any(axis=1)]] = True
        return seen

    def _in_image(self, points: np.ndarray, view: np.ndarray) -> np.ndarray:
        """[n] whether each point [n,3] lies in the image of its keyframe [n], near enough."""
        x, y, z = np.einsum("nji,nj->in", self._R[view], points - self._at[view])
        fx, fy, cx, cy, width, height = self._lens[view].T
        deep = np.maximum(z, 1e-6)
        u, v = x / deep * fx + cx, y / deep * fy + cy
        inside = (u > _RIM_PX) & (u < width - _RIM_PX) & (v > _RIM_PX) & (v < height - _RIM_PX)
        return np.asarray(inside & (z > 0) & (z < _MAX_RANGE_M))


class _Boxes:
    """Boxes of M things as arrays."""

    def __init__(self, boxes: Sequence[OBB]) -> None:
        self._center = np.array([box.center for box in boxes], np.float32).reshape(-1, 3)
        self._R = np.array([box.R for box in boxes], np.float32).reshape(-1, 3, 3)
        self._half = np.array([box.size for box in boxes], np.float32).reshape(-1, 3) / 2

    def probes(self, clouds: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Points [54 M,3] on the faces, nine each, and the directions [54 M,3] out of the boxes.

        Ordered like [M,2,3,9]: lower and upper, axis, place. They are spread over what was
        observed, the clouds [n,3].
        """
        low, high = self._observed(clouds)
        thirds = np.array([1, 3, 5], np.float32) / 6
        at = np.zeros((len(low), 2, 3, _PROBES, 3), np.float32)
        out = np.zeros_like(at)
        for axis in range(3):
            b, c = (axis + 1) % 3, (axis + 2) % 3
            across = low[:, None] + thirds[:, None] * (high - low)[:, None]
            at[:, :, axis, :, b] = np.repeat(across[:, None, :, b], 3, axis=2)
            at[:, :, axis, :, c] = np.tile(across[:, None, :, c], 3)
            for side, sign in enumerate((-1, 1)):
                out[:, side, axis, :, axis] = sign
                at[:, side, axis, :, axis] = sign * self._half[:, axis, None]
        turned = np.einsum("mij,mkj->mki", self._R, at.reshape(len(low), -1, 3))
        outward = np.einsum("mij,mkj->mki", self._R, out.reshape(len(low), -1, 3))
        return (turned + self._center[:, None]).reshape(-1, 3), outward.reshape(-1, 3)

    def _observed(self, clouds: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """[M,3] least and most along the boxes' axes of what was observed, inside the boxes."""
        low, high = -self._half, self._half.copy()
        for row, cloud in enumerate(clouds):
            if not len(cloud):
                continue
            few = cloud[:: max(1, len(cloud) // _FEW)]
            local = np.sort((few - self._center[row]) @ self._R[row], axis=0)
            trim = int(_TRIM * len(local))
            low[row] = np.maximum(low[row], local[trim])
            high[row] = np.minimum(high[row], local[-1 - trim])
        return low, high

    def hit(self, thing: np.ndarray, start: np.ndarray, ray: np.ndarray) -> np.ndarray:
        """[n] whether rays [n,3] from points [n,3] pass through their thing's box.

        Slab method (Kay and Kajiya 1986).
        """
        R = self._R[thing]
        origin = np.einsum("nji,nj->ni", R, start - self._center[thing])
        along = np.einsum("nji,nj->ni", R, ray)
        along = np.where(np.abs(along) < 1e-6, np.float32(1e-6), along)
        half = _CORE * self._half[thing]
        one, other = (-half - origin) / along, (half - origin) / along
        enters = np.minimum(one, other).max(axis=1)
        leaves = np.maximum(one, other).min(axis=1)
        return np.asarray(leaves > np.maximum(enters, 0))
