"""Coloured points as a `.pcd` file of the Point Cloud Library, version 0.7, binary.

Colour is PCL's: 0x00RRGGBB in the four bytes of a float field `rgb`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from grounding3d.interfaces.renders.files import written_aside
from grounding3d.scene.base import Gaussians

MIN_OPACITY = 0.3
"""Fainter Gaussians are haze, not a surface, and are left out."""

_POINT = np.dtype([("xyz", "<f4", 3), ("normal", "<f4", 3), ("rgb", "<u4")])


def write_pcd(path: Path, gaussians: Gaussians) -> int:
    """Write the centres of the solid Gaussians with normals and colours; returns how many."""
    solid = gaussians.select(gaussians.opacities >= MIN_OPACITY)
    table = np.empty(len(solid), _POINT)
    table["xyz"], table["normal"] = solid.means, solid.normals
    red, green, blue = np.rint(255 * solid.rgb).astype(np.uint32).T
    table["rgb"] = (red << 16) | (green << 8) | blue
    header = (
        "# .PCD v0.7 - Point Cloud Data file format\n"
        "VERSION 0.7\n"
        "FIELDS x y z normal_x normal_y normal_z rgb\n"
        "SIZE 4 4 4 4 4 4 4\n"
        "TYPE F F F F F F F\n"
        "COUNT 1 1 1 1 1 1 1\n"
        f"WIDTH {len(table)}\n"
        "HEIGHT 1\n"
        "VIEWPOINT 0 0 0 1 0 0 0\n"
        f"POINTS {len(table)}\n"
        "DATA binary\n"
    )
    with written_aside(path) as aside:
        aside.write_bytes(header.encode() + table.tobytes())
    return len(table)
