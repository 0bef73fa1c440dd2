"""The map as a point cloud: place, colour and relevancy of every Gaussian."""

from __future__ import annotations

from typing import Any

import numpy as np

from grounding3d.live.messages.basics import header
from grounding3d.live.messages.types import MessageTypes
from grounding3d.objects.base import LanguageScene

CLOUD = "sensor_msgs/msg/PointCloud2"
_FLOAT32 = 7
LAYOUT = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<u4"), ("relevancy", "<f4")])
"""Of one point; `rgb` is 0x00RRGGBB in the bits of a float32, as PCL and RViz read it."""

NEUTRAL = 0.5
"""Relevancy while nothing has been asked."""


def map_cloud(
    types: MessageTypes,
    scene: LanguageScene,
    relevancy: np.ndarray | None = None,
    most_points: int | None = None,
) -> Any:
    """`sensor_msgs/PointCloud2` of a scene's Gaussians, in the map's frame.

    Without a stamp, like the markers: viewers take the latest transform.

    Args:
        scene: N Gaussians.
        relevancy: [N] in [0, 1], None while nothing has been asked.
        most_points: of more, an even selection is sent; None: all.
    """
    gaussians = scene.scene.gaussians
    rows: slice | np.ndarray = slice(None)
    if most_points is not None and len(gaussians) > most_points:
        rows = np.linspace(0, len(gaussians) - 1, most_points).astype(np.intp)
    means = gaussians.means[rows]
    points = np.empty(len(means), LAYOUT)
    points["x"], points["y"], points["z"] = means.T
    rgb = np.rint(gaussians.rgb[rows] * 255).astype(np.uint32)
    points["rgb"] = (rgb[:, 0] << 16) | (rgb[:, 1] << 8) | rgb[:, 2]
    points["relevancy"] = NEUTRAL if relevancy is None else relevancy[rows]
    return _cloud(types, points, scene.scene.world_frame)


def empty_cloud(types: MessageTypes, frame_id: str = "map") -> Any:
    """`sensor_msgs/PointCloud2` without points: there is no map any more."""
    return _cloud(types, np.empty(0, LAYOUT), frame_id)


def _cloud(types: MessageTypes, points: np.ndarray, frame_id: str) -> Any:
    assert LAYOUT.fields is not None
    fields = [
        types.make(
            "sensor_msgs/msg/PointField", name=name, offset=place[1], datatype=_FLOAT32, count=1
        )
        for name, place in LAYOUT.fields.items()
    ]
    return types.make(
        CLOUD,
        header=header(types, frame_id, None),
        height=1,
        width=len(points),
        fields=fields,
        is_bigendian=False,
        point_step=LAYOUT.itemsize,
        row_step=LAYOUT.itemsize * len(points),
        data=points.view(np.uint8),
        is_dense=True,
    )
