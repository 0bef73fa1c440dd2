"""How much of one cloud of points lies near another; asked anew only of clouds that changed."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from grounding3d.fusion.memo import Memo
from grounding3d.geometry.pointcloud import bounds


def near_share(points: np.ndarray, others: np.ndarray, reach_m: float, memo: Memo) -> float:
    """Share of points [n,3] that lie nearer than `reach_m` to one of the others [m,3]."""
    if not boxes_meet(points, others, reach_m, memo):
        return 0.0
    tree = memo.recall(cKDTree, others)
    return memo.recall(_share, points, tree, reach_m)


def boxes_meet(a: np.ndarray, b: np.ndarray, margin_m: float, memo: Memo) -> bool:
    """Whether the axis-aligned boxes of two clouds come that near; never where one is empty."""
    if not (len(a) and len(b)):
        return False
    (low_a, high_a), (low_b, high_b) = memo.recall(bounds, a), memo.recall(bounds, b)
    return bool((low_a <= high_b + margin_m).all() and (low_b <= high_a + margin_m).all())


def _share(points: np.ndarray, tree: cKDTree, reach_m: float) -> float:
    return float(np.isfinite(tree.query(points, distance_upper_bound=reach_m)[0]).mean())
