"""How well the centre of a box is known.

The covariance is a sum over causes: faces beyond which empty space was seen are known to the grid;
others may lie as far out as nobody saw, or as things usually reach; the middle of a lopsided thing
depends on which box is meant; frames disagree with the map by what their poses and depth are wrong;
and the camera's poses may be wrong in common, which no capture shows by itself.

It speaks of things that were mapped as themselves, and of fragments that end where the view ends.
What stands on a thing may be a part of it, such as the tissue that sticks out of its box, and masks
cannot tell: that is a cause too. Another thing that was merged with its neighbour, or is in the map
in pieces, is a mistake of association, and no ellipsoid is made wide enough to hide it.

The numbers of `CovarianceModel` are fitted by `python -m recipes.covariance` on simulated table
tops and rooms whose seeds no test or benchmark uses; its README tells which, and the coverage
reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grounding3d.geometry.boxes import OBB

_FULLY_SEEN = 0.35  # sine of the angle to a face from which on it counts as seen
_RIM = 0.003  # share of points beyond the box about the observed points
_UNIFORM = 3**-0.5  # root mean square of what lies anywhere between 0 and 1
_PART = 0.2  # how probable it is that what stands on a thing is a part of it
HIDDEN_FOOT_M = 0.75
"""A thing that nothing carries may reach down to what is below it, as far as a table is high."""


@dataclass(frozen=True)
class CovarianceModel:
    """Parameters of the faces.

    Attributes:
        seen_face_m: standard deviation of a face that was seen: voxel grid, trimming, noise.
        hidden_share: root mean square of how much farther out a face lies that nobody saw, as a
            share of the box's size along that axis.
        hidden_lack: the same as a share of how much narrower the box is there than along its other
            level axis: of what is seen from the front alone, a disc or a wardrobe, the depth is
            missing, and most things are about as deep as wide.
        lopsided: standard deviation per distance between the middles of the oriented box and of
            the world-aligned box about the same points.
    """

    seen_face_m: float = 0.005
    hidden_share: float = 0.2
    hidden_lack: float = 0.25
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
    reach_m: np.ndarray | None = None,
    misfit_m: float = 0.0,
    hidden_m: float = 0.0,
    topped_m: float = 0.0,
    model: CovarianceModel | None = None,
) -> np.ndarray:
    """Covariance [3,3] of the box's centre, m^2, world frame.

    Args:
        box: completed box; its third axis is up where that is known.
        cameras: [V,3] positions the thing was seen from, world, metres.
        bottom_known: the lower face stands on a known support.
        pose_sigma_m: error that the poses of all frames share, standard deviation, metres.
        points: [n,3] observed surface; without it the thing is taken to be symmetric.
        reach_m: [2,3] how far it may reach beyond the lower and upper face of each axis, as
            `sight.Sight` tells; without it, without bound where no camera stood on that side.
        hidden_m: how far the thing may reach down below the box, metres. The centre is then up to
            half as much lower.
        topped_m: how far what stands on the thing rises above it, see `topping`.
        misfit_m: how far the frames lay from the map, root mean square, metres.
        model: parameters; the fitted ones if None.
    """
    model = model or CovarianceModel()
    ranges = np.linalg.norm(cameras - box.center, axis=1)
    noise = depth_sigma(float(np.median(ranges)) if len(ranges) else 1.0)
    reach = unseen_faces(box, cameras) if reach_m is None else reach_m.copy()
    if bottom_known:
        reach[0, 2] = 0.0
    face = model.seen_face_m**2 + np.minimum(_UNIFORM * reach, _hidden(box, model)) ** 2
    # the centre is the mean of two opposite faces
    variance = face.sum(axis=0) / 4 + noise**2 / max(1, len(cameras))
    variance += pose_sigma_m**2 + misfit_m**2
    # with a probability p the middle is half as much higher: the variance of that mixture
    variance[2] += (hidden_m / 4) ** 2 + _PART * (1 - _PART) * (topped_m / 2) ** 2
    covariance = (box.R * variance) @ box.R.T
    if points is not None and len(points):
        shift = model.lopsided * middle_shift(box, points)
        covariance += np.outer(shift, shift)
    return (covariance + covariance.T) / 2


def topping(box: OBB, on_top: Sequence[OBB]) -> float:
    """How far what stands on a thing rises above it, metres: not what is higher than the thing."""
    up = box.R[:, 2]
    top = box.center @ up + box.size[2] / 2
    rises = [other.center @ up + other.size[2] / 2 - top for other in on_top]
    return float(max((rise for rise in rises if 0 < rise <= box.size[2]), default=0.0))


def _hidden(box: OBB, model: CovarianceModel) -> np.ndarray:
    """[3] how far out a face of each axis may lie that nobody saw, root mean square, metres."""
    other = np.array([box.size[1], box.size[0], 0.0])
    lack = np.maximum(0.0, other - box.size)
    return np.asarray(np.hypot(model.hidden_share * box.size, model.hidden_lack * lack))


def unseen_faces(box: OBB, cameras: np.ndarray) -> np.ndarray:
    """[2,3] infinite for the lower and upper face of each axis that no camera looked at, else 0."""
    to_camera = cameras - box.center
    ranges = np.maximum(np.linalg.norm(to_camera, axis=1), 1e-6)
    along = (to_camera @ box.R) / ranges[:, None]
    best = np.stack([(-along).max(axis=0, initial=-1.0), along.max(axis=0, initial=-1.0)])
    return np.where(best < _FULLY_SEEN, np.inf, 0.0)


def middle_shift(box: OBB, points: np.ndarray) -> np.ndarray:
    """[3] from the box's centre to that of the world-aligned box about its points.

    Level with the box's first two axes: the lower face may have been completed.
    """
    low, high = np.quantile(points, [_RIM, 1 - _RIM], axis=0)
    shift = (low + high) / 2 - box.center
    up = box.R[:, 2]
    return np.asarray(shift - (shift @ up) * up)
