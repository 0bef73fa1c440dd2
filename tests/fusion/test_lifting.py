"""Lifted masks lie on the thing, without flying pixels and background."""

from __future__ import annotations

import numpy as np
import pytest
from box_world import CAMERA, TABLE, THREE_BOXES, arc_poses, noisy_frame, render

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import Mask
from grounding3d.fusion.config import FusionConfig
from grounding3d.fusion.lifting import lift_masks

POSE = arc_poses(3)[1]


@pytest.fixture(scope="module")
def view() -> tuple:
    depth, index = render([*THREE_BOXES, TABLE], POSE)
    return noisy_frame(depth, POSE, 0, np.random.default_rng(0)), index


def frame_with_depth(frame: RGBDFrame, depth: np.ndarray) -> RGBDFrame:
    return RGBDFrame(frame.rgb, depth.astype(np.float32), CAMERA, POSE, 0)


def distance_outside(points: np.ndarray, n: int) -> np.ndarray:
    box = THREE_BOXES[n]
    return (np.abs((points - box.center) @ box.R) - box.size / 2).max(axis=1)


def test_points_lie_on_the_surface(view: tuple) -> None:
    frame, index = view
    segments = lift_masks(frame, [Mask.from_image(index == n) for n in range(3)], None, 7)
    for n, segment in enumerate(segments):
        assert np.abs(distance_outside(segment.points, n)).max() < 0.012
        assert segment.keyframe == 7
        assert segment.embedding is None
        assert not segment.truncated


def test_one_point_a_voxel(view: tuple) -> None:
    frame, index = view
    config = FusionConfig(voxel_size_m=0.02)
    (segment,) = lift_masks(frame, [Mask.from_image(index == 1)], None, 0, config)
    cells = np.floor(segment.points / 0.02).astype(int)
    assert len(np.unique(cells, axis=0)) == len(cells)


def test_flying_pixels_are_dropped(view: tuple) -> None:
    frame, index = view
    bits = index == 1
    rim = bits & ~np.roll(bits, 1, axis=1)  # its depth becomes a mean with what is behind
    depth = frame.depth_m.copy()
    depth[rim] += 0.07
    (segment,) = lift_masks(frame_with_depth(frame, depth), [Mask.from_image(bits)], None, 0)
    assert distance_outside(segment.points, 1).max() < 0.012


def test_a_spill_onto_the_far_background_is_cut_off(view: tuple) -> None:
    frame, index = view
    depth = frame.depth_m.copy()
    bits = index == 1
    spill = np.zeros_like(bits)
    spill[0:20, 150:180] = True
    depth[spill] = 2.5
    mask = Mask.from_image(bits | spill)
    (segment,) = lift_masks(frame_with_depth(frame, depth), [mask], None, 0)
    assert distance_outside(segment.points, 1).max() < 0.012


def test_masks_without_depth_have_no_segment(view: tuple) -> None:
    frame, index = view
    masks = [Mask.from_image(index == n) for n in range(3)]
    vectors = np.eye(3, dtype=np.float32)
    depth = np.where(index == 1, 0, frame.depth_m)
    segments = lift_masks(frame_with_depth(frame, depth), masks, vectors, 0)
    assert [int(s.embedding.argmax()) for s in segments] == [0, 2]  # type: ignore[union-attr]
    assert lift_masks(frame_with_depth(frame, depth * 0), masks, vectors, 0) == []


def test_near_whole_views_are_better(view: tuple) -> None:
    frame, index = view
    whole, part = Mask.from_image(index == 1), (index == 1) & (np.arange(240)[:, None] > 120)
    a, b = lift_masks(frame, [whole, Mask.from_image(part)], None, 0)
    assert 0 < b.view_quality < a.view_quality <= 1
