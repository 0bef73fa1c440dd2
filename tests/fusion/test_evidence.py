"""Pictures of things: small, of the right thing, few, and kept with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from box_world import FLOOR, TABLE, THREE_BOXES, arc_poses, masks_of, noisy_frame, render, unit

from grounding3d.capture.base import RGBDFrame
from grounding3d.features.base import Mask
from grounding3d.fusion.association import SegmentFuser
from grounding3d.fusion.base import Segment
from grounding3d.fusion.config import FusionConfig
from grounding3d.fusion.evidence import MAX_BYTES, MAX_SIDE_PX, attach_crops
from grounding3d.fusion.lifting import lift_masks

COLOURS = ((220, 40, 40), (40, 200, 40), (40, 40, 220))


def views(n: int) -> list[tuple[RGBDFrame, list[Mask], list[Segment]]]:
    """Frames of a red, a green and a blue box with their masks and segments."""
    rng, found = np.random.default_rng(0), []
    for k, pose in enumerate(arc_poses(n)):
        depth, index = render([*THREE_BOXES, TABLE, FLOOR], pose)
        frame = noisy_frame(depth, pose, k, rng)
        rgb = frame.rgb.copy()
        for thing, colour in enumerate(COLOURS):
            rgb[index == thing] = colour
        frame = replace(frame, rgb=rgb)
        masks = [Mask.from_image(index == 3, "support"), *masks_of(index, [0, 1, 2])]
        vectors = [None, *(unit(i) for i in range(3))]
        found.append((frame, masks, lift_masks(frame, masks, vectors, k)))
    return found


@pytest.fixture(scope="module")
def fuser() -> SegmentFuser:
    fuser = SegmentFuser()
    for frame, masks, segments in views(6):
        fuser.add(attach_crops(segments, frame, masks), frame)
    return fuser


def test_each_thing_keeps_a_few_pictures_of_itself(fuser: SegmentFuser) -> None:
    things = [s for s in fuser.fused() if s.kind == "object"]
    assert len(things) == 3
    for thing in things:
        colour = np.array(COLOURS[int(np.argmin([np.linalg.norm(
            thing.points.mean(axis=0) - box.center) for box in THREE_BOXES]))])  # fmt: skip
        assert 1 <= len(thing.crops) <= FusionConfig().max_crops
        for crop in thing.crops:
            image = crop.image()
            assert max(image.shape[:2]) <= MAX_SIDE_PX
            assert len(crop.jpeg) <= MAX_BYTES
            middle = image[image.shape[0] // 2, image.shape[1] // 2].astype(int)
            assert np.abs(middle - colour).max() < 60
            assert crop.keyframe in thing.keyframes


def test_supports_have_no_pictures(fuser: SegmentFuser) -> None:
    assert all(not s.crops for s in fuser.fused() if s.kind == "support")


def test_pictures_survive_in_the_state(fuser: SegmentFuser) -> None:
    other = SegmentFuser()
    other.restore(fuser.state())
    for a, b in zip(fuser.fused(), other.fused(), strict=True):
        assert [c.jpeg for c in a.crops] == [c.jpeg for c in b.crops]
        assert a.misfit_m == b.misfit_m


def test_a_state_from_before_there_were_pictures_is_read(fuser: SegmentFuser) -> None:
    old = {k: v for k, v in fuser.state().items() if not k.startswith(("crop_", "track_misfit"))}
    other = SegmentFuser()
    other.restore(old)
    assert [s.id for s in other.fused()] == [s.id for s in fuser.fused()]
    assert all(not s.crops for s in other.fused())


def test_memory_is_bounded_however_long_it_looks() -> None:
    fuser = SegmentFuser()
    once = views(2)
    for k in range(40):
        frame, masks, segments = once[k % 2]
        segments = [replace(s, keyframe=k) for s in segments]
        fuser.add(attach_crops(segments, frame, masks), frame)
    for stored in fuser.views.by_members.values():
        assert sum(v.crop is not None for v in stored) <= FusionConfig().max_crops


def test_noise_that_resists_compression_is_made_smaller() -> None:
    frame, masks, segments = views(1)[0]
    noisy = np.random.default_rng(0).integers(0, 255, frame.rgb.shape).astype(np.uint8)
    for segment in attach_crops(segments, replace(frame, rgb=noisy), masks):
        assert segment.crop is None or len(segment.crop.jpeg) <= MAX_BYTES


def test_frames_that_agree_lie_on_the_map_and_shifted_ones_do_not() -> None:
    misfits = []
    for jitter_m in (0.0, 0.01):
        fuser, rng = SegmentFuser(), np.random.default_rng(1)
        for frame, masks, _ in views(8):
            pose = frame.T_world_cam.copy()
            pose[:3, 3] += rng.normal(size=3) * jitter_m
            moved = replace(frame, T_world_cam=pose)
            fuser.add(lift_masks(moved, masks, [None] * len(masks), frame.frame_index), moved)
        misfits.append(np.mean([s.misfit_m for s in fuser.fused() if s.kind == "object"]))
    assert misfits[0] < 0.003
    assert 0.004 < misfits[1] < 0.02
