"""A still camera looks again when something else moves, and only then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grounding3d.capture.base import RGBDFrame
from grounding3d.geometry.transforms import look_at
from grounding3d.live.changes import ChangeDetector
from grounding3d.scene.surfels import axial_sigma
from tests.factories import SMALL_CAMERA, UP, ColouredBox, aabb, render, table_scene

CAMERA = SMALL_CAMERA.resized(320, 240)
EYE = np.array([0.0, -1.2, 1.5])
FULL = table_scene()
WITHOUT_RED = [item for item in FULL if item.name != "red"]


class Camera:
    """A noisy camera on a tripod; frames come at 10 Hz."""

    def __init__(self) -> None:
        self.n = 0
        self.rng = np.random.default_rng(5)

    def frame(self, scene: list[ColouredBox], shift_m: float = 0.0) -> RGBDFrame:
        T = look_at(EYE + np.array([shift_m, 0, 0]), np.array([0, 0, 0.75]), UP)
        rgb, depth_m = render(scene, CAMERA, T)
        noise = self.rng.normal(size=depth_m.shape) * axial_sigma(depth_m)
        lost = self.rng.random(depth_m.shape) < 0.02
        depth_m = np.where((depth_m > 0) & ~lost, depth_m + noise, 0).astype(np.float32)
        self.n += 1
        return RGBDFrame(rgb, depth_m, CAMERA, T, self.n, stamp_s=100 + 0.1 * self.n)


def detector_after(camera: Camera, scene: list[ColouredBox]) -> ChangeDetector:
    detector = ChangeDetector(looks=4, period_s=0.2)
    detector.take(camera.frame(scene))
    camera.n += 10
    return detector


def test_noise_holes_and_a_slight_sway_are_no_change() -> None:
    camera = Camera()
    detector = detector_after(camera, FULL)
    sway = np.linspace(-0.009, 0.009, 20)
    assert not any(detector.wants(camera.frame(FULL, shift)) for shift in sway)


def test_a_thing_taken_away_is_looked_at_as_often_as_asked() -> None:
    camera = Camera()
    detector = detector_after(camera, FULL)
    taken = 0
    for _ in range(40):
        frame = camera.frame(WITHOUT_RED)
        if detector.wants(frame):
            detector.take(frame)
            taken += 1
    assert taken == 4


def test_a_thing_put_down_is_noticed() -> None:
    camera = Camera()
    detector = detector_after(camera, WITHOUT_RED)
    assert detector.wants(camera.frame(FULL))


def test_looks_keep_their_distance_in_time() -> None:
    camera = Camera()
    detector = detector_after(camera, FULL)
    first = camera.frame(WITHOUT_RED)
    assert detector.wants(first)
    detector.take(first)
    assert not detector.wants(camera.frame(WITHOUT_RED))
    camera.n += 1
    assert detector.wants(camera.frame(WITHOUT_RED))


def test_images_of_another_size_are_compared_all_the_same() -> None:
    camera = Camera()
    for scene, changed in ((FULL, False), (WITHOUT_RED, True)):
        detector = detector_after(camera, FULL)
        frame = camera.frame(scene)
        K = CAMERA.K.copy()
        K[:2] /= 2
        half = replace(
            frame,
            rgb=np.ascontiguousarray(frame.rgb[::2, ::2]),
            depth_m=np.ascontiguousarray(frame.depth_m[::2, ::2]),
            camera=type(CAMERA)(K, 160, 120),
        )
        assert detector.wants(half) == changed


def test_never_is_a_choice() -> None:
    camera = Camera()
    detector = ChangeDetector(looks=4, period_s=0)
    detector.take(camera.frame(FULL))
    assert not detector.wants(camera.frame([aabb_box()]))


def aabb_box() -> ColouredBox:
    return ColouredBox(aabb([-1, -0.5, 0], [1, 0, 2]), (0.5, 0.5, 0.5))
