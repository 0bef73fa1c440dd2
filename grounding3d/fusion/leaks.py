"""Voxels that one wrong mask gave to a thing, and that are another's.

A mask that leaks onto the table around a cup, or a cup and a table's leg in one mask: how often
frames saw such voxels elsewhere is not known from before the thing had them, so that a leak of the
last frames looks as certain as all that was seen once. What the other thing's masks hit there
tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from grounding3d.fusion.voxels import VoxelHistogram
from grounding3d.geometry.pointcloud import bounds, voxel_keys

if TYPE_CHECKING:
    from grounding3d.fusion.association import SegmentFuser

_OFTEN = 2  # hits that are more than one wrong mask
_USUAL = 8  # hits of the bulk of a thing; one that was seen seldom has nothing to spare
_CELLS = 2  # edge in voxels of the cells in which a surface is looked for: noise spreads its hits
_MAX_GRID_CELLS = 8_000_000


def without_leaks(
    fuser: SegmentFuser, group: frozenset[int], voxels: VoxelHistogram
) -> VoxelHistogram:
    """The voxels of a thing without those that one mask gave it and several gave to another.

    Args:
        fuser: its tracks, and its memo.
        group: ids of the tracks that the thing consists of.
        voxels: all of them together.

    Returns:
        The same histogram where there is nothing to leave out.
    """
    rows = fuser.memo.recall(_doubtful, voxels)
    if not rows.any():
        return voxels
    doubtful = fuser.memo.recall(_some, voxels, rows.tobytes())
    low, high = bounds(doubtful.points)
    leaked = np.zeros(len(doubtful), bool)
    for track in fuser.tracks.values():
        margin = track.voxels.cell_m
        if track.id in group or (track.low > high + margin).any():
            continue
        if (track.high >= low - margin).all():
            leaked |= fuser.memo.recall(_claimed, doubtful, track.voxels)
    if not leaked.any():
        return voxels
    rows = rows.copy()
    rows[rows] = leaked
    return fuser.memo.recall(_some, voxels, (~rows).tobytes())


def _doubtful(voxels: VoxelHistogram) -> np.ndarray:
    """[n] bool: voxels hit once with nothing around them that was hit more often."""
    none = np.zeros(len(voxels), bool)
    if not len(voxels) or np.percentile(voxels.counts, 90) < _USUAL:
        return none
    index = np.floor(voxels.points / (_CELLS * voxels.cell_m)).astype(np.int64)
    index -= index.min(axis=0)
    shape = index.max(axis=0) + 1
    if shape.prod() > _MAX_GRID_CELLS:
        return none
    often = np.zeros(shape, bool)
    often[tuple(index[voxels.counts >= _OFTEN].T)] = True
    often = ndimage.binary_dilation(often)
    return np.asarray(~often[tuple(index.T)])


def _some(voxels: VoxelHistogram, rows: bytes) -> VoxelHistogram:
    return voxels.select(np.frombuffer(rows, bool))


def _claimed(doubtful: VoxelHistogram, other: VoxelHistogram) -> np.ndarray:
    """[n] bool: doubtful voxels at which another thing was hit more than once."""
    rivals = other.select(other.counts >= _OFTEN)
    if rivals.cell_m == doubtful.cell_m:
        return doubtful.near(rivals)[0]
    points = doubtful.points
    coarse = VoxelHistogram.from_points(points, np.zeros_like(points, np.uint8), rivals.cell_m)
    hit = coarse.keys[coarse.near(rivals)[0]]
    return np.isin(voxel_keys(points, rivals.cell_m), hit)
