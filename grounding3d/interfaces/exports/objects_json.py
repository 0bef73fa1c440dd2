"""The object map as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from grounding3d.interfaces.renders.files import written_aside
from grounding3d.objects.base import LanguageScene
from grounding3d.objects.listing import object_listing


def write_objects(path: Path, scene: LanguageScene) -> None:
    """Objects with box, position, covariance and label, as the ROS node lists them."""
    with written_aside(path) as aside:
        listing = json.dumps(object_listing(scene), allow_nan=False, indent=1)
        aside.write_text(listing, encoding="utf-8")
