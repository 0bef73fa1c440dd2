"""Label images brought to full resolution with outlines that follow depth and colour."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from grounding3d.features.native import mask_core

_RING = tuple(
    (round(radius * np.sin(angle)), round(radius * np.cos(angle)))
    for radius in (3, 5)
    for angle in np.arange(8) * np.pi / 4
)
_PER_COLOR = np.float32(1 / (30 * 9))  # 30 grey levels, summed over channels, cost as much as 1


def redraw_outlines(
    labels: np.ndarray, supports: int, rgb: np.ndarray, depth_m: np.ndarray, stride: int
) -> np.ndarray:
    """Label image at full resolution.

    Pixels near an outline or without depth take the label of the place nearby that they resemble
    most in colour and depth; all others keep the reduced image's label.

    Args:
        labels: [h,w] int32 at 1/stride of the size, as `segment` gives them.
        supports: labels up to this one are support planes.
        rgb: [H,W,3] uint8.
        depth_m: [H,W] float32, 0 = unknown.
        stride: reduction.
    """
    open_ = ndimage.maximum_filter(labels, 3) != ndimage.minimum_filter(labels, 3)
    open_ |= labels == 0
    certain = np.where(open_, 0, labels)
    # a stem or a pen is all outline: it would be outvoted, so it stays as it is
    thin = (labels > supports) & (ndimage.maximum_filter(certain, 5) != labels)
    certain[thin] = labels[thin]
    reach = open_ & ~thin & (ndimage.maximum_filter(np.abs(certain), 7) != 0)
    full = _enlarge(labels, stride, depth_m.shape)
    sure = _enlarge(certain, stride, depth_m.shape)
    wide_reach = _enlarge(reach, stride, depth_m.shape)
    core = mask_core()
    if core is None:
        vote_twice(full, sure, wide_reach, rgb, depth_m)
    else:
        images = (wide_reach.view(np.uint8), rgb, depth_m)
        steps = [step for pair in _RING for step in pair]
        core.vote_twice(full, sure, *map(np.ascontiguousarray, images), steps, _PER_COLOR)
    return full


def vote_twice(
    full: np.ndarray, sure: np.ndarray, reach: np.ndarray, rgb: np.ndarray, depth_m: np.ndarray
) -> None:
    """Decide the open pixels near sure ones, then those near the former.

    Without the compiled core. Changes `full` and `sure` in place.
    """
    colors = [_sum_3x3(rgb[..., channel]).ravel() for channel in range(3)]
    for _ in range(2):
        _vote(full, sure, reach, colors, depth_m)


def _enlarge(image: np.ndarray, stride: int, shape: tuple[int, ...]) -> np.ndarray:
    """Each pixel of `image` as a block of stride x stride, cut to `shape`."""
    wide = np.repeat(np.repeat(image, stride, axis=0), stride, axis=1)
    return np.ascontiguousarray(wide[: shape[0], : shape[1]])


def _sum_3x3(channel: np.ndarray) -> np.ndarray:
    """Sums [H,W] int16 of a uint8 image over 3 x 3 pixels."""
    wide = np.pad(channel, 1, mode="edge").astype(np.int16)
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]


def _vote(
    full: np.ndarray,
    sure: np.ndarray,
    reach: np.ndarray,
    colors: list[np.ndarray],
    depth_m: np.ndarray,
) -> None:
    """Give each open pixel within reach the label of its most similar sure neighbour on two rings.

    Changes `full` and `sure` in place.
    """
    height, width = full.shape
    v, u = np.nonzero((sure == 0) & reach)
    here = v * width + u
    flat_sure, flat_depth = np.ravel(sure), depth_m.ravel()
    best = np.full(len(v), np.inf, np.float32)
    label = full[v, u]
    own_colors, own_depth = [color[here] for color in colors], flat_depth[here]
    scale = 1 / (0.01 + 0.01 * own_depth)
    for dv, du in _RING:
        there_at = np.clip(v + dv, 0, height - 1) * width + np.clip(u + du, 0, width - 1)
        there = flat_sure[there_at]
        pairs = zip(colors, own_colors)
        difference = sum(np.abs(color[there_at] - own) for color, own in pairs)
        other_depth = flat_depth[there_at]
        both = (own_depth > 0) & (other_depth > 0)
        step = np.where(both, np.minimum(np.abs(other_depth - own_depth) * scale, 6), 1)
        cost = difference * _PER_COLOR + step + np.float32(np.hypot(dv, du) / 10)
        better = (there != 0) & (cost < best)
        best[better], label[better] = cost[better], there[better]
    full[v, u] = label
    decided = np.isfinite(best)
    sure[v[decided], u[decided]] = label[decided]
