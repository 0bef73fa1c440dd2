"""The object map as plain values, for JSON."""

from __future__ import annotations

from typing import Any

from grounding3d.objects.base import LanguageScene


def object_listing(scene: LanguageScene) -> dict[str, Any]:
    """Every object with box, position, covariance and label, in the scene's frame, metres."""
    up = scene.scene.up_world
    return {
        "schema": 1,
        "scene": scene.uuid,
        "frame_id": scene.scene.world_frame,
        "up_world": None if up is None else up.tolist(),
        "objects": [
            {
                "id": item.id,
                "kind": item.kind,
                "label": item.label,
                "position": item.position.tolist(),
                "covariance": item.covariance.tolist(),
                "box": {
                    "center": item.box.center.tolist(),
                    "wxyz": item.box.wxyz.tolist(),
                    "size": item.box.size.tolist(),
                },
                "support": item.support_id,
                "container": item.container_id,
                "n_views": item.n_views,
                "n_points": item.n_points,
                "stamp": item.stamp_s,
            }
            for item in scene.objects
        ],
    }
