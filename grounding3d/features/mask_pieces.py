"""Pieces of a depth image: what hangs together in space, and which pieces are one thing."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from grounding3d.features.planes import Surface

_BESIDE = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0), (0, 3), (3, 0))


def connect(surface: Surface, mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Pieces of the masked pixels that hang together in space.

    Two pixels at most three apart are linked where the distance of their points is explained by the
    pixels' pitch and the noise.

    Returns:
        [h,w] int32 with 0 outside the mask, and the number of pieces.
    """
    h, w = mask.shape
    index = np.full((h, w), -1, np.int32)
    n = int(mask.sum())
    index[mask] = np.arange(n)
    pitch = surface.z / np.float32(abs(surface.camera.fx))
    reach = 0.008 + 1.5 * pitch + 3 * surface.sigma_m
    links = []
    for dv, du in _BESIDE:
        a = (slice(0, h - dv), slice(max(0, -du), w - max(0, du)))
        b = (slice(dv, h), slice(max(0, du), w + min(0, du)))
        v, u = np.nonzero(mask[a] & mask[b])
        first, second = (v, u + max(0, -du)), (v + dv, u + max(0, du))
        gap = surface.points[first] - surface.points[second]
        limit = reach[first] + pitch[first] * np.float32(np.hypot(dv, du))
        near = np.einsum("ij,ij->i", gap, gap) < limit**2
        links.append(np.stack([index[first][near], index[second][near]]))
    rows, columns = np.concatenate(links, axis=1)
    graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(n, n))
    count, piece = connected_components(graph, directed=False)
    pieces = np.zeros((h, w), np.int32)
    pieces[mask] = piece + 1
    return pieces, count


def drop_small(pieces: np.ndarray, min_pixels: float) -> np.ndarray:
    """Pieces [h,w] of at least `min_pixels`, numbered from 1 without gaps."""
    kept = np.bincount(pieces.ravel()) >= min_pixels
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0)[pieces].astype(np.int32)
