"""Mesh primitives of the object generators: everything is a loft of rings, a quad or a fan.

Winding is counter-clockwise seen from outside, because the renderer culls back faces. Open shapes
(mugs, bowls, bins) are therefore closed shells: their profile runs up the outside and down the
inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.sparse import csr_matrix
from scipy.spatial.transform import Rotation

from grounding3d.capture.simulator.arrays import Numbers


@dataclass(frozen=True)
class Mesh:
    """Triangles with texture coordinates: vertices [V, 3] metres, faces [F, 3], uv [V, 2]."""

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray

    def placed(
        self,
        at: Numbers = (0.0, 0.0, 0.0),
        turn_deg: Numbers = (0.0, 0.0, 0.0),
        scale: Numbers = 1.0,
    ) -> Mesh:
        """Scale, then rotate about x, y, z in this order (degrees), then move by ``at`` metres."""
        vertices = self.vertices * np.asarray(scale, dtype=float)
        if np.any(turn_deg):
            vertices = Rotation.from_euler("xyz", turn_deg, degrees=True).apply(vertices)
        return Mesh(vertices + np.asarray(at, dtype=float), self.faces, self.uv)


def join(meshes: list[Mesh]) -> Mesh:
    """One mesh of many."""
    offsets = np.cumsum([0] + [len(m.vertices) for m in meshes[:-1]])
    return Mesh(
        np.concatenate([m.vertices for m in meshes]),
        np.concatenate([m.faces + o for m, o in zip(meshes, offsets, strict=True)]),
        np.concatenate([m.uv for m in meshes]),
    )


def loft(rings: np.ndarray) -> Mesh:
    """Skin over rings [m, n, 3] that run counter-clockwise seen from where the rings go to.

    ``u`` runs once around each ring, ``v`` from the first ring to the last by mean arc length.
    """
    m, n = rings.shape[:2]
    closed = np.concatenate([rings, rings[:, :1]], axis=1)
    steps = np.linalg.norm(np.diff(rings, axis=0), axis=2).mean(axis=1)
    v = np.concatenate([[0.0], np.cumsum(steps)])
    v /= max(v[-1], 1e-9)
    uv = np.stack(np.meshgrid(np.linspace(0, 1, n + 1), v), axis=-1).reshape(-1, 2)
    index = np.arange(m * (n + 1)).reshape(m, n + 1)
    a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    c, d = index[1:, 1:].ravel(), index[1:, :-1].ravel()
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return drop_degenerate(Mesh(closed.reshape(-1, 3), faces, uv))


def drop_degenerate(mesh: Mesh) -> Mesh:
    """Without the faces of no area (a ring that shrinks to a point makes them)."""
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    return Mesh(mesh.vertices, mesh.faces[area > 1e-12], mesh.uv)


def section(n: int = 28, power: float = 2.0, lobes: int = 0, depth: float = 0.0) -> np.ndarray:
    """Unit cross-section [n, 2]: a superellipse (2 = circle, 6 = rounded square) with lobes."""
    theta = np.linspace(0, 2 * np.pi, n, endpoint=False)
    c, s = np.cos(theta), np.sin(theta)
    radius = (np.abs(c) ** power + np.abs(s) ** power) ** (-1.0 / power)
    radius = radius * (1.0 + depth * np.cos(lobes * theta))
    return np.stack([radius * c, radius * s], axis=1)


def curve(points: Numbers, count: int = 16) -> np.ndarray:
    """Smooth curve [count, k] through points without overshoot (monotone cubic by chord length)."""
    points = np.asarray(points, dtype=float)
    chord = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return PchipInterpolator(chord, points, axis=0)(np.linspace(0, chord[-1], count))


def lathe(profile: Numbers, ring: np.ndarray | None = None) -> Mesh:
    """Profile [m, 2] of (radius, height) swept around z; going up, its outside faces outward."""
    profile = np.asarray(profile, dtype=float)
    ring = section() if ring is None else ring
    xy = profile[:, None, :1] * ring[None]
    z = np.broadcast_to(profile[:, None, 1:], (*xy.shape[:2], 1))
    return loft(np.concatenate([xy, z], axis=2))


def fan(outline: np.ndarray, z: float, up: bool) -> Mesh:
    """Flat cap over a star-shaped outline [n, 2]; the texture lies over its bounding square."""
    n = len(outline)
    xy = np.concatenate([outline, outline.mean(axis=0, keepdims=True)])
    low, high = outline.min(axis=0), outline.max(axis=0)
    uv = (xy - low) / np.maximum(high - low, 1e-9)
    i, j = np.arange(n), (np.arange(n) + 1) % n
    faces = np.stack([i, j, np.full(n, n)] if up else [j, i, np.full(n, n)], axis=1)
    return Mesh(np.column_stack([xy, np.full(n + 1, z)]), faces, uv)


def prism(outline: np.ndarray, height: float, bevel: float = 0.0) -> tuple[Mesh, Mesh, Mesh]:
    """Side, top and bottom of an extruded counter-clockwise outline [n, 2] from z = 0 up."""
    extent = np.ptp(outline, axis=0)
    inner = outline * (1.0 - 2.0 * bevel / np.maximum(extent, 1e-9))
    levels = [(outline, 0.0), (outline, height)]
    if bevel > 0:
        levels = [(inner, 0.0), (outline, bevel), (outline, height - bevel), (inner, height)]
    rings = np.stack([np.column_stack([o, np.full(len(o), z)]) for o, z in levels])
    return loft(rings), fan(levels[-1][0], height, up=True), fan(levels[0][0], 0.0, up=False)


def rounded_rectangle(width: float, depth: float, radius: float, per_corner: int = 5) -> np.ndarray:
    """Counter-clockwise outline [4 * per_corner, 2] centred on the origin."""
    radius = min(radius, width / 2 - 1e-6, depth / 2 - 1e-6)
    corners = []
    for k, (sx, sy) in enumerate([(1, 1), (-1, 1), (-1, -1), (1, -1)]):
        t = np.linspace(0, np.pi / 2, per_corner) + k * np.pi / 2
        centre = np.array([sx * (width / 2 - radius), sy * (depth / 2 - radius)])
        corners.append(centre + radius * np.stack([np.cos(t), np.sin(t)], axis=1))
    return np.concatenate(corners)


def superellipsoid(radii: Numbers, power: float = 2.0, power_z: float = 2.0, n: int = 24) -> Mesh:
    """Ball of three radii about the origin; powers over 2 make it boxy (a pillow)."""
    phi = np.linspace(-np.pi / 2, np.pi / 2, n // 2 + 1)
    c, s = np.maximum(np.cos(phi), 0.0), np.sin(phi)
    r = (np.abs(c) ** power_z + np.abs(s) ** power_z) ** (-1.0 / power_z)
    mesh = lathe(np.stack([r * c, r * s], axis=1), section(n, power))
    return mesh.placed(scale=radii)


def tube(path: Numbers, radius: Numbers, n: int = 10, flat: float = 1.0) -> Mesh:
    """Closed tube along path [m, 3]; radius metres, one or one per point; ``flat`` squashes it."""
    path = np.asarray(path, dtype=float)
    radius = np.broadcast_to(np.asarray(radius, dtype=float), len(path))
    tangent = np.gradient(path, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-12)
    # A fixed reference keeps the section from twisting; pick the axis the path uses least.
    reference = np.eye(3)[np.argmin(np.ptp(path, axis=0))]
    side = np.cross(reference, tangent)
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12)
    other = np.cross(tangent, side)
    ring = section(n)
    rings = path[:, None] + radius[:, None, None] * (
        ring[None, :, :1] * side[:, None] + flat * ring[None, :, 1:] * other[:, None]
    )
    ends = [np.repeat(path[k][None, None], n, axis=1) for k in (0, -1)]
    return loft(np.concatenate([ends[0], rings, ends[1]]))


def quad(corners: Numbers) -> Mesh:
    """Quad of four corners: bottom left, bottom right, top right, top left as seen from outside."""
    uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    return Mesh(np.asarray(corners, dtype=float), np.array([[0, 1, 2], [0, 2, 3]]), uv)


def box_faces(size: Sequence[float] | np.ndarray) -> dict[str, Mesh]:
    """Six quads of a box from z = 0 up, centred in x and y; ``front`` looks along -y."""
    x, y, z = size[0] / 2, size[1] / 2, size[2]
    a, b, c, d = [-x, -y, 0], [x, -y, 0], [x, y, 0], [-x, y, 0]
    e, f, g, h = [-x, -y, z], [x, -y, z], [x, y, z], [-x, y, z]
    corners = {
        "front": [a, b, f, e],
        "right": [b, c, g, f],
        "back": [c, d, h, g],
        "left": [d, a, e, h],
        "top": [e, f, g, h],
        "bottom": [d, c, b, a],
    }
    return {name: quad(corner) for name, corner in corners.items()}


def both_sides(mesh: Mesh) -> Mesh:
    """The mesh and its reversed copy, for leaves and cloth."""
    return join([mesh, Mesh(mesh.vertices, mesh.faces[:, ::-1], mesh.uv)])


def creased(mesh: Mesh, crease_deg: float = 40.0) -> tuple[Mesh, np.ndarray]:
    """Split at sharp edges: a mesh with one vertex per face corner, and its normals [V, 3].

    A corner's normal is the area-weighted mean of the normals of those faces at the same position
    that lie within ``crease_deg`` of its own face.
    """
    corners = mesh.vertices[mesh.faces.ravel()]
    a, b, c = corners[0::3], corners[1::3], corners[2::3]
    weighted = np.repeat(np.cross(b - a, c - a), 3, axis=0)
    unit = weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-20)
    _, position = np.unique(np.round(corners, 6), axis=0, return_inverse=True)
    n = len(corners)
    incidence = csr_matrix((np.ones(n), (np.arange(n), position.ravel())))
    i, j = (incidence @ incidence.T).nonzero()
    keep = np.einsum("ij,ij->i", unit[i], unit[j]) > np.cos(np.radians(crease_deg))
    near = csr_matrix((np.ones(keep.sum()), (i[keep], j[keep])), shape=(n, n))
    normals = near @ weighted
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-20)
    faces = np.arange(n).reshape(-1, 3)
    return Mesh(corners, faces, mesh.uv[mesh.faces.ravel()]), normals
