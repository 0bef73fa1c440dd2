"""What has gone is forgotten within a few looks; what is hidden, or out of view, never is."""

from __future__ import annotations

import numpy as np
import pytest
from box_world import (
    CAMERA,
    FLOOR,
    TABLE,
    THREE_BOXES,
    UP,
    arc_poses,
    noisy_frame,
    render,
    standing_box,
    unit,
)

from grounding3d.features.base import Mask
from grounding3d.fusion.association import SegmentFuser
from grounding3d.fusion.base import FusedSegment
from grounding3d.fusion.config import FusionConfig
from grounding3d.fusion.lifting import lift_masks
from grounding3d.geometry.boxes import OBB
from grounding3d.geometry.transforms import look_at

ROOM = (TABLE, FLOOR)
PATIENCE = FusionConfig().forget_after_looks


class Robot:
    """Looks at boxes from an arc, one pose after the other, with one mask for every named box."""

    def __init__(self, config: FusionConfig | None = None) -> None:
        self.fuser = SegmentFuser(config)
        self.poses = arc_poses(12)
        self.n = 0
        self.rng = np.random.default_rng(3)

    def look(
        self,
        boxes: list[OBB],
        names: list[int],
        *,
        pose: np.ndarray | None = None,
        off_m: float = 0.0,
        **spoil: bool,
    ) -> None:
        """Add a frame of `boxes` on the table; those with a name >= 0 have a mask and a vector.

        The pose that comes with it is wrong by about `off_m` along each axis.
        """
        pose = self.poses[self.n % len(self.poses)] if pose is None else pose
        depth, index = render([*boxes, *ROOM], pose)
        told = pose.copy()
        told[:3, 3] += self.rng.normal(size=3) * off_m
        frame = noisy_frame(depth, told, self.n, self.rng)
        if spoil.get("without_depth"):
            frame.depth_m[:] = 0
        masks, vectors = [], []
        for n, name in enumerate(names):
            if name >= 0 and np.count_nonzero(index == n) >= 60:
                masks.append(Mask.from_image(index == n))
                vectors.append(unit(name))
        self.fuser.add(lift_masks(frame, masks, vectors, self.n), frame)
        self.n += 1

    def things(self) -> list[FusedSegment]:
        return self.fuser.fused()

    def at(self, box: OBB) -> list[FusedSegment]:
        """The things whose middle lies in a box."""
        return [s for s in self.things() if box.contains(s.points.mean(axis=0)[None])[0]]


A, B, C = THREE_BOXES


@pytest.fixture(scope="module")
def long_seen() -> dict[str, np.ndarray]:
    """What a fuser knows after forty looks at the three boxes."""
    robot = Robot()
    for _ in range(40):
        robot.look([A, B, C], [0, 1, 2])
    assert len(robot.things()) == 3
    return robot.fuser.state()


@pytest.fixture
def robot(long_seen: dict[str, np.ndarray]) -> Robot:
    robot = Robot()
    robot.fuser.restore(long_seen)
    robot.n = 40
    return robot


def test_a_thing_that_was_taken_away_is_forgotten_however_often_it_was_seen(robot: Robot) -> None:
    for _ in range(PATIENCE - 1):
        robot.look([B, C], [1, 2])
        assert robot.at(A)
    robot.look([B, C], [1, 2])
    assert not robot.at(A)
    assert robot.at(B)
    assert robot.at(C)


def test_a_thing_that_was_moved_is_found_where_it_is_under_a_new_id(robot: Robot) -> None:
    old = robot.at(A)[0].id
    moved = standing_box(-0.2, -0.25, (0.10, 0.08, 0.12), 0.8)
    for _ in range(PATIENCE):
        robot.look([moved, B, C], [0, 1, 2])
    assert not robot.at(A)
    (found,) = robot.at(moved)
    middle = (found.points.min(axis=0) + found.points.max(axis=0)) / 2
    assert np.linalg.norm(middle - moved.center) < 0.03
    assert found.id not in (old, robot.at(B)[0].id, robot.at(C)[0].id)


def test_a_thing_that_was_pushed_a_little_keeps_its_id_and_leaves_no_shadow(robot: Robot) -> None:
    old = robot.at(A)[0].id
    pushed = standing_box(-0.21, 0.0, (0.10, 0.08, 0.12), 0.3)
    for _ in range(12):
        robot.look([pushed, B, C], [0, 1, 2])
    (found,) = robot.at(pushed)
    assert found.id == old
    middle = (found.points.min(axis=0) + found.points.max(axis=0)) / 2
    assert np.linalg.norm(middle - pushed.center) < 0.02


def test_what_stands_in_front_does_not_make_a_thing_forgotten(robot: Robot) -> None:
    eye = np.array([-0.25, -0.9, 1.0])
    curtain = standing_box(-0.25, -0.30, (0.4, 0.05, 0.5))
    for k in range(3 * PATIENCE):
        pose = look_at(eye + np.array([0.02 * k, 0, 0]), A.center, UP)
        robot.look([curtain, A, B, C], [-1, 0, 1, 2], pose=pose)
    assert robot.at(A)


def test_a_thing_out_of_view_is_not_forgotten(robot: Robot) -> None:
    for k in range(3 * PATIENCE):
        pose = look_at(np.array([1.0, -0.5 - 0.05 * k, 1.25]), [1.4, 0, 0.7], UP)
        robot.look([A, B, C], [0, 1, 2], pose=pose)
    assert robot.at(A)


def test_without_depth_nothing_is_forgotten(robot: Robot) -> None:
    for _ in range(3 * PATIENCE):
        robot.look([], [], without_depth=True)
    assert len(robot.things()) == 3


def test_a_thing_that_masks_miss_is_not_forgotten_while_it_stands_there(robot: Robot) -> None:
    for _ in range(2 * PATIENCE):
        robot.look([A, B, C], [-1, 1, 2])
    assert robot.at(A)


def test_one_look_at_a_thing_ends_the_row(robot: Robot) -> None:
    for _ in range(3):
        for _ in range(PATIENCE - 1):
            robot.look([B, C], [1, 2])
        robot.look([A, B, C], [0, 1, 2])
    assert robot.at(A)


@pytest.mark.parametrize("tall_m", [0.008, 0.018])
def test_a_flat_thing_that_was_taken_away_is_forgotten_too(tall_m: float) -> None:
    robot, flat = Robot(), standing_box(-0.25, 0.0, (0.2, 0.14, tall_m), 0.3)
    around = OBB(flat.center, flat.wxyz, flat.size + 0.02)
    for _ in range(12):
        robot.look([flat, B, C], [0, 1, 2])
    assert robot.at(around)
    for _ in range(PATIENCE - 1):
        robot.look([B, C], [1, 2])
        assert robot.at(around)
    robot.look([B, C], [1, 2])
    assert not robot.at(around)
    assert len(robot.things()) == 2


@pytest.mark.parametrize("off_m", [0.0, 0.006])
def test_a_flat_thing_that_masks_miss_is_not_forgotten_while_it_lies_there(off_m: float) -> None:
    robot, flat = Robot(), standing_box(-0.25, 0.0, (0.2, 0.14, 0.012), 0.3)
    for n in range(12 + 2 * PATIENCE):
        robot.look([flat, B, C], [0 if n < 12 else -1, 1, 2], off_m=off_m)
    assert robot.at(OBB(flat.center, flat.wxyz, flat.size + 0.02))


def test_another_thing_in_the_same_place_is_another_thing(robot: Robot) -> None:
    old = robot.at(B)[0].id
    low = standing_box(0.0, 0.05, (0.12, 0.12, 0.05))
    for _ in range(10):
        robot.look([A, low, C], [0, 7, 2])
    (found,) = robot.at(low)
    assert found.id != old
    mean = found.view_quality @ found.embeddings
    assert mean @ unit(7) > 0.95 * np.linalg.norm(mean)


def test_never_is_a_choice() -> None:
    robot = Robot(FusionConfig(forget_after_looks=0))
    for _ in range(10):
        robot.look([A, B, C], [0, 1, 2])
    for _ in range(20):
        robot.look([B, C], [1, 2])
    assert robot.at(A)


def test_a_restored_fuser_goes_on_counting(robot: Robot) -> None:
    for _ in range(PATIENCE - 1):
        robot.look([B, C], [1, 2])
    restored = SegmentFuser()
    restored.restore(robot.fuser.state())
    robot.fuser = restored
    robot.look([B, C], [1, 2])
    assert not robot.at(A)


def test_a_still_scene_loses_nothing() -> None:
    robot = Robot()
    camera_noise = np.random.default_rng(0)
    for _ in range(30):  # poses that are a centimetre off
        pose = robot.poses[robot.n % 12].copy()
        pose[:3, 3] += camera_noise.normal(size=3) * 0.006
        depth, index = render([A, B, C, *ROOM], robot.poses[robot.n % 12], CAMERA)
        frame = noisy_frame(depth, pose, robot.n, robot.rng)
        masks = [Mask.from_image(index == n) for n in range(3)]
        robot.fuser.add(lift_masks(frame, masks, [unit(n) for n in range(3)], robot.n), frame)
        robot.n += 1
    assert sorted(s.id for s in robot.things()) == [1, 2, 3]
