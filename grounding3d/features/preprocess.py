"""Images into tower inputs: open_clip's inference transform for uint8 arrays of any size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from grounding3d.errors import ArrayError

if TYPE_CHECKING:
    import torch

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Preprocess:
    """How a tower wants its images; the names are open_clip's.

    Attributes:
        size: height and width of the input, pixels.
        mean, std: per channel, of values in [0, 1].
        interpolation: "bicubic" or "bilinear", both antialiased.
        resize_mode: "shortest" (then cropped), "longest" (then padded) or "squash".
        fill_color: 0 to 255, of the padding.
    """

    size: tuple[int, int] = (224, 224)
    mean: tuple[float, ...] = CLIP_MEAN
    std: tuple[float, ...] = CLIP_STD
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    fill_color: int = 0

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Preprocess:
        """From open_clip's `preprocess_cfg`; missing fields take open_clip's defaults."""
        values = {
            k: v for k, v in config.items() if k in cls.__dataclass_fields__ and v is not None
        }
        size = values.get("size", 224)
        h, w = (size, size) if isinstance(size, int) else size[-2:]
        values["size"] = (int(h), int(w))
        for name in ("mean", "std"):
            if name in values:
                value = values[name]
                triple = value if isinstance(value, Sequence) else (value,) * 3
                values[name] = tuple(float(x) for x in triple)
        return cls(**values)

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def batch(
        self, images: Sequence[np.ndarray], squash_to: tuple[int, int] | None = None
    ) -> torch.Tensor:
        """[n,3,h,w] float32 of n uint8 images [H,W,3] of any size.

        Args:
            images: RGB.
            squash_to: fit the whole image into an input of this height and width instead.
        """
        import torch

        fitted = self if squash_to is None else replace(self, size=squash_to, resize_mode="squash")
        stack = torch.stack([fitted._fit(image) for image in images])
        mean, std = (torch.tensor(x).view(3, 1, 1) for x in (self.mean, self.std))
        return (stack.float() / 255 - mean) / std

    def _fit(self, image: np.ndarray) -> torch.Tensor:
        """[3,h,w] uint8: resized, then cropped or padded about the middle."""
        import torch
        from PIL import Image

        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
            raise ArrayError(
                "an image to encode has the wrong form",
                expected="uint8 [H,W,3]",
                found=f"{image.dtype} {image.shape}",
            )
        h, w = self._resized(image.shape[0], image.shape[1])
        resample = getattr(Image.Resampling, self.interpolation.upper())
        # by PIL, since torch's antialiased bicubic is some grey levels off it
        resized = np.array(Image.fromarray(image).resize((w, h), resample))
        return self._centred(torch.from_numpy(resized).permute(2, 0, 1))

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        h, w = self.size
        if self.resize_mode == "squash":
            return h, w
        if self.resize_mode == "shortest" and h == w:  # torchvision's Resize(int) truncates
            short, long = min(height, width), max(height, width)
            other = int(h * long / short)
            return (h, other) if height <= width else (other, h)
        pick = max if self.resize_mode == "longest" else min
        ratio = pick(height / h, width / w)
        return max(round(height / ratio), 1), max(round(width / ratio), 1)

    def _centred(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pad what is too small, crop what is too large; torchvision's rounding."""
        import torch

        h, w = self.size
        missing_h, missing_w = max(h - pixels.shape[1], 0), max(w - pixels.shape[2], 0)
        if missing_h or missing_w:
            left, top = missing_w // 2, missing_h // 2
            sides = (left, missing_w - left, top, missing_h - top)
            fill = self.fill_color if self.resize_mode == "longest" else 0
            pixels = torch.nn.functional.pad(pixels, sides, value=fill)
        top = round((pixels.shape[1] - h) / 2.0)
        left = round((pixels.shape[2] - w) / 2.0)
        return pixels[:, top : top + h, left : left + w]
