"""Reads meshes from outside into object models: mesh packs (OBJ + texture) and pybullet's own."""

from __future__ import annotations

import json
from collections.abc import Collection
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from grounding3d.capture.simulator.colours import ANY
from grounding3d.capture.simulator.mesh import Mesh, creased, join
from grounding3d.capture.simulator.model import ObjectModel, extents
from grounding3d.errors import InputError
from grounding3d.extras import require

_TEXTURE_PX = 256


def read_manifest(folder: str | Path) -> list[dict[str, Any]]:
    """The records of a mesh pack: name, category, captions, size_m, parts, texture, source, ...

    Raises:
        InputError: If there is no manifest.
    """
    manifest = Path(folder) / "manifest.json"
    if not manifest.is_file():
        raise InputError(
            "this is no mesh pack",
            expected="a folder with manifest.json",
            found=str(folder),
            hint="Name the folder that holds the manifest.",
        )
    return json.loads(manifest.read_text())


def load_pack(folder: str | Path, names: Collection[str] | None = None) -> list[ObjectModel]:
    """Objects of a mesh pack, in the manifest's order.

    Args:
        folder: The pack; each object lies in the sub-folder of its name.
        names: Only these; None reads all of them.

    Raises:
        InputError: If there is no manifest, or it lacks one of the names.
    """
    records = read_manifest(folder)
    if names is not None:
        missing = set(names) - {r["name"] for r in records}
        if missing:
            raise InputError("the mesh pack lacks objects", found=", ".join(sorted(missing)))
        records = [r for r in records if r["name"] in names]
    return [_pack_object(Path(folder) / r["name"], r) for r in records]


def is_own_work(record: dict[str, Any]) -> bool:
    """Whether a manifest's object was made for this project and carries no third party's terms."""
    return str(record["source"]).startswith("procedural")


def _pack_object(folder: Path, record: dict[str, Any]) -> ObjectModel:
    whole = join([read_obj(folder / part)[0] for part in record["parts"]])
    return as_model(
        whole,
        None,
        read_texture(folder / record["texture"]),
        name=record["name"],
        category=record["category"],
        captions=tuple(record["captions"]),
    )


def as_model(
    whole: Mesh,
    normals: np.ndarray | None,
    texture: np.ndarray,
    *,
    name: str,
    category: str,
    captions: tuple[str, ...],
) -> ObjectModel:
    """Bottom-centre a mesh and wrap it; normals are computed where they are not given."""
    if normals is None:
        whole, normals = creased(whole)
    low, high = whole.vertices.min(axis=0), whole.vertices.max(axis=0)
    return ObjectModel(
        name=name,
        category=category,
        captions=captions,
        vertices=(whole.vertices - [*(low + high)[:2] / 2, low[2]]).astype(np.float32),
        faces=whole.faces.astype(np.int32),
        uv=whole.uv.astype(np.float32),
        normals=normals.astype(np.float32),
        texture=texture,
        colour=colour_in(captions),
        size_m=extents(low, high),
    )


def colour_in(captions: tuple[str, ...]) -> str | None:
    """The first colour word of the captions, if any names one."""
    names = {*ANY, "silver", "gold", "cyan", "tan", "cream"}
    for caption in captions:
        for word in caption.replace("gray", "grey").split():
            if word in names:
                return word
    return None


def read_texture(path: Path) -> np.ndarray:
    """RGB picture [h, w, 3], no side over 256 pixels."""
    with Image.open(path) as image:
        image = image.convert("RGB")
        image.thumbnail((_TEXTURE_PX, _TEXTURE_PX))
        return np.asarray(image).copy()


def read_obj(path: Path) -> tuple[Mesh, bool]:
    """Wavefront OBJ: positions, texture coordinates and faces (fans for polygons).

    Returns:
        The mesh, one vertex per distinct (position, texture) pair, and whether it had texture
        coordinates.
    """
    positions: list[list[float]] = []
    textures: list[list[float]] = []
    corners: dict[tuple[int, int], int] = {}
    faces: list[tuple[int, int, int]] = []
    for line in path.read_text(errors="replace").splitlines():
        word, _, rest = line.partition(" ")
        if word == "v":
            positions.append([float(x) for x in rest.split()[:3]])
        elif word == "vt":
            textures.append([float(x) for x in rest.split()[:2]])
        elif word == "f":
            polygon = []
            for token in rest.split():
                parts = token.split("/")
                v = int(parts[0])
                t = int(parts[1]) if len(parts) > 1 and parts[1] else 0
                key = (
                    v - 1 if v > 0 else len(positions) + v,
                    t - 1 if t > 0 else (len(textures) + t if t < 0 else -1),
                )
                polygon.append(corners.setdefault(key, len(corners)))
            faces += [(polygon[0], b, c) for b, c in pairwise(polygon[1:])]
    keys = np.array(list(corners), dtype=int).reshape(-1, 2)
    uv = np.array([*textures, [0.0, 0.0]])[keys[:, 1]]
    return Mesh(np.array(positions)[keys[:, 0]], np.array(faces, dtype=int), uv), bool(textures)


# pybullet_data file, texture or colour, size of the longest side in metres, turn (degrees about
# x, y, z) that makes it upright, name, category, captions.
_PYBULLET_OBJECTS = (
    (
        "duck.obj",
        "duckCM.png",
        0.1,
        (90, 0, 0),
        "pybullet_duck",
        "rubber duck",
        ("a yellow duck", "a rubber duck", "a toy duck"),
    ),
    (
        "objects/mug.obj",
        (186, 60, 44),
        0.12,
        (0, 0, 0),
        "pybullet_mug",
        "mug",
        ("a red mug", "a coffee mug", "a cup with a handle"),
    ),
    (
        "teddy2_VHACD_CHs.obj",
        (150, 104, 62),
        0.2,
        (90, 0, 0),
        "pybullet_teddy",
        "teddy bear",
        ("a brown teddy bear", "a teddy", "a stuffed toy"),
    ),
    (
        "lego/lego.obj",
        (200, 32, 40),
        0.06,
        (0, 0, 0),
        "pybullet_lego",
        "toy brick",
        ("a red lego brick", "a toy brick", "a building brick"),
    ),
)


def load_pybullet_objects() -> list[ObjectModel]:
    """Those objects of ``pybullet_data`` that stand on a table: duck, mug, teddy, toy brick."""
    data = Path(require("pybullet_data", purpose="The simulator").getDataPath())
    models = []
    for file, paint, size, turn, name, category, captions in _PYBULLET_OBJECTS:
        if not (data / file).is_file():
            continue
        mesh, _ = read_obj(data / file)
        mesh = mesh.placed(turn_deg=turn)
        mesh = mesh.placed(scale=size / np.ptp(mesh.vertices, axis=0).max())
        if isinstance(paint, str):
            texture = read_texture(data / paint)
        else:
            texture = np.full((4, 4, 3), paint, np.uint8)
        models.append(
            as_model(mesh, None, texture, name=name, category=category, captions=captions)
        )
    return models
