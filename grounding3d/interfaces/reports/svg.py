"""Plots as inline SVG: few kinds, no library, colours from the page's style."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

_W, _H = 460, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 14, 42
_ROW = 24


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers that span [low, high], about so many."""
    span = max(high - low, 1e-9)
    raw = span / about
    power = 10.0 ** np.floor(np.log10(raw))
    step = power * next(m for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first, last = np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9)
    return [float(step * k) for k in np.arange(first, last + 1)]


def line_plot(
    x: Sequence[float],
    y: Sequence[float | None],
    *,
    x_name: str,
    y_name: str,
    from_zero: bool = True,
) -> str:
    """A line with dots; None leaves a gap.

    Args:
        x: places along the horizontal axis, ascending.
        y: values.
        x_name, y_name: with their units.
        from_zero: whether the vertical axis starts at 0.
    """
    known = [v for v in y if v is not None]
    if not known:
        return _empty(y_name)
    low = 0.0 if from_zero else min(known)
    ticks_y = nice_ticks(low, max(known), 4)
    frame = _Frame((min(x), max(x)), (ticks_y[0], ticks_y[-1]))
    parts = [frame.axes(nice_ticks(min(x), max(x)), ticks_y, x_name, y_name)]
    for run in _runs(x, y):
        points = " ".join(f"{frame.u(a):.1f},{frame.v(b):.1f}" for a, b in run)
        parts.append(f'<polyline class="line" points="{points}"/>')
    for a, b in zip(x, y):
        if b is not None:
            title = f"<title>{escape(x_name)} {a:g}: {b:.3g}</title>"
            place = f'cx="{frame.u(a):.1f}" cy="{frame.v(b):.1f}"'
            parts.append(f'<circle class="dot" {place} r="3">{title}</circle>')
    return _svg(_W, _H, parts, f"{y_name} by {x_name}")


def histogram(
    counts: Sequence[float], edges: Sequence[float], *, x_name: str, y_name: str = "share of pixels"
) -> str:
    """Bars over bins, as shares of the total.

    Args:
        counts: n counts.
        edges: n + 1 limits of the bins.
    """
    total = float(sum(counts))
    if total <= 0:
        return _empty(x_name)
    shares = [c / total for c in counts]
    ticks_y = nice_ticks(0, max(shares), 4)
    frame = _Frame((edges[0], edges[-1]), (0, ticks_y[-1]))
    parts = [frame.axes(nice_ticks(edges[0], edges[-1]), ticks_y, x_name, y_name, percent=True)]
    for share, a, b in zip(shares, edges[:-1], edges[1:]):
        u, w = frame.u(a) + 0.5, max(frame.u(b) - frame.u(a) - 1, 0.5)
        v, h = frame.v(share), frame.v(0) - frame.v(share)
        title = f"<title>{a:.3g} to {b:.3g}: {share:.1%}</title>"
        place = f'x="{u:.1f}" y="{v:.1f}" width="{w:.1f}" height="{h:.1f}"'
        parts.append(f'<rect class="bar" {place}>{title}</rect>')
    return _svg(_W, _H, parts, f"{y_name} by {x_name}")


def bars(names: Sequence[str], values: Sequence[float], *, x_name: str, digits: int = 0) -> str:
    """Horizontal bars with names at the left and values at their ends."""
    if not names:
        return _empty(x_name)
    left, right = 150, 44
    height = _ROW * len(names) + 34
    scale = (_W - left - right) / max(max(values), 1e-9)
    parts = []
    for k, (name, value) in enumerate(zip(names, values)):
        y = 6 + k * _ROW
        short = name if len(name) <= 22 else name[:21] + "…"
        parts.append(
            f'<text class="name" x="{left - 8}" y="{y + 14}" text-anchor="end">'
            f"{escape(short)}</text>"
            f'<rect class="bar" x="{left}" y="{y + 3}" width="{max(value * scale, 1):.1f}" '
            f'height="{_ROW - 8}"><title>{escape(name)}: {value:.{digits}f}</title></rect>'
            f'<text class="tick" x="{left + max(value * scale, 1) + 5:.1f}" y="{y + 14}">'
            f"{value:.{digits}f}</text>"
        )
    label = f'<text class="axis" x="{left}" y="{height - 8}">{escape(x_name)}</text>'
    return _svg(_W, height, [*parts, label], x_name)


class _Frame:
    """Maps values to the plot's rectangle."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self._x, self._y = x, y

    def u(self, value: float) -> float:
        low, high = self._x
        return _LEFT + (value - low) / max(high - low, 1e-9) * (_W - _LEFT - _RIGHT)

    def v(self, value: float) -> float:
        low, high = self._y
        return _H - _BOTTOM - (value - low) / max(high - low, 1e-9) * (_H - _TOP - _BOTTOM)

    def axes(
        self,
        ticks_x: Sequence[float],
        ticks_y: Sequence[float],
        x_name: str,
        y_name: str,
        percent: bool = False,
    ) -> str:
        """Grid, numbers and names."""
        parts = []
        for tick in ticks_y:
            v = self.v(tick)
            text = f"{100 * tick:g} %" if percent else f"{tick:g}"
            parts.append(
                f'<line class="grid" x1="{_LEFT}" x2="{_W - _RIGHT}" y1="{v:.1f}" y2="{v:.1f}"/>'
                f'<text class="tick" x="{_LEFT - 6}" y="{v + 4:.1f}" text-anchor="end">'
                f"{text}</text>"
            )
        for tick in ticks_x:
            if self._x[0] - 1e-9 <= tick <= self._x[1] + 1e-9:
                parts.append(
                    f'<text class="tick" x="{self.u(tick):.1f}" y="{_H - _BOTTOM + 16}" '
                    f'text-anchor="middle">{tick:g}</text>'
                )
        parts.append(
            f'<text class="axis" x="{_W - _RIGHT}" y="{_H - 6}" text-anchor="end">'
            f"{escape(x_name)}</text>"
        )
        return "".join(parts)


def _runs(x: Sequence[float], y: Sequence[float | None]) -> list[list[tuple[float, float]]]:
    """The unbroken pieces of a line."""
    runs: list[list[tuple[float, float]]] = [[]]
    for a, b in zip(x, y):
        if b is None:
            runs.append([])
        else:
            runs[-1].append((a, b))
    return [run for run in runs if len(run) > 1]


def _svg(width: float, height: float, parts: Sequence[str], title: str) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )


def _empty(name: str) -> str:
    return f'<p class="muted">Nothing to plot for {escape(name)}.</p>'
