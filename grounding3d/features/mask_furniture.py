"""Furniture: what closes boards at the back and sides, and which surfaces are one piece of it.

A shelf's back panel, a wardrobe's front or a bed's headboard is a vertical plane like a room's
wall, but the frame sees surfaces behind it; behind a wall it sees nothing. Such panels are cut out
like walls, so that what stands before them stays apart, and put together again with the boards
that end at them: a shelf is one thing, and so is each vase on its boards.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from grounding3d.features.mask_pieces import connect
from grounding3d.features.planes import Plane
from grounding3d.features.surface import Surface, widen
from grounding3d.features.upright import Upright

_BEHIND_M2 = 0.1
_BEHIND_SHARE = 0.1
_WIDEST_M = 2.6
_PANEL_SHARE = 0.4  # of a piece's pixels lie in panels
_CONTACT = 12  # neighbouring pixels that meet in space
_REACH = 3
_BEYOND_M = 0.12
_FLOOR_SHARE = 0.01
_RISES_M, _BOARD_SIDE = 0.08, 0.4
_BEYOND_PANEL_M, _BEYOND_SHARE = 0.06, 0.05
_BODY_FROM_M, _BODY_TO_M, _BODY_COLUMNS = 0.08, 0.4, 0.6


def is_panel(surface: Surface, plane: Plane, up: np.ndarray) -> bool:
    """Whether a vertical plane stands before other surfaces and is no wider than furniture."""
    height = plane.height(surface.points)
    clear = 0.02 + 3 * surface.sigma_m + 0.004 * surface.z**2
    behind = float(surface.area_m2[surface.valid & (height < -clear)].sum())
    if behind < max(_BEHIND_M2, _BEHIND_SHARE * plane.area_m2):
        return False
    along = surface.points[plane.bits] @ np.cross(plane.normal, up).astype(np.float32)
    return bool(np.ptp(np.percentile(along, [2, 98])) < _WIDEST_M)


def connect_apart(surface: Surface, mask: np.ndarray, panels: np.ndarray) -> np.ndarray:
    """Pieces [h,w] int32 of the masked pixels that hang together, those of panels by themselves.

    Args:
        surface: the depth image.
        mask: [h,w] bool.
        panels: [h,w] int number of the panel a pixel lies in, 0 = none.
    """
    pieces, last = connect(surface, mask & (panels == 0))
    for number in np.unique(panels[mask & (panels > 0)]):
        parts, count = ndimage.label(mask & (panels == number), np.ones((3, 3)))
        pieces[parts > 0] = parts[parts > 0] + last
        last += count
    return pieces


def is_floor(surface: Surface, plane: Plane) -> bool:
    """Whether hardly anything was seen below a support."""
    below = surface.valid & (plane.height(surface.points) < -0.05 - 3 * surface.sigma_m)
    return bool(below.sum() < _FLOOR_SHARE * surface.valid.sum())


def closing_panels(
    surface: Surface, board: Plane, planes: dict[int, Plane], panels: np.ndarray
) -> set[int]:
    """Numbers of the panels that rise over a level plane and that it ends at along a side.

    A table goes on behind the screen that stands on it; a shelf's board does not behind its back.

    Args:
        surface: the depth image.
        board: level.
        planes: panels by number.
        panels: [h,w] int number of the panel a pixel lies in, 0 = none.
    """
    found: set[int] = set()
    if not planes or not board.bits.any():
        return found
    height = board.height(surface.points)
    over = (height > 0) & (height < _RISES_M + 3 * surface.sigma_m)
    rows, columns = (np.flatnonzero(board.bits.any(axis=axis)) for axis in (1, 0))
    window = tuple(slice(max(0, at[0] - _REACH), at[-1] + _REACH + 1) for at in (rows, columns))
    bits, points = board.bits[window], surface.points[board.bits]
    for number, panel in planes.items():
        reach = near = over[window] & (panels[window] == number)
        if not near.any():
            continue
        for _ in range(_REACH):
            reach = widen(reach)
        meets = reach & bits & ~near
        wide = meets.any(axis=0).sum() > _BOARD_SIDE * len(columns)
        deep = meets.any(axis=1).sum() > _BOARD_SIDE * len(rows)
        if (wide or deep) and (panel.height(points) < -_BEYOND_PANEL_M).mean() < _BEYOND_SHARE:
            found.add(number)
    return found


def is_body(plane: Plane, hanging: np.ndarray, height: np.ndarray) -> bool:
    """Whether what hangs below a support fills its width, as a cupboard does and legs do not.

    Args:
        plane: the support.
        hanging: [h,w] bool.
        height: [h,w] over the support, metres.
    """
    deep = hanging & (height < -_BODY_FROM_M) & (height > -_BODY_TO_M)
    columns = np.flatnonzero(plane.bits.any(axis=0))
    if not len(columns) or not deep.any():
        return False
    return bool(deep[:, columns].any(axis=0).mean() > _BODY_COLUMNS)


def stiff_parts(labels: np.ndarray, supports: int, panels: np.ndarray) -> np.ndarray:
    """[n] bool by label: whether it is made of panels, or a support's body.

    Args:
        labels: [h,w] int32; supports first, then the body of each, then other pieces.
        supports: their number.
        panels: [h,w] int number of the panel a pixel lies in, 0 = none.
    """
    last = int(max(labels.max(), 2 * supports))
    size = np.bincount(labels[labels > 0], minlength=last + 1)
    flat = np.bincount(labels[(labels > 0) & (panels > 0)], minlength=last + 1)
    stiff = flat > _PANEL_SHARE * np.maximum(size, 1)
    stiff[: supports + 1] = False
    bodies = slice(supports + 1, 2 * supports + 1)
    stiff[bodies] = size[bodies] > 0
    return stiff


def group_furniture(
    surface: Surface,
    labels: np.ndarray,
    supports: list[Plane],
    stiff: np.ndarray,
    upright: Upright,
) -> list[list[int]]:
    """Sets of labels that are one piece of furniture each; single labels are left out.

    Args:
        surface: the depth image.
        labels: [h,w] int32; S supports first, then the body of each, then other pieces.
        supports: the S planes.
        stiff: [n] bool, see `stiff_parts`.
        upright: level frame of the image.
    """
    count, last = len(supports), len(stiff) - 1
    board = np.zeros(last + 1, bool)
    board[1 : count + 1] = [not is_floor(surface, plane) for plane in supports]
    pairs = [(n, n + count) for n in range(1, count + 1) if stiff[n + count]]
    for a, b in _contacts(surface, labels, stiff | board):
        if (stiff[a] and stiff[b]) or (board[a] and stiff[b] and _ends_at(upright, labels, a, b)):
            pairs.append((a, b))
    return _united(pairs, last + 1)


def _contacts(surface: Surface, labels: np.ndarray, chosen: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of the chosen labels, the smaller first, that meet in space along a line."""
    member = chosen[np.maximum(labels, 0)] & (labels > 0)
    base, h, w = len(chosen), *labels.shape
    pitch = surface.z / np.float32(abs(surface.camera.fx))
    reach = 0.012 + 3 * surface.sigma_m
    codes = []
    for dv, du in ((0, _REACH), (_REACH, 0)):
        a, b = (slice(0, h - dv), slice(0, w - du)), (slice(dv, h), slice(du, w))
        v, u = np.nonzero(member[a] & member[b] & (labels[a] != labels[b]))
        first, second = (v, u), (v + dv, u + du)
        gap = surface.points[first] - surface.points[second]
        slack = reach[first] + (1 + _REACH) * pitch[first]
        near = np.einsum("ij,ij->i", gap, gap) < slack**2
        pair = np.sort(np.stack([labels[first][near], labels[second][near]]), axis=0)
        codes.append(pair[0].astype(np.int64) * base + pair[1])
    code, times = np.unique(np.concatenate(codes), return_counts=True)
    return [divmod(int(c), base) for c in code[times >= _CONTACT * _REACH]]


def _ends_at(upright: Upright, labels: np.ndarray, board: int, panel: int) -> bool:
    """Whether a board does not go on beyond a panel to both sides, as a floor does."""
    ground = upright.ground[labels == panel]
    center = ground.mean(axis=0)
    along = np.linalg.svd((ground - center)[:: 1 + len(ground) // 500], full_matrices=False)[2][0]
    low, high = np.percentile((ground - center) @ along, [2, 98])
    own = np.percentile((upright.ground[labels == board] - center) @ along, [2, 98])
    return bool(own[0] > low - _BEYOND_M or own[1] < high + _BEYOND_M)


def _united(pairs: Iterable[tuple[int, int]], count: int) -> list[list[int]]:
    """Connected sets of more than one number, each in order."""
    pairs = list(pairs)
    if not pairs:
        return []
    first, second = np.array(pairs).T
    graph = coo_matrix((np.ones(len(first), np.int8), (first, second)), shape=(count, count))
    group = connected_components(graph, directed=False)[1]
    members = [np.flatnonzero(group == g) for g in np.unique(group[first])]
    return [list(map(int, numbers)) for numbers in members]
