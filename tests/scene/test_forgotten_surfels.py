"""Surfels of what was taken away go within a few looks, however long it had stood there."""

from __future__ import annotations

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.scene.base import Scene
from grounding3d.scene.config import SceneConfig
from grounding3d.scene.points import PointsBuilder
from grounding3d.scene.surfels import axial_sigma
from tests.factories import SMALL_CAMERA, ColouredBox, aabb, orbit, render, table_scene

CONFIG = SceneConfig(carve_every=2)
LOOKS = CONFIG.forget_after_looks * CONFIG.carve_every
POSES = orbit(16)
FULL = table_scene()
WITHOUT_RED = [item for item in FULL if item.name != "red"]


class Robot:
    def __init__(self, config: SceneConfig = CONFIG) -> None:
        self.builder = PointsBuilder(config)
        self.n = 0
        self.rng = np.random.default_rng(1)

    def look(self, scene: list[ColouredBox], times: int, pose: np.ndarray | None = None) -> Scene:
        for _ in range(times):
            T = POSES[self.n % len(POSES)] if pose is None else pose
            rgb, depth_m = render(scene, SMALL_CAMERA, T)
            noise = self.rng.normal(size=depth_m.shape) * axial_sigma(depth_m)
            depth_m = np.where(depth_m > 0, depth_m + noise, 0).astype(np.float32)
            frame = RGBDFrame(rgb, depth_m, SMALL_CAMERA, T, self.n)
            assert self.builder.add(frame).used
            self.n += 1
        return self.builder.snapshot()


def in_box(scene: Scene, low: tuple, high: tuple) -> int:
    means = scene.gaussians.means
    return int(((means > low) & (means < high)).all(axis=1).sum())


def red(scene: Scene) -> int:
    """Surfels of the upper part of the red box."""
    return in_box(scene, (-0.31, -0.11, 0.74), (-0.19, 0.01, 0.83))


def test_a_box_that_was_taken_away_goes_within_the_configured_looks() -> None:
    robot = Robot()
    before = red(robot.look(FULL, 32))
    assert before > 100
    assert red(robot.look(WITHOUT_RED, LOOKS)) < 0.03 * before


def test_the_rest_stays_as_it_is() -> None:
    robot = Robot()
    before = len(robot.look(FULL, 32).gaussians) - red(robot.builder.snapshot())
    after = robot.look(WITHOUT_RED, 2 * LOOKS)
    assert len(after.gaussians) - red(after) > 0.97 * before


def test_an_occluder_and_a_view_elsewhere_take_nothing_away() -> None:
    robot = Robot()
    before = red(robot.look(FULL, 16))
    curtain = ColouredBox(aabb([-1.0, -0.55, 0.0], [1.0, -0.5, 1.4]), (0.2, 0.2, 0.2))
    robot.look([*FULL, curtain], 2 * LOOKS)
    away = POSES[0].copy()
    away[:3, :3] = away[:3, :3] @ np.diag([-1.0, 1.0, -1.0])  # turned around
    wall = ColouredBox(aabb([-3, -3.1, 0], [3, -3.0, 3]), (0.5, 0.5, 0.5))
    robot.look([*FULL, wall], 2 * LOOKS, away)
    assert red(robot.builder.snapshot()) > 0.97 * before


def test_what_comes_back_in_the_same_place_takes_its_own_colour() -> None:
    robot = Robot()
    robot.look(FULL, 16)
    robot.look(WITHOUT_RED, LOOKS + 2)
    blue = [
        ColouredBox(item.box, (0.1, 0.1, 0.9), "blue") if item.name == "red" else item
        for item in FULL
    ]
    gaussians = robot.look(blue, 16).gaussians
    top = np.abs(gaussians.means - [-0.25, -0.05, 0.82]).max(axis=1) < 0.03
    rgb = gaussians.rgb[top]
    assert len(rgb) > 10
    assert (rgb[:, 2] > rgb[:, 0] + 0.3).mean() > 0.9


def test_a_still_camera_s_frames_all_look() -> None:
    # they are only taken when something has changed
    robot = Robot(SceneConfig(carve_every=1000))
    before = red(robot.look(FULL, 32))
    pose = POSES[8]
    robot.look(FULL, 1, pose)
    after = robot.look(WITHOUT_RED, CONFIG.forget_after_looks, pose)
    assert red(after) < 0.35 * before  # its far sides cannot be seen through from there


def test_never_is_a_choice() -> None:
    robot = Robot(CONFIG.model_copy(update={"forget_after_looks": 0}))
    before = red(robot.look(FULL, 32))
    assert red(robot.look(WITHOUT_RED, LOOKS)) > 0.5 * before
