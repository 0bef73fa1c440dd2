"""The board as markdown, from its JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_HEAD = (
    "queries", "n", "right (95 % bounds)", "answered", "median cm", "90 % cm",
    "within 5 cm", "10 cm", "25 cm", "50 cm", "IoU", "> 0.25", "> 0.5", "AUROC",
)  # fmt: skip

_NOTES = (
    "Right: the best candidate's centre lies in a wanted object's true world-axis-aligned box "
    "inflated by 2 cm (plural: every wanted object holds a selected candidate, and every selected "
    "candidate lies in a wanted object); absent: nothing was answered. Bounds: Wilson's for "
    "shares, else scenes resampled. Errors: centre to true centre over all that was answered; "
    "shares within a distance or over an IoU count what was not answered as a miss. AUROC: best "
    "score against that of absent things. Held-out and other instances: of the plain and "
    "captioned questions."
)


def board_text(board: Mapping[str, Any]) -> str:
    """Tables: queries, ellipsoids, objects; then how fast and decided by what."""
    parts = [
        _table([_HEAD, *(_group(name, row) for name, row in board["groups"].items())]),
        _NOTES,
    ]
    if board["ellipsoid"]["all"]["n"]:
        parts.append(_ellipsoid(board["ellipsoid"]))
    if board["objects"]:
        parts.append(_objects(board["objects"]))
    parts.append(_summary(board))
    return "\n\n".join(parts)


def _group(name: str, row: Mapping[str, Any]) -> list[str]:
    low, high = row["success_bounds"]
    cells = [name, str(row["n"]), f"{row['success']:.1%} ({low:.0%} to {high:.0%})"]
    cells.append(f"{row['answered']:.0%}")
    if "recall" not in row:
        return cells + ["-"] * (len(_HEAD) - len(cells))
    distance, iou = row["distance_m"], row["iou"]
    cells += [_cm(distance["median"], distance["median_bounds"]), _cm(distance["p90"])]
    cells += [_share(value) for value in row["recall"].values()]
    cells += [_number(iou["median"], 2), _share(iou["over 0.25"]), _share(iou["over 0.5"])]
    return [*cells, _number(row["auroc"], 3, row["auroc_bounds"])]


def _ellipsoid(rows: Mapping[str, Any]) -> str:
    table = [["right answers by the ellipsoid's size", "n", "truth inside (95 % bounds)",
              "median longest semi-axis cm"]]  # fmt: skip
    for name, row in rows.items():
        inside = _share(row["inside"], row["inside_bounds"])
        table.append([name, str(row["n"]), inside, _cm(row["semi_axis_m"])])
    return "95 % ellipsoid of the position's covariance\n\n" + _table(table)


def _objects(row: Mapping[str, Any]) -> str:
    table = [["objects of the map", "recall (95 % bounds)", "precision", "F1"]]
    for name in ("weak", "strict"):
        part = row[name]
        recall = _share(part["recall"], part["recall_bounds"])
        f1 = _number(part["f1"], 2, part["f1_bounds"])
        table.append([name, recall, _share(part["precision"]), f1])
    matched = row["matched"]
    text = (
        f"{row['n_true']} real objects, {row['n_mapped']} mapped. Weak: the mapped box contains "
        "the true centroid; strict: each contains the other's (Clio's criteria, each matched "
        f"once). Matched ones: median error {_cm(matched['distance_m_median'])} cm, median IoU "
        f"{_number(matched['iou_median'], 2)}, {_share(matched['inside'])} in the 95 % ellipsoid."
    )
    return _table(table) + "\n\n" + text


def _summary(board: Mapping[str, Any]) -> str:
    total = board["latency_ms"]["total"]
    speed = f"{_number(total['median'], 1)} ms (90 %: {_number(total['p90'], 1)} ms) an answer"
    lines = [
        f"{board['n_scenes']} scenes, {board['n_queries']} queries, {speed}. AUROC of present "
        f"against absent: {_number(board['auroc'], 3, board['auroc_bounds'])}."
    ]
    for rule in board["rules"]:
        if rule["calibration"] is None:
            decided = "no calibration table: decided by each scene's own null distribution"
        else:
            facts = "; ".join(f"{k}: {_plain(v)}" for k, v in rule["provenance"].items())
            decided = (
                f"thresholds frozen in {rule['calibration']}, fitted on other scenes ({facts})"
            )
        lines.append(f"Encoder {rule['encoder']}; {decided}.")
    return "\n\n".join(lines)


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *body])


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_plain(v)}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(item) for item in value)
    return str(value)


def _cm(value_m: float | None, bounds: Sequence[float] | None = None) -> str:
    if value_m is None:
        return "-"
    within = f" ({100 * bounds[0]:.1f} to {100 * bounds[1]:.1f})" if bounds else ""
    return f"{100 * value_m:.1f}{within}"


def _share(value: float | None, bounds: Sequence[float] | None = None) -> str:
    if value is None:
        return "-"
    within = f" ({bounds[0]:.0%} to {bounds[1]:.0%})" if bounds else ""
    return f"{value:.1%}{within}" if bounds else f"{value:.0%}"


def _number(value: float | None, digits: int, bounds: Sequence[float] | None = None) -> str:
    if value is None:
        return "-"
    within = f" ({bounds[0]:.{digits}f} to {bounds[1]:.{digits}f})" if bounds else ""
    return f"{value:.{digits}f}{within}"
