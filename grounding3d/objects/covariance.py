"""How well the centre of a box is known.

The covariance is a sum over causes: faces that were seen are known to the grid, faces that no
camera looked at to a share of the thing's size; the middle of a lopsided thing depends on which box
is meant; frames disagree with the map by what their poses and depth are wrong; and the camera's
poses may be wrong in common, which no capture shows by itself.

It speaks of things that were mapped as themselves: one object for one thing, with an extent that
fits. A thing that was merged with its neighbour, cut in two, or seen in part under a cover is a
mistake of association, and no ellipsoid is made wide enough to hide it.

The three numbers of `CovarianceModel` are fitted by `python -m recipes.covariance` on simulated
table tops whose seeds nothing else uses; its README tells which, and the coverage reached.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.geometry.boxes import OBB

_FULLY_SEEN = 0.35  # sine of the angle to a face from which on it counts as seen
_TOP_SEEN = 0.2
_FLAT, _TALL = 3.0, 1.0  # width over height: outline seen from above, and not at all
_RIM = 0.003  # share of points beyond the box about the observed points


@dataclass(frozen=True)
class CovarianceModel:
    """Parameters of the faces.

    Attributes:
        seen_face_m: standard deviation of a face that was seen: voxel grid, trimming, noise.
        unseen_share: standard deviation of a face nobody saw, as a share of the box's size.
        lopsided: standard deviation per distance between the middles of the oriented box and of
            the world-aligned box about the same points.
    """

    seen_face_m: float = 0.003
    unseen_share: float = 0.14
    lopsided: float = 1.0


def depth_sigma(range_m: float) -> float:
    """Standard deviation of a structured-light depth camera (Nguyen et al. 2012, axial noise)."""
    return 0.0012 + 0.0019 * max(0.0, range_m - 0.4) ** 2


def center_covariance(
    box: OBB,
    cameras: np.ndarray,
    bottom_known: bool,
    pose_sigma_m: float,
    *,
    points: np.ndarray | None = None,
    misfit_m: float = 0.0,
    hidden_m: float = 0.0,
    model: CovarianceModel | None = None,
) -> np.ndarray:
    """Covariance [3,3] of the box's centre, m^2, world frame.

    Args:
        box: completed box; its third axis is up where that is known.
        cameras: [V,3] positions the thing was seen from, world, metres.
        bottom_known: the lower face stands on a known support.
        pose_sigma_m: error that the poses of all frames share, standard deviation, metres.
        points: [n,3] observed surface; without it the thing is taken to be symmetric.
        hidden_m: how far the thing may reach down below the box, metres. The centre is then up to
            half as much lower.
        misfit_m: how far the frames lay from the map, root mean square, metres.
        model: parameters; the fitted ones if None.
    """
    model = model or CovarianceModel()
    ranges = np.linalg.norm(cameras - box.center, axis=1)
    noise = depth_sigma(float(np.median(ranges)) if len(ranges) else 1.0)
    unseen = unseen_faces(box, cameras, bottom_known)
    face = model.seen_face_m**2 + (model.unseen_share * box.size * unseen) ** 2
    # the centre is the mean of two opposite faces
    variance = face.sum(axis=0) / 4 + noise**2 / max(1, len(cameras))
    variance += pose_sigma_m**2 + misfit_m**2
    variance[2] += (hidden_m / 4) ** 2
    covariance = (box.R * variance) @ box.R.T
    if points is not None and len(points):
        shift = model.lopsided * middle_shift(box, points)
        covariance += np.outer(shift, shift)
    return (covariance + covariance.T) / 2


def unseen_faces(box: OBB, cameras: np.ndarray, bottom_known: bool) -> np.ndarray:
    """[2,3] how little the lower and upper face of each axis was seen, 0 = well, 1 = not at all.

    A face is seen as well as the camera that looked at it most squarely saw it. The sides of a
    thing much wider than high are seen from above, as its outline.
    """
    to_camera = cameras - box.center
    ranges = np.maximum(np.linalg.norm(to_camera, axis=1), 1e-6)
    along = (to_camera @ box.R) / ranges[:, None]
    best = np.stack([(-along).max(axis=0, initial=-1.0), along.max(axis=0, initial=-1.0)])
    if bottom_known:
        best[0, 2] = 1.0
    unseen = np.clip(1 - best / _FULLY_SEEN, 0, 1)
    if best[1, 2] > _TOP_SEEN:
        width = box.size[:2] / max(float(box.size[2]), 1e-6)
        unseen[:, :2] *= np.clip((_FLAT - width) / (_FLAT - _TALL), 0, 1)
    return unseen


def middle_shift(box: OBB, points: np.ndarray) -> np.ndarray:
    """[3] from the box's centre to that of the world-aligned box about its points.

    Level with the box's first two axes: the lower face may have been completed.
    """
    low, high = np.quantile(points, [_RIM, 1 - _RIM], axis=0)
    shift = (low + high) / 2 - box.center
    up = box.R[:, 2]
    return np.asarray(shift - (shift @ up) * up)
