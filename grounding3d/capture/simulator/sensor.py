"""Makes a perfect rendering look like what a cheap RGB-D camera delivers.

Depth: axial noise sigma(z) = 0.0012 + 0.0019 (z - 0.4)^2 metres (Nguyen, Izadi and Lovell,
"Modeling Kinect Sensor Noise for Improved 3D Reconstruction and Tracking", 3DIMPVT 2012, eq. 2),
lateral jitter of about 0.8 pixel where depth jumps (same paper), dropouts there and at grazing
angles, disparity steps of 1/8 pixel over a 7.5 cm baseline, millimetre integers, 0.3 to 4 m.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, grey_dilation, grey_erosion

from grounding3d.geometry.camera import Camera

_BASELINE_M = 0.075
_DISPARITY_STEP_PX = 0.125
_LATERAL_SIGMA_PX = 0.8
_RANGE_M = (0.3, 4.0)
_EDGE_JUMP = 0.03  # of the depth
_GRAZING_COSINE = 0.2


@dataclass(frozen=True)
class Exposure:
    """How the colour camera is set for a whole recording: gain per channel, noise, blur."""

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    noise_levels: float = 3.0
    blur_px: float = 0.5

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Exposure:
        """Random exposure and a slight colour cast."""
        gain = rng.uniform(0.85, 1.15) * rng.uniform(0.96, 1.04, 3)
        return cls(
            (float(gain[0]), float(gain[1]), float(gain[2])),
            float(rng.uniform(1.5, 5.0)),
            float(rng.uniform(0.35, 0.7)),
        )


def expose(rgb: np.ndarray, exposure: Exposure, rng: np.random.Generator) -> np.ndarray:
    """uint8 [H, W, 3] with blur, gain and noise."""
    image = gaussian_filter(rgb.astype(np.float32), (exposure.blur_px, exposure.blur_px, 0))
    image *= np.asarray(exposure.gain, np.float32) * np.float32(rng.uniform(0.98, 1.02))
    image += rng.standard_normal(image.shape, dtype=np.float32) * exposure.noise_levels
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)


def sense_depth(depth_m: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Kinect-like float32 [H, W] depth from perfect depth (0 = unknown in both)."""
    z = _jitter_edges(depth_m, rng)
    cosine = facing(depth_m, camera)
    sigma = 0.0012 + 0.0019 * (z - 0.4) ** 2
    noisy = z + sigma * rng.standard_normal(z.shape, dtype=np.float32)
    scale = camera.fx * _BASELINE_M / _DISPARITY_STEP_PX
    steps = np.round(scale / np.maximum(noisy, 0.05))
    noisy = scale / np.maximum(steps, 1.0)
    lost = (z <= 0) | (noisy < _RANGE_M[0]) | (noisy > _RANGE_M[1])
    lost |= rng.random(z.shape, dtype=np.float32) > cosine / _GRAZING_COSINE
    # Edges fray in clumps, not in single pixels.
    clumps = gaussian_filter(rng.standard_normal(z.shape, dtype=np.float32), 1.5)
    lost |= depth_edges(depth_m) & (clumps > 0.0)
    noisy[lost] = 0.0
    return (np.round(noisy * 1000) / 1000).astype(np.float32)


def depth_edges(depth_m: np.ndarray) -> np.ndarray:
    """Pixels [H, W] next to a jump of the depth, or to unknown depth."""
    low = grey_erosion(depth_m, size=(3, 3))
    high = grey_dilation(depth_m, size=(3, 3))
    return high - low > _EDGE_JUMP * np.maximum(high, 0.3)


def facing(depth_m: np.ndarray, camera: Camera) -> np.ndarray:
    """|cosine| [H, W] between the viewing ray and the surface normal, from finite differences."""
    points = camera.backproject(depth_m)
    across = np.gradient(points, axis=1)
    down = np.gradient(points, axis=0)
    normal = np.cross(across, down)
    length = np.linalg.norm(normal, axis=2) * np.linalg.norm(points, axis=2)
    return np.abs((normal * points).sum(axis=2)) / np.maximum(length, 1e-12)


def _jitter_edges(depth_m: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Depth read from a neighbour about 0.8 pixel away where it jumps."""
    z = depth_m.copy()
    v, u = np.nonzero(depth_edges(depth_m))
    shift = np.round(rng.normal(0, _LATERAL_SIGMA_PX, (2, len(v)))).astype(int)
    h, w = depth_m.shape
    z[v, u] = depth_m[np.clip(v + shift[0], 0, h - 1), np.clip(u + shift[1], 0, w - 1)]
    return z
