"""Figures of groups of outcomes, as JSON values, each with its 95 % bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from grounding3d.query.bounds import (
    auroc,
    bootstrap,
    weighted_auroc,
    weighted_mean,
    weighted_quantile,
    wilson,
)
from grounding3d.query.evaluation.inventory import Inventory, Match
from grounding3d.query.evaluation.outcomes import CHI2_95, Outcome

RECALL_AT_M = (0.05, 0.1, 0.25, 0.5)
IOU_AT = (0.25, 0.5)
THIRDS = ("smallest third", "middle third", "largest third")


def figures(outcomes: Sequence[Outcome], absent: Sequence[Outcome] = ()) -> dict[str, Any]:
    """Figures of one group of queries.

    Args:
        outcomes: of the group, not none.
        absent: queries for absent things, to rank those of the group against.
    """
    right = np.array([o.success for o in outcomes])
    content: dict[str, Any] = {
        "n": len(outcomes),
        "answered": float(np.mean([o.answered for o in outcomes])),
        "success": float(right.mean()),
        "success_bounds": list(wilson(int(right.sum()), len(right))),
        "success_bounds_by_scene": bootstrap(right, weighted_mean, _scenes(outcomes)),
    }
    if not all(o.present for o in outcomes):
        return content
    distances = np.array([o.distance_m for o in outcomes])
    content["recall"] = {f"{at:g}": float((distances <= at).mean()) for at in RECALL_AT_M}
    answered = [o for o in outcomes if np.isfinite(o.distance_m)]
    content["distance_m"] = _spread(answered, lambda o: o.distance_m)
    content["distance_m_when_right"] = _spread(
        [o for o in answered if o.success], lambda o: o.distance_m
    )
    content["iou"] = _overlap(outcomes, answered)
    content["auroc"], content["auroc_bounds"] = ranking(outcomes, absent)
    return content


def ranking(
    present: Sequence[Outcome], absent: Sequence[Outcome]
) -> tuple[float | None, list[float] | None]:
    """AUROC of the best scores of present against absent things, and its bounds."""
    rows = [*present, *absent]
    score, there = np.array([o.score for o in rows]), np.array([o.present for o in rows], bool)
    area = auroc(score, there)
    if area is None:
        return None, None
    return area, bootstrap(np.column_stack([score, there]), weighted_auroc, _scenes(rows))


def coverage(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """How often the truth lies in the 95 % ellipsoid of a right answer, by the ellipsoid's size."""
    right = [o for o in outcomes if o.present and o.success and np.isfinite(o.mahalanobis2)]
    right.sort(key=lambda o: o.semi_axis_m)
    content = {"all": _covered(right)}
    for name, rows in zip(THIRDS, np.array_split(np.arange(len(right)), 3)):
        content[name] = _covered([right[i] for i in rows])
    return content


def inventory_figures(scenes: Sequence[Inventory]) -> dict[str, Any]:
    """Clio's weak and strict recall and F1 over the objects of all scenes."""
    n_true, n_mapped = sum(s.n_true for s in scenes), sum(s.n_mapped for s in scenes)
    matches = [match for scene in scenes for match in scene.matches]
    content: dict[str, Any] = {"n_true": n_true, "n_mapped": n_mapped}
    hits = {"weak": len(matches), "strict": sum(s.n_strict for s in scenes)}
    for name, hit in hits.items():
        both = n_true + n_mapped
        content[name] = {
            "recall": hit / n_true if n_true else None,
            "recall_bounds": list(wilson(hit, n_true)),
            "precision": hit / n_mapped if n_mapped else None,
            "f1": 2 * hit / both if both else None,
            "f1_bounds": _f1_bounds(scenes, name),
        }
    content["matched"] = _matched(matches)
    return content


def latency(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Milliseconds an answer takes."""
    return {
        name: {q: quantile([getattr(o, f"{name}_ms") for o in outcomes], share)
               for q, share in (("median", 0.5), ("p90", 0.9))}
        for name in ("total", "text", "search")
    }  # fmt: skip


def quantile(values: Sequence[float] | np.ndarray, q: float) -> float | None:
    """Quantile, None of nothing."""
    return float(np.quantile(values, q)) if len(values) else None


def _spread(rows: Sequence[Outcome], value: Callable[[Outcome], float]) -> dict[str, Any]:
    values = np.array([value(row) for row in rows])
    content: dict[str, Any] = {"n": len(values)}
    for name, q in (("median", 0.5), ("p90", 0.9)):
        content[name] = quantile(values, q)
        content[f"{name}_bounds"] = bootstrap(values, weighted_quantile(q), _scenes(rows))
    return content


def _overlap(outcomes: Sequence[Outcome], answered: Sequence[Outcome]) -> dict[str, Any]:
    values = np.array([o.iou for o in outcomes])
    content = {"median": quantile([o.iou for o in answered], 0.5)}
    return content | {f"over {at:g}": float((values > at).mean()) for at in IOU_AT}


def _covered(rows: Sequence[Outcome]) -> dict[str, Any]:
    inside = np.array([o.mahalanobis2 <= CHI2_95 for o in rows], bool)
    return {
        "n": len(rows),
        "inside": float(inside.mean()) if len(rows) else None,
        "inside_bounds": list(wilson(int(inside.sum()), len(rows))),
        "inside_bounds_by_scene": bootstrap(inside, weighted_mean, _scenes(rows)),
        "semi_axis_m": quantile([o.semi_axis_m for o in rows], 0.5),
    }


def _matched(matches: Sequence[Match]) -> dict[str, Any]:
    covered = sum(m.covered for m in matches)
    return {
        "n": len(matches),
        "distance_m_median": quantile([m.distance_m for m in matches], 0.5),
        "iou_median": quantile([m.iou for m in matches], 0.5),
        "inside": covered / len(matches) if matches else None,
        "inside_bounds": list(wilson(covered, len(matches))),
    }


def _f1_bounds(scenes: Sequence[Inventory], criterion: str) -> list[float] | None:
    rows = [
        (2 * (len(s.matches) if criterion == "weak" else s.n_strict), s.n_true + s.n_mapped)
        for s in scenes
    ]

    def f1(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        hit, both = (weights @ values).T
        return np.where(both > 0, hit / np.maximum(both, 1), np.nan)

    return bootstrap(np.array(rows, float), f1) if rows else None


def _scenes(rows: Sequence[Outcome]) -> np.ndarray:
    return np.array([row.scene for row in rows])
