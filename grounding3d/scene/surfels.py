"""From one depth image to oriented points: averaged blocks, edges rejected, normals.

Everything is done on inverse depth. The inverse depth of a plane is linear in the pixel, so its
gradient gives the exact normal, and the steps of a disparity sensor are of one size in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.geometry.camera import Camera
from grounding3d.scene.config import SceneConfig

_NORMAL_RADIUS = 3  # neighbours to each side in the gradient's least-squares fit


@dataclass(frozen=True, eq=False)
class OrientedPoints:
    """Points one frame contributes, in the camera frame.

    Attributes:
        points: [M,3] float32 metres.
        normals: [M,3] float32 unit, towards the camera.
        rgb: [M,3] float32 in [0, 1].
        weights: [M] float32, 1 / variance of the depth, 1/m^2.
        footprint_m: [M] float32 width of the averaged pixels on a frontal surface, metres.
    """

    points: np.ndarray
    normals: np.ndarray
    rgb: np.ndarray
    weights: np.ndarray
    footprint_m: np.ndarray

    def __len__(self) -> int:
        return len(self.points)


def axial_sigma(depth_m: np.ndarray) -> np.ndarray:
    """Standard deviation of a Kinect's depth in metres: 0.0012 + 0.0019 (z - 0.4)^2.

    Nguyen, Izadi and Lovell, "Modeling Kinect Sensor Noise for Improved 3D Reconstruction and
    Tracking", 3DIMPVT 2012, eq. 4 (incidence below 60 degrees).
    """
    return 0.0012 + 0.0019 * np.square(depth_m - 0.4)


def block_size(camera: Camera, config: SceneConfig) -> int:
    """Edge in pixels of the blocks averaged to one point: no coarser than a voxel up close."""
    per_voxel = config.voxel_size_m * camera.fx / config.detail_distance_m
    return int(np.clip(per_voxel, 1, min(4, camera.width, camera.height)))


def block_camera(camera: Camera, block: int) -> Camera:
    """The camera whose pixels are blocks of `camera`'s; an incomplete last block is left out."""
    if block == 1:
        return camera
    K = camera.K.copy()
    K[:2] /= block
    K[:2, 2] = (camera.K[:2, 2] - (block - 1) / 2) / block
    return Camera(K, camera.width // block, camera.height // block)


def oriented_points(
    frame: RGBDFrame, camera: Camera, block: int, config: SceneConfig
) -> OrientedPoints:
    """Reliable points of a frame.

    Rejected are blocks that hold a depth edge or lie at one (flying pixels), blocks of mostly
    unknown depth, and surfaces met at a grazing angle.

    Args:
        camera: `block_camera(frame.camera, block)`; passed in because its rays are cached.
    """
    inverse, ok = block_inverse_depth(frame.depth_m, block, config)
    threshold = _jump_threshold(inverse, camera, config)
    ok &= ~_at_edge(inverse, ok, threshold)
    slope_u, slope_v, ok = _slopes(inverse, ok, threshold)
    rows = np.flatnonzero(ok)
    rays = camera.rays.reshape(-1, 3)[rows]
    w = inverse.ravel()[rows]
    nu = np.float32(camera.fx) * slope_u.ravel()[rows]
    nv = np.float32(camera.fy) * slope_v.ravel()[rows]
    # n . ray = w * offset for a plane; up to scale n = (fx dw/du, fy dw/dv, the rest)
    normals = np.stack([nu, nv, w - rays[:, 0] * nu - rays[:, 1] * nv], axis=1)
    normals /= -np.sqrt(np.einsum("ij,ij->i", normals, normals))[:, None]
    length = np.sqrt(np.einsum("ij,ij->i", rays, rays))
    cosine = -np.einsum("ij,ij->i", normals, rays) / length
    keep = cosine > np.cos(config.max_incidence_rad)
    rows, normals, z = rows[keep], normals[keep], 1 / w[keep]
    return OrientedPoints(
        points=rays[keep] * z[:, None],
        normals=normals,
        rgb=_block_rgb(frame.rgb, block).reshape(-1, 3)[rows],
        weights=(1 / np.square(axial_sigma(z))).astype(np.float32),
        footprint_m=z / np.float32(camera.fx),
    )


def block_inverse_depth(
    depth_m: np.ndarray, block: int, config: SceneConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Mean inverse depth [h,w] of blocks, 0 where unknown, and whether each can be trusted."""
    valid = (depth_m > config.min_depth_m) & (depth_m < config.max_depth_m)
    inverse = np.divide(1, depth_m, out=np.zeros_like(depth_m), where=valid)
    if block == 1:
        return inverse, valid
    parts = _block_parts(inverse, block)
    seen = [part > 0 for part in parts]
    count = np.sum(seen, axis=0, dtype=np.float32)
    mean = np.sum(parts, axis=0) / np.maximum(count, 1)
    high = np.max(parts, axis=0)
    low = np.min([np.where(s, p, np.inf) for s, p in zip(seen, parts)], axis=0)
    # a block across an edge has a mean that lies on neither surface
    z = 1 / np.where(mean > 0, mean, 1)
    slack = 0.02 + 4 * axial_sigma(z) / z
    ok = (count >= 0.75 * block * block) & (high - low <= slack * mean)
    return mean, ok


def _block_parts(image: np.ndarray, block: int) -> list[np.ndarray]:
    """The images made of each block's first pixel, second pixel and so on."""
    h, w = image.shape[0] // block * block, image.shape[1] // block * block
    return [image[i:h:block, j:w:block] for i in range(block) for j in range(block)]


def _block_rgb(rgb: np.ndarray, block: int) -> np.ndarray:
    parts = _block_parts(rgb, block)
    total = parts[0].astype(np.uint16)
    for part in parts[1:]:
        total += part
    return total * np.float32(1 / (255 * block * block))


def _jump_threshold(inverse: np.ndarray, camera: Camera, config: SceneConfig) -> np.ndarray:
    """Largest step of inverse depth to a neighbour [h,w] that slope and noise can explain."""
    w = np.maximum(inverse, 1e-3)
    slope = np.tan(config.max_incidence_rad) / camera.fx
    return (w * (np.float32(slope) + 4 * axial_sigma(1 / w) * w)).astype(np.float32)


def _at_edge(inverse: np.ndarray, ok: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Blocks [h,w] with a 4-neighbour across a depth jump."""
    edge = np.zeros_like(ok)
    for a, b in (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
    ):
        jump = (np.abs(inverse[a] - inverse[b]) > threshold[a]) & (inverse[a] > 0)
        jump &= inverse[b] > 0
        edge[a] |= jump
        edge[b] |= jump
    return edge


def _slopes(
    inverse: np.ndarray, ok: np.ndarray, threshold: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradient of inverse depth along u and v, and where it is known; all [h,w]."""
    slope_u, ok_u = _slope(_smooth(inverse, ok, threshold, axis=0), ok, threshold, axis=1)
    slope_v, ok_v = _slope(_smooth(inverse, ok, threshold, axis=1), ok, threshold, axis=0)
    return slope_u, slope_v, ok & ok_u & ok_v


def _shifted(n: int, step: int, axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Index pairs (here, there) with `there` lying `step` further along `axis` of length `n`."""
    here = slice(max(0, -step), n - max(0, step))
    there = slice(max(0, step), n + min(0, step))
    whole = slice(None)
    return ((here, whole), (there, whole)) if axis == 0 else ((whole, here), (whole, there))


def _smooth(inverse: np.ndarray, ok: np.ndarray, threshold: np.ndarray, axis: int) -> np.ndarray:
    """Mean along `axis` over symmetric pairs of neighbours on the same surface."""
    total, count = inverse.copy(), np.ones_like(inverse)
    n = inverse.shape[axis]
    for step in range(1, min(_NORMAL_RADIUS, (n - 1) // 2) + 1):
        here = slice(step, n - step)
        mid, low, high = (
            (s, slice(None)) if axis == 0 else (slice(None), s)
            for s in (here, slice(0, n - 2 * step), slice(2 * step, n))
        )
        # pairs, because a one-sided mean of a slope would shift the value
        same = ok[low] & ok[high]
        limit = step * threshold[mid]
        same &= np.abs(inverse[low] - inverse[mid]) <= limit
        same &= np.abs(inverse[high] - inverse[mid]) <= limit
        total[mid] += np.where(same, inverse[low] + inverse[high], 0)
        count[mid] += 2 * same
    return total / count


def _slope(
    smooth: np.ndarray, ok: np.ndarray, threshold: np.ndarray, axis: int
) -> tuple[np.ndarray, np.ndarray]:
    """Least-squares slope along `axis` through each pixel's neighbours on the same surface."""
    rise, run = np.zeros_like(smooth), np.zeros_like(smooth)
    n = smooth.shape[axis]
    radius = min(_NORMAL_RADIUS, n - 1)
    for step in [s for s in range(-radius, radius + 1) if s != 0]:
        here, there = _shifted(n, step, axis)
        delta = smooth[there] - smooth[here]
        same = ok[there] & (np.abs(delta) <= abs(step) * threshold[here])
        rise[here] += np.where(same, step * delta, 0)
        run[here] += (step * step) * same
    return rise / np.maximum(run, 1), run > 0
