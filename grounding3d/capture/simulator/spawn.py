"""Puts object models into a pybullet world."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial import ConvexHull, QhullError

from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.extras import require

_HULL_POINTS = 120


def spawn(
    model: ObjectModel,
    position_m: np.ndarray | tuple[float, float, float],
    wxyz: np.ndarray | tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0),
    *,
    client: int,
    mass_kg: float = 0.0,
    collides: bool = False,
) -> int:
    """Create a body whose frame is the model's frame (origin at the bottom centre).

    Args:
        model: What to create.
        position_m: Where the model's origin goes, in the client's world.
        wxyz: Rotation of the model to that world.
        client: pybullet physics client id.
        mass_kg: 0 makes it static.
        collides: Give it its convex hull as collision shape.

    Returns:
        The body id.
    """
    pybullet = require("pybullet", purpose="The simulator")
    visual = pybullet.createVisualShape(
        pybullet.GEOM_MESH,
        vertices=model.vertices.tolist(),
        indices=model.faces.ravel().tolist(),
        uvs=model.uv.tolist(),
        normals=model.normals.tolist(),
        rgbaColor=[1, 1, 1, 1],
        specularColor=[0, 0, 0],
        physicsClientId=client,
    )
    collision = -1
    if collides:
        collision = pybullet.createCollisionShape(
            pybullet.GEOM_MESH,
            vertices=hull_points(model.vertices).tolist(),
            physicsClientId=client,
        )
    w, x, y, z = (float(q) for q in wxyz)
    body = pybullet.createMultiBody(
        baseMass=mass_kg,
        baseCollisionShapeIndex=collision,
        baseVisualShapeIndex=visual,
        basePosition=[float(p) for p in position_m],
        baseOrientation=[x, y, z, w],
        physicsClientId=client,
    )
    attach_texture(body, model.texture, client=client)
    return body


def attach_texture(body: int, texture: np.ndarray, *, client: int) -> None:
    """Paint a body's base with a picture [h, w, 3]."""
    pybullet = require("pybullet", purpose="The simulator")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "texture.png")
        Image.fromarray(texture).save(path, compress_level=0)
        identifier = pybullet.loadTexture(path, physicsClientId=client)
    pybullet.changeVisualShape(
        body, -1, textureUniqueId=identifier, rgbaColor=[1, 1, 1, 1], physicsClientId=client
    )


def hull_points(vertices: np.ndarray, limit: int = _HULL_POINTS) -> np.ndarray:
    """At most ``limit`` points [n, 3] of the convex hull, the extreme ones kept."""
    try:
        points = vertices[ConvexHull(vertices.astype(float)).vertices]
    except QhullError:
        points = vertices
    if len(points) <= limit:
        return points
    spiral = np.arange(limit) + 0.5
    z = 1 - 2 * spiral / limit
    angle = np.pi * (1 + 5**0.5) * spiral
    flat = np.sqrt(1 - z**2)
    directions = np.stack([flat * np.cos(angle), flat * np.sin(angle), z], axis=1)
    directions = np.concatenate([directions, np.eye(3), -np.eye(3)])
    return points[np.unique((points @ directions.T).argmax(axis=0))]
