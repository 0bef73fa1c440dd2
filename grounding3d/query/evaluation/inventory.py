"""The objects of a map against the real ones, whatever is asked.

Clio's two criteria (Maggio et al. 2024, RA-L 9(10), section V): weak, the mapped box contains the
true centroid; strict, each box contains the other's centroid. Every object is matched once, so that
an object mapped in two pieces, or two mapped as one, costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grounding3d.geometry.boxes import aabb_iou
from grounding3d.objects.base import MapObject, ObjectMap
from grounding3d.query.evaluation.outcomes import CHI2_95, ellipsoid
from grounding3d.query.truth import GroundTruth, TrueObject


@dataclass(frozen=True)
class Match:
    """A real object and the mapped one that is matched to it by the weak criterion.

    Attributes:
        distance_m: between the centres.
        iou: of the boxes, each made axis-aligned.
        covered: whether the true centre lies in the mapped one's 95 % ellipsoid.
    """

    distance_m: float
    iou: float
    covered: bool


@dataclass(frozen=True)
class Inventory:
    """How well one scene's objects are the real ones.

    Attributes:
        scene: its name.
        n_true: real objects that at least one frame shows.
        n_mapped: mapped objects; supports without a match (floors, walls) are left out, since
            ground truths do not list them.
        n_strict: matches by the strict criterion.
        matches: by the weak criterion.
    """

    scene: str
    n_true: int
    n_mapped: int
    n_strict: int
    matches: tuple[Match, ...]


def take_inventory(objects: ObjectMap, truth: GroundTruth, scene: str = "") -> Inventory:
    """Match the objects of a map to the real ones."""
    real = [item for item in truth.objects.values() if item.seen]
    mapped = list(objects)
    weak, strict, overlap = (np.zeros((len(mapped), len(real))) for _ in range(3))
    for i, ours in enumerate(mapped):
        box = ours.box.aabb()
        for j, true in enumerate(real):
            weak[i, j] = bool(ours.box.contains(true.center))
            strict[i, j] = weak[i, j] and bool(true.contains(ours.position, 0.0))
            overlap[i, j] = aabb_iou(box, (true.minimum, true.maximum))
    pairs = _assign(weak, overlap)
    used = {i for i, _ in pairs}
    backdrop = sum(item.kind == "support" and i not in used for i, item in enumerate(mapped))
    matches = tuple(_match(mapped[i], real[j], overlap[i, j]) for i, j in pairs)
    n_strict = len(_assign(strict, overlap))
    return Inventory(scene, len(real), len(mapped) - backdrop, n_strict, matches)


def _assign(allowed: np.ndarray, preferred: np.ndarray) -> list[tuple[int, int]]:
    """As many pairs as possible of what is allowed, each row and column once; then the best."""
    from scipy.optimize import linear_sum_assignment

    if not allowed.any():
        return []
    # one more pair outweighs any sum of preferences in [0, 1]
    gain = allowed * (1 + preferred / (min(allowed.shape) + 1))
    rows, columns = linear_sum_assignment(gain, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns) if allowed[i, j]]


def _match(ours: MapObject, true: TrueObject, iou: float) -> Match:
    error = true.center - ours.position
    mahalanobis2, _ = ellipsoid(ours.covariance, error)
    return Match(float(np.linalg.norm(error)), float(iou), mahalanobis2 <= CHI2_95)
