"""Masks of a frame, lifted to segments in the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import Mask
from grounding3d.fusion.base import Segment
from grounding3d.fusion.config import FusionConfig
from grounding3d.fusion.splitting import connected
from grounding3d.fusion.voxels import voxel_means
from grounding3d.geometry.transforms import transform_points

_TRUNCATED_QUALITY = 0.4
_MAX_PIXELS = 25_000  # of a mask are lifted; a near table has ten times as many
_HALF_QUALITY_RANGE_M = 2.5
_SUPPORT_PART_SHARE = 0.05  # a table that objects cut in two stays one segment


def lift_masks(
    frame: RGBDFrame,
    masks: Sequence[Mask],
    embeddings: Sequence[np.ndarray | None] | np.ndarray | None,
    keyframe: int,
    config: FusionConfig | None = None,
) -> list[Segment]:
    """The measured surface under each mask, cleaned, thinned, in the world.

    Flying pixels (depth between a near and a far surface) are dropped, and of an object only its
    largest connected cluster is kept, so that a mask that spills onto the background does not
    stretch the thing.

    Args:
        frame: posed frame.
        masks: n masks of this frame.
        embeddings: [n,D] unit vectors, or one vector or None for each mask, or None for none at
            all.
        keyframe: index of the keyframe this frame is.
        config: thresholds; the defaults if None.

    Returns:
        At most n segments; masks with too little depth have none.
    """
    config = config or FusionConfig()
    solid = _solid_pixels(frame.depth_m, config)
    vectors = [None] * len(masks) if embeddings is None else list(embeddings)
    segments = [
        _lift(frame, mask, vector, keyframe, solid, config)
        for mask, vector in zip(masks, vectors, strict=True)
    ]
    return [replace(s, mask_index=n) for n, s in enumerate(segments) if s is not None]


def _solid_pixels(depth_m: np.ndarray, config: FusionConfig) -> np.ndarray:
    """[H,W] bool: depth is known, in range, and agrees with enough of the eight neighbours.

    A pixel on the rim of a near surface agrees with the five neighbours on that surface and stays;
    an interpolated pixel between two surfaces agrees with the two along the rim at most.
    """
    agree = np.zeros(depth_m.shape, np.uint8)
    limit = config.edge_jump * depth_m
    h, w = depth_m.shape
    for dv, du in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a = (slice(0, h - dv), slice(max(0, -du), w - max(0, du)))
        b = (slice(dv, h), slice(max(0, du), w - max(0, -du)))
        near = np.abs(depth_m[a] - depth_m[b]) <= limit[a]
        agree[a] += near
        agree[b] += near
    return (depth_m > 0) & (depth_m <= config.max_range_m) & (agree >= config.edge_neighbours)


def _lift(
    frame: RGBDFrame,
    mask: Mask,
    embedding: np.ndarray | None,
    keyframe: int,
    solid: np.ndarray,
    config: FusionConfig,
) -> Segment | None:
    window, is_support = mask.window, mask.kind == "support"
    bits = np.flatnonzero(mask.bits & solid[window])
    n_pixels = len(bits)
    bits = bits[:: max(1, n_pixels // _MAX_PIXELS)]
    depth = frame.depth_m[window].ravel()[bits]
    points = transform_points(
        frame.T_world_cam, frame.camera.rays[window].reshape(-1, 3)[bits] * depth[:, None]
    )
    if len(points) < config.min_segment_points:
        return None
    cell = config.support_voxel_size_m if is_support else config.voxel_size_m
    rgb = frame.rgb[window].reshape(-1, 3)[bits]
    _, points, rgb, weight = voxel_means(points, rgb, cell)
    keep = connected(
        points,
        weight,
        max(config.cluster_voxel_m, 1.5 * cell),
        _SUPPORT_PART_SHARE if is_support else 1.0,
    )
    if keep.sum() < config.min_segment_points:
        return None
    n_pixels = round(n_pixels * weight[keep].sum() / weight.sum())
    truncated = mask.touches_border(frame.camera.width, frame.camera.height)
    return Segment(
        points=points[keep].astype(np.float32),
        rgb=np.rint(rgb[keep]).astype(np.uint8),
        embedding=None if embedding is None else np.asarray(embedding, np.float32),
        keyframe=keyframe,
        kind=mask.kind,
        n_pixels=n_pixels,
        truncated=truncated,
        view_quality=_view_quality(n_pixels, truncated, float(np.median(depth)), config),
    )


def _view_quality(n_pixels: int, truncated: bool, range_m: float, config: FusionConfig) -> float:
    """Weight in [0, 1]: large, whole and near is good."""
    size = min(1.0, np.sqrt(n_pixels / config.full_quality_pixels))
    near = 1.0 / (1.0 + (range_m / _HALF_QUALITY_RANGE_M) ** 2)
    return float(size * near * (_TRUNCATED_QUALITY if truncated else 1.0))
