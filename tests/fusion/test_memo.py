"""What is kept between snapshots: the same results, asked for once, and not for ever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from box_world import FLOOR, TABLE, THREE_BOXES, arc_poses, masks_of, noisy_frame, render, unit

from grounding3d.fusion.association import SegmentFuser
from grounding3d.fusion.base import FusedSegment
from grounding3d.fusion.lifting import lift_masks
from grounding3d.fusion.memo import Memo
from grounding3d.fusion.nearness import near_share


def test_a_result_is_worked_out_once_for_the_same_things() -> None:
    memo, asked = Memo(), []

    def count(points: np.ndarray, scale: float) -> int:
        asked.append(scale)
        return len(points)

    points = np.zeros((5, 3))
    assert [memo.recall(count, points, 1.0) for _ in range(3)] == [5, 5, 5]
    assert memo.recall(count, points, 2.0) == 5
    assert memo.recall(count, points.copy(), 1.0) == 5  # equal, but another array
    assert asked == [1.0, 2.0, 1.0]


def test_what_a_turn_did_not_ask_for_is_forgotten() -> None:
    memo, asked = Memo(), []
    one, two = np.zeros(1), np.zeros(2)
    for wanted in ([one, two], [one], [one, two]):
        for array in wanted:
            memo.recall(asked.append, array)
        memo.turn()
    assert [len(array) for array in asked] == [1, 2, 2]
    assert len(memo) == 2


def test_an_address_that_is_used_again_is_not_the_same_thing() -> None:
    memo = Memo()
    for n in range(1, 50):  # each array would lie where the one before did
        assert memo.recall(len, np.zeros(n)) == n


@pytest.mark.parametrize("reach_m", [0.0, 0.05, 0.3])
def test_shares_are_those_of_all_pairs(reach_m: float) -> None:
    rng, memo = np.random.default_rng(0), Memo()
    a, b = rng.uniform(size=(200, 3)), rng.uniform(0.3, 1.3, size=(300, 3))
    gap = np.linalg.norm(a[:, None] - b[None], axis=2).min(axis=1)
    for _ in range(2):
        assert near_share(a, b, reach_m, memo) == (gap < reach_m).mean()
    assert near_share(a, b + 9, reach_m, memo) == 0
    assert near_share(a[:0], b, reach_m, memo) == 0


def test_things_are_the_same_with_and_without_what_was_kept() -> None:
    fuser, fresh = SegmentFuser(), SegmentFuser()
    rng = np.random.default_rng(5)
    things = [*THREE_BOXES, TABLE, FLOOR]
    for n, pose in enumerate(arc_poses(12)):
        depth, index = render(things, pose)
        frame = noisy_frame(depth, pose, n, rng)
        wanted = [k for k in range(3) if (n + k) % 3]  # every frame leaves another one as it is
        masks = [replace(mask, kind="support") for mask in masks_of(index, [3])]
        masks += masks_of(index, wanted, min_pixels=0)
        segments = lift_masks(frame, masks, [None, *map(unit, wanted)], n)
        fuser.add(segments, frame)
        found = fuser.fused()
        fresh.restore(fuser.state())  # knows nothing of before
        assert_same(found, fresh.fused())
    assert len(found) >= 4
    kept = {id(s.points) for s in found}
    assert kept == {id(s.points) for s in fuser.fused()}


def assert_same(found: list[FusedSegment], expected: list[FusedSegment]) -> None:
    assert [(s.id, s.kind, s.body_id) for s in found] == [
        (s.id, s.kind, s.body_id) for s in expected
    ]
    for one, other in zip(found, expected, strict=True):
        for name in ("points", "counts", "rgb", "embeddings", "view_quality", "keyframes"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert not one.points.flags.writeable
