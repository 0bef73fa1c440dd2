"""`grounding3d info`: what a capture or a scene holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tyro.conf import Positional

from grounding3d.interfaces.options import Overrides, read_config
from grounding3d.interfaces.training_text import training_text

if TYPE_CHECKING:
    from grounding3d.scene.base import NerfFiles


@dataclass
class Info:
    """Show what a capture or a scene holds."""

    path: Positional[Path]
    """Capture or scene folder."""
    config: Path | None = None
    """YAML preset, see configs/."""
    json: bool = False
    """Print one JSON object."""
    set: Overrides = ()
    """Override any configuration field; may be given several times."""

    def run(self) -> int:
        """Print the facts."""
        from grounding3d.objects.store import is_scene_folder

        facts = _scene_facts(self.path) if is_scene_folder(self.path) else self._capture_facts()
        if self.json:
            print(json.dumps(facts, allow_nan=False))
        else:
            text = training_text(facts.get("training"))
            print("\n".join(_format(facts | ({"training": text} if text else {}))))
        return 0

    def _capture_facts(self) -> dict[str, Any]:
        from grounding3d.capture import open_capture
        from grounding3d.capture.summary import summarise

        config = read_config(self.config, self.set, {})
        return summarise(open_capture(self.path, config.capture)).as_dict()


def _scene_facts(path: Path) -> dict[str, Any]:
    from grounding3d.objects.store import load_scene

    scene = load_scene(path)
    geometry = scene.scene
    return {
        "scene": str(path),
        "uuid": scene.uuid,
        "backend": geometry.backend,
        "frame_id": geometry.world_frame,
        "up_world": None if geometry.up_world is None else geometry.up_world.tolist(),
        "up_source": geometry.up_source,
        "encoder": scene.encoder.spec,
        "keyframes": len(geometry.keyframes),
        "gaussians": len(geometry.gaussians),
        **({"training": geometry.report} if geometry.report else {}),
        **({"nerf": _nerf_facts(geometry.nerf)} if geometry.nerf else {}),
        "capture": scene.capture,
        "objects": [
            {
                "id": item.id,
                "label": item.label,
                "kind": item.kind,
                "position": item.position.round(4).tolist(),
                "size": item.box.size.round(4).tolist(),
                "n_views": item.n_views,
                "support": item.support_id,
            }
            for item in scene.objects
        ],
    }


def _nerf_facts(nerf: NerfFiles) -> dict[str, Any]:
    """What the stored NeRF is, without reading its parameters."""
    model = json.loads(nerf.model.read_text(encoding="utf-8"))
    told = ("method", "nerfstudio", "implementation", "n_images", "scale")
    return {
        **{name: model[name] for name in told if name in model},
        "megabytes": round(nerf.weights.stat().st_size / 1e6, 1),
        "language": model.get("encoder") or "none",
    }


def _format(facts: dict[str, Any], indent: str = "") -> list[str]:
    """Nested facts as aligned `name: value` lines."""
    lines = []
    for name, value in facts.items():
        if isinstance(value, dict) and value:
            lines += [f"{indent}{name}:", *_format(value, indent + "  ")]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ["  ".join(f"{k}={_text(v)}" for k, v in row.items()) for row in value]
            lines += [f"{indent}{name}:", *(f"{indent}  {row}" for row in rows)]
        elif isinstance(value, (list, tuple)) and value and isinstance(value[0], str):
            lines += [f"{indent}{name}:", *(f"{indent}  {row}" for row in value)]
        else:
            lines.append(f"{indent}{name}: {_text(value)}")
    return lines


def _text(value: Any) -> str:
    """Numbers with as many digits as a person wants to read; nothing as "unknown"."""
    if value is None:
        return "unknown"
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(item) for item in value) or "none"
    return str(value)
