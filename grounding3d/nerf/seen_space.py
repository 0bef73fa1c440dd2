"""The space that measured depth has seen: its box, its surfaces, what is empty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grounding3d.geometry.transforms import transform_points
from grounding3d.nerf.frames import FrameFile

_SHARE_LEFT_OUT = 0.002
"""Of the measured points, on each side of each axis; these may be stray pixels."""

_MARGIN_M = 0.10


@dataclass(frozen=True, eq=False)
class SeenSpace:
    """What was measured, in the capture's world.

    Attributes:
        low, high: [3] corners of the box, metres.
        hit: [N,3] float32 points on surfaces.
        free: [M,3] float32 points in front of them.
    """

    low: np.ndarray
    high: np.ndarray
    hit: np.ndarray
    free: np.ndarray


def seen_space(
    frames: Sequence[FrameFile], pixel_step: int = 4, n_free: int = 24
) -> SeenSpace | None:
    """What the depth of frames shows, None where no frame has any.

    Args:
        pixel_step: every n-th row and column is used.
        n_free: points in front of a surface, from the camera on.
    """
    hits, frees = [], []
    inner = np.linspace(0.05, 0.94, n_free, dtype=np.float32)
    for frame in frames:
        if frame.depth is None:
            continue
        z = frame.depth_m()[::pixel_step, ::pixel_step]
        rays = frame.camera.rays[::pixel_step, ::pixel_step][z > 0]
        points = rays * z[z > 0][:, None]
        hits.append(transform_points(frame.T_world_cam, points))
        some = points[::4, None] * inner[None, :, None]
        frees.append(transform_points(frame.T_world_cam, some.reshape(-1, 3)))
    hit = np.concatenate(hits) if hits else np.zeros((0, 3), np.float32)
    if len(hit) < 100:
        return None
    shares = [_SHARE_LEFT_OUT, 1 - _SHARE_LEFT_OUT]
    low, high = np.quantile(hit.astype(np.float64), shares, axis=0)
    free = np.concatenate(frees).astype(np.float32)
    return SeenSpace(low - _MARGIN_M, high + _MARGIN_M, hit.astype(np.float32), free)
