"""A simulated room from a seed: furnished, filled, at rest, and walked through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from grounding3d.capture.simulator.choice import choose_models
from grounding3d.capture.simulator.contents import fill_containers, with_container
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.placement import PlacedObject, footprint, polygon_gap
from grounding3d.capture.simulator.room.config import RoomConfig
from grounding3d.capture.simulator.room.furniture import (
    Piece,
    flat_top,
    make_chair,
    make_seat,
    make_shelf,
    make_storage,
)
from grounding3d.capture.simulator.room.layout import Stand, against_a_wall, at_the_table
from grounding3d.capture.simulator.room.things import Surface, put_on
from grounding3d.capture.simulator.room.walk import Sight, walk
from grounding3d.capture.simulator.sensor import Exposure
from grounding3d.capture.simulator.tabletop import is_round, make_surface, make_table, tiled
from grounding3d.capture.simulator.twins import with_twins
from grounding3d.capture.simulator.world import SimulatedWorld, draw_camera, draw_light
from grounding3d.errors import ConfigError
from grounding3d.geometry.transforms import invert_pose, make_pose, transform_points

_LAYOUTS = 40
# What stands on a floor without looking out of place.
FLOOR_KINDS = frozenset(
    {"waste basket", "bucket", "basket", "ball", "cardboard box", "storage box", "robot vacuum"}
    | {"traffic cone", "potted plant", "shoe", "handbag", "teddy bear", "dumbbell", "barrel"}
    | {"plant pot", "shoe box", "pillow", "toy car"}
)
_FLOOR_ONLY = ("robot vacuum", "waste basket", "traffic cone", "bucket", "barrel", "dumbbell")
_FROM_WALL_M = 0.25  # floor things stand this near a wall, out of the walker's way,
_FROM_FURNITURE_M = 0.5  # and this near furniture, where the walker looks
_SMALL_ROOM = "the room is too small for its table and shelf"


def simulate_room(config: RoomConfig, seed: int) -> SimulatedWorld:
    """Make the room of a seed; the same seed and configuration give the same room.

    Object 0 is the table; the other furniture comes next, then the things.

    Raises:
        ConfigError: If the room is too small for its table and shelf.
    """
    rng = np.random.default_rng([seed, 21])
    size_m = (rng.uniform(*config.room_width_m), rng.uniform(*config.room_depth_m))
    stands = furnish(rng, config, size_m)
    objects = fill(seed, config, size_m, stands)
    rng = np.random.default_rng([seed, 24])
    outlines = [s.outline for s in stands]
    outlines += [footprint(p.vertices) for p in objects if p.on_floor and not p.inside]
    path = walk(rng, config, size_m, outlines, sights(stands))
    to_table = invert_pose(stands[0].T_room)
    objects = [
        PlacedObject(s.piece.model, s.T_room, None, on_floor=True) for s in stands[1:]
    ] + objects
    reach = config.offset_range_m
    yaw = Rotation.from_euler("z", rng.uniform(-np.pi, np.pi)).as_matrix()
    T_world_table = make_pose(yaw, rng.uniform(-reach, reach, 3) * [1, 1, 0.1])
    light = draw_light(rng, config.shadows)
    return SimulatedWorld(
        config=config,
        seed=seed,
        table=stands[0].piece.model,
        room=[_moved(s, to_table) for s in shell(rng, config, size_m)],
        objects=[replace(p, T_table_object=to_table @ p.T_table_object) for p in objects],
        T_world_table=T_world_table,
        camera=draw_camera(rng, config),
        T_world_cam=T_world_table @ to_table @ path,
        light=replace(light, direction=(0.25 * light.direction[0], 0.25 * light.direction[1], 1.0)),
        exposure=Exposure.draw(rng),
        background=rng.uniform(170, 235, 3).astype(np.uint8),
    )


def furnish(
    rng: np.random.Generator, config: RoomConfig, size_m: tuple[float, float]
) -> list[Stand]:
    """The furniture in its places: the table first, then the shelf, then what found room."""
    table = flat_top(make_table(rng, config))
    shelf = make_shelf(rng)
    others = [make_seat(rng, config), make_storage(rng, config)]
    if rng.random() < 0.4:
        others.append(make_storage(rng, config))
    others = [p for k, p in enumerate(others) if p.model.category not in _kinds(others[:k])]
    chair = make_chair(rng, config) if rng.random() < 0.8 else None
    best: list[Stand] = []
    for _ in range(_LAYOUTS):
        stands: list[Stand] = []
        for piece in (table, shelf, *others):
            stand = against_a_wall(rng, piece, size_m, stands)
            if stand is not None:
                stands.append(stand)
            elif piece is table or piece is shelf:
                break
        if len(stands) > max(len(best), 1) and stands[1].piece is shelf:
            best = stands
        if len(best) == 2 + len(others):
            break
    if not best:
        raise ConfigError(
            _SMALL_ROOM, found=f"{size_m[0]:.1f} x {size_m[1]:.1f} m", hint="Give a larger room."
        )
    if chair is not None and chair.model.category not in _kinds([s.piece for s in best]):
        stand = at_the_table(rng, chair, best[0], size_m, best)
        best += [stand] if stand is not None else []
    return best


def _kinds(pieces: list[Piece]) -> set[str]:
    return {p.model.category for p in pieces}


def fill(
    seed: int, config: RoomConfig, size_m: tuple[float, float], stands: list[Stand]
) -> list[PlacedObject]:
    """The things of the room at rest, in the room frame."""
    raised, low = choose_things(seed, config)
    rng = np.random.default_rng([seed, 23])
    placed: list[PlacedObject] = []
    places = surfaces(stands)
    by_place: dict[int, list[PlacedObject]] = {k: [] for k in range(len(places))}
    count = max(config.n_objects - config.n_on_floor, 0)
    first, spare = raised[:count], raised[count:]
    for model in [*sorted(first, key=lambda m: -m.size_m[0] * m.size_m[1]), *spare]:
        if len(placed) == count:
            break
        weights = np.array([p.weight / (1 + len(by_place[k])) for k, p in enumerate(places)])
        for k in rng.choice(len(places), len(places), replace=False, p=weights / weights.sum()):
            thing = put_on(
                rng,
                places[k],
                model,
                by_place[int(k)],
                gap_m=config.min_gap_m,
                p_lying=config.p_lying,
            )
            if thing is not None:
                by_place[int(k)].append(thing)
                placed.append(thing)
                break
    placed += _on_the_floor(rng, config, size_m, stands, low)
    offset = len(stands) - 1
    inside = fill_containers(np.random.default_rng([seed, 25]), config, placed)
    return placed + [replace(p, support=(p.support or 0) + offset) for p in inside]


def choose_things(seed: int, config: RoomConfig) -> tuple[list[ObjectModel], list[ObjectModel]]:
    """Things for tables and shelves, and things for the floor, with some to spare."""
    config = config.model_copy(update={"exclude": (*config.exclude, *_FLOOR_ONLY)})
    models = choose_models(np.random.default_rng([seed, 2]), config)
    models = with_twins(np.random.default_rng([seed, 8]), config, models)
    models = with_container(np.random.default_rng([seed, 9]), config, models)
    kinds = {m.category for m in models}
    floor = config.model_copy(
        update={
            "n_objects": config.n_on_floor,
            "only": config.only or tuple(sorted(FLOOR_KINDS - kinds)),
            "exclude": tuple(x for x in config.exclude if x not in _FLOOR_ONLY),
            "largest_extent_m": 0.75,
            "smallest_height_m": 0.06,
        }
    )
    low = choose_models(np.random.default_rng([seed, 22]), floor) if config.n_on_floor else []
    return models, [m for m in low if m.category in FLOOR_KINDS - kinds]


def _on_the_floor(
    rng: np.random.Generator,
    config: RoomConfig,
    size_m: tuple[float, float],
    stands: list[Stand],
    models: list[ObjectModel],
) -> list[PlacedObject]:
    half = np.array(size_m) / 2
    floor = Surface(
        np.eye(4),
        (half[0], half[1]),
        headroom_m=2.0,
        on_floor=True,
        obstacles=tuple(s.outline for s in stands),
    )

    def out_of_the_way(outline: np.ndarray) -> bool:
        by_furniture = min(polygon_gap(outline, o) for o in floor.obstacles) < _FROM_FURNITURE_M
        return by_furniture and bool((half - np.abs(outline).max(axis=0)).min() < _FROM_WALL_M)

    placed: list[PlacedObject] = []
    for model in models:
        if len(placed) < config.n_on_floor:
            thing = put_on(
                rng, floor, model, placed, gap_m=0.08, p_lying=0.0, wanted=out_of_the_way
            )
            placed += [thing] if thing is not None else []
    return placed


def surfaces(stands: list[Stand]) -> list[Surface]:
    """Every board of the furniture; the table and the shelf are chosen most."""
    places = []
    for index, stand in enumerate(stands):
        for board in stand.piece.boards:
            T = stand.T_room @ make_pose(np.eye(3), np.array([0, 0, board.height_m]))
            share = {0: 6.0, 1: 7.0}.get(index, 1.5)
            places.append(
                Surface(
                    T,
                    board.half_m,
                    board.headroom_m,
                    support=None if index == 0 else index - 1,
                    round=index == 0 and is_round(stand.piece.model),
                    weight=share / len(stand.piece.boards),
                )
            )
    return places


def sights(stands: list[Stand]) -> list[Sight]:
    """What the walk looks at: every piece of furniture, the table and the shelf from near."""
    seen = []
    for index, stand in enumerate(stands):
        width, _, height = stand.piece.model.size_m
        top = height if index == 0 else height * (0.65 if index == 1 else 0.6)
        centre = stand.T_room[:3, 3] + [0, 0, min(top, 1.0)]
        sweep = 0.3 * width * stand.T_room[:3, 0]
        distance = {0: 1.15, 1: 1.65}.get(index, 1.3 + 0.35 * width)
        if stand.piece.model.category in ("chair", "stool"):
            continue  # it stands before the table
        seen.append(Sight(centre, sweep, stand.front, distance))
    return seen


def shell(
    rng: np.random.Generator, config: RoomConfig, size_m: tuple[float, float]
) -> list[ObjectModel]:
    """Floor and four walls in the room frame; one wall may have another paint."""
    x, y = np.array(size_m) / 2
    tall = (0, 0, config.wall_height_m)
    floor = make_surface(rng, "floor", tiled((-x, -y, 0), (2 * x, 0, 0), (0, 2 * y, 0), 6))
    walls = [
        tiled((-x, y, 0), (2 * x, 0, 0), tall, 4),
        tiled((x, -y, 0), (-2 * x, 0, 0), tall, 4),
        tiled((x, y, 0), (0, -2 * y, 0), tall, 4),
        tiled((-x, -y, 0), (0, 2 * y, 0), tall, 4),
    ]
    painted = make_surface(rng, "wall", walls[0])
    accent = int(rng.integers(8))  # over 3: none
    others = [
        make_surface(rng, "wall", w)
        if k == accent
        else replace(make_surface(np.random.default_rng(0), "wall", w), texture=painted.texture)
        for k, w in enumerate(walls[1:], start=1)
    ]
    return [floor, painted, *others]


def _moved(surface: ObjectModel, T: np.ndarray) -> ObjectModel:
    """A floor or wall in another frame."""
    return replace(
        surface,
        vertices=transform_points(T, surface.vertices.astype(float)).astype(np.float32),
        normals=(surface.normals @ T[:3, :3].T).astype(np.float32),
    )
