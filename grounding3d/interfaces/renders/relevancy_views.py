"""A question painted on views: what fits glows, what is answered has its box."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from grounding3d.interfaces.renders.colours import glow, paint_heat, turbo
from grounding3d.interfaces.renders.drawing import (
    ACCENT,
    INK,
    MUTED,
    PAPER,
    draw_box,
    draw_label,
    fitting,
    font,
    metres,
    plain,
    project_box,
)
from grounding3d.interfaces.renders.files import picture_folder, save_png
from grounding3d.interfaces.renders.view import View, ViewRenderer
from grounding3d.interfaces.renders.views import sized
from grounding3d.query.answer import Answer
from grounding3d.query.engine import QueryEngine
from grounding3d.query.gaussian_relevancy import gaussian_relevancy
from grounding3d.scene.base import Keyframe, Progress


def write_relevancy(
    engine: QueryEngine,
    renderer: ViewRenderer,
    query: str,
    keyframes: Iterable[Keyframe],
    out: Path,
    *,
    width: int | None = None,
    progress: Progress | None = None,
) -> Answer:
    """Write `NNNNN_relevancy.png` for each keyframe; `renders.json` holds the answer."""
    answer = engine.ask(query)
    relevancy = relevancy_of(engine, answer)
    index = {"kind": "relevancy", "answer": answer.as_dict(), "rasterizer": renderer.name}
    keyframes = list(keyframes)
    with picture_folder(out, index) as folder:
        for number, keyframe in enumerate(keyframes):
            view = renderer.render(
                sized(keyframe.camera, width), keyframe.T_world_cam, channel=glow(relevancy)
            )
            save_png(
                folder / f"{keyframe.frame_index:05d}_relevancy.png",
                relevancy_picture(view, answer),
            )
            if progress is not None:
                progress("views", number + 1, len(keyframes))
    return answer


def relevancy_of(engine: QueryEngine, answer: Answer) -> np.ndarray:
    """[N] relevancy of the Gaussians for what an answer understood; 0 if that was nothing."""
    if not answer.parsed.target:
        return np.zeros(len(engine.scene.scene.gaussians), np.float32)
    return gaussian_relevancy(engine.scene.features, answer.parsed.target, engine.encoder)


def relevancy_picture(view: View, answer: Answer) -> np.ndarray:
    """A view with glow (`view.channel`), the answer's boxes, and the question below."""
    heat = view.channel if view.channel is not None else np.zeros(view.depth_m.shape, np.float32)
    image = Image.fromarray(paint_heat(view.rgb, heat))
    for item in answer.selected:
        draw_box(image, item.box, view.camera, view.T_world_cam, ACCENT, max(2, image.width // 320))
        uv, z = project_box(item.box, view.camera, view.T_world_cam)
        inside = view.camera.contains(uv) & (z > 0)
        if inside.any() and (z > 0.05).all():
            at = (float(uv[:, 0].mean()), float(uv[:, 1].min()) - 6)
            text = f"#{item.id} {plain(item.label, 24)}, score {item.score:.2f}"
            draw_label(image, at, f"{text}\n{metres(item.box.center)}", ACCENT)
    return np.asarray(_with_footer(image, answer))


def _with_footer(image: Image.Image, answer: Answer) -> Image.Image:
    """The picture over a strip with question, verdict and the colours' meaning."""
    unit = max(16, round(image.width / 34))
    sheet = Image.new("RGB", (image.width, image.height + 3 * unit), PAPER)
    sheet.paste(image, (0, 0))
    pen = ImageDraw.Draw(sheet)
    left = round(0.6 * unit)
    top = image.height + 0.45 * unit
    bar = round(image.width * 0.22)
    room = image.width - bar - 3 * left
    question = fitting(pen, f'"{plain(answer.query, 80)}"', 0.95 * unit, room)
    verdict = f"{answer.status.replace('_', ' ')}: {plain(answer.reason, 160)}"
    pen.text((left, top), question, fill=INK, font=font(0.95 * unit))
    pen.text(
        (left, top + 1.25 * unit),
        fitting(pen, verdict, 0.72 * unit, room),
        fill=MUTED,
        font=font(0.72 * unit),
    )
    x = image.width - bar - left
    ramp = np.linspace(0, 1, bar)
    strip = np.repeat(turbo(0.25 + 0.7 * ramp)[None], round(0.7 * unit), axis=0)
    sheet.paste(Image.fromarray(strip), (x, round(top)))
    small = font(0.62 * unit)
    for place, text, anchor in (
        (x, "0.5", "la"),
        (x + bar / 2, "relevancy", "ma"),
        (x + bar, "1", "ra"),
    ):
        pen.text((place, top + 0.95 * unit), text, fill=MUTED, font=small, anchor=anchor)
    return sheet
