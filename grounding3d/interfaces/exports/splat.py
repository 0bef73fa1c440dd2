"""The `.splat` file of web viewers: 32 bytes a Gaussian, no header.

Layout of github.com/antimatter15/splat (convert.py there): position 3 x float32, scales 3 x float32
(metres, activated), red green blue opacity as 4 x uint8, quaternion wxyz as 4 x uint8 with
byte = 128 q + 128. The weightiest come first, so that a viewer shows most while it still loads:
descending product of the scales and the opacity. Colour is the constant harmonic's only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from grounding3d.interfaces.renders.files import written_aside
from grounding3d.scene.base import Gaussians

SPLAT = np.dtype(
    [("position", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("wxyz", "u1", 4)]
)


def write_splat(path: Path, gaussians: Gaussians) -> None:
    """Write Gaussians; the file is there completely or as it was before."""
    weight = np.log(np.maximum(gaussians.scales, 1e-12)).sum(axis=1, dtype=np.float64)
    weight += np.log(np.maximum(gaussians.opacities, 1e-12))
    g = gaussians.select(np.argsort(-weight, kind="stable"))
    table = np.empty(len(g), SPLAT)
    table["position"], table["scale"] = g.means, g.scales
    table["rgba"][:, :3] = _bytes(255 * g.rgb)
    table["rgba"][:, 3] = _bytes(255 * g.opacities)
    unit = g.wxyz / np.linalg.norm(g.wxyz, axis=1, keepdims=True)
    table["wxyz"] = _bytes(128 * unit + 128)
    with written_aside(path) as aside:
        aside.write_bytes(table.tobytes())


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
