"""nerfstudio's dataset with measured depth in metres, at the size that rays are taken at."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.datasets.base_dataset import InputDataset
from PIL import Image

from grounding3d.capture.files import depth_from_steps, read_depth_steps

_EVEN = 0.02  # neighbours whose depths differ by a larger share lie on two surfaces


class RGBDDataset(InputDataset):
    """Images and depth, both reduced so that no image is wider than `max_width`.

    Args:
        dataparser_outputs: of any nerfstudio parser; `depth_filenames` in its metadata with
            `depth_unit_scale_factor` are read if present. Nothing is made up where they are not.
        max_width: pixels; None: full size.
    """

    exclude_batch_keys_from_device: ClassVar[list[str]] = ["image", "mask", "depth_m"]

    def __init__(self, dataparser_outputs: DataparserOutputs, max_width: int | None = None) -> None:
        super().__init__(dataparser_outputs, 1.0)
        files = self.metadata.get("depth_filenames") or [None] * len(self)
        self._depth: list[Path | None] = [None if f is None else Path(f) for f in files]
        self._unit_m = float(self.metadata.get("depth_unit_scale_factor", 0.001))
        width, height = self.cameras.width[:, 0], self.cameras.height[:, 0]
        divisor = torch.ones_like(width)
        if max_width is not None:
            divisor = torch.ceil(width / max_width).long().clamp(min=1)
        new_width, new_height = (torch.round(x / divisor).long() for x in (width, height))
        self.sizes = list(zip(new_width.tolist(), new_height.tolist()))
        self.full_sizes = list(zip(width.tolist(), height.tolist()))
        sx, sy = (new_width / width)[:, None], (new_height / height)[:, None]
        self.cameras.fx, self.cameras.cx = self.cameras.fx * sx, self.cameras.cx * sx
        self.cameras.fy, self.cameras.cy = self.cameras.fy * sy, self.cameras.cy * sy
        self.cameras.width, self.cameras.height = new_width[:, None], new_height[:, None]

    @property
    def has_depth(self) -> bool:
        """Whether any frame has measured depth."""
        return any(file is not None for file in self._depth)

    def get_numpy_image(self, image_idx: int) -> np.ndarray:
        """[h,w,3 or 4] uint8, each pixel the mean of those it covers."""
        with Image.open(self.image_filenames[image_idx]) as image:
            image = image if image.mode in ("RGB", "RGBA") else image.convert("RGB")
            size = self.sizes[image_idx]
            return np.array(
                image if image.size == size else image.resize(size, Image.Resampling.BOX)
            )

    def depth_m(self, image_idx: int) -> np.ndarray | None:
        """[h,w] float32 z in metres at the pixels' centres, 0 = unknown; None without depth.

        Where a centre falls between pixels of the full image and these disagree, it is unknown.
        """
        file = self._depth[image_idx]
        if file is None:
            return None
        full = depth_from_steps(read_depth_steps(file), self._unit_m)
        width, height = self.sizes[image_idx]
        v0, v1 = _neighbours(height, full.shape[0])
        u0, u1 = _neighbours(width, full.shape[1])
        corners = np.stack([full[np.ix_(v, u)] for v in (v0, v1) for u in (u0, u1)])
        low, high = corners.min(axis=0), corners.max(axis=0)
        is_one = (low > 0) & (high - low <= _EVEN * high)
        return np.where(is_one, corners.mean(axis=0), 0).astype(np.float32)

    def get_metadata(self, data: dict[str, Any]) -> dict[str, Any]:
        depth = self.depth_m(int(data["image_idx"]))
        return {} if depth is None else {"depth_m": torch.from_numpy(depth)}


def _neighbours(count: int, full: int) -> tuple[np.ndarray, np.ndarray]:
    """The one or two full-size pixels that share the centre of each of `count` pixels."""
    at = (np.arange(count) + 0.5) * full / count - 0.5
    low, high = np.floor(at + 1e-6).astype(int), np.ceil(at - 1e-6).astype(int)
    return low.clip(0, full - 1), high.clip(0, full - 1)
