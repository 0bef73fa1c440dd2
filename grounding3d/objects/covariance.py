"""How well the centre of a box is known."""

from __future__ import annotations

import numpy as np

from grounding3d.geometry.boxes import OBB

_UNSEEN_SHARE = 0.15  # one standard deviation of a face nobody saw, as a share of the box's size
_SEEN_FACE_M = 0.004  # of a face that was seen: voxel grid, trimming
_FLAT = 3.0  # a thing this much wider than high
_GRAZING = 0.2  # sine of the angle under which a face counts as seen


def depth_sigma(range_m: float) -> float:
    """Standard deviation of a structured-light depth camera (Nguyen et al. 2012, axial noise)."""
    return 0.0012 + 0.0019 * max(0.0, range_m - 0.4) ** 2


def center_covariance(
    box: OBB, cameras: np.ndarray, bottom_known: bool, pose_sigma_m: float
) -> np.ndarray:
    """Covariance [3,3] of the box's centre, m^2, world frame.

    Per axis of the box: depth noise of the views, the faces' own uncertainty, which is a share of
    the size for a face that no camera looked at, and the camera's position, which all views share.

    Args:
        box: completed box; its third axis is up where that is known.
        cameras: [V,3] positions the thing was seen from, world, metres.
        bottom_known: the lower face stands on a known support.
        pose_sigma_m: standard deviation of the camera positions, metres.
    """
    to_camera = cameras - box.center
    ranges = np.linalg.norm(to_camera, axis=1)
    noise = depth_sigma(float(np.median(ranges))) if len(ranges) else depth_sigma(1.0)
    along = (to_camera @ box.R) / np.maximum(ranges, 1e-6)[:, None]
    seen = np.stack([(along < -_GRAZING).any(axis=0), (along > _GRAZING).any(axis=0)])
    if bottom_known:
        seen[0, 2] = True
    # from above, the outline of something flat is seen all around
    flat = box.size[:2] > _FLAT * box.size[2]
    seen[:, :2] |= flat & seen[1, 2]
    face = np.where(seen, _SEEN_FACE_M, np.maximum(_SEEN_FACE_M, _UNSEEN_SHARE * box.size))
    # the centre is the mean of two opposite faces
    variance = (face**2).sum(axis=0) / 4 + noise**2 / max(1, len(cameras)) + pose_sigma_m**2
    covariance = (box.R * variance) @ box.R.T
    return (covariance + covariance.T) / 2
