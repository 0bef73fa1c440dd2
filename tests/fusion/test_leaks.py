"""What one wrong mask gave to a thing goes back to the thing that several masks gave it to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from box_world import FLOOR, TABLE, UP, arc_poses, noisy_frame, render, standing_box, unit

from grounding3d.features.base import Mask
from grounding3d.fusion.association import SegmentFuser
from grounding3d.fusion.leaks import without_leaks
from grounding3d.fusion.lifting import lift_masks
from grounding3d.fusion.tracks import Track
from grounding3d.fusion.voxels import VoxelHistogram
from grounding3d.geometry.boxes import upright_box


def patch(x_m: float, hits: int, cell_m: float = 0.008) -> VoxelHistogram:
    """A level square of 8 cm whose middle is at `x_m`, hit in so many frames."""
    step = np.arange(-0.04, 0.04, cell_m / 2)
    points = np.array([[x_m + a, b, 0.7] for a in step for b in step])
    voxels = VoxelHistogram.from_points(points, np.zeros_like(points, np.uint8), cell_m)
    return replace(voxels, counts=np.full(len(voxels), hits, np.int32))


def thing_and(other: VoxelHistogram | None, kind: str, usual: int = 12) -> tuple:
    """A fuser with a thing that was hit `usual` times at 0 m and once at 0.2 m, and another."""
    fuser = SegmentFuser()
    thing = fuser.new_track("object", patch(0.0, usual).add(patch(0.2, 1)))
    if other is not None:
        fuser.new_track(kind, other)
    return fuser, thing


def kept(fuser: SegmentFuser, thing: Track) -> np.ndarray:
    return without_leaks(fuser, frozenset([thing.id]), thing.voxels).points


@pytest.mark.parametrize(("kind", "cell_m"), [("object", 0.008), ("support", 0.02)])
def test_what_another_thing_was_hit_at_more_often_is_left_to_it(kind: str, cell_m: float) -> None:
    fuser, thing = thing_and(patch(0.2, 2, cell_m), kind)
    points = kept(fuser, thing)
    assert points[:, 0].max() < 0.05
    assert np.array_equal(points, patch(0.0, 12).points)


@pytest.mark.parametrize("rival", [None, patch(0.2, 1), patch(0.6, 9)])
def test_a_side_that_one_frame_saw_and_nothing_else_claims_stays(
    rival: VoxelHistogram | None,
) -> None:
    fuser, thing = thing_and(rival, "object")
    assert len(kept(fuser, thing)) == len(thing.voxels)


def test_a_thing_that_was_seen_seldom_keeps_all() -> None:
    fuser, thing = thing_and(patch(0.2, 5), "object", usual=3)
    assert len(kept(fuser, thing)) == len(thing.voxels)


def test_noise_beside_what_was_seen_often_is_no_leak() -> None:
    """Of a thing's surface some voxels are hit once; the table below them is none of its foot."""
    fuser, thing = thing_and(None, "object")
    once = replace(thing.voxels, counts=thing.voxels.counts.copy())
    once.counts[::5] = 1
    thing.put(once.select(once.points[:, 0] < 0.1))
    fuser.new_track("support", patch(0.0, 12, 0.02))
    assert len(kept(fuser, thing)) == len(thing.voxels)


def test_a_leak_in_the_last_frame_does_not_stretch_a_thing() -> None:
    """The frames before could not miss what the thing had not got yet."""
    box, rng = standing_box(0.0, 0.05, (0.08, 0.08, 0.20)), np.random.default_rng(0)
    fuser, poses = SegmentFuser(), arc_poses(16, span_deg=60)
    for k, pose in enumerate(poses):
        depth, index = render([box, TABLE, FLOOR], pose)
        mine, table = index == 0, index == 1
        if k == len(poses) - 1:
            rows, columns = np.flatnonzero(mine.any(axis=1)), np.flatnonzero(mine.any(axis=0))
            window = slice(rows[-1], rows[-1] + 25), slice(columns[0], columns[-1])
            mine[window] |= table[window]
            table &= ~mine
        masks = [Mask.from_image(mine), Mask.from_image(table, "support")]
        frame = noisy_frame(depth, pose, k, rng)
        fuser.add(lift_masks(frame, masks, [unit(0), unit(1)], k), frame)
    things = [s for s in fuser.fused() if s.kind == "object"]
    assert len(things) == 1
    found = upright_box(things[0].points, UP)
    assert np.linalg.norm((found.center - box.center)[:2]) < 0.015
