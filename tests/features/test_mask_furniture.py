"""Furniture is one thing, what stands in it is another, and a room's wall is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from box_images import Solid, render_boxes

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import Mask
from grounding3d.features.geometric_masks import GeometricMasks
from grounding3d.geometry.camera import Camera
from grounding3d.geometry.transforms import look_at

UP = np.array([0.0, 0.0, 1.0])
CAMERA = Camera.from_focal(560, 560, 319.5, 239.5, 640, 480)
FLOOR, WALL, SHELF, FIRST = 1, 2, 3, 10
ROOM: list[Solid] = [
    ((0, 0, -0.02), (8, 8, 0.04), (120, 90, 60), FLOOR),
    ((0, 1.02, 1.3), (8, 0.04, 2.7), (190, 190, 180), WALL),
]
LEVELS = (0.10, 0.45, 0.80, 1.15)
THINGS: list[Solid] = [
    ((-0.25, 0.76, 0.45 + 0.10), (0.10, 0.10, 0.20), (40, 60, 200), FIRST),
    ((0.15, 0.76, 0.45 + 0.06), (0.16, 0.12, 0.12), (200, 40, 40), FIRST + 1),
    ((0.0, 0.76, 0.80 + 0.08), (0.08, 0.08, 0.16), (40, 160, 60), FIRST + 2),
    ((0.1, 0.76, 1.15 + 0.10), (0.10, 0.10, 0.20), (220, 180, 40), FIRST + 3),
]


def shelf(back_m: float) -> list[Solid]:
    """Open shelf, 1 m wide, its back `back_m` before the wall."""
    wood, y = (150, 110, 70), 1.0 - back_m
    parts = [((0, y, 0.6), (1.0, 0.01, 1.2), wood, SHELF)]
    parts += [((s * 0.49, y - 0.17, 0.6), (0.02, 0.34, 1.2), wood, SHELF) for s in (-1, 1)]
    parts += [((0, y - 0.17, z - 0.012), (0.96, 0.34, 0.024), wood, SHELF) for z in LEVELS]
    return parts  # type: ignore[return-value]


def seen(
    solids: list[Solid], eye: tuple[float, float, float], target: tuple[float, float, float]
) -> tuple[RGBDFrame, np.ndarray, list[Mask]]:
    frame, labels = render_boxes(solids, CAMERA, look_at(np.array(eye), np.array(target), UP))
    return frame, labels, GeometricMasks().masks(frame, UP)


def best(masks: list[Mask], bits: np.ndarray, kind: str) -> float:
    """Largest intersection over union of the masks of a kind with the true pixels."""
    shares = [0.0]
    for mask in masks:
        if mask.kind == kind:
            common = (bits[mask.window] & mask.bits).sum()
            shares.append(common / (mask.area + bits.sum() - common))
    return float(max(shares))


@pytest.mark.parametrize("back_m", [0.05, 0.09])
def test_things_in_a_shelf_are_things_and_the_shelf_is_one(back_m):
    _, labels, masks = seen([*ROOM, *shelf(back_m), *THINGS], (0.2, -0.9, 1.5), (0, 0.85, 0.75))
    for _, _, _, label in THINGS:
        assert best(masks, labels == label, "object") > 0.7, label
    assert best(masks, labels == SHELF, "object") > 0.8


def test_a_shelfs_boards_carry_and_are_level():
    frame, _, masks = seen([*ROOM, *shelf(0.07), *THINGS], (0.2, -0.9, 1.5), (0, 0.85, 0.75))
    world = frame.camera.rays * frame.depth_m[..., None] @ frame.T_world_cam[:3, :3].T
    height = world[..., 2] + frame.T_world_cam[2, 3]
    found = []
    for mask in masks:
        if mask.kind == "support":
            inside = height[mask.window][mask.bits & (frame.depth_m[mask.window] > 0)]
            found.append(float(np.median(inside)))
            assert np.percentile(inside, 95) - np.percentile(inside, 5) < 0.06
    for level in (0.0, *LEVELS):
        assert min(abs(level - z) for z in found) < 0.015, (level, found)


def test_the_wall_is_no_mask_but_a_wardrobe_before_it_is_one():
    wardrobe: Solid = ((0, 0.72, 1.0), (0.9, 0.5, 2.0), (210, 205, 190), SHELF)
    _, labels, masks = seen([*ROOM, wardrobe], (0.5, -1.4, 1.5), (0, 0.8, 0.9))
    assert best(masks, labels == SHELF, "object") > 0.8
    wall = labels == WALL
    assert all((wall[m.window] & m.bits).sum() < 0.3 * m.area for m in masks if m.area > 500)


def test_a_screen_on_a_table_is_not_cut_and_takes_no_table_along():
    table: Solid = ((0, 0.4, 0.70), (1.6, 0.8, 0.04), (170, 150, 120), 5)
    screen: list[Solid] = [
        ((0, 0.6, 0.72 + 0.28), (0.6, 0.04, 0.36), (30, 30, 30), FIRST),
        ((0, 0.6, 0.72 + 0.06), (0.08, 0.03, 0.12), (30, 30, 30), FIRST),
        ((0, 0.6, 0.73), (0.25, 0.2, 0.02), (30, 30, 30), FIRST),
    ]
    _, labels, masks = seen([*ROOM, table, *screen], (0.1, -0.8, 1.3), (0, 0.5, 0.8))
    assert best(masks, labels == FIRST, "object") > 0.7
    assert best(masks, labels == 5, "support") > 0.8


def test_tables_of_one_height_are_two_supports():
    tables: list[Solid] = [
        ((x, 0.3, 0.70), (0.7, 0.6, 0.04), (170, 150, 120), label)
        for x, label in ((-0.75, 5), (0.75, 6))
    ]
    _, labels, masks = seen([*ROOM, *tables], (0.0, -1.5, 1.6), (0, 0.3, 0.6))
    for label in (5, 6):
        assert best(masks, labels == label, "support") > 0.8
