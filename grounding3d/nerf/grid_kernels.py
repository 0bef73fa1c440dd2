"""Grid look-ups on the CPU, compiled by numba; the torch reference stands in `hash_grid`.

Forward passes go over the points in parallel. Backward passes go over the levels in parallel, each
of which has table rows of its own, so that no two threads add to one place and the sums come out
the same every time. Rows are four numbers wide: one 16-byte load.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

WIDTH = 4
"""Features of a row; written out below, since numba does not unroll short inner loops."""

PRIMES = (1, 2654435761, 805459861)
"""Of the spatial hash of Mueller et al. 2022 (Instant NGP), equation 4."""

_P1, _P2 = np.uint32(PRIMES[1]), np.uint32(PRIMES[2])
_ZERO, _ONE = np.float32(0), np.float32(1)


@numba.njit(inline="always")
def _place(value: Any, scale: Any) -> Any:
    """Cell and share of the way to its upper corner, for one coordinate in [0, 1]."""
    at = min(max(value, _ZERO), _ONE) * scale
    cell = min(np.int64(at), np.int64(scale) - 1)
    return cell, at - np.float32(cell)


@numba.njit(parallel=True, fastmath=True, cache=True)
def encode(points: Any, table: Any, starts: Any, sizes: Any, scales: Any, out: Any) -> None:
    """Trilinear look-up of points [N,3] in [0,1]^3 in every level.

    Args:
        points: [N,3] float32.
        table: [R,4] float32 rows of all levels.
        starts, sizes: [L] int64 first row and number of rows of each level.
        scales: [L] float32 cells along an axis.
        out: [N,4L] float32, written.
    """
    for n in numba.prange(points.shape[0]):
        for level in range(len(starts)):
            scale, size, start = scales[level], sizes[level], starts[level]
            side = np.int64(scale) + 1
            is_dense = side * side * side <= size
            x, fx = _place(points[n, 0], scale)
            y, fy = _place(points[n, 1], scale)
            z, fz = _place(points[n, 2], scale)
            a, b, c, d = _ZERO, _ZERO, _ZERO, _ZERO
            for dz in range(2):
                wz = fz if dz else _ONE - fz
                hz = np.uint32(z + dz) * _P2
                for dy in range(2):
                    wyz = wz * (fy if dy else _ONE - fy)
                    hyz = hz ^ (np.uint32(y + dy) * _P1)
                    line = ((z + dz) * side + y + dy) * side
                    for dx in range(2):
                        w = wyz * (fx if dx else _ONE - fx)
                        hashed = np.int64((hyz ^ np.uint32(x + dx)) & np.uint32(size - 1))
                        row = start + (line + x + dx if is_dense else hashed)
                        a += w * table[row, 0]
                        b += w * table[row, 1]
                        c += w * table[row, 2]
                        d += w * table[row, 3]
            base = level * 4
            out[n, base] = a
            out[n, base + 1] = b
            out[n, base + 2] = c
            out[n, base + 3] = d


@numba.njit(parallel=True, fastmath=True, cache=True)
def scatter(points: Any, grad: Any, starts: Any, sizes: Any, scales: Any, out: Any) -> None:
    """Gradient of `encode` by its table, added to `out` [R,4], which the caller has zeroed.

    Args:
        grad: [N,4L] float32 gradient by the output of `encode`; the rest as there.
    """
    for level in numba.prange(len(starts)):
        scale, size, start, base = scales[level], sizes[level], starts[level], level * 4
        side = np.int64(scale) + 1
        is_dense = side * side * side <= size
        for n in range(points.shape[0]):
            x, fx = _place(points[n, 0], scale)
            y, fy = _place(points[n, 1], scale)
            z, fz = _place(points[n, 2], scale)
            a, b, c, d = grad[n, base], grad[n, base + 1], grad[n, base + 2], grad[n, base + 3]
            for dz in range(2):
                wz = fz if dz else _ONE - fz
                hz = np.uint32(z + dz) * _P2
                for dy in range(2):
                    wyz = wz * (fy if dy else _ONE - fy)
                    hyz = hz ^ (np.uint32(y + dy) * _P1)
                    line = ((z + dz) * side + y + dy) * side
                    for dx in range(2):
                        w = wyz * (fx if dx else _ONE - fx)
                        hashed = np.int64((hyz ^ np.uint32(x + dx)) & np.uint32(size - 1))
                        row = start + (line + x + dx if is_dense else hashed)
                        out[row, 0] += w * a
                        out[row, 1] += w * b
                        out[row, 2] += w * c
                        out[row, 3] += w * d


@numba.njit(parallel=True, fastmath=True, cache=True)
def sample_grid(points: Any, grid: Any, out: Any) -> None:
    """Trilinear look-up of points [N,3], in cells of the grid, in values [X,Y,Z]; `out` [N]."""
    for n in numba.prange(points.shape[0]):
        x, fx = _corner(points[n, 0], grid.shape[0])
        y, fy = _corner(points[n, 1], grid.shape[1])
        z, fz = _corner(points[n, 2], grid.shape[2])
        c00 = grid[x, y, z] * (_ONE - fz) + grid[x, y, z + 1] * fz
        c01 = grid[x, y + 1, z] * (_ONE - fz) + grid[x, y + 1, z + 1] * fz
        c10 = grid[x + 1, y, z] * (_ONE - fz) + grid[x + 1, y, z + 1] * fz
        c11 = grid[x + 1, y + 1, z] * (_ONE - fz) + grid[x + 1, y + 1, z + 1] * fz
        c0, c1 = c00 * (_ONE - fy) + c01 * fy, c10 * (_ONE - fy) + c11 * fy
        out[n] = c0 * (_ONE - fx) + c1 * fx


@numba.njit(fastmath=True, cache=True)
def scatter_grid(points: Any, grad: Any, out: Any) -> None:
    """Gradient of `sample_grid` by its values, added to `out` [X,Y,Z]."""
    for n in range(points.shape[0]):
        x, fx = _corner(points[n, 0], out.shape[0])
        y, fy = _corner(points[n, 1], out.shape[1])
        z, fz = _corner(points[n, 2], out.shape[2])
        for dx in range(2):
            gx = grad[n] * (fx if dx else _ONE - fx)
            for dy in range(2):
                gxy = gx * (fy if dy else _ONE - fy)
                out[x + dx, y + dy, z] += gxy * (_ONE - fz)
                out[x + dx, y + dy, z + 1] += gxy * fz


@numba.njit(inline="always")
def _corner(value: Any, length: Any) -> Any:
    at = min(max(value, _ZERO), np.float32(length - 1))
    cell = min(np.int64(at), length - 2)
    return cell, at - np.float32(cell)
