"""Class-agnostic masks from geometry and colour, without weights.

Support planes and walls are taken out of the depth image; what is left rises above a plane by more
than the noise and falls apart where neighbours in the image are no neighbours in space. Worked out
on a reduced image, then the outlines are redrawn at full resolution by depth and colour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import Mask
from grounding3d.features.mask_outlines import redraw_outlines
from grounding3d.features.mask_pieces import connect, join_pieces
from grounding3d.features.mask_stacks import make_upright, split_stacks
from grounding3d.features.mask_thin import thin_things
from grounding3d.features.masks import MaskConfig
from grounding3d.features.planes import (
    Plane,
    Surface,
    box_mean,
    find_supports,
    find_walls,
    make_surface,
    up_from_image,
    widen,
)
from grounding3d.geometry.camera import Camera

_OVERHANG_M = 0.04
_EDGE_M, _LEG_M = 0.03, 0.3


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
    depth = np.pad(np.where(frame.depth_m > max_depth_m, np.float32(0), frame.depth_m), pad)
    shifts = [(dv, du) for dv in range(stride) for du in range(stride)]
    blocks = [depth[dv::stride, du::stride] for dv, du in shifts]
    near = np.full((h, w), np.inf, np.float32)
    for block in blocks:
        near = np.minimum(near, np.where(block > 0, block, np.float32(np.inf)))
    reach = 0.015 + 1.02 * near
    total, count = np.zeros((h, w), np.float32), np.zeros((h, w), np.float32)
    for block in blocks:
        kept = (block > 0) & (block < reach)
        total += block * kept
        count += kept
    rgb = np.pad(frame.rgb, (*pad, (0, 0)), mode="edge")
    color = np.zeros((h, w, 3), np.float32)
    for dv, du in shifts:
        color += rgb[dv::stride, du::stride]
    padded = Camera(frame.camera.K, w * stride, h * stride)
    surface = make_surface(total / np.maximum(count, 1), padded.resized(w, h), stride**2)
    return surface, color / stride**2


@dataclass(frozen=True)
class _Background:
    """What objects stand out from.

    Attributes:
        labels: [h,w] int32, 0 none, -1 wall, k + 1 support k.
        supports: planes, the largest first.
    """

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
    background = _find_background(surface, rgb, up, config)
    labels, supports = background.labels, background.supports
    upright = None if up is None else make_upright(surface, up)
    standing = surface.valid & (labels == 0)
    below = np.zeros_like(standing)
    for number, plane in enumerate(supports, 1):
        under = standing & _under(surface, plane)
        pieces, _ = connect(surface, under)
        labels[_hanging(surface, plane, labels == number, pieces)] = number
        below |= under & (labels == 0)
    standing &= ~below & (labels == 0)
    for part in (standing, below):
        pieces, _ = connect(surface, part)
        if upright is not None:
            pieces = split_stacks(surface, pieces, upright)
        pieces = join_pieces(surface, pieces, up, config.min_pixels / 8)
        labels = np.where(pieces > 0, pieces + max(int(labels.max()), len(supports)), labels)
    return labels, len(supports)


def _find_background(
    surface: Surface, rgb: np.ndarray, up: np.ndarray | None, config: MaskConfig
) -> _Background:
    labels = np.zeros(surface.valid.shape, np.int32)
    if up is None:
        return _Background(labels, [])
    supports = _true_supports(
        surface,
        find_supports(surface, up, config.min_support_area_m2, config.max_support_tilt),
    )
    for number, plane in enumerate(supports, 1):
        lying = _lies_on(surface, plane, config.min_height_m) & (labels == 0)
        labels[lying & ~thin_things(surface, rgb, plane, lying)] = number
    free = surface.valid & (labels == 0)
    for wall in find_walls(surface, up, free, config.min_wall_area_m2):
        labels[wall.bits & (labels == 0)] = -1
    return _Background(labels, supports)


def _true_supports(surface: Surface, planes: list[Plane]) -> list[Plane]:
    """Leave out what is no support of its own.

    That is a second reading of a noisy plane, and what lies on a larger support and is small: the
    tops of books and boxes.
    """
    kept: list[Plane] = []
    for plane in planes:
        middle = surface.points[plane.bits].mean(axis=0)
        noise = float(surface.sigma_m[plane.bits].mean())
        heights = [other.height(middle) for other in kept]
        if any(abs(height) < 0.015 + 4 * noise for height in heights):
            continue
        if plane.area_m2 < 0.15 and any(0 < height < 0.5 for height in heights):
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
    return low & widen(widen(plane.bits))


def _under(surface: Surface, plane: Plane) -> np.ndarray:
    """Pixels [h,w] below a support and within its outline seen from above."""
    height = plane.height(surface.points)
    low = surface.valid & (height < -0.001 - surface.sigma_m) & ~plane.bits
    first = np.cross(plane.normal, [0.0, 0.0, 1.0])
    if not low.any() or np.linalg.norm(first) < 1e-6:
        return low & False
    first /= np.linalg.norm(first)
    axes = np.stack([first, np.cross(plane.normal, first)], axis=1).astype(np.float32)
    try:
        hull = ConvexHull(surface.points[plane.bits][::3] @ axes)
    except QhullError:
        return low & False
    equations = hull.equations.astype(np.float32)
    beyond = (surface.points[low] @ axes) @ equations[:, :2].T + equations[:, 2]
    low[low] = beyond.max(axis=1) < _OVERHANG_M
    return low


def _hanging(surface: Surface, plane: Plane, own: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """Pixels [h,w] of the pieces below a plane that belong to it: its edge, frame and legs.

    They begin close below the plane and border on it in the image, possibly by way of its edge.

    Args:
        surface: the depth image.
        plane: the support.
        own: [h,w] bool pixels labelled as the support.
        pieces: [h,w] int pieces of what is below it.
    """
    taken = pieces < 0
    if not pieces.any():
        return taken
    height = plane.height(surface.points)
    numbers = np.arange(pieces.max() + 1)
    tops = ndimage.maximum(height, pieces, numbers)
    for depth in (_EDGE_M, _LEG_M):
        bordering = np.zeros(len(numbers), bool)
        bordering[np.unique(pieces[widen(widen(widen(own | taken)))])] = True
        bordering[0] = False
        taken |= (bordering & (tops > -depth))[pieces]
    return taken


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
