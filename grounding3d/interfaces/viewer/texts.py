"""Coordinates as text to copy, and the panel's HTML. Whatever comes from a scene or a user is
escaped here, and only here does HTML get made."""

from __future__ import annotations

import json
import shlex
from html import escape
from typing import Any, Literal

import numpy as np

from grounding3d.interfaces.viewer.paint import QUERY_COLOURS
from grounding3d.interfaces.viewer.picking import Measure
from grounding3d.objects.base import MapObject
from grounding3d.query.answer import Answer, Candidate

CopyFormat = Literal["YAML", "JSON", "ROS 2"]
COPY_FORMATS: tuple[CopyFormat, ...] = ("YAML", "JSON", "ROS 2")

_DIGITS = 4  # tenths of a millimetre
_LONGEST = 300  # characters of a foreign text that are shown
_STATUS = {
    "found": ("Found", "#2b8a3e"),
    "ambiguous": ("Ambiguous", "#b35c00"),
    "not_found": ("Not found", "#c92a2a"),
    "invalid": ("Not a question", "#c92a2a"),
}
# works without a secure context too, where the clipboard's own interface is missing
_COPY_SCRIPT = (
    "const t=this.nextElementSibling,b=this;"
    "const done=()=>{b.textContent='Copied';setTimeout(()=>b.textContent='Copy',1200)};"
    "const old=()=>{const r=document.createRange();r.selectNodeContents(t);"
    "const s=getSelection();s.removeAllRanges();s.addRange(r);"
    "if(document.execCommand('copy'))done()};"
    "navigator.clipboard?navigator.clipboard.writeText(t.textContent).then(done,old):old()"
)
_BORDER = "1px solid var(--mantine-color-default-border)"
_MUTED = "color:var(--mantine-color-dimmed)"


def shown(text: str) -> str:
    """A foreign text as HTML: markup and control characters harmless, not overly long."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    if len(clean) > _LONGEST:
        clean = clean[: _LONGEST - 1] + "…"
    return escape(clean, quote=True)


def plain(text: str) -> str:
    """A foreign text for places that draw text as text: one printable line."""
    return "".join(c for c in text if c.isprintable())[:80]


def metres(point: np.ndarray) -> str:
    """`1.234, -0.500, 0.712`, in millimetres' precision."""
    return ", ".join(f"{float(x):.3f}" for x in point)


def panel(inner: str) -> str:
    """A block of the panel with the theme's own colours."""
    return (
        '<div style="padding:0 0.75em 0.5em;font-size:0.8125rem;line-height:1.45;'
        f'color:var(--mantine-color-text);overflow-wrap:anywhere">{inner}</div>'
    )


def note(text: str) -> str:
    """A quiet line; the text is escaped."""
    return panel(f'<span style="{_MUTED}">{shown(text)}</span>')


def answer_html(answer: Answer, number: int) -> str:
    """The decision, its reason, and the candidates with score, position and size."""
    word, colour = _STATUS[answer.status]
    rgb = "rgb({},{},{})".format(*QUERY_COLOURS[number])
    head = (
        f'<div style="border-left:4px solid {rgb};padding-left:0.5em;margin-bottom:0.35em">'
        f"<b>{shown(answer.query)}</b><br>"
        f'<span class="g3d-status" style="background:{colour};color:#fff;border-radius:3px;'
        f'padding:0 0.4em;font-weight:600">{word}</span> '
        f'<span style="{_MUTED}">{shown(answer.reason)}</span></div>'
    )
    rows = "".join(_row(i, c) for i, c in enumerate(answer.candidates, 1))
    if not rows:
        return panel(head)
    kind = "probability" if answer.calibration else "score, not a probability"
    foot = (
        f"metres in frame <b>{shown(answer.frame_id)}</b>; {kind}; "
        f"{answer.latency_ms.get('total', 0):.0f} ms"
    )
    table = (
        '<table style="width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums">'
        f"{rows}</table>"
    )
    return panel(f'{head}{table}<span style="{_MUTED};font-size:0.75rem">{foot}</span>')


def _row(place: int, item: Candidate) -> str:
    weight = "font-weight:600" if item.selected else _MUTED
    mark = "●" if item.selected else "○"
    size = " × ".join(f"{side:.2f}" for side in item.box.size)
    return (
        f'<tr style="border-top:{_BORDER}">'
        f'<td style="vertical-align:top;padding:0.15em 0.35em 0.15em 0;{weight}">'
        f"{place} {mark}</td>"
        f'<td style="padding:0.15em 0"><span style="{weight}">{shown(item.label)} #{item.id}</span>'
        f'<br>{metres(item.box.center)}<br><span style="{_MUTED}">size {size}</span></td>'
        f'<td style="vertical-align:top;text-align:right;padding:0.15em 0;{weight}">'
        f"{item.score:.2f}</td></tr>"
    )


def legend_html(names: list[tuple[int, str]]) -> str:
    """What the painted colours mean: (number of the question, its text) each."""
    bars = []
    for number, text in names:
        rgb = ",".join(str(x) for x in QUERY_COLOURS[number])
        bars.append(
            f'<div>{shown(text)}<div style="display:flex;align-items:center;gap:0.4em">'
            '<span>0.5</span><span style="flex:1;height:0.6em;border-radius:2px;'
            f'background:linear-gradient(90deg,rgba({rgb},0),rgba({rgb},.25),rgb({rgb}));border:{_BORDER}">'
            "</span><span>1</span></div></div>"
        )
    return panel(f'<span style="{_MUTED}">Relevancy</span>{"".join(bars)}') if bars else ""


def copy_html(text: str) -> str:
    """The text in a box with a button that copies it."""
    return panel(
        '<div style="position:relative">'
        f'<button type="button" onclick="{escape(_COPY_SCRIPT, quote=True)}" '
        'style="position:absolute;right:0.3em;top:0.3em;cursor:pointer;font-size:0.75rem;'
        "padding:0.2em 0.7em;border-radius:4px;background:var(--mantine-color-default);"
        f'color:var(--mantine-color-text);border:{_BORDER}">Copy</button>'
        '<pre class="g3d-copy" style="margin:0;padding:0.5em 4.5em 0.5em 0.5em;max-height:14em;'
        "overflow:auto;white-space:pre-wrap;font-size:0.75rem;border-radius:4px;"
        f'background:var(--mantine-color-default-hover);border:{_BORDER}">{escape(text)}</pre></div>'
    )


def place_record(point: np.ndarray, frame_id: str, item: MapObject | None) -> dict[str, Any]:
    """What is copied of a clicked place: the point, and the object there if there is one."""
    record: dict[str, Any] = {"frame_id": frame_id, "point": _numbers(point)}
    if item is not None:
        record["object"] = {
            "id": item.id,
            "label": item.label,
            "position": _numbers(item.position),
            "sigma": _numbers(np.sqrt(np.maximum(np.diag(item.covariance), 0))),
            "box": {
                "center": _numbers(item.box.center),
                "wxyz": _numbers(item.box.wxyz),
                "size": _numbers(item.box.size),
            },
            "stamp": item.stamp_s,
        }
    return record


def copy_text(record: dict[str, Any], form: CopyFormat) -> str:
    """A `place_record` in the form that is wanted; coordinates in metres."""
    if form == "JSON":
        return json.dumps(record, ensure_ascii=False, allow_nan=False)
    if form == "YAML":
        import yaml

        return str(yaml.safe_dump(record, sort_keys=False, allow_unicode=True)).rstrip()
    return ros2_line(record)


def ros2_line(record: dict[str, Any]) -> str:
    """A line for a shell that publishes the place once, as RViz's "Publish Point" does.

    The object's position where there is one, else the clicked point. JSON is YAML, and the shell's
    quoting is done for it, so a frame id cannot break out of its string.
    """
    x, y, z = record["object"]["position"] if "object" in record else record["point"]
    message = {"header": {"frame_id": record["frame_id"]}, "point": {"x": x, "y": y, "z": z}}
    return "ros2 topic pub --once /clicked_point geometry_msgs/msg/PointStamped " + shlex.quote(
        json.dumps(message)
    )


def place_html(point: np.ndarray, frame_id: str, item: MapObject | None) -> str:
    """A clicked place for people."""
    text = (
        f'<span style="{_MUTED}">Clicked point, metres in frame </span><b>{shown(frame_id)}</b>'
        f'<div class="g3d-point" style="font-size:0.95rem;font-variant-numeric:tabular-nums">'
        f"x, y, z = {metres(point)}</div>"
    )
    if item is not None:
        sigma = 100 * float(np.diag(item.covariance).max()) ** 0.5
        size = " × ".join(f"{side:.3f}" for side in item.box.size)
        text += (
            f'<div style="margin-top:0.4em"><b>{shown(item.label)} #{item.id}</b> at '
            f"{metres(item.position)}<br>"
            f'<span style="{_MUTED}">sigma {sigma:.1f} cm, size {size} m, seen in '
            f"{item.n_views} view{'s' if item.n_views != 1 else ''}</span></div>"
        )
    return panel(text)


def measure_html(result: Measure) -> str:
    """A measure for people."""
    x, y, z = result.along_m
    text = (
        f'<div class="g3d-distance" style="font-size:0.95rem">'
        f"<b>{result.distance_m:.3f} m</b></div>"
        f"Δx {x:+.3f}, Δy {y:+.3f}, Δz {z:+.3f} m"
    )
    if result.horizontal_m is not None and result.vertical_m is not None:
        text += f"<br>across {result.horizontal_m:.3f} m, up {result.vertical_m:+.3f} m"
    else:
        text += "<br>up is unknown, so there is no height difference"
    return panel(text)


def _numbers(values: np.ndarray) -> list[float]:
    return [round(float(x), _DIGITS) + 0.0 for x in values]
