"""One picture of all objects: a crop, the label, where it is and how large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from grounding3d.interfaces.renders.crops import ObjectCrop
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
from grounding3d.objects.base import LanguageScene, MapObject

_CARD, _PICTURE, _TEXT, _GAP, _HEAD = 256, 232, 88, 16, 76
_GROUND = (243, 244, 246)


def contact_sheet(
    scene: LanguageScene, crops: Mapping[int, ObjectCrop], columns: int | None = None
) -> np.ndarray:
    """[H,W,3] uint8: a card an object, in order of id."""
    objects = list(scene.objects)
    columns = columns or _columns(len(objects))
    rows = max(1, -(-len(objects) // columns))
    size = (
        columns * (_CARD + _GAP) + _GAP,
        _HEAD + rows * (_PICTURE + _TEXT + 24 + _GAP) + _GAP,
    )
    sheet = Image.new("RGB", size, _GROUND)
    pen = ImageDraw.Draw(sheet)
    pen.text((_GAP, 14), _title(objects), fill=INK, font=font(26))
    pen.text((_GAP, 48), _subtitle(scene, crops), fill=MUTED, font=font(15))
    for number, item in enumerate(objects):
        x = _GAP + (number % columns) * (_CARD + _GAP)
        y = _HEAD + (number // columns) * (_PICTURE + _TEXT + 24 + _GAP)
        _card(sheet, (x, y), item, crops.get(item.id), PALETTE[item.id % len(PALETTE)])
    return np.asarray(sheet)


def _columns(count: int) -> int:
    """A number of columns that makes the sheet wider than high and leaves few gaps."""
    wanted = float(np.clip(np.sqrt(1.6 * max(count, 1)), 3, 8))
    return min(range(3, 9), key=lambda c: abs(c - wanted) + (-count % c) / c)


def _title(objects: Sequence[MapObject]) -> str:
    return f"{len(objects)} object{'' if len(objects) == 1 else 's'}"


def _subtitle(scene: LanguageScene, crops: Mapping[int, ObjectCrop]) -> str:
    cut = "recorded frames" if any(c.recorded for c in crops.values()) else "rendered views"
    name = plain(scene.scene.world_frame, 24)
    return f"coordinates in metres in frame {name!r}; pictures from {cut}"


def _card(
    sheet: Image.Image,
    at: tuple[int, int],
    item: MapObject,
    crop: ObjectCrop | None,
    colour: tuple[int, int, int],
) -> None:
    x, y = at
    pen = ImageDraw.Draw(sheet)
    pen.rounded_rectangle(
        [x, y, x + _CARD, y + _PICTURE + _TEXT + 24], 8, fill=PAPER, outline=(222, 224, 228)
    )
    left, top = x + (_CARD - _PICTURE) // 2, y + 12
    if crop is None:
        pen.rectangle([left, top, left + _PICTURE, top + _PICTURE], fill=_GROUND)
        middle = (left + _PICTURE / 2, top + _PICTURE / 2)
        pen.text(middle, "not in any keyframe", fill=MUTED, font=font(15), anchor="mm")
    else:
        picture = Image.fromarray(crop.rgb).resize((_PICTURE, _PICTURE), Image.Resampling.LANCZOS)
        sheet.paste(picture, (left, top))
    line = top + _PICTURE + 10
    badge = f"#{item.id}"
    wide = pen.textlength(badge, font=font(15)) + 12
    pen.rounded_rectangle([left, line, left + wide, line + 22], 5, fill=colour)
    pen.text((left + wide / 2, line + 11), badge, fill=PAPER, font=font(15), anchor="mm")
    pen.text(
        (left + wide + 8, line + 11), plain(item.label, 20), fill=INK, font=font(18), anchor="lm"
    )
    pen.text((left, line + 30), metres(item.position), fill=INK, font=font(15))
    views = f"{item.n_views} view{'' if item.n_views == 1 else 's'}"
    pen.text((left, line + 52), f"{size_text(item.box)} m, {views}", fill=MUTED, font=font(14))
