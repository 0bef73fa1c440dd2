"""`grounding3d export`: a scene in other programs' formats."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tyro.conf import Positional

from grounding3d.interfaces.options import Output

if TYPE_CHECKING:
    from grounding3d.objects.base import LanguageScene


@dataclass
class Export:
    """Write a scene as a splat .ply, or its objects as JSON."""

    scene: Positional[Path]
    """Scene folder made by `build`."""
    out: Output
    """File to write."""
    format: Literal["ply", "json"] = "ply"
    """ply: standard 3D Gaussian Splatting file; json: the object map."""

    def run(self) -> int:
        """Write the file and say so."""
        from grounding3d.objects.store import load_scene
        from grounding3d.scene.ply import write_ply

        scene = load_scene(self.scene)
        if self.format == "ply":
            write_ply(self.out, scene.scene.gaussians)
            print(f"{self.out}: {len(scene.scene.gaussians)} Gaussians")
        else:
            _write_json(self.out, scene)
            print(f"{self.out}: {len(scene.objects)} objects")
        return 0


def _write_json(path: Path, scene: LanguageScene) -> None:
    """Objects with box, position, covariance and label; written aside and renamed."""
    objects = [
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
            "n_views": item.n_views,
            "n_points": item.n_points,
            "stamp": item.stamp_s,
        }
        for item in scene.objects
    ]
    content = {
        "schema": 1,
        "scene": scene.uuid,
        "frame_id": scene.scene.world_frame,
        "up_world": None if scene.scene.up_world is None else scene.scene.up_world.tolist(),
        "objects": objects,
    }
    aside = path.with_name(path.name + ".part")
    aside.write_text(json.dumps(content, allow_nan=False, indent=1), encoding="utf-8")
    aside.replace(path)
