"""How much of a segment lies in a track, and how much of the track the segment covers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.fusion.tracks import Track
from grounding3d.fusion.voxels import VoxelHistogram
from grounding3d.geometry.pointcloud import bounds
from grounding3d.geometry.transforms import invert_pose, transform_points
from grounding3d.scene.surfels import axial_sigma

_DEPTH_TOLERANCE_M = 0.02
_DEPTH_TOLERANCE_SHARE = 0.015  # of the depth
_SIGMAS = 3.0  # of the depth noise that lie between a voxel and what is seen behind it
_MIN_VISIBLE = 8


@dataclass(frozen=True, eq=False)
class Look:
    """What one frame says about a track's n voxels; neither where they are hidden or out of view.

    Attributes:
        seen: [n] bool: depth was measured where the voxel is.
        through: [n] bool: depth was measured behind the voxel, all around its pixel.
        gap_m: [n] float32 measured depth less the voxel's, where `seen`.
        sigma_m: [n] float32 standard deviation of a depth measured there, likewise.
    """

    seen: np.ndarray
    through: np.ndarray
    gap_m: np.ndarray
    sigma_m: np.ndarray


def look_at_tracks(tracks: Iterable[Track], frame: RGBDFrame) -> dict[int, Look]:
    """For track ids what the frame says about them; none for tracks out of view."""
    tracks = _in_view([t for t in tracks if len(t.voxels)], frame)
    if not tracks:
        return {}
    points = np.concatenate([t.points for t in tracks])
    points_cam = transform_points(invert_pose(frame.T_world_cam), points)
    uv, z = frame.camera.project(points_cam)
    inside = np.flatnonzero((z > 0.05) & frame.camera.contains(uv))
    u, v = np.rint(uv[inside]).astype(np.int64).T
    depth, z = frame.depth_m[v, u], z[inside]
    gap = np.where(depth > 0, depth - z, -np.inf)
    tolerance = np.maximum(_DEPTH_TOLERANCE_M, _DEPTH_TOLERANCE_SHARE * depth)
    seen, through = np.zeros((2, len(points)), bool)
    seen[inside] = np.abs(gap) <= tolerance
    sigma = axial_sigma(z)
    behind = gap > np.maximum(tolerance, _SIGMAS * sigma)
    # beside a thing, and at the rim of a thin one, pixels catch what lies behind
    behind[behind] = _nearest_around(frame.depth_m, v[behind], u[behind]) > (z + tolerance)[behind]
    through[inside] = behind
    gaps, sigmas = np.zeros((2, len(points)), np.float32)
    gaps[inside], sigmas[inside] = gap, sigma
    ends = np.cumsum([len(t.voxels) for t in tracks])[:-1]
    parts = (np.split(array, ends) for array in (seen, through, gaps, sigmas))
    return {track.id: Look(*look) for track, *look in zip(tracks, *parts, strict=True)}


def _nearest_around(depth_m: np.ndarray, v: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Smallest depth [n] of the 3 x 3 pixels around (v, u), 0 where one of them is unknown."""
    h, w = depth_m.shape
    steps = np.arange(-1, 2)
    rows = np.clip(v[:, None] + steps, 0, h - 1)[:, :, None]
    columns = np.clip(u[:, None] + steps, 0, w - 1)[:, None, :]
    return depth_m[rows, columns].min(axis=(1, 2)) if len(v) else np.zeros(0, np.float32)


def _in_view(tracks: list[Track], frame: RGBDFrame) -> list[Track]:
    """Tracks whose bounding sphere reaches into the camera's pyramid."""
    if not tracks:
        return []
    low, high = np.stack([t.low for t in tracks]), np.stack([t.high for t in tracks])
    radius = np.linalg.norm(high - low, axis=1) / 2
    center = transform_points(invert_pose(frame.T_world_cam), (low + high) / 2)
    camera, z = frame.camera, center[:, 2]
    slope = np.abs(camera.rays[[0, 0, -1, -1], [0, -1, 0, -1], :2]).max(axis=0)
    reach = radius[:, None] * np.sqrt(1 + slope**2)
    inside = (np.abs(center[:, :2]) <= slope * z[:, None] + reach).all(axis=1)
    return [track for track, seen in zip(tracks, inside & (z > -radius), strict=True) if seen]


@dataclass(eq=False)
class Overlap:
    """Overlaps of a frame's segments with tracks; only pairs that touch are listed.

    Attributes:
        forward: for each segment, track id -> share of the segment's voxels near the track.
        backward: for each segment, track id -> share of the track's visible voxels near the
            segment.
        n_visible: track id -> number of its visible voxels (all of them where visibility is
            unknown).
    """

    forward: list[dict[int, float]]
    backward: list[dict[int, float]]
    n_visible: dict[int, int]

    def seen_share(self, i: int, members: list[int]) -> float:
        """Share of what could be seen of `members` that segment i covers."""
        seen = sum(self.backward[i].get(t, 0.0) * self.n_visible.get(t, 1) for t in members)
        return seen / max(1, sum(self.n_visible.get(t, 1) for t in members))


def measure_overlap(
    cells: list[VoxelHistogram], tracks: list[Track], visible: dict[int, np.ndarray]
) -> Overlap:
    """Overlap of segments with tracks of the same grid, to one voxel."""
    forward: list[dict[int, float]] = [{} for _ in cells]
    backward: list[dict[int, float]] = [{} for _ in cells]
    masks = {t.id: _usable(visible.get(t.id), len(t.voxels)) for t in tracks}
    n_visible = {t: int(mask.sum()) for t, mask in masks.items()}
    if tracks:
        low = np.stack([t.low for t in tracks])
        high = np.stack([t.high for t in tracks])
    for i, segment in enumerate(cells):
        if not tracks or not len(segment):
            continue
        least, most = bounds(segment.points)
        margin = segment.cell_m
        touch = (low <= most + margin) & (high >= least - margin)
        for n in np.flatnonzero(touch.all(axis=1)):
            track = tracks[n]
            near_segment, near_track = segment.near(track.voxels)
            if near_segment.any():
                common = np.count_nonzero(near_track & masks[track.id])
                forward[i][track.id] = float(near_segment.mean())
                backward[i][track.id] = common / max(1, n_visible[track.id])
    return Overlap(forward, backward, n_visible)


def _usable(seen: np.ndarray | None, n: int) -> np.ndarray:
    """The visible voxels, or all of them where next to nothing is known to be visible."""
    if seen is None or np.count_nonzero(seen) < min(_MIN_VISIBLE, n):
        return np.ones(n, bool)
    return seen
