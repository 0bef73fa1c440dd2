"""Planes that carry others (tables, shelves, the floor), joined where they are one plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from grounding3d.fusion.base import Segment
from grounding3d.fusion.config import FusionConfig
from grounding3d.fusion.tracks import Track
from grounding3d.fusion.voxels import VoxelHistogram
from grounding3d.geometry.pointcloud import bounds, fit_plane, in_bounds

if TYPE_CHECKING:
    from grounding3d.fusion.association import SegmentFuser

_GAP_CELLS = 4  # objects on a table leave gaps in its plane


def add_support(fuser: SegmentFuser, segment: Segment) -> None:
    """Add a plane segment to the support it continues, or start one.

    A segment that continues several supports joins them: plane agreement leaves little doubt. Two
    tables of one height that touch become one support.
    """
    config = fuser.config
    cells = VoxelHistogram.from_points(segment.points, segment.rgb, config.support_voxel_size_m)
    same = [
        track
        for track in fuser.tracks.values()
        if track.kind == "support" and continues(segment.points, track, config)
    ]
    if not same:
        track = fuser.new_track("support", cells)
    else:
        track = same[0]
        track.put(track.voxels.add(cells))
        for other in same[1:]:
            track.absorb(other)
            fuser.forget(other.id, heir=track.id)
    share = len(cells) / max(1, len(track.voxels))
    fuser.note_view([track.id], segment, seen=np.sqrt(share))


def continues(points: np.ndarray, track: Track, config: FusionConfig) -> bool:
    """Whether plane points [n,3] lie in the plane of a support, and next to it."""
    gap = _GAP_CELLS * config.support_voxel_size_m
    low, high = bounds(points)
    if (track.low > high + gap).any() or (track.high < low - gap).any():
        return False
    # a sample tells planes apart as well
    mine, theirs = _some(points), _some(track.points)
    my_plane, their_plane = fit_plane(mine), fit_plane(theirs)
    if abs(my_plane[:3] @ their_plane[:3]) < np.cos(np.radians(config.plane_angle_deg)):
        return False
    # measured where the two meet: a small tilt over a long table is no step
    mine, theirs = _within(mine, theirs, gap), _within(theirs, mine, gap)
    if len(mine) < 3 or len(theirs) < 3:
        return False
    steps = [_median_distance(mine, their_plane), _median_distance(theirs, my_plane)]
    return max(steps) <= config.plane_distance_m and _adjacent(mine, theirs, gap)


def _within(points: np.ndarray, others: np.ndarray, margin_m: float) -> np.ndarray:
    """The points in the axis-aligned box of the others."""
    low, high = bounds(others)
    return points[in_bounds(points, low - margin_m, high + margin_m)]


def _some(points: np.ndarray, n: int = 3000) -> np.ndarray:
    return points[:: max(1, len(points) // n)].astype(np.float64)


def _median_distance(points: np.ndarray, plane: np.ndarray) -> float:
    return float(np.median(np.abs(points @ plane[:3] + plane[3])))


def _adjacent(a: np.ndarray, b: np.ndarray, cell_m: float) -> bool:
    """Whether points come into the same or neighbouring cells of a coarse grid."""
    one = VoxelHistogram.from_points(a, np.zeros_like(a, np.uint8), cell_m)
    two = VoxelHistogram.from_points(b, np.zeros_like(b, np.uint8), cell_m)
    return bool(one.near(two)[0].any())
