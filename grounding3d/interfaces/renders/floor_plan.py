"""A plan of the scene from above: footprints with names, grid and scale bar in metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from grounding3d.interfaces.renders.drawing import (
    INK,
    MUTED,
    PALETTE,
    PAPER,
    font,
    metres,
    plain,
    size_text,
)
from grounding3d.interfaces.renders.paths import require_up
from grounding3d.interfaces.renders.plan_frame import (
    PlanFrame,
    make_plan_frame,
    nice_length,
    outline,
)
from grounding3d.interfaces.renders.view import ViewRenderer
from grounding3d.objects.base import LanguageScene, MapObject

_LEFT, _TOP, _BOTTOM, _PANEL, _RIGHT = 76, 84, 92, 372, 16
_GROUND = (247, 248, 250)
_GRID, _PATH = (206, 210, 217), (64, 120, 190)
_FADE = 0.72  # share of the scene's own colour in the plan
_CUT_ABOVE_CAMERA_M = 0.05  # what is higher is left out: a ceiling would hide the room
_TALLEST = 3.0  # height over width


@dataclass(frozen=True, eq=False)
class FloorPlan:
    """A plan and how to read it.

    Attributes:
        rgb: [H,W,3] uint8.
        frame: metres to pixels of the map inside the picture.
        corner_px: (column, row) of the map's top-left pixel in `rgb`.
        bar_m: length the scale bar stands for.
        bar_px: its first and last column and its row in `rgb`.
    """

    rgb: np.ndarray
    frame: PlanFrame
    corner_px: tuple[int, int]
    bar_m: float
    bar_px: tuple[float, float, float]

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Pixels [..., 2] in `rgb` of world points [..., 3]."""
        return self.frame.pixels(points) + np.array(self.corner_px)


def floor_plan(
    scene: LanguageScene,
    renderer: ViewRenderer,
    *,
    width: int = 1100,
    around: MapObject | None = None,
    listed: bool = True,
) -> FloorPlan:
    """Draw a plan.

    What lies above the cameras is left out. Grid lines and coordinates are the world's, seen along
    the up direction.

    Args:
        scene: objects and geometry.
        renderer: of the scene's geometry.
        width: of the map in pixels; names and margins come on top.
        around: show only this object's surroundings.
        listed: whether the objects' coordinates stand beside the map.

    Raises:
        SceneError: up is not known, or the scene is empty.
    """
    up = require_up(scene.scene, "a floor plan")
    objects = list(scene.objects)
    frame = make_plan_frame(scene.scene, objects, up, width, around.box if around else None)
    if frame.size_px[1] > _TALLEST * width:
        frame = _scaled(frame, _TALLEST * width / frame.size_px[1])
    map_image = _map(scene, renderer, frame)
    width, height = map_image.size
    shown = [item for item in objects if _is_on(frame, item)]
    tall = max(_TOP + height + _BOTTOM, _TOP + 40 * len(shown) + 40 if listed else 0)
    wide = _LEFT + width + (_PANEL if listed else _RIGHT)
    sheet = Image.new("RGB", (wide, tall), PAPER)
    sheet.paste(map_image, (_LEFT, _TOP))
    _draw_grid(sheet, frame)
    _draw_path(sheet, scene, frame)
    _draw_objects(sheet, frame, shown)
    _mask_border(sheet, frame)
    _draw_ticks(sheet, frame)
    _draw_heading(sheet, scene, frame)
    if listed:
        _draw_list(sheet, frame, shown)
    bar_m, bar_px = _draw_bar(sheet, frame)
    return FloorPlan(np.asarray(sheet), frame, (_LEFT, _TOP), bar_m, bar_px)


def _scaled(frame: PlanFrame, factor: float) -> PlanFrame:
    return PlanFrame(**{**frame.__dict__, "px_per_m": frame.px_per_m * factor})


def _map(scene: LanguageScene, renderer: ViewRenderer, frame: PlanFrame) -> Image.Image:
    """The scene from above, paler than it is."""
    gaussians = scene.scene.gaussians
    if scene.scene.keyframes:
        cameras = np.stack([k.T_world_cam[:3, 3] for k in scene.scene.keyframes]) @ frame.up
        low = gaussians.means @ frame.up < cameras.max() + _CUT_ABOVE_CAMERA_M
        gaussians = gaussians.select(low)
    view = renderer.of(gaussians).render(*frame.camera())
    alpha = np.clip(view.alpha, 0, 1)[..., None]
    # the renderer's background is taken out again, so that the plan lies on its own ground
    own = view.rgb - (1 - alpha) * np.array(renderer.background)
    pale = _FADE * own + (1 - _FADE) * 255 * alpha + (1 - alpha) * np.array(_GROUND)
    return Image.fromarray(np.rint(np.clip(pale, 0, 255)).astype(np.uint8))


def _is_on(frame: PlanFrame, item: MapObject) -> bool:
    at = frame.plan(item.position)
    return bool(((at >= frame.low) & (at <= frame.high)).all())


def _sheet_pixels(frame: PlanFrame, points: np.ndarray) -> np.ndarray:
    return frame.pixels(points) + np.array([_LEFT, _TOP])


def _step_m(frame: PlanFrame) -> float:
    return nice_length(float((frame.high - frame.low).max()) / 5)


def _ticks(frame: PlanFrame, axis: int) -> np.ndarray:
    """Coordinates of the grid lines along one axis."""
    step = _step_m(frame)
    return step * np.arange(np.ceil(frame.low[axis] / step), np.floor(frame.high[axis] / step) + 1)


def _draw_grid(sheet: Image.Image, frame: PlanFrame) -> None:
    pen = ImageDraw.Draw(sheet, "RGBA")
    width, height = frame.size_px
    for x in _ticks(frame, 0):
        u = _LEFT + frame.plan_pixels(np.array([x, frame.low[1]]))[0]
        pen.line([u, _TOP, u, _TOP + height], fill=(*_GRID, 140))
    for y in _ticks(frame, 1):
        v = _TOP + frame.plan_pixels(np.array([frame.low[0], y]))[1]
        pen.line([_LEFT, v, _LEFT + width, v], fill=(*_GRID, 140))


def _draw_ticks(sheet: Image.Image, frame: PlanFrame) -> None:
    """Coordinates on the lower and left side, and which axes they belong to."""
    pen = ImageDraw.Draw(sheet)
    width, height = frame.size_px
    pen.rectangle([_LEFT, _TOP, _LEFT + width - 1, _TOP + height - 1], outline=(160, 165, 174))
    digits = max(0, -int(np.floor(np.log10(_step_m(frame)))))
    small = font(15)
    for x in _ticks(frame, 0):
        u = _LEFT + frame.plan_pixels(np.array([x, frame.low[1]]))[0]
        pen.line([u, _TOP + height, u, _TOP + height + 5], fill=MUTED)
        text = f"{x + 0.0:.{digits}f}"
        pen.text((u, _TOP + height + 8), text, fill=MUTED, font=small, anchor="ma")
    for y in _ticks(frame, 1):
        v = _TOP + frame.plan_pixels(np.array([frame.low[0], y]))[1]
        pen.line([_LEFT - 5, v, _LEFT, v], fill=MUTED)
        text = f"{y + 0.0:.{digits}f}"
        pen.text((_LEFT - 9, v), text, fill=MUTED, font=small, anchor="rm")
    name = font(17)
    right = f"{frame.axis_name(frame.right)} in m"
    pen.text((_LEFT + width, _TOP + height + 30), right, fill=INK, font=name, anchor="ra")
    pen.text(
        (10, _TOP - 8), f"{frame.axis_name(frame.ahead)} in m", fill=INK, font=name, anchor="ls"
    )


def _draw_path(sheet: Image.Image, scene: LanguageScene, frame: PlanFrame) -> None:
    """The camera's way, where it lies on the map."""
    keyframes = scene.scene.keyframes
    if not keyframes:
        return
    pen = ImageDraw.Draw(sheet, "RGBA")
    way = _sheet_pixels(frame, np.stack([k.T_world_cam[:3, 3] for k in keyframes]))
    if len(way) > 1:
        pen.line([tuple(p) for p in way], fill=(*_PATH, 150), width=2)
    for u, v in way:
        pen.ellipse([u - 2.5, v - 2.5, u + 2.5, v + 2.5], fill=(*_PATH, 190))


def _draw_objects(sheet: Image.Image, frame: PlanFrame, objects: Sequence[MapObject]) -> None:
    """Footprints first, then names where they hide the least."""
    pen = ImageDraw.Draw(sheet, "RGBA")
    taken: list[np.ndarray] = []
    for item in sorted(objects, key=lambda o: -float(np.prod(o.box.size))):
        shape = outline(_sheet_pixels(frame, item.box.corners))
        colour = PALETTE[item.id % len(PALETTE)]
        if item.kind == "support":
            _dashed(pen, shape, (*MUTED, 220))
            continue
        pen.polygon([tuple(p) for p in shape], fill=(*colour, 60))
        pen.line([tuple(p) for p in [*shape, shape[0]]], fill=(*colour, 255), width=2)
        taken.append(np.concatenate([shape.min(axis=0), shape.max(axis=0)]))
    for item in objects:
        if item.kind == "object":
            _name(sheet, pen, frame, item, taken)


def _dashed(pen: ImageDraw.ImageDraw, shape: np.ndarray, colour: tuple[int, int, int, int]) -> None:
    for a, b in zip(shape, np.roll(shape, -1, axis=0)):
        length = float(np.linalg.norm(b - a))
        for start in np.arange(0, length, 12):
            ends = a + (b - a) * np.array([[start], [min(start + 7, length)]]) / max(length, 1e-9)
            pen.line([tuple(ends[0]), tuple(ends[1])], fill=colour, width=2)


def _name(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    frame: PlanFrame,
    item: MapObject,
    taken: list[np.ndarray],
) -> None:
    """A name beside its footprint, on the free place nearest to it."""
    text, face = f"#{item.id} {plain(item.label, 22)}", font(15)
    w, h = pen.textlength(text, font=face) + 10, 22.0
    shape = outline(_sheet_pixels(frame, item.box.corners))
    low, high = shape.min(axis=0), shape.max(axis=0)
    center = (low + high) / 2
    best, cost = None, np.inf
    for distance in (5.0, 22.0, 42.0, 64.0, 90.0):
        for angle in np.deg2rad([270, 90, 0, 180, 315, 225, 45, 135]):
            away = np.array([np.cos(angle), np.sin(angle)])
            middle = center + away * ((high - low) / 2 + np.array([w, h]) / 2 + distance)
            half = np.array([w, h]) / 2
            box = np.concatenate([middle - half, middle + half])
            overlap = sum(_overlap(box, other) for other in taken)
            outside = _outside(box, frame)
            if (price := overlap + 4 * outside + 3 * distance) < cost:
                best, cost = box, price
    assert best is not None
    colour = PALETTE[item.id % len(PALETTE)]
    nearest = np.clip(center, best[:2], best[2:])
    pen.line([tuple(center), tuple(nearest)], fill=(*colour, 255), width=1)
    pen.rounded_rectangle(list(best), 4, fill=(*PAPER, 235), outline=(*colour, 255))
    pen.text(
        ((best[0] + best[2]) / 2, (best[1] + best[3]) / 2), text, fill=INK, font=face, anchor="mm"
    )
    taken.append(best)


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Common area of two rectangles (left, top, right, bottom)."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    return float(np.prod(np.maximum(sides, 0)))


def _outside(box: np.ndarray, frame: PlanFrame) -> float:
    """Area of a rectangle that lies beside the map."""
    width, height = frame.size_px
    whole = np.array([_LEFT, _TOP, _LEFT + width, _TOP + height], float)
    return float(np.prod(box[2:] - box[:2])) - _overlap(box, whole)


def _mask_border(sheet: Image.Image, frame: PlanFrame) -> None:
    """White again what was drawn beside the map."""
    width, height = frame.size_px
    right, bottom = _LEFT + width, _TOP + height
    pen = ImageDraw.Draw(sheet)
    for box in (
        (0, 0, sheet.width, _TOP - 1),
        (0, bottom, sheet.width, sheet.height),
        (0, 0, _LEFT - 1, sheet.height),
        (right, 0, sheet.width, sheet.height),
    ):
        pen.rectangle(box, fill=PAPER)


def _draw_heading(sheet: Image.Image, scene: LanguageScene, frame: PlanFrame) -> None:
    pen = ImageDraw.Draw(sheet)
    name = plain(scene.scene.world_frame, 24)
    pen.text((_LEFT, 12), f"Floor plan, frame {name!r}", fill=INK, font=font(24))
    up = frame.axis_name(frame.up)
    sign = "" if up.startswith(("-", "(")) else "+"
    source = {"capture": "as the recording says", "estimated": "estimated from its planes"}
    known = source.get(scene.scene.up_source, "given")
    text = f"seen from above; up is {sign}{up}, {known}"
    pen.text((_LEFT, 46), text, fill=MUTED, font=font(16))


def _draw_list(sheet: Image.Image, frame: PlanFrame, objects: Sequence[MapObject]) -> None:
    """Names, coordinates and sizes beside the map."""
    pen = ImageDraw.Draw(sheet)
    x = _LEFT + frame.size_px[0] + 24
    for number, item in enumerate(objects):
        y = _TOP + 40 * number
        colour = MUTED if item.kind == "support" else PALETTE[item.id % len(PALETTE)]
        pen.rounded_rectangle([x, y + 1, x + 38, y + 20], 4, fill=colour)
        pen.text((x + 19, y + 11), f"#{item.id}", fill=PAPER, font=font(14), anchor="mm")
        pen.text((x + 46, y + 11), plain(item.label, 24), fill=INK, font=font(16), anchor="lm")
        text = f"{metres(item.position)}   {size_text(item.box)}"
        pen.text((x + 46, y + 20), text, fill=MUTED, font=font(13))


def _draw_bar(sheet: Image.Image, frame: PlanFrame) -> tuple[float, tuple[float, float, float]]:
    """The scale bar below the map; its length in metres, and where it is."""
    length_m = nice_length(float(frame.high[0] - frame.low[0]) / 4)
    length_px = length_m * frame.px_per_m
    pen = ImageDraw.Draw(sheet)
    left, row = float(_LEFT), _TOP + frame.size_px[1] + 58.0
    for k in range(4):
        box = [left + k * length_px / 4, row, left + (k + 1) * length_px / 4 - 1, row + 7]
        pen.rectangle(box, fill=INK if k % 2 == 0 else PAPER, outline=INK)
    text = f"{length_m:g} m" if length_m >= 1 else f"{100 * length_m:g} cm"
    pen.text((left + length_px + 10, row + 4), text, fill=INK, font=font(16), anchor="lm")
    return length_m, (left, left + length_px, row)
