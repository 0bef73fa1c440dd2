"""Objects to render: read from a folder of meshes, and varied in shape and colour."""

from __future__ import annotations

import colorsys
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image


class Shape(Protocol):
    """What this recipe needs of an object; the simulator's ``ObjectModel`` has it too."""

    name: str
    category: str
    captions: tuple[str, ...]
    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    normals: np.ndarray
    texture: np.ndarray


@dataclass(frozen=True)
class Instance:
    """One textured object, +Z up, origin at its bottom centre.

    Attributes:
        name: Unique name.
        category: Its noun.
        captions: Phrases that describe it; empty when a change of colour made them wrong.
        vertices: float32 [V, 3], metres.
        faces: int32 [F, 3].
        uv: float32 [V, 2], (0, 0) the bottom left of the texture.
        normals: float32 [V, 3], unit.
        texture: uint8 [h, w, 3].
    """

    name: str
    category: str
    captions: tuple[str, ...]
    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    normals: np.ndarray
    texture: np.ndarray


def read_obj(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, faces, uv and normals of a Wavefront file, one vertex per distinct corner."""
    rows: dict[str, list[list[float]]] = {"v": [], "vt": [], "vn": []}
    corners: list[tuple[int, int, int]] = []
    for line in path.read_text().splitlines():
        key, *rest = line.split() or [""]
        if key in rows:
            rows[key].append([float(x) for x in rest[:3]])
        elif key == "f":
            face = [tuple(int(i or 0) for i in (w + "//").split("/")[:3]) for w in rest]
            for k in range(1, len(face) - 1):
                corners += [face[0], face[k], face[k + 1]]
    unique, index = np.unique(np.array(corners), axis=0, return_inverse=True)
    vertices = np.array(rows["v"], np.float32)[unique[:, 0] - 1]
    faces = index.reshape(-1, 3).astype(np.int32)
    uv = np.zeros((len(unique), 2), np.float32)
    if rows["vt"]:
        uv = np.array([r[:2] for r in rows["vt"]], np.float32)[unique[:, 1] - 1]
    if rows["vn"]:
        normals = np.array(rows["vn"], np.float32)[unique[:, 2] - 1]
    else:
        normals = vertex_normals(vertices, faces)
    return vertices, faces, uv, normals


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area-weighted normals [V, 3]."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, faces[:, k], np.cross(b - a, c - a))
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def load_meshes(folder: Path) -> list[Instance]:
    """Every object of a mesh folder (manifest.json, one folder with OBJ and texture each)."""
    found = []
    for record in json.loads((folder / "manifest.json").read_text()):
        home = folder / record["name"]
        parts = [read_obj(home / part) for part in record["parts"]]
        starts = np.cumsum([0] + [len(p[0]) for p in parts[:-1]])
        texture = np.asarray(Image.open(home / record["texture"]).convert("RGB"))
        found.append(
            Instance(
                record["name"],
                record["category"],
                tuple(record["captions"]),
                np.concatenate([p[0] for p in parts]),
                np.concatenate([p[1] + s for p, s in zip(parts, starts, strict=True)]),
                np.concatenate([p[2] for p in parts]),
                np.concatenate([p[3] for p in parts]),
                texture,
            )
        )
    return found


def deformed(shape: Instance, rng: np.random.Generator, strength: float = 1.0) -> Instance:
    """Other proportions, a taper and a bulge: another specimen of the same kind."""
    scale = np.exp(rng.normal(0, 0.16 * strength, 3))
    height = max(float(np.ptp(shape.vertices[:, 2])), 1e-6)
    t = (shape.vertices[:, 2:] - shape.vertices[:, 2].min()) / height
    taper = 1 + rng.normal(0, 0.13 * strength) * (t - 0.5)
    bulge = 1 + rng.normal(0, 0.10 * strength) * np.sin(np.pi * t)
    bend = rng.normal(0, 0.03 * strength, 2) * height
    vertices = shape.vertices.copy()
    vertices[:, :2] = vertices[:, :2] * taper * bulge + bend * t**2
    vertices = (vertices * scale).astype(np.float32)
    normals = shape.normals / scale
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return replace(shape, vertices=vertices, normals=normals.astype(np.float32))


def recoloured(shape: Instance, rng: np.random.Generator) -> Instance:
    """Another hue, saturation and brightness; the captions no longer hold and are dropped."""
    rgb = shape.texture.astype(np.float32) / 255
    grey = rgb.mean(axis=2, keepdims=True)
    kind = rng.random()
    if kind < 0.45:  # a new hue for what is coloured
        angle = rng.uniform(0.1, 0.9)
        rgb = rotate_hue(rgb, angle) * rng.uniform(0.7, 1.25)
    elif kind < 0.8:  # dyed: the light and dark of the old texture in a new colour
        paint = np.array(
            colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.2, 1), rng.uniform(0.3, 1))
        )
        contrast = grey / max(float(grey.mean()), 0.15)
        rgb = np.clip(contrast, 0, 1.6) * paint
    else:  # black, grey or white
        level = rng.choice([0.08, 0.4, 0.65, 0.92]) + rng.uniform(-0.05, 0.05)
        rgb = np.repeat(level * np.clip(grey / max(float(grey.mean()), 0.15), 0.3, 1.6), 3, axis=2)
    texture = (np.clip(rgb, 0, 1) * 255).astype(np.uint8)
    return replace(shape, texture=texture, captions=())


def rotate_hue(rgb: np.ndarray, turns: float) -> np.ndarray:
    """Rotation of colours about the grey axis."""
    c, s = np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)
    k = (1 - c) / 3
    root = np.sqrt(1 / 3) * s
    matrix = np.array([[c + k, k - root, k + root], [k + root, c + k, k - root]])
    matrix = np.vstack([matrix, [k - root, k + root, c + k]])
    return np.clip(rgb @ matrix.T, 0, 1)
