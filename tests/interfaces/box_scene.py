"""A small scene with known truth: the room of boxes, with objects whose names the encoder knows."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from factories import UP, ListCapture, make_capture, table_scene

from grounding3d.capture.folder_writer import write_folder
from grounding3d.features.base import Encoder
from grounding3d.features.encoders import BUNDLED, load_encoder
from grounding3d.features.identity import identify
from grounding3d.fusion.gaussian_features import gaussian_features
from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.camera import Camera
from grounding3d.live.config import Config
from grounding3d.objects.base import LanguageScene, MapObject, ObjectMap
from grounding3d.scene.base import Scene
from grounding3d.scene.config import SceneConfig
from grounding3d.scene.points import PointsBuilder

CAMERA = Camera.from_focal(175, 175, 99.5, 74.5, 200, 150)
LABELS = {"red": "mug", "green": "keyboard", "blue": "bottle"}
BOXES = {item.name: item.box for item in table_scene()}
IDS = {"table": 1, "red": 2, "green": 3, "blue": 4}


def box_capture(count: int = 8) -> ListCapture:
    return make_capture(count, CAMERA)


def recorded(folder: Path, count: int = 8) -> Path:
    """The capture as a folder on disk."""
    write_folder(box_capture(count), folder)
    return folder


@lru_cache(maxsize=1)
def encoder() -> Encoder:
    return load_encoder(BUNDLED)


@lru_cache(maxsize=1)
def geometry() -> Scene:
    """Surfels fused from the capture."""
    builder = PointsBuilder(SceneConfig(voxel_size_m=0.012))
    for frame in box_capture():
        builder.add(frame)
    return replace(builder.finish(), up_world=UP, up_source="capture")


def language_scene(
    source: Path | None = None, labels: dict[str, str] | None = None
) -> LanguageScene:
    """The scene with four objects; each vector is that of its name's text."""
    labels = LABELS | (labels or {})
    scene = geometry()
    vectors = encoder().encode_text(["table", *LABELS.values()])
    items = [
        _item(IDS[name], name, BOXES[name], label, vector, scene)
        for (name, label), vector in zip({"table": "table", **labels}.items(), vectors)
    ]
    objects = ObjectMap(tuple(items))
    return LanguageScene(
        uuid="box-scene",
        scene=scene,
        features=gaussian_features(scene, objects),
        objects=objects,
        encoder=identify(encoder()),
        config=Config(scene=SceneConfig(max_depth_m=2.0)).model_dump(mode="json"),
        capture={
            "format": "folder", "source": str(source or ""), "details": {"camera": "ray cast"},
            "warnings": [],
        },
    )  # fmt: skip


def _item(
    number: int, name: str, box: OBB, label: str, vector: np.ndarray, scene: Scene
) -> MapObject:
    points = scene.gaussians.means[box.contains(scene.gaussians.means, 0.01)]
    return MapObject(
        id=number,
        kind="support" if name == "table" else "object",
        box=box,
        covariance=np.diag([1e-4, 1e-4, 4e-4]),
        embedding=vector.astype(np.float32),
        view_embeddings=vector[None].astype(np.float32),
        label=label,
        points=points.astype(np.float32),
        rgb=np.zeros((len(points), 3), np.uint8),
        n_views=8,
        support_id=None if name == "table" else 1,
        anchor=0,
        stamp_s=100.0,
    )
