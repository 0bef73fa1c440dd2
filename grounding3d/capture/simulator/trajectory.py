"""Camera paths around a table: a hand-held walk or the arc of a robot's wrist camera."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from grounding3d.capture.simulator.tabletop import TabletopConfig
from grounding3d.geometry.transforms import look_at, make_pose

_UP = np.array([0.0, 0.0, 1.0])


def camera_path(
    rng: np.random.Generator, config: TabletopConfig, table_top_m: float, n_walls: int
) -> np.ndarray:
    """Poses `T_table_cam` [n, 4, 4]: they look at the table's centre from changing sides.

    With walls the path stays on the open side (azimuth around -y).
    """
    n = config.n_frames
    s = np.linspace(0.0, 1.0, n)
    handheld = config.motion == "handheld" or (config.motion == "any" and rng.random() < 0.6)
    sweep = rng.uniform(1.6, 2.6) if n_walls else rng.uniform(2.0, 5.0)
    middle = -np.pi / 2 + (0.0 if n_walls else rng.uniform(-np.pi, np.pi))
    ease = s - np.sin(2 * np.pi * s) / (2 * np.pi) * rng.uniform(0.0, 0.6)
    azimuth = middle + rng.choice([-1.0, 1.0]) * sweep * (ease - 0.5)
    near, far = config.distance_m
    distance = _wave(rng, s, near, far)
    elevation = np.radians(_wave(rng, s, 24.0, 58.0))
    centre = np.array([0.0, 0.0, table_top_m + 0.05])
    targets = centre + np.stack([_wave(rng, s, -0.12, 0.12), _wave(rng, s, -0.08, 0.08), 0 * s], 1)
    flat = distance * np.cos(elevation)
    eyes = centre + np.stack(
        [flat * np.cos(azimuth), flat * np.sin(azimuth), distance * np.sin(elevation)], axis=1
    )
    poses = np.stack([look_at(e, t, _UP) for e, t in zip(eyes, targets, strict=True)])
    shake = (0.006, 1.2) if handheld else (0.0, 0.0)
    return shaken(rng, poses, *shake)


def _wave(rng: np.random.Generator, s: np.ndarray, low: float, high: float) -> np.ndarray:
    """A slow oscillation somewhere within [low, high]."""
    a, b = np.sort(rng.uniform(low, high, 2))
    phase, turns = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1.3)
    return (a + b) / 2 + (b - a) / 2 * np.sin(phase + 2 * np.pi * turns * s)


def shaken(
    rng: np.random.Generator, poses: np.ndarray, move_m: float, turn_deg: float
) -> np.ndarray:
    """Poses [n, 4, 4] with smooth random motion on top: standard deviations in metres, degrees."""
    n = len(poses)
    walk = gaussian_filter1d(rng.standard_normal((n, 6)), 2.0, axis=0, mode="nearest")
    walk /= max(walk.std(), 1e-9)
    moved = []
    for T, w in zip(poses, walk, strict=True):
        R = Rotation.from_rotvec(np.radians(turn_deg) * w[3:]).as_matrix()
        moved.append(make_pose(T[:3, :3] @ R, T[:3, 3] + move_m * w[:3]))
    return np.stack(moved)
