"""Which way is up, for captures that do not say: from support planes and upright cameras."""

from __future__ import annotations

import logging

import numpy as np

from grounding3d.capture.base import UpSource
from grounding3d.geometry.pointcloud import fit_plane
from grounding3d.scene.base import Scene

_log = logging.getLogger(__name__)

_CONE_RAD = np.deg2rad(60)  # between up and the cameras' mean image-up: they may look down
_ROLL_RAD = np.deg2rad(20)  # usual roll of a hand-held camera
_ALIGNED_RAD = np.deg2rad(8)  # between a support plane and its surfels' normals
_APART_RAD = np.deg2rad(20)  # two directions closer than this are one candidate
_SAMPLES = 20_000
_CANDIDATES = 2_000
_MIN_SUPPORT = 0.04  # share of the surfels
_RIVAL = 0.6  # a second direction with this share of the first one's score makes it ambiguous
_SLAB_M = 0.03


def estimate_up(scene: Scene) -> tuple[np.ndarray | None, UpSource]:
    """Direction against gravity, from the scene's largest near-horizontal planes.

    Cameras are mostly held upright: their image-up axes are near the vertical on average, and their
    image-right axes are horizontal. Among directions that agree with that, the one most surfels
    face is taken, and refined by planes through them. A tilted board can deceive this, which is why
    the scene says "estimated".

    Returns:
        (unit vector [3], "estimated"), or (None, "unknown") where there is no plane, the cameras
        disagree, or two directions are about as good.
    """
    poses = np.array([keyframe.T_world_cam for keyframe in scene.keyframes]).reshape(-1, 4, 4)
    if not len(poses) or not len(scene.gaussians):
        return None, "unknown"
    image_up = -poses[:, :3, 1].mean(axis=0)
    if np.linalg.norm(image_up) < 0.5:
        _log.info("up is unknown: the cameras were not held one way up")
        return None, "unknown"
    image_up /= np.linalg.norm(image_up)
    normals = scene.gaussians.normals
    step = max(1, len(normals) // _SAMPLES)
    candidates = _directions(_CANDIDATES)
    candidates = candidates[candidates @ image_up > np.cos(_CONE_RAD)]
    scores = _support(candidates, normals[::step]) * _uprightness(candidates, poses[:, :3, 0])
    best = int(scores.argmax())
    support = _support(candidates[best : best + 1], normals[::step])[0]
    if support < _MIN_SUPPORT:
        _log.info("up is unknown: no plane that could be horizontal")
        return None, "unknown"
    rivals = candidates @ candidates[best] < np.cos(_APART_RAD)
    if rivals.any() and scores[rivals].max() > _RIVAL * scores[best]:
        _log.info("up is unknown: two directions fit about as well")
        return None, "unknown"
    up = _refine(candidates[best], scene.gaussians.means, normals)
    return up, "estimated"


def _directions(n: int) -> np.ndarray:
    """[n,3] unit vectors spread evenly over the sphere (a Fibonacci spiral)."""
    i = np.arange(n) + 0.5
    z = 1 - 2 * i / n
    azimuth = np.pi * (1 + np.sqrt(5)) * i
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(azimuth), r * np.sin(azimuth), z], axis=1)


def _support(candidates: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Share of normals [N,3] that point along each candidate [C,3]."""
    near = candidates.astype(np.float32) @ normals.T > np.cos(_ALIGNED_RAD)
    return near.mean(axis=1)


def _uprightness(candidates: np.ndarray, image_right: np.ndarray) -> np.ndarray:
    """How well the cameras' right axes [C,3] are level if a candidate is up; (0, 1]."""
    tilt = np.square(candidates @ image_right.T).mean(axis=1)
    return np.exp(-tilt / (2 * np.sin(_ROLL_RAD) ** 2))


def _refine(up: np.ndarray, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Normal of the largest planes through the surfels that face `up`."""
    for _ in range(3):  # a mean shift, from the spiral's grid to the mode
        facing = normals @ up > np.cos(_ALIGNED_RAD)
        up = normals[facing].mean(axis=0, dtype=np.float64)
        up /= np.linalg.norm(up)
    points = points[facing].astype(np.float64)
    for _ in range(3):
        height = points @ up
        slab = np.floor((height - height.min()) / _SLAB_M).astype(int)
        sizes = np.bincount(slab)
        largest = np.isin(slab, np.flatnonzero(sizes > 0.5 * sizes.max()))
        # every plane about its own centre, so that several tables fit one direction
        centred = [points[largest & (slab == s)] for s in np.unique(slab[largest])]
        centred = [plane - plane.mean(axis=0) for plane in centred if len(plane) >= 10]
        if not centred:
            break
        normal = fit_plane(np.concatenate(centred))[:3]
        normal *= np.sign(normal @ up)
        if normal @ up < np.cos(_ALIGNED_RAD):
            break  # a thin strip fits no plane well: the normals are the better evidence
        up = normal
    return up
