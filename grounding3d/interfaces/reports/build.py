"""The report: figures, pictures and answers of one scene put onto a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from grounding3d import __version__
from grounding3d.errors import SceneError
from grounding3d.interfaces.renders.colours import glow
from grounding3d.interfaces.renders.crops import ObjectCrop, best_keyframes, object_crops
from grounding3d.interfaces.renders.drawing import PALETTE, draw_box, metres, size_text
from grounding3d.interfaces.renders.floor_plan import floor_plan
from grounding3d.interfaces.renders.recording import Recording
from grounding3d.interfaces.renders.relevancy_views import relevancy_of, relevancy_picture
from grounding3d.interfaces.renders.view import ViewRenderer
from grounding3d.interfaces.renders.views import sized
from grounding3d.interfaces.reports.figures import (
    CaptureFacts,
    SceneFigures,
    capture_facts,
    scene_figures,
)
from grounding3d.interfaces.reports.page import (
    facts_table,
    figure,
    grid,
    jpeg,
    page,
    plot,
    section,
    text,
    tiles,
)
from grounding3d.interfaces.reports.svg import bars, histogram, line_plot
from grounding3d.interfaces.training_text import held_out_figures, training_counts
from grounding3d.objects.base import LanguageScene, MapObject
from grounding3d.query.answer import Answer
from grounding3d.query.engine import QueryEngine
from grounding3d.scene.base import Keyframe, Progress

_PICTURE_WIDTH, _PLAN_WIDTH = 640, 620
_CROP_PX = 192
_MOST_BARS = 30


@dataclass(frozen=True, eq=False)
class ReportParts:
    """What a report is made of.

    Attributes:
        name: of the scene, for the heading.
        scene: what is reported.
        renderer: draws it.
        recording: the frames it was built from, None where they are not at hand.
        engine: answers `queries`; None without any.
        queries: questions to show with their answers.
    """

    name: str
    scene: LanguageScene
    renderer: ViewRenderer
    recording: Recording | None = None
    engine: QueryEngine | None = None
    queries: Sequence[str] = field(default_factory=tuple)


def build_report(parts: ReportParts, progress: Progress | None = None) -> str:
    """The report as one HTML document without scripts or links."""
    scene, objects = parts.scene, list(parts.scene.objects)
    facts = capture_facts(scene)
    figures = scene_figures(parts.renderer, parts.recording, progress=progress)
    crops = object_crops(
        parts.renderer, objects, parts.recording, size_px=_CROP_PX, progress=progress
    )
    body = [
        _heading(parts, facts),
        _overview(parts),
        _captured(scene, facts),
        _coverage(figures, facts, objects),
        _quality(figures, scene.scene.report),
        _objects(scene, crops),
    ]
    if parts.engine is not None and parts.queries:
        body.append(_queries(parts, parts.engine, crops))
    body.append(
        f'<p class="muted small">Made by grounding3d {text(__version__)}; pictures drawn by the '
        f"rasteriser {text(parts.renderer.name)}. Lengths are metres.</p>"
    )
    return page(f"{parts.name}: scene report", body)


def _heading(parts: ReportParts, facts: CaptureFacts) -> str:
    scene = parts.scene
    things = sum(item.kind == "object" for item in scene.objects)
    shown = [
        (str(things), "objects"),
        (f"{len(scene.scene.gaussians):,}", "Gaussians"),
        (str(facts.n_keyframes), "frames used"),
        (f"{facts.path_m:.1f} m", "camera path"),
    ]
    if facts.duration_s is not None:
        shown.append((f"{facts.duration_s:.1f} s", "recorded"))
    return (
        f'<h1>{text(parts.name)}</h1><p class="muted">Scene report. Coordinates in frame '
        f"<code>{text(scene.scene.world_frame)}</code>.</p>{tiles(shown)}"
    )


def _overview(parts: ReportParts) -> str:
    pictures = []
    keyframe = _overview_keyframe(parts)
    if keyframe is not None:
        pictures.append(figure(_with_boxes(parts, keyframe), "The scene with its objects' boxes."))
    note = ""
    try:
        plan = floor_plan(parts.scene, parts.renderer, width=_PLAN_WIDTH, listed=False)
        caption = "From above: footprints, supports (dashed), camera path (blue)."
        pictures.append(figure(plan.rgb, caption))
    except SceneError as error:
        note = f'<p class="card muted">No floor plan: {text(error.summary)}.</p>'
    return section("Overview", grid("halves", pictures), note)


def _overview_keyframe(parts: ReportParts) -> Keyframe | None:
    """The keyframe whose picture holds most of the objects' centres."""
    keyframes = parts.scene.scene.keyframes
    centers = [item.position for item in parts.scene.objects if item.kind == "object"]
    if not keyframes or not centers:
        return keyframes[len(keyframes) // 2] if keyframes else None

    def held(keyframe: Keyframe) -> int:
        T = keyframe.T_world_cam
        uv, z = keyframe.camera.project((np.stack(centers) - T[:3, 3]) @ T[:3, :3])
        return int((keyframe.camera.contains(uv) & (z > 0)).sum())

    return max(keyframes, key=held)


def _with_boxes(parts: ReportParts, keyframe: Keyframe) -> np.ndarray:
    camera = sized(keyframe.camera, _PICTURE_WIDTH)
    image = Image.fromarray(parts.renderer.render(camera, keyframe.T_world_cam).rgb)
    for item in parts.scene.objects:
        if item.kind == "object":
            colour = PALETTE[item.id % len(PALETTE)]
            draw_box(image, item.box, camera, keyframe.T_world_cam, colour)
    return np.asarray(image)


def _captured(scene: LanguageScene, facts: CaptureFacts) -> str:
    geometry, capture = scene.scene, scene.capture
    up = "unknown"
    if geometry.up_world is not None:
        direction = ", ".join(f"{c:.2f}" for c in geometry.up_world)
        up = f"({direction}), {geometry.up_source}"
    rows = [
        ("recording", str(capture.get("source") or "not stored in the scene")),
        ("format", str(capture.get("format") or "unknown")),
        ("image size", f"{facts.width} x {facts.height} pixels"),
        ("up", up),
        ("scene backend", geometry.backend),
        ("encoder", scene.encoder.spec),
        ("scene uuid", scene.uuid),
    ]
    rows += [
        (str(k).replace("_", " "), str(v)) for k, v in dict(capture.get("details") or {}).items()
    ]
    warnings = "".join(
        f'<p class="warning">{text(warning)}</p>' for warning in capture.get("warnings") or []
    )
    return section("What was captured", warnings, facts_table(rows))


def _coverage(figures: SceneFigures, facts: CaptureFacts, objects: Sequence[MapObject]) -> str:
    shown = []
    if figures.coverage:
        shown.append((f"{float(np.mean(figures.coverage)):.0%}", "of the pictures show a surface"))
    if facts.azimuth_deg is not None:
        shown.append((f"{facts.azimuth_deg:.0f}°", "of the circle around it seen from"))
    if objects:
        shown.append((f"{np.median([o.n_views for o in objects]):.0f}", "views an object (median)"))
    most = sorted(objects, key=lambda o: -o.n_views)[:_MOST_BARS]
    plots = [
        plot(
            line_plot(
                figures.frame_indices, [100 * c for c in figures.coverage],
                x_name="frame", y_name="covered, %",
            ),
            "Share of each view that the scene fills, %",
        ),
        plot(
            histogram(
                figures.distance_counts.tolist(), figures.distance_edges_m.tolist(),
                x_name="distance, m",
            ),
            "Distance from camera to surface",
        ),
        plot(
            bars([_name(o) for o in most], [float(o.n_views) for o in most], x_name="views"),
            "Views an object was seen in",
        ),
    ]  # fmt: skip
    return section("Coverage", tiles(shown), grid("two", plots))


def _quality(figures: SceneFigures, training: Mapping[str, Any] | None) -> str:
    if not figures.quality:
        note = (
            "The recording was not at hand, so the scene was not compared with its frames. "
            "Name it with --capture."
        )
        return section("Quality", _training(training), f'<p class="card muted">{text(note)}</p>')
    shown = [
        (_median(figures, "psnr_db", "{:.1f} dB"), "PSNR of colour (median over views)"),
        (_median(figures, "depth_median_mm", "{:.1f} mm"), "depth error (median of medians)"),
        (_median(figures, "depth_l1_mm", "{:.1f} mm"), "depth error (mean, median over views)"),
        (_median(figures, "coverage", "{:.0%}"), "of the measured pixels covered"),
    ]
    frames = [q.frame_index for q in figures.quality]
    psnr = line_plot(
        frames, [q.psnr_db for q in figures.quality], x_name="frame", y_name="dB", from_zero=False
    )
    depth = line_plot(
        frames, [q.depth_median_mm for q in figures.quality], x_name="frame", y_name="mm"
    )
    errors = histogram(
        figures.error_counts.tolist(), figures.error_edges_mm.tolist(), x_name="depth error, mm"
    )
    note = (
        "Rendered views against the frames recorded there. The scene was built from these frames: "
        "the figures say how true the map is to what was seen, not how it extrapolates."
    )
    plots = [
        plot(psnr, "PSNR by frame, dB"),
        plot(depth, "Median depth error by frame, mm"),
        plot(errors, "Depth error of all pixels", "The last bar holds everything beyond 30 mm."),
    ]
    return section(
        "Quality",
        _training(training),
        f'<p class="muted">{text(note)}</p>',
        tiles(shown),
        grid("two", plots),
    )


def _training(report: Mapping[str, Any] | None) -> str:
    """How training went, and its scores on frames it has not seen; empty without any."""
    counts, held_out = training_counts(report), held_out_figures(report)
    if not report or not counts:
        return ""
    line = f'<p class="muted">{text(counts)}.</p>'
    if not held_out:
        return line
    number = report.get("frames_held_out", "some")
    note = f"On {number} frames that were kept from training, with what it started from:"
    cells = tiles([(figure.value, figure.name + figure.start) for figure in held_out])
    return f'{line}<p class="muted">{text(note)}</p>{cells}'


def _median(figures: SceneFigures, name: str, form: str) -> str:
    values = [v for v in (getattr(q, name) for q in figures.quality) if v is not None]
    return form.format(float(np.median(values))) if values else "unknown"


def _objects(scene: LanguageScene, crops: Mapping[int, ObjectCrop]) -> str:
    objects = list(scene.objects)
    if not objects:
        return section("Objects", '<p class="card muted">No objects were found.</p>')
    labels = {item.id: _name(item) for item in objects}
    cards = grid("cards", (_object_card(item, crops.get(item.id), labels) for item in objects))
    sure = sorted(objects, key=_sigma_cm)[:_MOST_BARS]
    sigma = bars(
        [_name(o) for o in sure], [_sigma_cm(o) for o in sure], x_name="sigma, cm", digits=1
    )
    plots = grid("two", [plot(sigma, "Uncertainty of the positions, largest axis")])
    return section("Objects", cards, plots)


def _object_card(item: MapObject, crop: ObjectCrop | None, labels: Mapping[int, str]) -> str:
    picture = "" if crop is None else jpeg(crop.rgb, f"crop of object {item.id}")
    support = "" if item.support_id is None else labels.get(item.support_id, f"#{item.support_id}")
    on = f"<br>on {text(support)}" if support else ""
    return (
        f'<div class="card object">{picture}<h3>#{item.id} {text(item.label)}</h3>'
        f'<div class="mono small">{text(metres(item.position))}<br>'
        f'<span class="muted">size {text(size_text(item.box))} m<br>'
        f"sigma {_sigma_cm(item):.1f} cm<br>"
        f"{item.n_views} views, {item.n_points} points{on}</span></div></div>"
    )


def _queries(parts: ReportParts, engine: QueryEngine, crops: Mapping[int, ObjectCrop]) -> str:
    answers = [engine.ask(query) for query in parts.queries]
    named = {c.id for answer in answers for c in answer.selected[:1]}
    items = [item for item in parts.scene.objects if item.id in named]
    views = best_keyframes(parts.renderer, items)
    overview = _overview_keyframe(parts)
    cards = []
    for answer in answers:
        best = answer.selected[0].id if answer.selected else None
        keyframe = views.get(best, overview) if best is not None else overview
        cards.append(_query_card(parts, engine, answer, keyframe))
    return section("Questions", grid("halves", cards))


def _query_card(
    parts: ReportParts, engine: QueryEngine, answer: Answer, keyframe: Keyframe | None
) -> str:
    picture = ""
    if keyframe is not None and answer.status != "invalid":
        heat = glow(relevancy_of(engine, answer))
        camera = sized(keyframe.camera, _PICTURE_WIDTH)
        view = parts.renderer.render(camera, keyframe.T_world_cam, channel=heat)
        picture = jpeg(relevancy_picture(view, answer), f"relevancy for {answer.query}")
    rows = "".join(
        f"<tr><td>{'<b>→</b> ' if c.selected else ''}#{c.id} {text(c.label)}</td>"
        f'<td class="num">{text(metres(c.box.center))}</td><td class="num">{c.score:.2f}</td></tr>'
        for c in answer.candidates
    )
    table = (
        f"<table><tr><th>candidate</th><th>position</th><th>score</th></tr>{rows}</table>"
        if rows
        else ""
    )
    status = text(answer.status.replace("_", " "))
    return (
        f'<div class="card"><h3>{text(answer.query)}</h3><p><span class="badge {answer.status}">'
        f'{status}</span> <span class="muted">{text(answer.reason)}</span></p>'
        f'{picture}<div class="wide">{table}</div></div>'
    )


def _name(item: MapObject) -> str:
    return f"#{item.id} {item.label}"


def _sigma_cm(item: MapObject) -> float:
    return 100 * float(np.sqrt(max(np.linalg.eigvalsh(item.covariance)[-1], 0)))
