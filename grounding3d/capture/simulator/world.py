"""A simulated table top: made from a seed, at rest, ready to be looked at."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial.transform import Rotation

from grounding3d.capture.simulator.choice import choose_models
from grounding3d.capture.simulator.config import SimulationConfig
from grounding3d.capture.simulator.contents import fill_containers, with_container
from grounding3d.capture.simulator.model import ObjectModel
from grounding3d.capture.simulator.placement import PlacedObject, place_all
from grounding3d.capture.simulator.renderer import Light, Rendering, render
from grounding3d.capture.simulator.sensor import Exposure
from grounding3d.capture.simulator.spawn import spawn
from grounding3d.capture.simulator.tabletop import TabletopConfig, make_room, make_table
from grounding3d.capture.simulator.trajectory import camera_path
from grounding3d.capture.simulator.twins import with_twins
from grounding3d.extras import require
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import invert_pose, make_pose, wxyz_from_matrix


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

    config: SimulationConfig
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
    models = with_twins(np.random.default_rng([seed, 8]), config, models)
    models = with_container(np.random.default_rng([seed, 9]), config, models)
    objects = place_all(np.random.default_rng([seed, 3]), config, table, models)
    objects += fill_containers(np.random.default_rng([seed, 10]), config, objects)
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


def draw_camera(rng: np.random.Generator, config: SimulationConfig) -> Camera:
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
