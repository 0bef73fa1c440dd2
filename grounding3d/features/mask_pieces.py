"""Pieces of a depth image: what hangs together in space, and which pieces are one thing."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from grounding3d.features.native import mask_core
from grounding3d.features.surface import Surface, widen
from grounding3d.features.upright import Upright, outline, within

_BESIDE = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0), (2, 2), (2, -2), (0, 3), (3, 0))
_FLOATING_M = 0.025
_RING = 3
_MEETING_M = 0.02


def connect(surface: Surface, mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Pieces of the masked pixels that hang together in space.

    Two pixels at most three apart are linked where the distance of their points is explained by the
    pixels' pitch and the noise.

    Returns:
        [h,w] int32 with 0 outside the mask, and the number of pieces.
    """
    pieces = np.zeros(mask.shape, np.int32)
    if not mask.any():
        return pieces, 0
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    part, points = mask[window], surface.points[window]
    pitch = points[..., 2] / np.float32(abs(surface.camera.fx))
    reach = 0.008 + 1.5 * pitch + 3 * surface.sigma_m[window]
    core = mask_core()
    if core is None:
        pieces[window], count = link(points, part, reach, pitch)
        return pieces, count
    flat = [np.ascontiguousarray(a, np.float32) for a in (points, reach, pitch)]
    steps = [step for pair in _BESIDE for step in pair]
    bits = np.ascontiguousarray(part).view(np.uint8)
    pieces[window], count = core.connect(flat[0], bits, *flat[1:], steps)
    return pieces, count


def link(
    points: np.ndarray, mask: np.ndarray, reach: np.ndarray, pitch: np.ndarray
) -> tuple[np.ndarray, int]:
    """What `connect` does, without the compiled core.

    Args:
        points: [h,w,3] metres.
        mask: [h,w] bool.
        reach: [h,w] distance in space up to which pixels are linked, metres;
        pitch: [h,w] and so much more a pixel between them.
    """
    h, w = mask.shape
    index = np.full((h, w), -1, np.int32)
    n = int(mask.sum())
    index[mask] = np.arange(n)
    links = []
    for dv, du in _BESIDE:
        a = (slice(0, h - dv), slice(max(0, -du), w - max(0, du)))
        b = (slice(dv, h), slice(max(0, du), w + min(0, du)))
        v, u = np.nonzero(mask[a] & mask[b])
        first, second = (v, u + max(0, -du)), (v + dv, u + max(0, du))
        gap = points[first] - points[second]
        limit = reach[first] + pitch[first] * np.float32(np.hypot(dv, du))
        near = np.einsum("ij,ij->i", gap, gap) < limit**2
        links.append(np.stack([index[first][near], index[second][near]]))
    rows, columns = np.concatenate(links, axis=1)
    graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(n, n))
    count, piece = connected_components(graph, directed=False)
    pieces = np.zeros(mask.shape, np.int32)
    pieces[mask] = piece + 1
    return pieces, count


def drop_small(pieces: np.ndarray, min_pixels: float) -> np.ndarray:
    """Pieces [h,w] of at least `min_pixels`, numbered from 1 without gaps."""
    kept = np.bincount(pieces.ravel()) >= min_pixels
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0)[pieces].astype(np.int32)


def join_pieces(
    pieces: np.ndarray,
    labels: np.ndarray,
    upright: Upright,
    levels: list[float],
    never: np.ndarray | None = None,
) -> np.ndarray:
    """Join pieces that are parts of one thing.

    A piece that floats joins a neighbour in the image which it meets in space (a dumbbell's bar),
    or which it is over, seen from above (a lamp's shade). One that does not float joins what
    borders on much of it and is over it (the inside of a vase).

    Args:
        pieces: [h,w] int32 from 1, 0 elsewhere.
        labels: [h,w] int32, 0 where there is no background.
        upright: level frame of the image.
        levels: heights of the supports in that frame.
        never: [n + 1, n + 1] bool, pieces that are not joined to others: a vase to a shelf's back.
    """
    owner = np.arange(pieces.max() + 1)
    hulls: dict[int, np.ndarray | None] = {}
    boxes = ndimage.find_objects(pieces)
    everything = np.where(pieces > 0, pieces, -(labels != 0).astype(np.int32))
    for piece in np.argsort(np.bincount(pieces.ravel())):
        if piece == 0 or boxes[piece - 1] is None:
            continue
        window = tuple(slice(max(0, s.start - _RING), s.stop + _RING) for s in boxes[piece - 1])
        inside = pieces[window] == piece
        wide = inside
        for _ in range(_RING):
            wide = widen(wide)
        beside = everything[window][wide & ~inside]
        beside = beside[beside != 0]
        neighbours, counts = np.unique(beside[beside > 0], return_counts=True)
        lowest = np.percentile(upright.height[window][inside], 5)
        carrying = [level for level in levels if level < lowest + 0.01]
        floats = bool(carrying) and lowest - max(carrying) > _FLOATING_M
        for neighbour, count in sorted(zip(neighbours, counts), key=lambda pair: -pair[1]):
            if never is not None and never[piece, neighbour]:
                continue
            if count < 3 or not (floats or count > 0.25 * len(beside)):
                continue
            meets = floats and _gap(upright, pieces, piece, neighbour, window) < _MEETING_M
            if meets or _over(upright, pieces, boxes, (piece, neighbour), hulls):
                owner[owner == owner[piece]] = owner[neighbour]
                break
    return owner[pieces].astype(np.int32)


def _gap(
    upright: Upright, pieces: np.ndarray, first: int, second: int, window: tuple[slice, ...]
) -> float:
    """Distance in metres between two pieces, of their pixels in a window near each other."""
    ends = []
    for one, other in ((first, second), (second, first)):
        near = pieces[window] == other
        for _ in range(_RING + 1):
            near = widen(near)
        near &= pieces[window] == one
        place = np.column_stack([upright.height[window][near], upright.ground[window][near]])
        ends.append(place[:: 1 + len(place) // 300])
    return float(cdist(ends[0], ends[1]).min()) if len(ends[0]) and len(ends[1]) else np.inf


def _over(
    upright: Upright,
    pieces: np.ndarray,
    boxes: list[tuple[slice, ...]],
    pair: tuple[int, int],
    hulls: dict[int, np.ndarray | None],
) -> bool:
    """Whether the middle of one piece lies within the outline of the other, seen from above."""
    ground = {}
    for piece in pair:
        box = boxes[piece - 1]
        ground[piece] = upright.ground[box][pieces[box] == piece]
        if piece not in hulls:
            hulls[piece] = outline(ground[piece])
    for a, b in (pair, pair[::-1]):
        hull = hulls[b]
        if hull is not None and within(ground[a].mean(axis=0)[None], hull, 0.01)[0]:
            return True
    return False
