"""Class-agnostic masks from geometry and colour, without weights.

Support planes and walls are taken out of the depth image; what is left rises above a plane by more
than the noise and falls apart where neighbours in the image are no neighbours in space. Worked out
on a reduced image, then the outlines are redrawn at full resolution by depth and colour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import Mask
from grounding3d.features.mask_outlines import redraw_outlines
from grounding3d.features.masks import MaskConfig
from grounding3d.features.planes import (
    Plane,
    Surface,
    box_mean,
    find_supports,
    find_walls,
    make_surface,
    up_from_image,
)
from grounding3d.geometry.camera import Camera

_BESIDE = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0), (0, 3), (3, 0))


class GeometricMasks:
    """Objects and support planes of an RGB-D frame, in milliseconds and without weights."""

    def __init__(self, config: MaskConfig | None = None) -> None:
        self.config = config or MaskConfig()

    def masks(self, frame: RGBDFrame, up_world: np.ndarray | None = None) -> list[Mask]:
        """Supports first, then objects; disjoint. Empty for a frame without depth.

        Args:
            frame: posed frame.
            up_world: direction against gravity; None: the widest surface facing image up is level.
        """
        height, width = frame.depth_m.shape
        stride = max(1, round(width / self.config.working_width))
        surface, rgb = reduce_frame(frame, stride, self.config.max_depth_m)
        if surface.valid.sum() * stride**2 < self.config.min_pixels:
            return []
        labels, supports = segment(surface, rgb, _up_camera(frame, up_world, surface), self.config)
        full = redraw_outlines(labels, frame.rgb, frame.depth_m, stride)[:height, :width]
        return _as_masks(full, supports, self.config)


def reduce_frame(frame: RGBDFrame, stride: int, max_depth_m: float) -> tuple[Surface, np.ndarray]:
    """Geometry and colour [h,w,3] float32 of the frame at 1/stride of its size.

    Each value is the mean of a block's pixels, for depth of those on the block's nearest surface.
    """
    height, width = frame.depth_m.shape
    h, w = -(-height // stride), -(-width // stride)
    pad = ((0, h * stride - height), (0, w * stride - width))
    depth = np.pad(np.where(frame.depth_m > max_depth_m, 0, frame.depth_m), pad)
    blocks = depth.reshape(h, stride, w, stride).transpose(0, 2, 1, 3).reshape(h, w, -1)
    near = np.where(blocks > 0, blocks, np.inf).min(axis=-1, keepdims=True)
    kept = (blocks > 0) & (blocks < near + 0.015 + 0.02 * near)
    mean = (blocks * kept).sum(axis=-1) / np.maximum(kept.sum(axis=-1), 1)
    rgb = np.pad(frame.rgb, (*pad, (0, 0)), mode="edge")
    rgb = rgb.reshape(h, stride, w, stride, 3).astype(np.float32).mean(axis=(1, 3))
    padded = Camera(frame.camera.K, w * stride, h * stride)
    return make_surface(mean.astype(np.float32), padded.resized(w, h), stride**2), rgb


@dataclass(frozen=True)
class _Background:
    """What objects stand out from: labels [h,w] (0 none, -1 wall, k+1 support k) and the supports."""

    labels: np.ndarray
    supports: list[Plane]


def segment(
    surface: Surface, rgb: np.ndarray, up: np.ndarray | None, config: MaskConfig
) -> tuple[np.ndarray, int]:
    """Label image of a reduced frame.

    Returns:
        labels [h,w] int32 (0 unknown, -1 background without a mask, 1..S supports, then objects)
        and the number S of supports.
    """
    background = _find_background(surface, up, config)
    standing = surface.valid & (background.labels == 0)
    pieces, count = connect(surface, standing)
    labels = background.labels.copy()
    first = len(background.supports) + 1
    stride_area = 4  # reduced pixels, below which a piece is noise
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    for piece in range(1, count + 1):
        if sizes[piece] < stride_area:
            continue
        inside = pieces == piece
        if _hangs_below(surface, inside, background.supports):
            labels[inside] = -1
        else:
            labels[inside] = first
            first += 1
    return labels, len(background.supports)


def connect(surface: Surface, mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Pieces of the masked pixels that hang together in space.

    Returns:
        [h,w] int32 with 0 outside the mask, and the number of pieces.
    """
    h, w = mask.shape
    index = np.full((h, w), -1)
    index[mask] = np.arange(mask.sum())
    pitch = surface.z / abs(surface.camera.fx)
    reach = 0.008 + 1.5 * pitch + 3 * surface.sigma_m
    links = []
    for dv, du in _BESIDE:
        a = (slice(0, h - dv), slice(max(0, -du), w - max(0, du)))
        b = (slice(dv, h), slice(max(0, du), w + min(0, du)))
        gap = np.linalg.norm(surface.points[a] - surface.points[b], axis=-1)
        span = pitch[a] * np.hypot(dv, du)
        near = mask[a] & mask[b] & (gap < reach[a] + span)
        links.append(np.stack([index[a][near], index[b][near]]))
    rows, columns = np.concatenate(links, axis=1)
    n = int(mask.sum())
    graph = coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(n, n))
    count, piece = connected_components(graph, directed=False)
    pieces = np.zeros((h, w), np.int32)
    pieces[mask] = piece + 1
    return pieces, count


def _find_background(surface: Surface, up: np.ndarray | None, config: MaskConfig) -> _Background:
    labels = np.zeros(surface.valid.shape, np.int32)
    if up is None:
        return _Background(labels, [])
    supports = _true_supports(
        surface,
        find_supports(surface, up, config.min_support_area_m2, config.max_support_tilt),
    )
    for number, plane in enumerate(supports, 1):
        labels[_lies_on(surface, plane, config.min_height_m) & (labels == 0)] = number
    free = surface.valid & (labels == 0)
    for wall in find_walls(surface, up, free, config.min_wall_area_m2):
        labels[wall.bits & (labels == 0)] = -1
    return _Background(labels, supports)


def _true_supports(surface: Surface, planes: list[Plane]) -> list[Plane]:
    """Leave out what lies on another support and is small: the tops of books and boxes."""
    kept: list[Plane] = []
    for plane in planes:
        middle = surface.points[plane.bits].mean(axis=0)
        above = [other for other in kept if 0.004 < other.height(middle) < 0.5]
        if plane.area_m2 < 0.15 and any(plane.area_m2 < other.area_m2 for other in above):
            continue
        kept.append(plane)
    return kept


def _lies_on(surface: Surface, plane: Plane, min_height_m: float) -> np.ndarray:
    """Pixels [h,w] of the plane, by the height smoothed over a window against the noise."""
    height = plane.height(surface.points)
    facing = np.abs(surface.camera.rays @ plane.normal.astype(np.float32))
    sigma = surface.sigma_m * facing
    near = surface.valid & (np.abs(height) < 0.01 + 3 * sigma)
    smooth = box_mean(height, near, 3)
    limit = min_height_m + sigma
    low = near & (np.abs(smooth) < limit) & (np.abs(height) < limit + 3 * sigma)
    return low & ndimage.binary_dilation(plane.bits, iterations=2)


def _hangs_below(surface: Surface, inside: np.ndarray, supports: list[Plane]) -> bool:
    """Whether a piece is the edge, frame or leg of a support seen from above."""
    points = surface.points[inside]
    for plane in supports:
        height = plane.height(points)
        top = np.percentile(height, 95)
        if top < 0.003 and top > -0.1:
            rim = ndimage.binary_dilation(inside, iterations=3)
            if (rim & plane.bits).sum() > 0.1 * np.sqrt(inside.sum()):
                return True
    return False


def _up_camera(
    frame: RGBDFrame, up_world: np.ndarray | None, surface: Surface
) -> np.ndarray | None:
    """Up [3] in the camera frame."""
    if up_world is None:
        return up_from_image(surface)
    up = frame.T_world_cam[:3, :3].T @ np.asarray(up_world, float)
    return up / np.linalg.norm(up)


def _as_masks(labels: np.ndarray, supports: int, config: MaskConfig) -> list[Mask]:
    masks = []
    for label, window in enumerate(ndimage.find_objects(np.maximum(labels, 0)), 1):
        if window is None:
            continue
        bits = labels[window] == label
        area = int(bits.sum())
        kind = "support" if label <= supports else "object"
        if area < config.min_pixels:
            continue
        if kind == "object" and area > config.max_image_share * labels.size:
            continue
        masks.append(Mask(window[1].start, window[0].start, bits, kind, 1.0))  # type: ignore[arg-type]
    return masks
