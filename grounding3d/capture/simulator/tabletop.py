"""What a simulated table top looks like: its configuration and its furniture."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from pydantic import Field

from grounding3d.capture.simulator import colours as c
from grounding3d.capture.simulator import textures as t
from grounding3d.capture.simulator.arrays import Numbers
from grounding3d.capture.simulator.builder import Builder
from grounding3d.capture.simulator.config import SimulationConfig, Span
from grounding3d.capture.simulator.generators.furniture import legs
from grounding3d.capture.simulator.mesh import Mesh, join, quad, section
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.wording import describe


class TableSizes(Protocol):
    """How large a table may be: ranges in metres."""

    @property
    def table_width_m(self) -> Span: ...
    @property
    def table_depth_m(self) -> Span: ...
    @property
    def table_height_m(self) -> Span: ...


class TabletopConfig(SimulationConfig):
    """A table with objects, the room around it and the camera that goes around it."""

    n_objects: int = Field(default=8, ge=0, description="objects on the table")
    p_stacked: float = Field(
        default=0.1, ge=0, le=1, description="chance of standing on a flat object"
    )
    table_width_m: Span = Field(default=(0.9, 1.5), description="range of the table's longer side")
    table_depth_m: Span = Field(
        default=(0.65, 0.95), description="range of the table's shorter side"
    )
    table_height_m: Span = Field(default=(0.55, 0.8), description="range of the table's height")
    n_frames: int = Field(default=60, ge=1, description="frames of the recording")
    distance_m: Span = Field(default=(0.7, 1.4), description="range of camera to table centre")
    motion: Literal["any", "handheld", "wrist"] = Field(
        default="any", description="kind of camera path"
    )


def make_table(rng: np.random.Generator, config: TableSizes) -> ObjectModel:
    """A table with a wooden, plain, marbled or cloth top."""
    b = Builder(rng)
    x, y = rng.uniform(*config.table_width_m), rng.uniform(*config.table_depth_m)
    h, thick = rng.uniform(*config.table_height_m), rng.uniform(0.02, 0.04)
    colour = c.pick_colour(
        rng, ("white", "white", "grey", "grey", "beige", "brown", "black", "blue")
    )
    kind = str(rng.choice(["wood", "plain", "marble", "cloth"], p=[0.5, 0.27, 0.1, 0.13]))
    adjective: str | None = None
    if kind == "wood":
        top = t.wood(rng, h=128, w=128)
        colour, adjective = c.Colour("brown", top.mean(axis=(0, 1))), "wooden"
    elif kind == "marble":
        top = t.patches(rng, colour.rgb, c.shade(colour.rgb, 1.5), 160, 160)
    elif kind == "cloth":
        top = t.checker(rng, c.shade(colour.rgb, 1.5), c.shade(colour.rgb, 0.9), 160, 160)
        adjective = "checkered"
    else:
        top = t.glazed(rng, colour.rgb, 96, 96)
    edge = top.mean(axis=(0, 1))
    if rng.random() < 0.2:
        side = section(48) * [x / 2, y / 2]
        b.prism(side, thick, edge, top=top, at=(0, 0, h - thick))
        b.cylinder(0.05, h - thick, edge * 0.7)
        b.prism(section(32) * 0.5 * y, 0.03, edge * 0.7)
    else:
        b.box((x, y, thick), edge, at=(0, 0, h - thick), top=top)
        legs(b, rng, 0.46 * x, 0.46 * y, h - thick, edge * rng.uniform(0.5, 1.0))
    nouns = ("table", "desk", "dining table", "work table")
    return b.finish("table", describe(rng, nouns, colour, adjective), colour)


def is_round(table: ObjectModel) -> bool:
    """Whether the table's top is elliptic: no vertex near the corners of its bounding box."""
    half = np.array(table.size_m[:2]) / 2
    return bool((np.abs(table.vertices[:, :2]) / half).sum(axis=1).max() < 1.6)


def tiled(corner: Numbers, along: Numbers, across: Numbers, cells: int) -> Mesh:
    """A big rectangle of cells x cells quads, each with the whole texture."""
    a, b = np.asarray(along, float) / cells, np.asarray(across, float) / cells
    starts = [np.asarray(corner, float) + i * a + j * b for i in range(cells) for j in range(cells)]
    return join([quad([s, s + a, s + a + b, s + b]) for s in starts])


def make_surface(rng: np.random.Generator, name: str, mesh: Mesh) -> ObjectModel:
    """Floor or wall over a given mesh, kept in the mesh's own coordinates."""
    paints = {
        "floor": [
            lambda: t.wood(rng, h=64, w=64),
            lambda: t.speckle(rng, c.pick_colour(rng, c.EARTHY).rgb, (120, 112, 104), 64, 64),
            lambda: t.checker(rng, (205, 200, 190), c.pick_colour(rng, c.EARTHY).rgb, 64, 64),
            lambda: t.glazed(
                rng, c.pick_colour(rng, ("grey", "beige", "brown", "green", "blue")).rgb
            ),
        ],
        "wall": [
            lambda: t.glazed(rng, c.shade(c.pick_colour(rng).rgb, 2.0)),
            lambda: t.glazed(rng, c.pick_colour(rng, ("white", "beige", "grey")).rgb),
            lambda: t.stripes(rng, (228, 222, 210), c.shade(c.pick_colour(rng).rgb, 2.2), 48, 96),
            lambda: t.patches(rng, (222, 218, 210), c.shade(c.pick_colour(rng).rgb, 2.5), 64, 64),
        ],
    }[name]
    texture = paints[rng.integers(len(paints))]()
    edges = mesh.vertices[mesh.faces]
    normal = np.cross(edges[:, 1] - edges[:, 0], edges[:, 2] - edges[:, 0])[0]
    span = np.ptp(mesh.vertices, axis=0)
    return ObjectModel(
        name=name,
        category=name,
        captions=(f"a {name}", f"the {name}"),
        vertices=mesh.vertices.astype(np.float32),
        faces=mesh.faces.astype(np.int32),
        uv=mesh.uv.astype(np.float32),
        normals=np.tile(normal / np.linalg.norm(normal), (len(mesh.vertices), 1)).astype(
            np.float32
        ),
        texture=texture,
        colour=None,
        size_m=(float(span[0]), float(span[1]), float(span[2])),
    )


def make_room(
    rng: np.random.Generator, config: TabletopConfig, table: ObjectModel
) -> list[ObjectModel]:
    """Floor and none to two walls, in the table's frame; the -y side stays free for the camera."""
    reach, tall = 4.0, 2.6
    far = config.distance_m[1] + 0.4
    rooms = [
        make_surface(
            rng, "floor", tiled((-reach, -reach, 0), (2 * reach, 0, 0), (0, 2 * reach, 0), 10)
        )
    ]
    n_walls = int(rng.integers(0, 3))
    if n_walls >= 1:
        y = table.size_m[1] / 2 + rng.uniform(0.03, 0.8)
        back = tiled((-reach, y, 0), (2 * reach, 0, 0), (0, 0, tall), 6)
        rooms.append(make_surface(rng, "wall", back))
    if n_walls == 2:
        side = tiled((far, reach, 0), (0, -2 * reach, 0), (0, 0, tall), 6)
        if rng.random() < 0.5:
            side = tiled((-far, -reach, 0), (0, 2 * reach, 0), (0, 0, tall), 6)
        rooms.append(make_surface(rng, "wall", side))
    return rooms
