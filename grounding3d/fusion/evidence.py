"""Small pictures of what the masks showed, kept so that a person or a model can see why."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import Mask
from grounding3d.fusion.base import Segment

MAX_SIDE_PX = 128
MAX_BYTES = 8_000
"""No crop takes more; the quality is lowered until it fits."""

_MARGIN = 0.15  # border around the mask's rectangle, as a share of its longer side
_QUALITIES = (80, 60, 40, 20)


@dataclass(frozen=True)
class Crop:
    """A view of a thing, cut out of a keyframe.

    Attributes:
        jpeg: the picture, at most `MAX_SIDE_PX` on its longer side and `MAX_BYTES` long.
        keyframe: index of the keyframe.
        window: (u0, v0, u1, v1) the rectangle of the keyframe's image it shows, pixels.
        quality: weight in [0, 1] of the view.
    """

    jpeg: bytes
    keyframe: int
    window: tuple[int, int, int, int]
    quality: float

    def image(self) -> np.ndarray:
        """[h,w,3] uint8 colours."""
        with Image.open(io.BytesIO(self.jpeg)) as picture:
            return np.asarray(picture.convert("RGB"))


def attach_crops(
    segments: Sequence[Segment], frame: RGBDFrame, masks: Sequence[Mask]
) -> list[Segment]:
    """Segments of objects with a picture of their mask and its surroundings.

    Call it between `lift_masks` and `SegmentFuser.add`, which keeps the best few of each thing;
    supports, and segments without a mask, come back as they are.

    Args:
        segments: what `lift_masks` made of the masks.
        frame: the frame they were lifted from.
        masks: its masks, in the order given to `lift_masks`.
    """
    return [
        replace(segment, crop=cut(frame.rgb, masks[segment.mask_index], segment))
        if segment.kind == "object" and 0 <= segment.mask_index < len(masks)
        else segment
        for segment in segments
    ]


def cut(rgb: np.ndarray, mask: Mask, segment: Segment) -> Crop:
    """The picture of one mask of an image [H,W,3] uint8."""
    window = _window(mask, rgb.shape[1], rgb.shape[0])
    u0, v0, u1, v1 = window
    picture = Image.fromarray(np.ascontiguousarray(rgb[v0:v1, u0:u1]))
    picture.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.BILINEAR, reducing_gap=1.0)
    return Crop(_encode(picture), segment.keyframe, window, segment.view_quality)


def _window(mask: Mask, width: int, height: int) -> tuple[int, int, int, int]:
    h, w = mask.bits.shape
    margin = round(_MARGIN * max(h, w))
    return (
        max(0, mask.u0 - margin),
        max(0, mask.v0 - margin),
        min(width, mask.u0 + w + margin),
        min(height, mask.v0 + h + margin),
    )


def _encode(picture: Image.Image) -> bytes:
    """JPEG of at most `MAX_BYTES`; a picture that resists all qualities is made smaller."""
    while True:
        for quality in _QUALITIES:
            out = io.BytesIO()
            picture.save(out, "JPEG", quality=quality)
            if out.tell() <= MAX_BYTES:
                return out.getvalue()
        picture = picture.resize((max(1, picture.width // 2), max(1, picture.height // 2)))
