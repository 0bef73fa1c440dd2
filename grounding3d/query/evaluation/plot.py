"""The board as a picture: three panels of curves, written as SVG by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from grounding3d.query.evaluation.outcomes import Outcome

if TYPE_CHECKING:
    from grounding3d.query.evaluation.report import EvalReport

# Okabe and Ito's colours, told apart by colour-blind people too
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
_SIDE, _GAP, _LEFT, _TOP, _BOTTOM = 280, 70, 56, 40, 54
_REACH_M = 0.5
_MOST_STEPS = 200


@dataclass
class _Panel:
    """Curves [n,2] in the unit square, named, over an x axis with ticks (place, text)."""

    title: str
    x_label: str
    y_label: str
    ticks: Sequence[tuple[float, str]]
    curves: list[tuple[str, np.ndarray]] = field(default_factory=list)
    diagonal: bool = False
    mark: tuple[float, float] | None = None


def board_svg(report: EvalReport) -> str:
    """Recall over distance by kind, ROC of present against absent, reliability of ellipsoids."""
    panels = [_recall(report), _roc(report.outcomes), _reliability(report.outcomes)]
    width = _LEFT + len(panels) * (_SIDE + _GAP)
    drawn = [_draw(panel, _LEFT + i * (_SIDE + _GAP), _TOP) for i, panel in enumerate(panels)]
    height = _TOP + _SIDE + _BOTTOM
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11">\n'
        '<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(drawn) + "\n</svg>\n"
    )


def _recall(report: EvalReport) -> _Panel:
    ticks = [(at / _REACH_M, f"{at:g}") for at in (0, 0.1, 0.25, 0.5)]
    panel = _Panel("Recall", "distance of the centres, m", "share of queries", ticks)
    at = np.linspace(0, _REACH_M, _MOST_STEPS)
    for name, group in report.groups():
        if name != "absent" and not name.endswith("instances") and group:
            distance = np.array([o.distance_m for o in group])
            share = (distance[None] <= at[:, None]).mean(axis=1)
            panel.curves.append((f"{name} ({len(group)})", np.column_stack([at / _REACH_M, share])))
    return panel


def _roc(outcomes: Sequence[Outcome]) -> _Panel:
    panel = _Panel("Present against absent", "absent above the score", "present above the score",
                   _shares(), diagonal=True)  # fmt: skip
    present = np.array([o.score for o in outcomes if o.present])
    absent = np.array([o.score for o in outcomes if not o.present])
    if not len(present) or not len(absent):
        return panel
    steps = np.unique(np.concatenate([present, absent]))[::-1]
    if len(steps) > _MOST_STEPS:
        steps = np.quantile(steps, np.linspace(1, 0, _MOST_STEPS))
    curve = [((absent >= s).mean(), (present >= s).mean()) for s in steps]
    panel.curves.append(("best score", np.array([(0.0, 0.0), *curve, (1.0, 1.0)])))
    panel.mark = _answered(outcomes, present=False), _answered(outcomes, present=True)
    return panel


def _answered(outcomes: Sequence[Outcome], present: bool) -> float:
    return float(np.mean([o.answered for o in outcomes if o.present is present]))


def _reliability(outcomes: Sequence[Outcome]) -> _Panel:
    from scipy.stats import chi2

    panel = _Panel("Position covariance", "ellipsoid of this probability", "truth inside",
                   _shares(), diagonal=True)  # fmt: skip
    found = [o.mahalanobis2 for o in outcomes if o.present and o.success]
    values = np.array([v for v in found if np.isfinite(v)])
    if len(values):
        at = np.linspace(0, 1, _MOST_STEPS)
        inside = (values[None] <= chi2.ppf(at, 3)[:, None]).mean(axis=1)
        panel.curves.append((f"right answers ({len(values)})", np.column_stack([at, inside])))
    return panel


def _shares() -> list[tuple[float, str]]:
    return [(at, f"{at:g}") for at in (0, 0.25, 0.5, 0.75, 1)]


def _draw(panel: _Panel, left: float, top: float) -> str:
    def place(x: float, y: float) -> tuple[float, float]:
        return left + _SIDE * float(np.clip(x, 0, 1)), top + _SIDE * (1 - float(np.clip(y, 0, 1)))

    lines = [
        f'<rect x="{left}" y="{top}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#888"/>',
        _text(left + _SIDE / 2, top - 12, panel.title, "middle", bold=True),
        _text(left + _SIDE / 2, top + _SIDE + 34, panel.x_label, "middle"),
        f'<g transform="translate({left - 38},{top + _SIDE / 2}) rotate(-90)">'
        f"{_text(0, 0, panel.y_label, 'middle')}</g>",
    ]
    for at, label in panel.ticks:
        lines.append(_text(place(at, 0)[0], top + _SIDE + 16, label, "middle"))
    for at, label in _shares():
        x, y = place(0, at)
        lines.append(f'<path d="M{x:.1f},{y:.1f} h{_SIDE}" stroke="#ddd"/>')
        lines.append(_text(x - 6, y + 4, label, "end"))
    if panel.diagonal:
        (x0, y0), (x1, y1) = place(0, 0), place(1, 1)
        lines.append(f'<path d="M{x0},{y0} L{x1},{y1}" stroke="#bbb" stroke-dasharray="4"/>')
    for i, (name, curve) in enumerate(panel.curves):
        colour = _COLOURS[i % len(_COLOURS)]
        points = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in curve)
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        x, y = left + _SIDE - 10, top + _SIDE - 12 - 14 * (len(panel.curves) - 1 - i)
        lines.append(_text(x, y, name, "end", colour=colour))
    if panel.mark is not None:
        x, y = place(*panel.mark)
        lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{_COLOURS[1]}"/>')
        lines.append(_text(x + 8, y + 14, "as answered", "start", colour=_COLOURS[1]))
    return "\n".join(lines)


def _text(
    x: float, y: float, text: str, anchor: str, *, bold: bool = False, colour: str = "#222"
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}>'
        f"{escape(text)}</text>"
    )
