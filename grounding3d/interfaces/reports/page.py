"""HTML pieces: everything that comes from a scene or a user goes through `text`."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from PIL import Image

STYLE = """
:root { --ground:#f6f7f9; --card:#fff; --ink:#1b1e23; --muted:#5d646f; --rule:#dfe3e8;
  --accent:#1f6fb2; --good:#1b7a3d; --warn:#9a5b00; --bad:#b3261e; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --ground:#14171b; --card:#1d2127; --ink:#e8eaed;
  --muted:#a0a7b1; --rule:#333a43; --accent:#6db3ee; --good:#6fcf8f; --warn:#f0b35a;
  --bad:#ff8a80; } }
* { box-sizing: border-box; }
body { margin:0; background:var(--ground); color:var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 27px; margin: 0 0 2px; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 38px 0 12px; }
h3 { font-size: 15px; margin: 0 0 6px; }
p { margin: 6px 0; }
section > * + * { margin-top: 14px; }
.muted { color: var(--muted); }
.small { font-size: 13px; }
.mono, td.num { font-variant-numeric: tabular-nums; }
td.num { white-space: nowrap; }
code { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.grid { display: grid; gap: 14px; }
.halves { grid-template-columns: repeat(auto-fit, minmax(400px, 1fr)); }
.two { grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); }
.tiles { grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.cards { grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: 14px; overflow-wrap: anywhere; min-width: 0; }
.card > img, figure img { width: 100%; height: auto; display: block; border-radius: 6px; }
figure { margin: 0; }
figcaption { color: var(--muted); font-size: 13px; margin-top: 8px; }
.tile b { display: block; font-size: 23px; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tile span { color: var(--muted); font-size: 13px; }
.object h3 { margin-top: 9px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; color: var(--muted); font-weight: 500; vertical-align: top;
  white-space: nowrap; padding-right: 22px; }
td, th { padding-top: 5px; padding-bottom: 5px; border-bottom: 1px solid var(--rule); }
td { padding-right: 10px; }
tr:last-child > td, tr:last-child > th { border-bottom: 0; }
.wide { overflow-x: auto; }
.badge { display: inline-block; border-radius: 5px; padding: 1px 8px; font-size: 13px;
  font-weight: 600; border: 1px solid currentColor; }
.found { color: var(--good); }
.ambiguous { color: var(--warn); }
.not_found, .invalid { color: var(--bad); }
.warning { border-left: 4px solid var(--warn); padding-left: 10px; }
svg.plot { width: 100%; max-width: 520px; height: auto; display: block; }
svg .grid { stroke: var(--rule); }
svg .line { fill: none; stroke: var(--accent); stroke-width: 2; }
svg .dot, svg .bar { fill: var(--accent); }
svg text { fill: var(--muted); font-size: 12px; }
svg .name { fill: var(--ink); }
svg .axis { fill: var(--ink); font-size: 12.5px; }
@media (max-width: 460px) { .halves, .two { grid-template-columns: minmax(0, 1fr); } }
@media print { body { background: #fff; } .card { break-inside: avoid; } }
"""


def text(value: object) -> str:
    """A value as text that no browser takes for markup."""
    return escape(str(value), quote=True)


def page(title: str, body: Iterable[str]) -> str:
    """The whole document; it loads nothing and runs nothing."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><main>{chr(10).join(body)}</main></body></html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A headed part of the page; `parts` are HTML."""
    return f"<section><h2>{text(title)}</h2>{''.join(parts)}</section>"


def jpeg(rgb: np.ndarray, caption: str, quality: int = 88) -> str:
    """A picture [H,W,3] inside the page."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality, subsampling=0)
    data = base64.b64encode(buffer.getvalue()).decode()
    height, width = rgb.shape[:2]
    return (
        f'<img width="{width}" height="{height}" alt="{text(caption)}" '
        f'src="data:image/jpeg;base64,{data}">'
    )


def figure(rgb: np.ndarray, caption: str) -> str:
    """A picture on a card, with words below."""
    below = f"<figcaption>{text(caption)}</figcaption>"
    return f'<figure class="card">{jpeg(rgb, caption)}{below}</figure>'


def plot(svg: str, title: str, note: str = "") -> str:
    """A plot on a card; `svg` is HTML of ours."""
    below = f'<p class="muted small">{text(note)}</p>' if note else ""
    return f'<div class="card"><h3>{text(title)}</h3>{svg}{below}</div>'


def tiles(facts: Sequence[tuple[str, str]]) -> str:
    """Large figures with their names."""
    cells = "".join(
        f'<div class="card tile"><b>{text(value)}</b><span>{text(name)}</span></div>'
        for value, name in facts
    )
    return f'<div class="grid tiles">{cells}</div>'


def facts_table(facts: Sequence[tuple[str, str]]) -> str:
    """Names and values below each other."""
    rows = "".join(f"<tr><th>{text(name)}</th><td>{text(value)}</td></tr>" for name, value in facts)
    return f'<div class="card wide"><table>{rows}</table></div>'


def grid(kind: str, parts: Iterable[str]) -> str:
    """HTML pieces beside each other."""
    return f'<div class="grid {kind}">{"".join(parts)}</div>'
