"""A simulated table top: made from a seed, at rest, ready to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.objects import FURNITURE, GENERATORS
from grounding3d.capture.simulator.packs import is_own_work, load_pack, read_manifest
from grounding3d.capture.simulator.placement import PlacedObject, place_all
from grounding3d.capture.simulator.renderer import Light, Rendering, render
from grounding3d.capture.simulator.sensor import Exposure
from grounding3d.capture.simulator.spawn import spawn
from grounding3d.capture.simulator.tabletop import TabletopConfig, make_room, make_table
from grounding3d.capture.simulator.trajectory import camera_path
from grounding3d.errors import ConfigError
from grounding3d.extras import require
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose, make_pose, wxyz_from_matrix

_SPARE = 4  # extra objects, for those that find no room


@dataclass(eq=False)
class SimulatedWorld:
    """Everything about one simulated recording except its pixels.

    Poses are kept in the table frame (+Z up, origin on the floor below the table's centre);
    ``T_world_table`` brings them to the recording's world, whose origin and heading are arbitrary.

    Attributes:
        config, seed: What it was made from.
        table: The table; it stands at the table frame's origin.
        room: Floor and walls, in the table frame.
        objects: Objects at rest.
        T_world_table: Pose [4, 4].
        camera: Intrinsics and size.
        T_world_cam: Camera poses [n, 4, 4], OpenCV axes.
        light, exposure: How it is lit and exposed.
    """

    config: TabletopConfig
    seed: int
    table: ObjectModel
    room: list[ObjectModel]
    objects: list[PlacedObject]
    T_world_table: np.ndarray
    camera: Camera
    T_world_cam: np.ndarray
    light: Light
    exposure: Exposure
    background: np.ndarray
    _client: int = field(default=-1, init=False, repr=False)
    _bodies: dict[int, int] = field(default_factory=dict, init=False, repr=False)

    @property
    def up_world(self) -> np.ndarray:
        """Unit vector against gravity in the world."""
        return self.T_world_table[:3, 2].copy()

    def render(self, T_world_cam: np.ndarray, shadows: bool | None = None) -> Rendering:
        """Perfect image from a pose; ``body`` holds ids: 0 the table, 1.. objects, -1 others.

        Without shadows it is a third quicker; None takes what the configuration says.
        """
        self._open()
        T_table_cam = invert_pose(self.T_world_table) @ T_world_cam
        light = self.light if shadows is None else replace(self.light, shadows=shadows)
        image = render(self._client, self.camera, T_table_cam, light)
        lookup = np.full(max([*self._bodies, 0]) + 2, -1, dtype=np.int32)
        for body, identifier in self._bodies.items():
            lookup[body] = identifier
        rgb = image.rgb.copy()
        rgb[image.body < 0] = self.background
        return Rendering(rgb, image.depth_m, lookup[image.body])

    def close(self) -> None:
        """Release the renderer; a later `render` opens it again."""
        if self._client >= 0:
            require("pybullet", purpose="The simulator").disconnect(self._client)
            self._client = -1

    def __enter__(self) -> SimulatedWorld:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        with suppress(Exception):  # the interpreter may be shutting down
            self.close()

    def _open(self) -> None:
        if self._client >= 0:
            return
        bullet = require("pybullet", purpose="The simulator")
        self._client = bullet.connect(bullet.DIRECT)
        self._bodies = {}
        for surface in self.room:
            self._bodies[spawn(surface, (0, 0, 0), client=self._client)] = -1
        self._bodies[spawn(self.table, (0, 0, 0), client=self._client)] = 0
        for identifier, placed in enumerate(self.objects, start=1):
            T = placed.T_table_object
            body = spawn(placed.model, T[:3, 3], wxyz_from_matrix(T[:3, :3]), client=self._client)
            self._bodies[body] = identifier


def simulate_tabletop(config: TabletopConfig, seed: int) -> SimulatedWorld:
    """Make the world of a seed; the same seed and configuration give the same world.

    Raises:
        ConfigError: If no object fits the configuration's choice.
    """
    rng = np.random.default_rng([seed, 1])
    table = make_table(rng, config)
    models = choose_models(np.random.default_rng([seed, 2]), config)
    objects = place_all(np.random.default_rng([seed, 3]), config, table, models)
    rng = np.random.default_rng([seed, 4])
    room = make_room(rng, config, table)
    reach = config.offset_range_m
    offset = rng.uniform(-reach, reach, 3) * [1, 1, 0.1]
    yaw = Rotation.from_euler("z", rng.uniform(-np.pi, np.pi)).as_matrix()
    T_world_table = make_pose(yaw, offset)
    path = camera_path(rng, config, table.size_m[2], len(room) - 1)
    return SimulatedWorld(
        config=config,
        seed=seed,
        table=table,
        room=room,
        objects=objects,
        T_world_table=T_world_table,
        camera=draw_camera(rng, config),
        T_world_cam=T_world_table @ path,
        light=draw_light(rng, config.shadows),
        exposure=Exposure.draw(rng),
        background=rng.uniform(90, 230, 3).astype(np.uint8),
    )


def draw_camera(rng: np.random.Generator, config: TabletopConfig) -> Camera:
    """A camera whose focal length scales with the image width and whose centre is a little off."""
    focal = rng.uniform(*config.focal_px) * config.width / 640
    cx = (config.width - 1) / 2 + rng.uniform(-6, 6) * config.width / 640
    cy = (config.height - 1) / 2 + rng.uniform(-6, 6) * config.width / 640
    return Camera.from_focal(focal, focal, cx, cy, config.width, config.height)


def draw_light(rng: np.random.Generator, shadows: bool) -> Light:
    """Light from above: direction, warmth and contrast vary."""
    azimuth, tilt = rng.uniform(-np.pi, np.pi), rng.uniform(0.15, 1.0)
    warm = rng.uniform(-0.07, 0.07)
    ambient = rng.uniform(0.5, 0.68)
    return Light(
        direction=(tilt * np.cos(azimuth), tilt * np.sin(azimuth), 1.0),
        colour=(1.0, 1.0 - abs(warm) / 2, 1.0 - max(warm, 0.0)),
        ambient=ambient,
        diffuse=rng.uniform(0.85, 1.1) - ambient,
        shadows=shadows,
    )


def choose_models(rng: np.random.Generator, config: TabletopConfig) -> list[ObjectModel]:
    """Distinct objects, all of different categories but for the odd same-category pair.

    Raises:
        ConfigError: If the configuration leaves nothing to choose from.
    """
    records = _pack_records(config)
    kinds = [k for k in GENERATORS if k not in FURNITURE and _is_wanted(k, k, config)]
    if not records and not kinds and config.n_objects > 0:
        raise ConfigError(
            "no simulated object fits the choice",
            found=f"only={config.only}, exclude={config.exclude}",
            hint="Name categories or objects that exist.",
        )
    chosen: list[ObjectModel | str] = []  # a model, or the name of one in the pack
    used: set[str] = set()
    bulky = 0
    for _ in range(400):
        if len(chosen) >= config.n_objects + _SPARE:
            break
        candidate: ObjectModel | str
        if records and not (kinds and rng.random() < config.p_generated):
            record = records[rng.integers(len(records))]
            candidate, category, size_m = record["name"], record["category"], record["size_m"]
        elif kinds and not (records and config.p_generated == 0):
            model = GENERATORS[kinds[rng.integers(len(kinds))]](rng)
            candidate, category, size_m = model, model.category, model.size_m
        else:
            break
        is_bulky = float(np.prod(size_m)) > config.bulky_volume_m3
        again = category in used and rng.random() >= config.p_same_category
        if again or candidate in chosen or not _fits(size_m, config):
            continue
        if is_bulky and bulky >= config.max_bulky:
            continue
        bulky += is_bulky
        chosen.append(candidate)
        used.add(category)
    return _loaded(config, chosen)


def _loaded(config: TabletopConfig, chosen: list[ObjectModel | str]) -> list[ObjectModel]:
    """The choice with names replaced by the pack's models."""
    names = [m for m in chosen if isinstance(m, str)]
    models = {m.name: m for m in load_pack(config.pack, names)} if config.pack and names else {}
    return [models[m] if isinstance(m, str) else m for m in chosen]


def _pack_records(config: TabletopConfig) -> list[dict[str, Any]]:
    if config.pack is None:
        return []
    return [
        r
        for r in read_manifest(config.pack)
        if r["category"] not in FURNITURE
        and (is_own_work(r) or not config.own_work_only)
        and _fits(r["size_m"], config)
        and _is_wanted(r["name"], r["category"], config)
    ]


def _is_wanted(name: str, category: str, config: TabletopConfig) -> bool:
    if config.only is not None and not {name, category} & set(config.only):
        return False
    return not {name, category} & set(config.exclude)


def _fits(size_m: Sequence[float], config: TabletopConfig) -> bool:
    return max(size_m) <= config.largest_extent_m and size_m[2] >= config.smallest_height_m
