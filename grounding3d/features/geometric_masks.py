"""Class-agnostic masks from geometry and colour, without weights.

Support planes and walls are taken out of the depth image; what is left rises above a plane by more
than the noise and falls apart where neighbours in the image are no neighbours in space. Worked out
on a reduced image, then the outlines are redrawn at full resolution by depth and colour.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import Mask
from grounding3d.features.mask_background import Background, find_background, give_back
from grounding3d.features.mask_furniture import connect_apart, group_furniture, stiff_parts
from grounding3d.features.mask_legs import hang_below, standing_pieces
from grounding3d.features.mask_outlines import redraw_outlines
from grounding3d.features.mask_pieces import connect, drop_small, join_pieces
from grounding3d.features.mask_stacks import split_stacks
from grounding3d.features.mask_thin import fill_flat_middles
from grounding3d.features.masks import MaskConfig
from grounding3d.features.native import mask_core
from grounding3d.features.planes import up_from_image
from grounding3d.features.surface import Surface, make_surface
from grounding3d.features.upright import Upright, make_upright
from grounding3d.geometry.camera import Camera

_FURNITURE_SHARE = 0.9  # of the image, at most; the camera may stand right before a wardrobe


class GeometricMasks:
    """Objects and support planes of an RGB-D frame, in milliseconds and without weights."""

    def __init__(self, config: MaskConfig | None = None) -> None:
        self.config = config or MaskConfig()

    def masks(self, frame: RGBDFrame, up_world: np.ndarray | None = None) -> list[Mask]:
        """Supports first, then objects, disjoint but that furniture covers its boards.

        Empty for a frame without depth.

        Args:
            frame: posed frame.
            up_world: direction against gravity; None: the widest surface facing image up is level.
        """
        height, width = frame.depth_m.shape
        stride = max(1, round(width / self.config.working_width))
        surface, rgb = reduce_frame(frame, stride, self.config.max_depth_m)
        if surface.valid.sum() * stride**2 < self.config.min_pixels:
            return []
        parts = segment(surface, rgb, _up_camera(frame, up_world, surface), self.config)
        full = redraw_outlines(parts.labels, parts.supports, frame.rgb, frame.depth_m, stride)
        return _as_masks(full[:height, :width], parts, self.config)


def reduce_frame(frame: RGBDFrame, stride: int, max_depth_m: float) -> tuple[Surface, np.ndarray]:
    """Geometry and colour [h,w,3] float32 of the frame at 1/stride of its size.

    Each value is the mean of a block's pixels, for depth of those on the block's nearest surface.
    """
    height, width = frame.depth_m.shape
    h, w = -(-height // stride), -(-width // stride)
    core = mask_core()
    if core is not None:
        rgb, depth_m = (np.ascontiguousarray(a) for a in (frame.rgb, frame.depth_m))
        depth, color = core.reduce_frame(rgb, depth_m, stride, max_depth_m)
    else:
        depth, color = mean_blocks(frame.rgb, frame.depth_m, stride, max_depth_m)
    padded = Camera(frame.camera.K, w * stride, h * stride)
    return make_surface(depth, padded.resized(w, h), stride**2), color


def mean_blocks(
    rgb: np.ndarray, depth_m: np.ndarray, stride: int, max_depth_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """What `reduce_frame` does, without the compiled core: depth [h,w] and colour [h,w,3]."""
    height, width = depth_m.shape
    h, w = -(-height // stride), -(-width // stride)
    pad = ((0, h * stride - height), (0, w * stride - width))
    depth = np.pad(np.where(depth_m > max_depth_m, np.float32(0), depth_m), pad)
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
    rgb = rgb if not any(map(sum, pad)) else np.pad(rgb, (*pad, (0, 0)), mode="edge")
    rows = rgb.reshape(h, stride, w * stride, 3).sum(axis=1, dtype=np.uint16)
    color = rows.reshape(h, w, stride, 3).sum(axis=2, dtype=np.uint16).astype(np.float32)
    return total / np.maximum(count, 1), color / stride**2


@dataclass(frozen=True)
class Parts:
    """A reduced frame cut into parts.

    Attributes:
        labels: [h,w] int32: 0 unknown, -1 background without a mask, 1..S supports, S + k the body
            of support k, then objects.
        supports: S.
        furniture: sets of labels that are one thing each.
        stiff: labels of furniture.
    """

    labels: np.ndarray
    supports: int = 0
    furniture: list[list[int]] = field(default_factory=list)
    stiff: frozenset[int] = frozenset()


def segment(surface: Surface, rgb: np.ndarray, up: np.ndarray | None, config: MaskConfig) -> Parts:
    """The parts of a reduced frame.

    Args:
        surface: the depth image.
        rgb: [h,w,3] float32 colour of the same size.
        up: [3] unit, camera frame; None where unknown.
        config: thresholds.
    """
    if up is None:
        pieces, _ = connect(surface, surface.valid)
        return Parts(drop_small(pieces, config.min_pixels / 8))
    background = find_background(surface, rgb, up, config)
    labels, count = background.labels, len(background.supports)
    upright = make_upright(surface, up)
    levels = [
        float(upright.height[labels == number].mean())
        for number in range(1, count + 1)
        if (labels == number).any()
    ]
    below, legs = hang_below(surface, background, upright)
    for part in (surface.valid & (labels == 0) & ~below, below):
        pieces = connect_apart(surface, part, background.panels)
        give_back(surface, background, pieces)
        pieces[labels != 0] = 0
        pieces = drop_small(pieces, config.min_pixels / 8)
        never = _kept_apart(surface, background, pieces, upright)
        pieces = join_pieces(pieces, labels, upright, levels, never)
        pieces = split_stacks(surface, pieces, upright)
        pieces = drop_small(pieces, config.min_pixels / 8)
        last = max(int(labels.max()), 2 * count)
        labels[pieces > 0] = pieces[pieces > 0] + last
    fill_flat_middles(labels, 2 * count, rgb)
    stiff = stiff_parts(labels, count, background.panels)
    groups = group_furniture(surface, labels, background.supports, stiff, upright)
    for group in groups:  # a shelf's side is of the shelf, not of one of its boards
        for board in [label for label in group if label <= count]:
            labels[legs & (labels == board)] = board + count
            group.append(board + count)
    furniture = [int(label) for label in np.flatnonzero(stiff)]
    return Parts(labels, count, groups, frozenset(furniture).union(*groups))


def _kept_apart(
    surface: Surface, background: Background, pieces: np.ndarray, upright: Upright
) -> np.ndarray | None:
    """[n + 1, n + 1] bool: what stands on a board is not of the panel behind it."""
    flat = np.bincount(pieces[background.panels > 0], minlength=int(pieces.max()) + 1)
    panel = flat > 0.5 * np.bincount(pieces.ravel())
    panel[0] = False
    if not panel.any():
        return None
    stands = standing_pieces(surface, background, None, pieces, upright)
    return stands[:, None] & panel & ~(stands & panel)[:, None]


def _up_camera(
    frame: RGBDFrame, up_world: np.ndarray | None, surface: Surface
) -> np.ndarray | None:
    """Up [3] in the camera frame."""
    if up_world is None:
        return up_from_image(surface)
    up = frame.T_world_cam[:3, :3].T @ np.asarray(up_world, float)
    return up / np.linalg.norm(up)


def _as_masks(labels: np.ndarray, parts: Parts, config: MaskConfig) -> list[Mask]:
    """Supports, then things; furniture is one mask, its boards are supports besides."""
    last = int(max(parts.labels.max(), 2 * parts.supports))
    boxes = ndimage.find_objects(np.maximum(labels, 0), max_label=last)
    singles = set(range(1, len(boxes) + 1)) - {
        label for group in parts.furniture for label in group if label > parts.supports
    }
    masks = []
    for group in [[label] for label in sorted(singles)] + parts.furniture:
        window = _union([box for label in group if (box := boxes[label - 1]) is not None])
        if window is None:
            continue
        bits = np.isin(labels[window], group)
        area = int(bits.sum())
        kind = "support" if len(group) == 1 and group[0] <= parts.supports else "object"
        if area < config.min_pixels:
            continue
        share = _FURNITURE_SHARE if parts.stiff.issuperset(group) else config.max_image_share
        if kind == "object" and area > share * labels.size:
            continue
        masks.append(Mask(window[1].start, window[0].start, bits, kind, 1.0))  # type: ignore[arg-type]
    return masks


def _union(boxes: list[tuple[slice, ...]]) -> tuple[slice, slice] | None:
    """The smallest window around some, None for none."""
    if not boxes:
        return None
    rows, columns = (
        slice(min(box[axis].start for box in boxes), max(box[axis].stop for box in boxes))
        for axis in (0, 1)
    )
    return rows, columns
