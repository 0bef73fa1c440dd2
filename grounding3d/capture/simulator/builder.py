"""Puts painted mesh parts together into one `ObjectModel` with a single small texture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from grounding3d.capture.simulator import mesh as shapes
from grounding3d.capture.simulator.arrays import Numbers
from grounding3d.capture.simulator.colours import Colour
from grounding3d.capture.simulator.mesh import Mesh
from grounding3d.capture.simulator.model import ObjectModel, extents
from grounding3d.capture.simulator.textures import plain

ATLAS_PX = 256

# A picture uint8 [h, w, 3], or one colour of three numbers from 0 to 255.
Paint = Numbers


class Builder:
    """Collects parts in metres, +Z up. A paint is a picture [h, w, 3] or one colour of three."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._parts: list[tuple[Mesh, np.ndarray]] = []

    def add(
        self,
        mesh: Mesh,
        paint: Paint,
        at: Numbers = (0, 0, 0),
        turn: Numbers = (0, 0, 0),
        scale: Numbers = 1.0,
    ) -> None:
        """Add a mesh, scaled, turned (degrees about x, y, z) and moved."""
        picture = np.asarray(paint)
        if picture.ndim == 1:
            picture = plain(picture)
        self._parts.append((mesh.placed(at, turn, scale), picture))

    def lathe(
        self, profile: Numbers, paint: Paint, ring: np.ndarray | None = None, **place: Numbers
    ) -> None:
        """Turned shape, see `mesh.lathe`."""
        self.add(shapes.lathe(profile, ring), paint, **place)

    def box(
        self,
        size: Sequence[float] | np.ndarray,
        paint: Paint,
        at: Numbers = (0, 0, 0),
        turn: Numbers = (0, 0, 0),
        **faces: Paint,
    ) -> None:
        """Box standing on ``at``; single faces may have paints of their own (front=, top=, ...)."""
        for name, mesh in shapes.box_faces(size).items():
            self.add(mesh, faces.get(name, paint), at, turn)

    def prism(
        self,
        outline: Numbers,
        height: float,
        paint: Paint,
        top: Paint | None = None,
        bottom: Paint | None = None,
        bevel: float = 0.0,
        **place: Numbers,
    ) -> None:
        """Extruded outline standing on ``at``."""
        side, cap, base = shapes.prism(np.asarray(outline), height, bevel)
        self.add(side, paint, **place)
        self.add(cap, paint if top is None else top, **place)
        self.add(base, paint if bottom is None else bottom, **place)

    def slab(
        self,
        size: Sequence[float] | np.ndarray,
        radius: float,
        paint: Paint,
        top: Paint | None = None,
        bevel: float | None = None,
        **place: Numbers,
    ) -> None:
        """Rounded box of full size (x, y, z) standing on ``at``."""
        outline = shapes.rounded_rectangle(size[0], size[1], radius)
        bevel = min(size) * 0.15 if bevel is None else bevel
        self.prism(outline, size[2], paint, top=top, bevel=bevel, **place)

    def tube(
        self,
        path: Numbers,
        radius: Numbers,
        paint: Paint,
        n: int = 10,
        flat: float = 1.0,
        **place: Numbers,
    ) -> None:
        """Closed tube along a path, see `mesh.tube`."""
        self.add(shapes.tube(path, radius, n, flat), paint, **place)

    def ball(
        self,
        radii: Numbers,
        paint: Paint,
        power: float = 2.0,
        power_z: float = 2.0,
        n: int = 20,
        **place: Numbers,
    ) -> None:
        """Superellipsoid about ``at``."""
        radii = np.broadcast_to(np.asarray(radii, float), 3)
        self.add(shapes.superellipsoid(radii, power, power_z, n), paint, **place)

    def cylinder(
        self,
        radius: float,
        height: float,
        paint: Paint,
        top: Paint | None = None,
        n: int = 24,
        taper: float = 1.0,
        **place: Numbers,
    ) -> None:
        """Closed cylinder or cone stump standing on ``at``."""
        ring = shapes.section(n)
        wall = [[radius, 0], [radius * taper, height]]
        self.add(shapes.lathe(wall, ring), paint, **place)
        self.add(shapes.fan(ring * radius, 0.0, up=False), paint, **place)
        self.add(
            shapes.fan(ring * radius * taper, height, up=True),
            paint if top is None else top,
            **place,
        )

    def turn(self, turn_deg: Numbers) -> None:
        """Turn everything added so far about the origin."""
        self._parts = [(m.placed(turn_deg=turn_deg), paint) for m, paint in self._parts]

    def finish(
        self, category: str, captions: tuple[str, ...], colour: Colour | str | None = None
    ) -> ObjectModel:
        """Pack the texture, compute normals, and put the origin at the bottom centre."""
        texture, windows = pack([paint for _, paint in self._parts])
        pieces, normals = [], []
        for (mesh, _), (u0, v0, du, dv) in zip(self._parts, windows, strict=True):
            split, normal = shapes.creased(mesh)
            uv = np.clip(split.uv, 0, 1) * [du, dv] + [u0, v0]
            pieces.append(Mesh(split.vertices, split.faces, uv))
            normals.append(normal)
        whole = shapes.join(pieces)
        low, high = whole.vertices.min(axis=0), whole.vertices.max(axis=0)
        vertices = whole.vertices - [*(low + high)[:2] / 2, low[2]]
        name = f"{category.replace(' ', '_')}_{self.rng.integers(16**6):06x}"
        return ObjectModel(
            name=name,
            category=category,
            captions=captions,
            vertices=vertices.astype(np.float32),
            faces=whole.faces.astype(np.int32),
            uv=whole.uv.astype(np.float32),
            normals=np.concatenate(normals).astype(np.float32),
            texture=texture,
            colour=colour.name if isinstance(colour, Colour) else colour,
            size_m=extents(low, high),
        )


def pack(pictures: list[np.ndarray]) -> tuple[np.ndarray, list[tuple[float, float, float, float]]]:
    """Shelf-pack pictures into one atlas, shrinking them alike until they fit.

    Returns:
        The atlas [h, 256, 3] and for each picture (u0, v0, du, dv), half a pixel inside its border
        so that nearest-neighbour sampling never reads a neighbour.
    """
    unique = {p.tobytes() + str(p.shape).encode(): p for p in pictures}
    order = sorted(unique, key=lambda k: -unique[k].shape[0])
    for shrink in (1.0, 0.85, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1):
        sizes = {k: _shrunk(unique[k], shrink) for k in order}
        placed, height = _shelves([(k, *sizes[k]) for k in order])
        if height <= ATLAS_PX:
            break
    atlas = np.zeros((height, ATLAS_PX, 3), dtype=np.uint8)
    windows = {}
    for key, (row, col) in placed.items():
        h, w = sizes[key]
        image = Image.fromarray(np.ascontiguousarray(unique[key])).resize((w, h))
        atlas[row : row + h, col : col + w] = np.asarray(image)
        windows[key] = (
            (col + 0.5) / ATLAS_PX,
            1.0 - (row + h - 0.5) / height,
            (w - 1) / ATLAS_PX,
            (h - 1) / height,
        )
    return atlas, [windows[p.tobytes() + str(p.shape).encode()] for p in pictures]


def _shrunk(picture: np.ndarray, factor: float) -> tuple[int, int]:
    h, w = (max(2, int(s * factor)) if s > 8 else s for s in picture.shape[:2])
    return h, min(w, ATLAS_PX)


def _shelves(items: list[tuple[bytes, int, int]]) -> tuple[dict[bytes, tuple[int, int]], int]:
    placed, row, col, shelf = {}, 0, 0, 0
    for key, h, w in items:
        if col + w > ATLAS_PX:
            row, col, shelf = row + shelf, 0, 0
        placed[key] = (row, col)
        col, shelf = col + w, max(shelf, h)
    return placed, row + shelf
