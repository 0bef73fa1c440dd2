"""Camera paths for videos: around a centre, or along the recorded way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation, RotationSpline

from grounding3d.errors import SceneError
from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.transforms import look_at, make_pose, rotation_between
from grounding3d.objects.base import LanguageScene
from grounding3d.scene.base import Keyframe, Scene

_FULL_CIRCLE_GAP = np.deg2rad(120)  # a wider unseen sector is not flown through
_ARC_MARGIN = np.deg2rad(8)
_MIN_ELEVATION, _MAX_ELEVATION = np.deg2rad(15), np.deg2rad(60)
_MIN_OBJECT_RADIUS_M = 0.35
_TURN_METRES = 0.5  # a turn of one radian takes as long as a way of this many metres
_SMOOTHING = 2.0  # keyframes


@dataclass(frozen=True, eq=False)
class Orbit:
    """A way around a centre.

    Attributes:
        poses: [F,4,4] `T_world_cam`.
        full_circle: False where a wide sector was never seen, and the way swings to and fro
            before the seen ones.
    """

    poses: np.ndarray
    full_circle: bool


def require_up(scene: Scene, purpose: str) -> np.ndarray:
    """The scene's up direction.

    Raises:
        SceneError: it is not known.
    """
    if scene.up_world is None:
        raise SceneError(
            f"{purpose} needs to know which way is up, and this scene does not",
            hint="Build it again with --set capture.up_world=0,0,1 (the direction against gravity "
            "in the recording's world).",
        )
    return np.asarray(scene.up_world, float)


def orbit(scene: LanguageScene, count: int, around: OBB | None = None) -> Orbit:
    """`count` poses around an object's box or, without one, around what the scene is about.

    Distance and height are those of the recording's cameras; around an object the distance is
    three diagonals.

    Raises:
        SceneError: up is not known, or the scene has no keyframes.
    """
    up = require_up(scene.scene, "an orbit")
    if not scene.scene.keyframes:
        raise SceneError("the scene has no keyframes to take a distance from")
    center = scene_center(scene) if around is None else around.center
    R_up = rotation_between(np.array([0, 0, 1.0]), up)
    eyes = np.stack([k.T_world_cam[:3, 3] for k in scene.scene.keyframes])
    offsets = (eyes - center) @ R_up
    flat = np.linalg.norm(offsets[:, :2], axis=1)
    elevation = float(
        np.clip(np.median(np.arctan2(offsets[:, 2], flat)), _MIN_ELEVATION, _MAX_ELEVATION)
    )
    radius = float(np.median(np.linalg.norm(offsets, axis=1)))
    if around is not None:
        radius = max(_MIN_OBJECT_RADIUS_M, 3 * float(np.linalg.norm(around.size)))
    azimuths, full = _azimuths(np.arctan2(offsets[:, 1], offsets[:, 0]), count)
    directions = np.stack(
        [
            np.cos(elevation) * np.cos(azimuths),
            np.cos(elevation) * np.sin(azimuths),
            np.full(count, np.sin(elevation)),
        ],
        axis=1,
    )
    ways = center + radius * directions @ R_up.T
    return Orbit(np.stack([look_at(eye, center, up) for eye in ways]), full)


def scene_center(scene: LanguageScene) -> np.ndarray:
    """[3] amid the things that can be asked for; without any, amid the Gaussians.

    Raises:
        SceneError: there is neither.
    """
    things = [item.position for item in scene.objects if item.kind == "object"]
    if things:
        return np.median(np.stack(things), axis=0)
    if len(scene.scene.gaussians) == 0:
        raise SceneError("the scene is empty")
    return np.median(scene.scene.gaussians.means, axis=0).astype(float)


def _azimuths(seen: np.ndarray, count: int) -> tuple[np.ndarray, bool]:
    """Angles [count] of the way, and whether they go all round."""
    seen = np.sort(seen)
    gaps = np.diff(np.append(seen, seen[0] + 2 * np.pi))
    widest = int(gaps.argmax())
    if gaps[widest] < _FULL_CIRCLE_GAP:
        return seen[0] + 2 * np.pi * np.arange(count) / count, True
    start = seen[(widest + 1) % len(seen)]
    width = 2 * np.pi - gaps[widest]
    middle, swing = start + width / 2, width / 2 + _ARC_MARGIN
    return middle + swing * np.sin(2 * np.pi * np.arange(count) / count), False


def trajectory(keyframes: Sequence[Keyframe], count: int) -> np.ndarray:
    """`count` poses [F,4,4] along the keyframes' way, smoothed, at an even pace.

    Raises:
        SceneError: no keyframes.
    """
    if not keyframes:
        raise SceneError("the scene has no keyframes to go along")
    poses = np.stack([k.T_world_cam for k in keyframes])
    if len(poses) < 3:
        return poses[np.linspace(0, len(poses) - 1, count).round().astype(int)]
    places, turns = _smoothed(poses)
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    steps += _TURN_METRES * (turns[:-1].inv() * turns[1:]).magnitude()
    way = np.append(0, np.cumsum(np.maximum(steps, 1e-6)))
    at = np.linspace(0, way[-1], count)
    spline = RotationSpline(way, turns)
    places = PchipInterpolator(way, places)(at)
    return np.stack([make_pose(R, t) for R, t in zip(spline(at).as_matrix(), places)])


def _smoothed(poses: np.ndarray) -> tuple[np.ndarray, Rotation]:
    """Places [n,3] and rotations, each averaged with its neighbours."""
    places = gaussian_filter1d(poses[:, :3, 3], _SMOOTHING, axis=0, mode="nearest")
    quaternions = Rotation.from_matrix(poses[:, :3, :3]).as_quat()
    for i in range(1, len(quaternions)):  # q and -q are one rotation; neighbours must agree
        if quaternions[i] @ quaternions[i - 1] < 0:
            quaternions[i] *= -1
    return places, Rotation.from_quat(
        gaussian_filter1d(quaternions, _SMOOTHING, axis=0, mode="nearest")
    )
