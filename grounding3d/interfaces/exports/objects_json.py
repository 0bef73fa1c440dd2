"""The object map as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grounding3d.interfaces.renders.files import written_aside
from grounding3d.objects.base import LanguageScene, MapObject


def write_objects(path: Path, scene: LanguageScene) -> None:
    """Objects with box, position, covariance and label."""
    up = scene.scene.up_world
    content = {
        "schema": 1,
        "scene": scene.uuid,
        "frame_id": scene.scene.world_frame,
        "up_world": None if up is None else up.tolist(),
        "objects": [_object(item) for item in scene.objects],
    }
    with written_aside(path) as aside:
        aside.write_text(json.dumps(content, allow_nan=False, indent=1), encoding="utf-8")


def _object(item: MapObject) -> dict[str, Any]:
    return {
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
        "n_views": item.n_views,
        "n_points": item.n_points,
        "stamp": item.stamp_s,
    }
